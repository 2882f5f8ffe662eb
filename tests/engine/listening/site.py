"""A site with an app that listens to everything, and what it has heard."""

import json
from typing import Any

from tests.acceptance.processes import Process
from tests.engine.engine_site import EngineSite


class Listening(EngineSite):
    def __init__(self, database: str) -> None:
        apps = {"POOLSITE_APPS": "tests.zoo,tests.engine.listening", "POOL_LOG_LEVEL": "WARNING"}
        super().__init__(database, **apps)
        self.environment["HEARD"] = self.path("heard")
        (self.folder / "heard").touch()

    def heard(self, name: str = "", job: str | None = None) -> list[dict[str, Any]]:
        with open(self.environment["HEARD"]) as lines:
            found = [json.loads(line) for line in lines.read().splitlines(keepends=False) if line.endswith("}")]
        return [one for one in found if name in ("", one["type"]) and job in (None, one["job"])]

    def wait_until_heard(self, name: str, job: str | None = None) -> dict[str, Any]:
        found = self.wait_until(lambda: self.heard(name, job), f"{name} to be heard")
        return found[0]  # type: ignore[no-any-return]

    def names(self, job: str) -> list[str]:
        return [one["type"] for one in self.heard(job=job)]

    def start_heard_node(self, **variables: str) -> Process:
        """A node whose clerk has told that it listens: its worker beats all the time, and that is heard."""
        node = self.start_node(workers=1, **variables)
        self.wait_until_heard("worker.heartbeat")
        return node
