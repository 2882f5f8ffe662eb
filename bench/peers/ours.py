"""Our own pool under the same driver: one node, on SQLite, with the limits that our own chaos tests set."""

import os
import sys
from pathlib import Path

from bench.peers.peer import WORKERS, Peer, Settings, children
from tests.chaos import ledger
from tests.chaos.site import SHORT, ChaosSite
from tests.chaos.tree import NAMES

SETTINGS: Settings = {"on": "SQLite", "workers": WORKERS, **SHORT}


class Ours(Peer):
    name = "pool"
    module = "bench.peers.inside.pool_site"
    promise = "at least once, one result; attempts of one job never overlap on a host; a job ends within its attempts"
    settings = SETTINGS

    def __init__(self, folder: Path, environments: Path) -> None:
        super().__init__(folder, environments)
        self.site = ChaosSite("sqlite", POOL_TASK_MODULES=self.module)

    def close(self) -> None:
        self.site.close()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.program", str(os.getpid()), "node", str(WORKERS)]

    def environment(self) -> dict[str, str]:
        return self.site.environment | {ledger.FOLDER: str(self.folder)}

    def members(self, main: int) -> list[tuple[str, int]]:
        return [("node", main), *((_who(title), child) for title, child in children(main))]

    def versions(self) -> dict[str, str]:
        return {}


def _who(title: str) -> str:
    return next((who for start, who in NAMES.items() if title.startswith(start)), "newborn")
