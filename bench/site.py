"""A temporary site: a folder, an empty database, an agent that enqueues and looks, and nodes when they are wanted.

Everything is a process of its own, started by the bench and gone with it.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import processes
from bench.databases import Database

NODE_LIMIT_S = 30.0
OURS = ("POOL", "DJANGO", "DATABASE_URL", "LOG_", "DEBUG", "REDIS_URL")


class AgentError(RuntimeError):
    """The agent could not do what it was asked."""


class Agent:
    """The bench's end of the agent: each call is one order."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.log = log
        self.child = processes.start("bench.agent", [], env, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, do: str, **facts: Any) -> Any:
        self.send(do, **facts)
        return self.answer(do)

    def send(self, do: str, **facts: Any) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps({"do": do, **facts}) + "\n")
        self.child.stdin.flush()

    def has_answered(self, within_s: float) -> bool:
        assert self.child.stdout is not None
        return bool(select.select([self.child.stdout], [], [], within_s)[0])

    def answer(self, do: str) -> Any:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise AgentError(f"The agent ended: {self.log.read_text()[-1000:].strip()}")
        reply = json.loads(line)
        if "error" in reply:
            raise AgentError(f"{do}: {reply['error']}")
        return reply["answer"]

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()


@dataclass
class Node:
    """A running node, seen from outside."""

    child: processes.Child
    log: Path
    from_byte: int

    @property
    def pid(self) -> int:
        return self.child.pid

    def tree(self) -> list[int]:
        return processes.tree(self.pid)

    def worker_pids(self) -> list[int]:
        return [pid for pid in self.tree() if processes.title(pid).startswith("pool: worker")]

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What the node and its children logged under this name, oldest first."""
        with self.log.open("rb") as file:
            file.seek(self.from_byte)
            lines = file.read().decode("utf-8", "replace").split("\n")
        # The last piece is empty, or a line that is still being written.
        logged = (json.loads(line) for line in lines[:-1] if line.startswith("{"))
        return [line for line in logged if line.get("event") == event]

    def require_alive(self) -> None:
        if self.child.poll() is not None:
            raise RuntimeError(f"The node ended: {self.log.read_text()[-1000:].strip()}")

    def stop(self) -> None:
        processes.end(self.child)

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


@dataclass
class Site:
    folder: Path
    database: Database
    env: dict[str, str]
    agent: Agent
    nodes: list[Node] = field(default_factory=list)
    profile: Path | None = None

    @contextmanager
    def node(
        self, workers: int = 2, *, wait: bool = True, arguments: Sequence[str] = (), **settings: Any
    ) -> Iterator[Node]:
        """Run a node for a while; with `wait` its workers are ready. The arguments are those of `bench.node`."""
        node = self.start_node(workers, arguments, **settings)
        try:
            if wait:
                self.wait_idle(node, workers)
            yield node
        finally:
            node.stop()

    def start_node(self, workers: int = 2, arguments: Sequence[str] = (), **settings: Any) -> Node:
        log = self.folder / "node.log"
        env = self.env | {name.upper(): str(value) for name, value in settings.items()}
        size = log.stat().st_size if log.exists() else 0
        profile = [] if self.profile is None else ["--profile", str(self.profile)]
        child = processes.start("bench.node", [str(workers), *profile, *arguments], env, log, stdout=subprocess.DEVNULL)
        node = Node(child, log, size)
        self.nodes.append(node)
        return node

    @contextmanager
    def web(self) -> Iterator[tuple[int, int]]:
        """Run the web process for a while; its pid and port."""
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as sock:
            listens = sock.fileno()
            child = processes.start("bench.web", [str(listens)], self.env, self.folder / "web.log", pass_fds=[listens])
            try:
                yield child.pid, sock.getsockname()[1]
            finally:
                processes.end(child)

    def wait_idle(self, node: Node, workers: int) -> None:
        """Wait until so many workers have nothing to do."""

        def idle() -> bool:
            node.require_alive()
            return sum(worker["state"] == "IDLE" for worker in self.agent("workers")) == workers

        processes.wait_for(idle, f"{workers} idle workers", NODE_LIMIT_S, every_s=0.1)

    def wait_done(self) -> float:
        """Wait until every job's outcome is stored; when that was seen, in seconds since 1970."""
        self.agent.send("wait_done")
        while not self.agent.has_answered(0.5):
            self.nodes[-1].require_alive()
        return float(self.agent.answer("wait_done"))

    def close(self) -> None:
        for node in self.nodes:
            if node.child.poll() is None:
                processes.end(node.child)
        self.agent.close()


@dataclass
class Ground:
    """Where sites are made: one database, one folder."""

    database: Database
    folder: Path
    profile: Path | None = None

    @contextmanager
    def site(self) -> Iterator[Site]:
        folder = Path(tempfile.mkdtemp(prefix="site-", dir=self.folder))
        # Sockets need a short path, and the chosen folder may have a long one.
        with tempfile.TemporaryDirectory(prefix="pool-", ignore_cleanup_errors=True) as run:
            url = self.database.make(folder)
            env = environment(url, Path(run))
            site = Site(folder, self.database, env, Agent(env, folder / "agent.log"), profile=self.profile)
            try:
                yield site
            finally:
                site.close()
                self.database.drop(url)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def ground(database: Database, folder: Path, profile: Path | None = None) -> Iterator[Ground]:
    try:
        database.open(partial(migrate, folder))
        yield Ground(database, folder, profile)
    finally:
        database.close()


def migrate(folder: Path, url: str) -> None:
    agent = Agent(environment(url, folder / "run"), folder / "migrate.log")
    try:
        agent("migrate")
    finally:
        agent.close()


def environment(url: str, run: Path) -> dict[str, str]:
    """Of every process of a site: nothing of the caller's own settings, and every worker of default settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    paths = [str(processes.REPOSITORY), *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | {
        "PYTHONPATH": os.pathsep.join(paths),
        "DJANGO_SETTINGS_MODULE": "poolsite.settings",
        "POOLSITE_APPS": "bench",
        "DATABASE_URL": url,
        "POOL_RUN_DIR": str(run),
        "SECRET_KEY": "of a site that lives for seconds",
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "json",
    }


def logged_at(line: dict[str, Any]) -> float:
    """When a line was logged, in seconds since 1970."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()
