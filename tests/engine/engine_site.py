"""A site for tests of the engine: nodes without the commands around them, and short limits.

Everything else is the acceptance tests' site: real processes, rows read through a side process, and an end that kills
whatever is left.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.acceptance.processes import Process, children, wait_for
from tests.acceptance.remote import Remote
from tests.acceptance.site import ROOT, Site
from tests.engine import ledgers, reads

TASKS = "tests.engine.tasks."
SHORT_TASK = f"{TASKS}usually_short"

SHORT = {
    "POOL_TASK_MODULES": "tests.engine.tasks",
    "POOL_BACKOFF_BASE_S": "0.05",
    "POOL_BACKOFF_CAP_S": "0.2",
    "POOL_MAX_JOBS_PER_WORKER": "0",
    "POOL_RECYCLE_THRESHOLD": "0",
    "POOL_AUTOSCALING": "0",
    "PYTHONPATH": str(ROOT),
}
"""Retries come soon, no worker goes because it has done enough, and none comes because others are busy; everything else
is as users have it."""


class EngineSite(Site):
    opened: ClassVar[list["EngineSite"]] = []
    """All sites there are now."""

    def __init__(self, database: str = "sqlite", **variables: str) -> None:
        super().__init__(database, **(SHORT | variables))
        self.ledger = self.folder / "ledger"
        EngineSite.opened.append(self)

    def close(self) -> None:
        EngineSite.opened.remove(self)
        super().close()

    @property
    def side(self) -> Remote | None:
        """Its side process, when there was a use for it."""
        return self._remote

    def start_node(self, workers: int = 2, *, wait: bool = True, **variables: str) -> Process:
        """Start a node; wait until its workers live."""
        process = self.start_program([sys.executable, "-m", "tests.engine.run_node", str(workers)], **variables)
        if wait:
            self.wait_for_pids(process, workers)
        return process

    def wait_for_pids(self, node: Process, number: int, limit_s: float = 30.0) -> list[int]:
        """Wait until the node has exactly so many worker processes; their pids."""

        def look() -> list[int] | None:
            if node.exit_code() is not None:
                raise AssertionError(f"The node ended with exit code {node.exit_code()}:\n{node.said()}")
            pids = worker_pids(node)
            return pids if len(pids) == number else None

        return wait_for(look, limit_s, f"{number} worker processes", self.evidence)

    def reset(self) -> None:
        """End all processes but the side process, and remove every row and file."""
        for process in self.processes:
            process.kill()
        wait_for(self._kill_leftovers, what="the site's processes to die")
        self.processes.clear()
        self.do(reads.remove_rows)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif not path.name.startswith("site.sqlite3"):
                path.unlink()

    def path(self, name: str) -> str:
        """A file of the test's own."""
        return str(self.folder / name)

    def touch(self, name: str) -> str:
        (self.folder / name).touch()
        return self.path(name)

    def lines(self) -> list[ledgers.Line]:
        """What the tasks wrote into the ledger of this site."""
        return ledgers.read(self.ledger)

    def teach_short(self, jobs: int = 200) -> None:
        """Let the pool learn that jobs of `usually_short` are short: from then on it hands out several at once."""
        self.enqueue_many(SHORT_TASK, [([], {})] * jobs, {"queue_name": "lessons"})
        self.wait_until(lambda: not self.do(reads.unfinished, "lessons"), "the lessons to be over")

    def statuses_of(self, jobs: Sequence[str]) -> dict[str, str]:
        """The statuses of all these jobs at one moment."""
        found: dict[str, str] = self.do(reads.statuses_of, list(jobs))
        return found

    def recount(self) -> reads.Recount:
        """The kept counters beside what the rows say."""
        return self.do(reads.recount)  # type: ignore[no-any-return]

    def wait_for_status(self, job: str, *statuses: str, limit_s: float = 20.0) -> dict[str, Any]:
        return self.wait_for_job(job, *statuses, limit_s=limit_s)

    def wait_until(self, look: Callable[[], Any], what: str, limit_s: float = 20.0) -> Any:
        return wait_for(look, limit_s, what, self.evidence)


def worker_pids(node: Process) -> list[int]:
    """The node's worker processes."""
    return [pid for pid in children(node.pid) if title(pid).startswith("pool: worker ")]


def helper_pid(node: Process, name: str) -> int | None:
    """The node's nursery or clerk, once it is itself."""
    return next((pid for pid in children(node.pid) if title(pid) == f"pool: {name}"), None)


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


def is_alive(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def cpu_s(pid: int) -> float:
    """CPU time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
