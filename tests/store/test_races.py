"""Two at once on one job: the second waits or passes by, and what comes out is what one after the other gives.

The first acts and keeps its transaction open; the second begins on a connection of its own; when it is seen to wait, or
is done, the first commits. On SQLite there is one writer, so the second always waits.
"""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import product
from time import monotonic

import pytest
from django.db import connections, transaction

from pool.domain.states import EXECUTING, JobStatus
from pool.store.database import Database
from tests.store.rows import ON_POSTGRES, ON_SQLITE, assert_counted, attempts, row
from tests.store.verbs import MOVES, NOTES, VERBS, NodeVerb, Scene
from tests.tables import empty

LIMIT_S = 20.0
PATIENT_MS = 10_000

BLOCKED = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"""


def starts_of(first: str, second: str) -> list[JobStatus]:
    """The states in which both have something to do. RUNNING stands for ASSIGNED, where that makes no difference."""
    able = [{*MOVES[verb], *NOTES.get(verb, ())} for verb in (first, second)]
    both = able[0] & able[1]
    return sorted(both - {JobStatus.ASSIGNED} if EXECUTING <= both else both)


RACES = [(first, second, status) for first, second in product(VERBS, VERBS) for status in starts_of(first, second)]


def act_alone(verb, scene):
    """On a connection of one's own, in a thread of one's own."""
    database = Database(scene.alias, PATIENT_MS)
    try:
        verb.alone(scene, database)
    finally:
        database.close()
        connections[scene.alias].close()


def until_it_waits(rival: Future[None], watcher: Database) -> None:
    """Until it waits for the first, or has ended. SQLite tells nobody who waits."""
    deadline = monotonic() + LIMIT_S
    while not (watcher.is_sqlite or rival.done() or watcher.execute(BLOCKED).fetchone()[0]):
        assert monotonic() < deadline
        wait([rival], timeout=0.001)


@contextmanager
def opened(verb, scene, database):
    """The verb has acted, and its transaction is open until the block ends."""
    if isinstance(verb, NodeVerb):
        with database.transaction():
            verb(scene, database)
            yield
    else:
        with transaction.atomic(using=scene.alias):
            verb(scene, database)
            yield


def outcome(alias, scene):
    found = row(alias, scene.id)
    kept = [attempt.outcome for attempt in attempts(alias, scene.id)]
    columns = ("status", "epoch", "attempts", "attempts_base", "losses", "interruptions", "node")
    flags = [found[name] is not None for name in ("cancel_requested_at", "discarded_at", "finished_at", "result")]
    return tuple(found[name] for name in columns), flags, kept


@ON_POSTGRES
@pytest.mark.parametrize(("first", "second", "status"), RACES)
def test_a_race_ends_as_one_after_the_other_would(alias, database, other_database, first, second, status):
    race(alias, database, other_database, first, second, status)


@ON_SQLITE
@pytest.mark.parametrize(("first", "second", "status"), [one for one in RACES if "cancel" in one])
def test_with_one_writer_at_a_time_too(alias, database, other_database, first, second, status):
    race(alias, database, other_database, first, second, status)


def race(alias, database, watcher, first, second, status):
    model = Scene.set(alias, status)
    VERBS[first].alone(model, database)
    passed_by = outcome(alias, model)
    VERBS[second].alone(model, database)
    one_after_the_other = outcome(alias, model)
    empty(alias)

    scene = Scene.set(alias, status)
    with ThreadPoolExecutor(1) as threads:
        with opened(VERBS[first], scene, database):
            rival = threads.submit(act_alone, VERBS[second], scene)
            until_it_waits(rival, watcher)
        rival.result(LIMIT_S)
    assert outcome(alias, scene) in (one_after_the_other, passed_by)
    assert_counted(alias)
