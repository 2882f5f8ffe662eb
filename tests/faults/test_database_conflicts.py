"""Deadlocks and serialization failures: what the server undid is done again a few times, and nothing by half."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connections
from psycopg import IsolationLevel

from pool.domain.jobs import ClaimedJob
from pool.domain.states import JobStatus
from pool.engine.ledger import CONFLICT_TRIES, Ledger
from pool.engine.turns import Wanted
from pool.models import Job, PoolEvent
from pool.store import again, bulk, operate
from pool.store.claim import claim
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.failures import Kind, kind_of
from tests.store.rows import BACKOFF, NODE, NOW, ON_POSTGRES, assert_counted, claim_as, ended, enqueue, put, statuses

LIMIT_S = 10.0

WAITS = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


# The node -------------------------------------------------------------------------


class Rival(threading.Thread):
    """Holds the last job, and takes the first as soon as the node waits: a deadlock that the node loses."""

    def __init__(self, alias: str, jobs: list[ClaimedJob], victim: int) -> None:
        super().__init__()
        self.database = Database(alias, lock_wait_ms=int(LIMIT_S * 1000))
        self.jobs, self.victim = jobs, victim
        self.holds = threading.Event()
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            with self.database.transaction():
                self.database.execute("SET LOCAL deadlock_timeout = '60s'")
                self.lock(self.jobs[-1])
                self.holds.set()
                while not self.database.execute(WAITS, (self.victim,)).fetchone():
                    pass
                self.lock(self.jobs[0])
        except BaseException as error:  # noqa: BLE001  shown by the test
            self.problem = error
        finally:
            self.holds.set()
            self.database.close()

    def lock(self, job: ClaimedJob) -> None:
        self.database.execute("SELECT 1 FROM pool_job WHERE id = %s::uuid FOR UPDATE", (job.id,))


@ON_POSTGRES
def test_turn_that_lost_a_deadlock_is_done_again_at_once(alias: str) -> None:
    enqueue(alias, 2)
    patient = Database(alias, lock_wait_ms=int(LIMIT_S * 1000))
    jobs = claim_as(patient)
    patient.execute("SET deadlock_timeout = '20ms'")
    ledger = Ledger(patient, NODE, BACKOFF, [])
    # Row by row, so that the first is written before the second is waited for.
    for job in jobs:
        ledger.ended(ended(job, usage="{}"))
    rival = Rival(alias, jobs, patient.raw.info.backend_pid)
    rival.start()
    assert rival.holds.wait(LIMIT_S)
    assert ledger.settle(Wanted(), NOW, 1.0, set) is None
    rival.join(LIMIT_S)
    assert (None, "", 0.0) == (rival.problem, ledger.problem, ledger.retry_at), "nothing is wrong, and nothing waits"
    answer = ledger.settle(Wanted(), NOW, 1.0, set)
    assert answer is not None
    assert 2 == len(answer.recorded.written)
    assert ["COMPLETED", "COMPLETED"] == statuses(alias, [job.id for job in jobs])
    assert_counted(alias)
    patient.close()


def test_conflicts_without_end_are_told(alias: str, database: Database) -> None:
    ledger = Ledger(database, NODE, BACKOFF, [])
    error = OperationalError("deadlock detected")
    error.__cause__ = conflict()
    for _ in range(CONFLICT_TRIES):
        ledger._failed(error, 1.0)
        assert "" == ledger.problem
    ledger._failed(error, 1.0)
    assert "deadlock" in ledger.problem


def conflict() -> Exception:
    from psycopg.errors import DeadlockDetected

    return DeadlockDetected()


@ON_POSTGRES
def test_node_keeps_to_its_own_isolation(alias: str, strict: None) -> None:
    """Its statements are made for READ COMMITTED: under another each claim would fail that meets somebody's commit."""
    own, somebody = Database(alias), Database(alias)
    (first,) = enqueue(alias)
    with own.transaction():
        assert "read committed" == own.execute("SHOW transaction_isolation").fetchone()[0]
        (second,) = enqueue(alias)
        with somebody.transaction():
            somebody.execute("UPDATE pool_job SET priority = 1 WHERE id = %s::uuid", (str(first),))
        somebody.execute("INSERT INTO pool_queue (name) VALUES ('default')")
        claimed = claim(own, NODE, 10, Deltas())
    assert {first, second} == {UUID(job.id) for job in claimed}
    own.close()
    somebody.close()


# Operators ------------------------------------------------------------------------


@pytest.fixture
def strict(alias: str) -> Iterator[None]:
    """A project that has chosen the strictest isolation, for its own connections and for the server's default."""
    name = connections[alias].settings_dict["NAME"]
    settings = connections.settings[alias]
    options = settings["OPTIONS"]
    with connections[alias].cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    connections[alias].close()
    settings["OPTIONS"] = connections[alias].settings_dict["OPTIONS"] = options | {
        "isolation_level": IsolationLevel.SERIALIZABLE
    }
    yield
    settings["OPTIONS"] = connections[alias].settings_dict["OPTIONS"] = options
    connections[alias].close()
    with connections[alias].cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" RESET default_transaction_isolation')
    connections[alias].close()


@contextmanager
def met_by(alias: str, change: Callable[[], object], times: int) -> Iterator[list[str]]:
    """Let somebody commit a change within a transaction, before it takes its rows, in so many transactions.

    Where rows are locked before they are changed that is before the second look: the first has fixed what is seen.
    """
    met: list[str] = []
    looks: list[str] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "FOR UPDATE" in sql:
            looks.append(sql)
        takes = len(looks) % 2 == 0 if "FOR UPDATE" in sql else not looks and sql.startswith('UPDATE "pool_job"')
        if takes and len(met) < times:
            met.append(sql)
            change()
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(wrapper):
        yield met


def touching(database: Database, job: UUID) -> Callable[[], object]:
    return lambda: database.execute("UPDATE pool_job SET priority = priority + 1 WHERE id = %s::uuid", (str(job),))


@ON_POSTGRES
@pytest.mark.parametrize("verb", ["cancel", "retry", "discard", "retry_many"])
def test_change_that_met_another_is_made_again(alias: str, database: Database, strict: None, verb: str) -> None:
    before = {"cancel": "PENDING", "retry_many": "CANCELLED"}.get(verb, "FAILED")
    after = {"cancel": "CANCELLED", "discard": "FAILED"}.get(verb, "PENDING")
    job = put(alias, JobStatus(before))
    with met_by(alias, touching(database, job), times=2) as met:
        bulk.retry_many([job]) if verb == "retry_many" else getattr(operate, verb)(job)
    assert 2 == len(met)
    row = Job.objects.using(alias).get(pk=job)
    assert (after, verb == "discard") == (row.status, row.discarded_at is not None)
    assert 1 == PoolEvent.objects.using(alias).count(), "told once"
    assert_counted(alias)


@ON_POSTGRES
def test_change_that_always_meets_another_fails_whole(alias: str, database: Database, strict: None) -> None:
    """The API answers 503 then, as it does for whatever the database could not do."""
    jobs = [put(alias, JobStatus.CANCELLED) for _ in range(3)]
    with (
        met_by(alias, touching(database, jobs[1]), times=100) as met,
        pytest.raises(OperationalError) as raised,
    ):
        bulk.retry_many(jobs)
    assert Kind.CONFLICT is kind_of(raised.value)
    assert again.TRIES == len(met)
    assert ["CANCELLED"] * 3 == statuses(alias, jobs)
    assert 0 == PoolEvent.objects.using(alias).count()
    assert_counted(alias)
