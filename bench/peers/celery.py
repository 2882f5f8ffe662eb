"""Celery with a prefork pool and Redis: a server of its own, which nobody kills."""

import os
import shutil
import socket
import subprocess
from contextlib import suppress

from bench.peers.peer import WORKERS, Peer, Settings, children
from tests.acceptance.processes import wait_for
from tests.acceptance.site import free_port

REDIS = "REDIS_SERVER"
"""Variable that names the program, where it is not on the path."""

READY = "ready-"
VISIBILITY_S = 30

SETTINGS: Settings = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    # The budget that a job which kills its worker needs; new in 5.7.
    "task_retry_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {
        # More than any job here takes; its default is an hour. It looks for such jobs every 100 s by default.
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
    "result_backend_transport_options": {"visibility_timeout": VISIBILITY_S},
}


class Celery(Peer):
    name = "celery"
    module = "bench.peers.inside.celery_app"
    requirements = ("celery==5.7.0", "redis==8.1.0", "packaging==26.3")
    promise = (
        "with late acknowledgement a job whose worker process dies is sent again, up to its retries; one whose main "
        "process dies is delivered again after the visibility timeout; jobs should be idempotent"
    )
    settings = SETTINGS
    redis: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        program = os.environ.get(REDIS) or shutil.which("redis-server")
        if program is None:
            raise RuntimeError(f"Celery needs a Redis server: install redis-server, or name the program in {REDIS}.")
        self.port = free_port()
        options = {"bind": "127.0.0.1", "port": self.port, "dir": self.side_folder, "save": "", "appendonly": "yes"}
        command = [program, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        self.redis = subprocess.Popen(
            command, cwd=self.side_folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        wait_for(self._answers, what="Redis to answer")

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False

    def close(self) -> None:
        if self.redis is not None:
            self.redis.terminate()
            self.redis.wait(30)

    def command(self) -> list[str]:
        options = ["--pool", "prefork", "--concurrency", str(WORKERS), "--loglevel", "WARNING", "-n", "chaos@%h"]
        # There is nobody to mingle with, and it starts sooner.
        options += ["--without-mingle", "--without-gossip"]
        return [self.python, "-m", "celery", "-A", self.module, "worker", *options]

    def environment(self) -> dict[str, str]:
        own = {"PEER_REDIS": f"redis://127.0.0.1:{self.port}/0", "PEER_READY": str(self.side_folder / READY)}
        return super().environment() | own

    def members(self, main: int) -> list[tuple[str, int]]:
        who = "worker" if (self.side_folder / f"{READY}{main}").exists() else "newborn"
        return [("node", main), *((who, child) for _, child in children(main))]

    def versions(self) -> dict[str, str]:
        program = os.environ.get(REDIS) or "redis-server"
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        version = next((word for word in said.split() if word.startswith("v=")), "v=?")
        return super().versions() | {"redis-server": version.removeprefix("v=")}
