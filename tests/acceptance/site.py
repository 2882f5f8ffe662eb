"""A site of its own for a test: database, run folder, commands, processes. Ends whatever the test left running.

    with Site() as site:
        node = site.start_node(workers=2)
        job = site.enqueue("adds", 1, b=2)
        assert site.wait_for_job(job)["result"] == 3
        assert node.stop() == 0

Everything runs in real processes that know the site by their environment alone. `site.do(function, ...)` calls a
function in a side process that has Django set up for this site: that is how a test reads rows and enqueues jobs without
starting a command each time. The tasks of `tests.zoo` are installed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.acceptance import databases, rows
from tests.acceptance.processes import Process, members, wait_for
from tests.acceptance.remote import Remote

__all__ = ["ENDED", "ROOT", "ZOO", "Process", "Site", "free_port", "wait_for"]

ROOT = Path(__file__).resolve().parent.parent.parent
ZOO = "tests.zoo.tasks."
ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")
COMMAND_S = 60.0
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "COVERAGE_PROCESS_START")


class Site:
    """One site. `database` is "sqlite" or "postgresql"; further keywords are environment variables."""

    def __init__(self, database: str = "sqlite", *, migrated: bool = True, **variables: str) -> None:
        # Short, because the run folder holds sockets and their paths may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
        self.run_dir = self.folder / "run"
        self.database = database
        self.processes: list[Process] = []
        self._remote: Remote | None = None
        self.environment = self._environment(variables)
        try:
            self.environment["DATABASE_URL"] = self.make_database(migrated)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything that runs and remove the folder and the database."""
        if self._remote is not None:
            self._remote.close()
        for process in self.processes:
            process.kill()
        wait_for(self._kill_leftovers, what="the site's processes to die")
        self.drop_database()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_database(self, migrated: bool) -> str:
        """Make the site's database; its DATABASE_URL."""
        return databases.make(self.database, self.folder, self.environment, migrated)

    def drop_database(self) -> None:
        databases.drop(self.environment["DATABASE_URL"])

    # Commands ----------------------------------------------------------------------

    def manage(
        self, *arguments: object, limit_s: float = COMMAND_S, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py to its end."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)],
            env=self.environment | variables,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )

    def pool(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py pool ...`."""
        return self.manage("pool", *arguments, **variables)

    def facts(self, *arguments: object) -> Any:
        """Run `manage.py pool ... --json`, which must succeed, and read what it printed."""
        done = self.pool(*arguments, "--json")
        assert done.returncode == 0, done.stderr or done.stdout
        return json.loads(done.stdout)

    # Processes ---------------------------------------------------------------------

    def start(self, *arguments: object, **variables: str) -> Process:
        """Start a command of manage.py that stays."""
        command = [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)]
        return self.start_program(command, **variables)

    def start_program(self, command: Sequence[str], **variables: str) -> Process:
        """Start any program in the site's environment."""
        log = self.folder / f"process-{len(self.processes)}.log"
        process = Process(command, self.environment | variables, self.folder, log)
        self.processes.append(process)
        return process

    def start_node(self, workers: int = 2, *, wait: bool = True, **variables: str) -> Process:
        """Start a node with `pool run` and wait until its workers are ready."""
        process = self.start("pool", "run", "--workers", workers, **variables)
        if wait:
            self.wait_for_workers(workers, process)
        return process

    def members(self) -> list[int]:
        """Every process that belongs to this site, the side process aside."""
        leaders = {process.pid: process.started for process in self.processes}
        mine = self._remote.pid if self._remote is not None else 0
        return [pid for pid in members(self.folder, leaders) if pid != mine]

    # Jobs --------------------------------------------------------------------------

    def do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of a module in a process with this site's Django; its result, or its exception."""
        if self._remote is None:
            self._remote = Remote(self.environment | {"PYTHONPATH": str(ROOT)}, self.folder)
        return self._remote.call(function, *args, **kwargs)

    def enqueue(self, task: str, *args: Any, options: Mapping[str, Any] | None = None, **kwargs: Any) -> str:
        """Enqueue one job of the zoo (or of any task with a dotted name); its id."""
        return str(self.do(rows.enqueue, _full(task), args, kwargs, dict(options or {})))

    def enqueue_many(
        self,
        task: str,
        calls: Sequence[tuple[Sequence[Any], Mapping[str, Any]]],
        options: Mapping[str, Any] | None = None,
    ) -> list[str]:
        ids: list[str] = self.do(rows.enqueue_many, _full(task), list(calls), dict(options or {}))
        return ids

    def job(self, job: str) -> dict[str, Any]:
        """Everything about a job: the keys of the API, and all other columns under "row"."""
        found: dict[str, Any] = self.do(rows.job, job)
        return found

    def attempts(self, job: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.do(rows.attempts, job)
        return found

    def output(self, job: str) -> str:
        """What a job printed and logged."""
        return str(self.do(rows.output, job))

    def statuses(self) -> dict[str, int]:
        """How many jobs there are in each status."""
        found: dict[str, int] = self.do(rows.statuses)
        return found

    def workers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.do(rows.workers)
        return found

    def nodes(self, *, ended: bool = False) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.do(rows.nodes, ended)
        return found

    def figures(self) -> dict[str, Any]:
        """The JSON of /metrics."""
        found: dict[str, Any] = self.do(rows.figures)
        return found

    def events(self, name: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.do(rows.events, name)
        return found

    # Facts to wait for -------------------------------------------------------------

    def wait_for_job(self, job: str, *statuses: str, limit_s: float = 30.0) -> dict[str, Any]:
        """Wait until a job has ended, or has one of the statuses."""
        wanted = statuses or ENDED

        def look() -> dict[str, Any] | None:
            found = self.job(job)
            return found if found["status"] in wanted else None

        return wait_for(look, limit_s, f"job {job} to be {' or '.join(wanted)}", self.evidence)

    def wait_until_ended(self, limit_s: float = 60.0) -> dict[str, int]:
        """Wait until every job has ended; how many there are in each status."""

        def look() -> dict[str, int] | None:
            found = self.statuses()
            return found if set(found) <= set(ENDED) else None

        return wait_for(look, limit_s, "every job to end", self.evidence)

    def wait_for_workers(
        self, number: int, process: Process | None = None, limit_s: float = 30.0
    ) -> list[dict[str, Any]]:
        """Wait until so many workers are ready, and say at once when their node has ended instead."""

        def look() -> list[dict[str, Any]] | None:
            if process is not None and process.exit_code() is not None:
                raise AssertionError(f"The node ended with exit code {process.exit_code()}:\n{process.said()}")
            found = self.workers()
            ready = [worker for worker in found if worker["state"] in ("IDLE", "BUSY")]
            return ready if len(ready) == number == len(found) else None

        return wait_for(look, limit_s, f"{number} workers to be ready", self.evidence)

    def wait_for_file(self, path: Path | str, limit_s: float = 30.0) -> None:
        wait_for(Path(path).exists, limit_s, f"{path} to exist", self.evidence)

    def wait_until_empty(self, limit_s: float = 10.0) -> None:
        """Wait until no process of this site is left."""
        wait_for(lambda: not self.members(), limit_s, "no process to be left over", self.evidence)

    def evidence(self) -> str:
        """What the site's processes said, for a test that failed."""
        said = [f"--- {' '.join(process.command[1:])}\n{process.said()[-4000:]}" for process in self.processes]
        return "\n".join([f"Jobs: {self.statuses()}", *said])

    def _kill_leftovers(self) -> bool:
        left = self.members()
        for pid in left:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        return not left

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "poolsite.settings",
            "SECRET_KEY": "only for tests",
            "POOL_RUN_DIR": str(self.run_dir),
            "POOLSITE_APPS": "tests.zoo",
            "PYTHONUNBUFFERED": "1",
            **variables,
        }


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _full(task: str) -> str:
    return task if "." in task else ZOO + task
