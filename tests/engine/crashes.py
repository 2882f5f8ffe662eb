"""A site whose processes fail where a test says, while it runs, and clients that do. See `pool.failpoints`.

The nodes look for files: one with the name of a point and what is to happen there. Clients are forked in the side
process, so that one which is killed costs no start of another Python.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pool.failpoints import FOLDER, VARIABLE
from tests.acceptance.processes import Process
from tests.engine.engine_site import TASKS, EngineSite, kill
from tests.engine.ledgers import Line

GONE_S = 3.0
"""Nothing outlives its node by more than two seconds; looking takes a moment as well."""

WORKERS = 1


class CrashSite(EngineSite):
    """A site with one node, which is started again when it has died."""

    def __init__(self, database: str) -> None:
        super().__init__(database, POOL_POLL_S="0.2", POOL_DRAIN_S="0.2", POOL_TERM_GRACE_S="1")
        self.points = self.folder / "points"
        self.points.mkdir()
        self.environment |= {VARIABLE: "all=file", FOLDER: str(self.points)}
        self.node: Process | None = None
        self.number = 0

    def ensure_node(self) -> Process:
        if self.node is None or self.node.exit_code() is not None:
            self.node = self.start_node(WORKERS)
        return self.node

    def begin(self) -> None:
        """A new case: nothing is armed, and the files of the last one are gone."""
        self.number += 1
        for path in self.points.iterdir():
            path.unlink()

    def arm(self, point: str, action: str) -> None:
        new = self.points / f".{point}"
        new.write_text(action)
        new.rename(self.points / point)

    def wait_until_fired(self, point: str) -> None:
        self.wait_for_file(self.points / f"{point}.fired", 20.0)

    def wait_until_dead(self, node: Process) -> None:
        """The node ended, and nothing of it is left."""
        node.wait(20)
        self.wait_until_empty(GONE_S)

    def short(self) -> str:
        return self.enqueue(f"{TASKS}notes", str(self.ledger))

    def long(self) -> str:
        """A job that runs until `release` is called; it runs."""
        job = self.enqueue(f"{TASKS}notes_until", str(self.ledger), self.gate)
        self.wait_for_status(job, "RUNNING")
        return job

    @property
    def gate(self) -> str:
        return self.path(f"gate-{self.number}")

    def release(self) -> None:
        Path(self.gate).touch()

    def lines_of(self, job: str) -> list[Line]:
        return [line for line in self.lines() if line.job == job]

    def pid_of(self, job: str) -> int:
        """The worker in which it began last."""
        return self.lines_of(job)[-1].pid

    def kill_worker_of(self, job: str) -> None:
        kill(self.pid_of(job))


# Clients, in the side process --------------------------------------------------------


def in_child(point: str, action: str, verb: str, arguments: Sequence[Any]) -> str:
    """Run a client's verb in a process of its own in which one point is armed; how it ended."""
    from django.db import connections

    connections.close_all()
    inbox, outbox = os.pipe()
    child = os.fork()
    if not child:
        os.close(inbox)
        _be_client(point, action, verb, arguments, outbox)
    os.close(outbox)
    with os.fdopen(inbox) as said:
        text = said.read()
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else text


def _be_client(point: str, action: str, verb: str, arguments: Sequence[Any], outbox: int) -> None:
    from pool import failpoints

    try:
        failpoints.arm({VARIABLE: f"{point}={action}", FOLDER: "/nowhere"})
        globals()[verb](*arguments)
        os.write(outbox, b"done")
    except BaseException as error:  # noqa: BLE001  the child must not come back as a second side process
        if type(error) is not failpoints.FailpointReached:
            traceback.print_exc(file=sys.stderr)
        os.write(outbox, f"raised {type(error).__name__}".encode())
    finally:
        os._exit(0)


def enqueue_one(ledger: str, tenant: str) -> None:
    from pool import registry

    registry.find(f"{TASKS}notes").using(tenant=tenant).enqueue(ledger)


def enqueue_some(ledger: str, tenant: str) -> None:
    import pool
    from pool import registry

    pool.enqueue_many(registry.find(f"{TASKS}notes").using(tenant=tenant), [([ledger], {})] * 3)


def operate(verb: str, job: str) -> None:
    from pool.store import operate as verbs

    getattr(verbs, verb)(job)


def prune_all() -> None:
    """Remove everything that has ended."""
    import time
    from dataclasses import replace

    from pool.conf import database_alias, get_config
    from pool.store.database import Database
    from pool.store.prune import prune

    config = replace(get_config(), keep_completed_s=1.0, keep_dead_s=1.0)
    database = Database(database_alias(), 10_000)
    prune(database, time.time() + 3600, config)
    database.close()


def jobs_of(tenant: str) -> list[str]:
    from pool.models import Job

    return [str(pk) for pk in Job.objects.filter(tenant=tenant).values_list("pk", flat=True)]


def count_jobs() -> int:
    from pool.models import Job

    return Job.objects.count()
