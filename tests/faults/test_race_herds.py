"""Very many at once: due in the same second, tried again, cancelled while they are claimed; and plans of a claim."""

import time
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest

from pool.engine import linux
from pool.models import Job
from pool.store.claim import claim, meet_queues
from pool.store.database import Database
from pool.store.deltas import Deltas
from tests.engine.engine_site import TASKS, EngineSite
from tests.store.rows import ON_POSTGRES, assert_counted, enqueue

SLOW = (pytest.mark.slow, pytest.mark.timeout(90))

HERD = 5000
MOST_MB = 60
"""What a node may grow by, whatever waits."""

URGENT_S = 2.0


def slow(test: Any) -> Any:
    for mark in SLOW:
        test = mark(test)
    return test


# In real processes ----------------------------------------------------------------


def times_of(tenant: str) -> list[tuple[float, float]]:
    """When the jobs were due, and when they began. Runs in the side process."""
    rows = Job.objects.filter(tenant=tenant).values_list("run_at", "started_at")
    return [(due.timestamp(), began.timestamp()) for due, began in rows]


def pauses() -> list[float]:
    """How long each job that waits for its next attempt was told to."""
    rows = Job.objects.filter(status="SCHEDULED", attempt_set__number=1)
    return [(due - ended).total_seconds() for due, ended in rows.values_list("run_at", "attempt_set__finished_at")]


@slow
def test_jobs_that_are_due_in_the_same_second_begin_in_it_and_hold_up_nobody(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    site.teach_short()
    before = linux.rss(node.pid) or 0
    due = datetime.now(UTC) + timedelta(seconds=3)
    options = {"run_after": due, "tenant": "herd", "queue_name": "herd"}
    site.enqueue_many(TASKS + "usually_short", [([], {})] * HERD, options)
    site.wait_until(lambda: site.statuses().get("COMPLETED", 0) > 500, "the herd to run")
    begin = time.monotonic()
    site.wait_for_job(site.enqueue("returns", options={"priority": "critical"}))
    assert time.monotonic() - begin < URGENT_S
    site.wait_until_ended()
    assert all(began >= planned - 0.001 for planned, began in site.do(times_of, "herd"))
    assert ((linux.rss(node.pid) or 0) - before) / 2**20 < MOST_MB
    kept, counted = site.recount()
    assert kept == counted


@slow
def test_jobs_that_fail_together_are_not_tried_again_together(site_on_both: EngineSite) -> None:
    site = site_on_both
    site.start_node(workers=2)
    jobs = site.enqueue_many("raises", [([], {})] * 300, {"max_attempts": 2, "backoff": 20.0})
    site.wait_until(lambda: {"SCHEDULED": len(jobs)} == site.statuses(), "all to have failed once")
    waits = site.do(pauses)
    assert len(jobs) == len(waits)
    assert 17.9 < min(waits) < 18.5
    assert 21.5 < max(waits) < 22.1


def cancel_all(tenant: str) -> tuple[set[str], float]:
    """Cancel every job of a tenant; those that will not start any more, and the longest time that one took."""
    from pool.store import operate

    at_once, longest = set(), 0.0
    jobs = list(Job.objects.filter(tenant=tenant).values_list("pk", flat=True))
    Random(1).shuffle(jobs)
    for pk in jobs:
        begin = time.monotonic()
        if operate.cancel(str(pk)) is operate.CancelAnswer.CANCELLED:
            at_once.add(str(pk))
        longest = max(longest, time.monotonic() - begin)
    return at_once, longest


@slow
def test_of_a_storm_of_cancels_none_starts_afterwards(site_on_both: EngineSite) -> None:
    site = site_on_both
    site.start_node(workers=2)
    site.teach_short()
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.005], {})] * 1500, {"tenant": "storm"})
    at_once, longest = site.do(cancel_all, "storm")
    assert {"COMPLETED", "CANCELLED"} >= set(site.wait_until_ended())
    assert len(at_once) > 100
    assert not at_once & {line.job for line in site.lines()}
    assert longest < 1.0
    ended = site.statuses_of(jobs)
    assert {"CANCELLED"} == {ended[job] for job in at_once}
    kept, counted = site.recount()
    assert kept == counted


# Plans ----------------------------------------------------------------------------


WAYS = ("seqscan", "indexscan", "bitmapscan", "nestloop", "hashjoin", "mergejoin", "material")


@ON_POSTGRES
@pytest.mark.parametrize("left", ["nestloop", "hashjoin", "mergejoin"])
@pytest.mark.parametrize("analysed", [False, True])
def test_no_plan_claims_more_than_was_asked_for(
    alias: str, database: Database, other_database: Database, left: str, analysed: bool
) -> None:
    """A LIMIT in a part that is joined by a loop would hold for each turn of the loop."""
    for queue in "abc":
        enqueue(alias, 700, queue=queue)
    with database.transaction():
        meet_queues(database)
    if analysed:
        database.execute("ANALYZE pool_job")
    for way, of in product(WAYS, (database, other_database)):
        joins = ("nestloop", "hashjoin", "mergejoin")
        of.execute(f"SET enable_{way} = {'off' if way in joins and way != left else 'on'}")
    first, second = Deltas(), Deltas()
    with database.transaction(), other_database.transaction():
        assert 7 == len(claim(database, "one", 7, first))
        assert 11 == len(claim(other_database, "two", 11, second))
        first.write(database, "one")
        second.write(other_database, "two")
    assert 18 == Job.objects.using(alias).filter(status="ASSIGNED").count()
    assert_counted(alias)
