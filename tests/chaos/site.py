"""A site for chaos: short limits, a ledger, and on PostgreSQL a server of its own, which may be restarted."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.acceptance.processes import Process
from tests.acceptance.site import ROOT
from tests.chaos import ledger, rows
from tests.chaos.trouble import PostgresTrouble, SqliteTrouble, Trouble
from tests.engine.engine_site import EngineSite
from tests.postgres import PostgresServer

SHORT = {
    "POOL_TASK_MODULES": "tests.chaos.tasks",
    "POOL_LEASE_S": "5",
    "POOL_BEAT_S": "0.3",
    "POOL_UNHEALTHY_AFTER_S": "1",
    "POOL_REPLACE_AFTER_S": "2",
    "POOL_FLAG_GRACE_S": "0.2",
    "POOL_EXCEPTION_GRACE_S": "0.5",
    "POOL_TERM_GRACE_S": "0.5",
    "POOL_DRAIN_S": "3",
    "POOL_MAX_JOBS_PER_WORKER": "300",
    "POOL_RECYCLE_THRESHOLD": "400",
    "POOL_WORKER_MIN_AGE_S": "2",
    "LOG_FORMAT": "json",
}
"""Everything that happens rarely happens often: silence, timeouts, leases that end, workers that have done enough."""


class ChaosSite(EngineSite):
    def __init__(self, database: str, **variables: str) -> None:
        self.server: PostgresServer | None = None
        self._data: Path | None = None
        super().__init__(database, **(SHORT | variables))
        self.environment[ledger.FOLDER] = str(self.folder)

    def make_database(self, migrated: bool) -> str:
        if self.database == "sqlite":
            return super().make_database(migrated)
        self._data = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        # Nothing is faster than it is for users: an acknowledged commit survives the death of the server.
        try:
            self.server = PostgresServer(self._data / "data", settings=())
            url = self.server.create("chaos")
            done = self.manage("migrate", "--no-input", "-v0", DATABASE_URL=url)
            assert done.returncode == 0, done.stderr
        except BaseException:
            self.drop_database()
            raise
        return url

    def drop_database(self) -> None:
        if self.server is not None:
            self.server.stop()
        if self._data is not None:
            shutil.rmtree(self._data, ignore_errors=True)

    def start_program(self, command: Sequence[str], descriptors: Sequence[int] = (), **variables: str) -> Process:
        log = self.folder / f"process-{len(self.processes)}.log"
        process = Process(command, self.environment | variables, self.folder, log, descriptors)
        self.processes.append(process)
        return process

    def trouble(self) -> Trouble:
        """Whoever makes trouble for this site's database."""
        if self.server is None:
            return SqliteTrouble(self.folder / "site.sqlite3")
        return PostgresTrouble(self.server, self.environment["DATABASE_URL"])

    def token(self) -> str:
        """For a superuser of the API."""
        return str(self.do(rows.token))

    def run_dir_of(self, node: int) -> str:
        """Each node has its own, and the first shares it with the web process and the users, who ring there."""
        return str(self.run_dir) if node == 0 else str(self.folder / f"run-{node}")

    def left_files(self) -> list[str]:
        """What nodes and workers have in the run folders."""
        paths = [path for folder in self.folder.glob("run*") if folder.is_dir() for path in folder.iterdir()]
        return sorted(path.name for path in paths if path.name.startswith(("slots-", "bell-", "out-")))


__all__ = ["ROOT", "ChaosSite"]
