"""Why a job waits: each rule alone, their order, and that nothing is said of what was not looked at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pool.domain.blockers import STOPPING, Code
from pool.domain.estimating import Rate, Sure
from pool.domain.explaining import AT_ONCE, explain
from pool.domain.states import TERMINAL, WAITING, JobStatus
from pool.domain.waiting import (
    Facts,
    HolderFacts,
    JobFacts,
    KeyFacts,
    LineFacts,
    Parent,
    ParentFacts,
    PoolFacts,
    QueueFacts,
)

S = JobStatus
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WELL = PoolFacts(nodes=1, workers=2, idle=1, busy=1)
NEXT = LineFacts(0, rate=Rate(10.0, 600))


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def facts(status: JobStatus = S.PENDING, *, parts: dict | None = None, **job) -> Facts:
    """A job in a pool that is well, with nothing in its way."""
    whole = {"queue": QueueFacts(), "pool": WELL, "line": NEXT if status is S.PENDING else None}
    return Facts(NOW, JobFacts(status=status, **{"run_at": NOW, **job}), **whole | (parts or {}))


def codes(one: Facts) -> list[str]:
    return [blocker.code for blocker in explain(one).blockers]


def test_a_job_that_nothing_holds_is_next():
    told = explain(facts())
    assert (AT_ONCE, []) == (told.summary, list(told.blockers))
    assert (0.0, Sure.HIGH) == (told.estimate.seconds, told.estimate.sure)


@pytest.mark.parametrize(
    ("one", "code", "words"),
    [
        (facts(S.SCHEDULED, run_at=later(60)), Code.SCHEDULED, "It waits for its time."),
        (facts(S.SCHEDULED, run_at=later(-1)), Code.SCHEDULED, "Its time has come"),
        (facts(S.SCHEDULED, run_at=later(9), attempts=2, has_failed=True), Code.RETRY, "Attempt 2 failed."),
        (facts(S.SCHEDULED, run_at=later(9), is_unknown=True, task="a.b"), Code.UNKNOWN_TASK, "knows the task 'a.b'"),
        (facts(is_unknown=True, task="a.b"), Code.UNKNOWN_TASK, "knows the task 'a.b'"),
        (facts(expires_at=later(-1)), Code.EXPIRED, "ends it without a start"),
        (facts(S.BLOCKED, waits_for=2), Code.PARENTS, "It waits for other jobs to end."),
        (
            facts(S.BLOCKED, waits_for=2, parts={"parents": ParentFacts(7, 9, [Parent("a"), Parent("b")])}),
            Code.PARENTS,
            "7 of 9 jobs and batches that it waits for are done.",
        ),
        (
            facts(S.BLOCKED, waits_for=1, parts={"parents": ParentFacts(0, 1, [Parent("a", status=S.RUNNING)])}),
            Code.PARENTS,
            "It waits for another job to end.",
        ),
        (
            facts(
                S.BLOCKED,
                waits_for=1,
                parts={"parents": ParentFacts(0, 1, [Parent("a", is_batch=True, done=40, total=1000)])},
            ),
            Code.PARENTS,
            "It waits for all jobs of a batch to end: 40 of 1,000 jobs have.",
        ),
        (
            facts(S.BLOCKED, waits_for=1, parts={"parents": ParentFacts(0, 1, [Parent("a", status=S.COMPLETED)])}),
            Code.PARENTS,
            "All that it waits for has ended",
        ),
        (facts(S.BLOCKED, limit_key="acme", limit_running=3), Code.KEY_RUNNING, "until fewer jobs with the key 'acme'"),
        (
            facts(S.BLOCKED, limit_key="acme", limit_running=3, parts={"key": KeyFacts(3, 12)}),
            Code.KEY_RUNNING,
            "3 of at most 3 jobs with the key 'acme' execute, and 12 wait before it.",
        ),
        (
            facts(S.BLOCKED, limit_key="acme", limit_running=3, parts={"key": KeyFacts(3, None)}),
            Code.KEY_RUNNING,
            "and more than 10,000 wait before it.",
        ),
        (
            facts(limit_key="acme", limit_rate=0.5, parts={"key": KeyFacts(0, 0, later(2))}),
            Code.KEY_RATE,
            "At most 0.5 jobs with the key 'acme' start in a second.",
        ),
        (
            facts(requires=["gpu"], parts={"pool": replace(WELL, offers=[frozenset({"general"})])}),
            Code.NOT_CAPABLE,
            "No worker offers gpu.",
        ),
        (
            facts(S.BLOCKED, requires=["gpu"], lacks=True, parts={"pool": replace(WELL, offers=[frozenset({"gpu"})])}),
            Code.CAPABLE_BUSY,
            "It waits until a worker that offers gpu has room.",
        ),
        (facts(parts={"queue": QueueFacts(paused=True)}), Code.QUEUE_PAUSED, "Queue 'default' is paused."),
        (facts(parts={"queue": QueueFacts(only=["a", "b"])}), Code.QUEUE_NOT_SERVED, "serve other queues only: a, b."),
        (facts(parts={"pool": PoolFacts()}), Code.NO_NODE, "No node is running, so nothing can start."),
        (facts(parts={"pool": replace(WELL, draining=1)}), Code.DRAINING, "takes no new ones"),
        (facts(parts={"pool": replace(WELL, problems=[("h", "No room.")])}), Code.NODE_PROBLEM, "on h cannot work: No"),
        (facts(parts={"pool": PoolFacts(nodes=1, workers=0)}), Code.NO_WORKER, "No worker lives"),
        (
            facts(parts={"queue": QueueFacts(max_running=2, executing=2)}),
            Code.QUEUE_RUNNING,
            "2 of at most 2 jobs of queue 'default' execute.",
        ),
        (
            facts(parts={"queue": QueueFacts(rate=2, opens_at=later(0.4))}),
            Code.QUEUE_RATE,
            "At most 2 jobs of queue 'default' start in a second.",
        ),
        (facts(parts={"line": LineFacts(1)}), Code.PLACE, "1 job of its queue comes first."),
        (facts(parts={"line": LineFacts(6)}), Code.PLACE, "6 jobs of its queue come first."),
        (facts(parts={"line": LineFacts(None)}), Code.PLACE, "More than 10,000 jobs of its queue come first."),
        (facts(parts={"pool": replace(WELL, busy=2, idle=0)}), Code.WORKERS_BUSY, "All 2 workers are busy."),
        (facts(parts={"pool": PoolFacts(nodes=1, workers=1, busy=1)}), Code.WORKERS_BUSY, "The only worker is busy."),
        (facts(S.ASSIGNED), Code.HELD, "A node holds it."),
        (
            facts(S.ASSIGNED, parts={"holder": HolderFacts("h", later(-9), later(21))}),
            Code.HOLDER_SILENT,
            "The node that holds it, on h, is silent.",
        ),
        (facts(S.RUNNING, cancel_requested_at=NOW), Code.CANCELLING, "asked to cancel it"),
    ],
)
def test_what_holds_a_job_is_named(one, code, words):
    told = explain(one)
    assert code == told.blockers[0].code
    assert words in told.blockers[0].sentence
    assert told.blockers[0].blocks
    assert told.summary == told.blockers[0].sentence


def test_a_tenant_is_told_that_its_own_jobs_come_first():
    told = explain(facts(tenant="acme", parts={"line": LineFacts(200, 100, 2.0)})).blockers
    assert [Code.PLACE, Code.TENANT_TURN] == [one.code for one in told]
    assert "100 of those jobs are of its own tenant 'acme', whose weight is 2." in told[1].sentence
    one = explain(facts(tenant="acme", parts={"line": LineFacts(200, 1)})).blockers[1]
    assert "1 of those jobs is of its own tenant" in one.sentence
    many = explain(facts(tenant="acme", parts={"line": LineFacts(None, None)})).blockers[1]
    assert "more than 10,000 of those" in many.sentence
    assert [Code.PLACE] == codes(facts(tenant="acme", parts={"line": LineFacts(200, 0)}))


def test_what_holds_it_now_comes_before_what_would_hold_it_then():
    then = {"queue": QueueFacts(paused=True), "pool": PoolFacts()}
    one = facts(S.SCHEDULED, run_at=later(60), expires_at=later(90), parts=then)
    assert [Code.SCHEDULED, Code.QUEUE_PAUSED, Code.NO_NODE, Code.EXPIRES] == codes(one)


def test_what_is_only_good_to_know_does_not_hold_it():
    full = QueueFacts(max_waiting=10, waiting=9, tight_at=0.9)
    told = explain(facts(expires_at=later(60), parts={"queue": full}))
    assert [(Code.BACKPRESSURE, False), (Code.EXPIRES, False)] == [(one.code, one.blocks) for one in told.blockers]
    assert AT_ONCE == told.summary
    assert "slowed down" in told.blockers[0].sentence
    assert "refused" in explain(facts(parts={"queue": replace(full, waiting=10)})).blockers[0].sentence


def test_one_node_in_trouble_is_told_and_the_others_go_on():
    told = explain(facts(parts={"pool": replace(WELL, nodes=2, problems=[("h", "No room.")])}))
    assert [(Code.NODE_PROBLEM, False)] == [(one.code, one.blocks) for one in told.blockers]
    assert (AT_ONCE, 0.0) == (told.summary, told.estimate.seconds)


def test_a_running_job_says_since_when_and_how_long_it_may():
    (running,) = explain(facts(S.RUNNING, started_at=NOW, timeout=30.0, worker="w0", parts={"line": None})).blockers
    assert (Code.RUNNING, NOW, later(30), False) == (running.code, running.since, running.until, running.blocks)
    assert "It runs already, on worker w0." == explain(facts(S.RUNNING, worker="w0")).summary


def test_an_ended_job_waits_for_nothing():
    for status in TERMINAL:
        told = explain(facts(status))
        assert ([], None) == (list(told.blockers), told.estimate)
        assert f"It has ended: it is {status}." == told.summary


def test_the_start_follows_from_place_and_rate():
    assert 20.0 == explain(facts(parts={"line": LineFacts(200, rate=Rate(10.0, 600))})).estimate.seconds
    behind = explain(facts(parts={"line": LineFacts(None, rate=Rate(100.0, 600))})).estimate
    assert (100.0, True) == (behind.seconds, behind.at_least)
    limited = {"queue": QueueFacts(rate=2.0), "line": LineFacts(200, rate=Rate(10.0, 600))}
    assert 100.0 == explain(facts(parts=limited)).estimate.seconds
    timed = explain(facts(S.SCHEDULED, run_at=later(60))).estimate
    assert (later(60), True) == (timed.at, timed.at_least)


def test_nobody_knows_the_start_where_nothing_was_measured():
    assert explain(facts(parts={"line": LineFacts(6)})).estimate is None
    assert explain(facts(parts={"line": LineFacts(0), "pool": replace(WELL, idle=0, busy=2)})).estimate is None
    assert explain(facts(S.BLOCKED, waits_for=1)).estimate is None


def test_the_next_job_of_an_idle_pool_starts_at_once():
    assert 0.0 == explain(facts(parts={"line": LineFacts(0)})).estimate.seconds
    held = {"line": LineFacts(0), "queue": QueueFacts(rate=1.0, opens_at=later(0.5))}
    assert 0.5 == explain(facts(parts=held)).estimate.seconds


times = some.one_of(some.none(), some.integers(-100, 100).map(later))
counts = some.integers(0, 5)
anything = some.builds(
    Facts,
    now=some.just(NOW),
    job=some.builds(
        JobFacts,
        status=some.sampled_from(JobStatus),
        run_at=some.integers(-100, 100).map(later),
        expires_at=times,
        cancel_requested_at=times,
        started_at=times,
        timeout=some.one_of(some.none(), some.just(5.0)),
        attempts=counts,
        has_failed=some.booleans(),
        is_unknown=some.booleans(),
        tenant=some.sampled_from(["", "acme"]),
        requires=some.sampled_from([(), ("gpu",)]),
        lacks=some.booleans(),
        waits_for=counts,
        limit_key=some.sampled_from(["", "key"]),
        limit_running=some.one_of(some.none(), counts),
        limit_rate=some.one_of(some.none(), some.just(0.5)),
    ),
    queue=some.one_of(
        some.none(),
        some.builds(
            QueueFacts,
            paused=some.booleans(),
            only=some.sampled_from([(), ("default",), ("other",)]),
            max_running=some.one_of(some.none(), counts),
            executing=counts,
            rate=some.one_of(some.none(), some.just(2.0)),
            opens_at=times,
            max_waiting=some.one_of(some.none(), counts),
            waiting=counts,
        ),
    ),
    key=some.one_of(some.none(), some.builds(KeyFacts, counts, some.one_of(some.none(), counts), times)),
    parents=some.one_of(
        some.none(),
        some.builds(
            ParentFacts, counts, counts, some.sampled_from([(), (Parent("a"),), (Parent("a", is_batch=True),)])
        ),
    ),
    pool=some.one_of(
        some.none(),
        some.builds(
            PoolFacts,
            nodes=counts,
            draining=counts,
            problems=some.sampled_from([(), (("h", "No room."),)]),
            workers=some.one_of(some.none(), counts),
            busy=counts,
            idle=counts,
            offers=some.sampled_from([None, (), (frozenset({"gpu"}),)]),
        ),
    ),
    line=some.one_of(
        some.none(),
        some.builds(
            LineFacts,
            some.one_of(some.none(), counts),
            some.one_of(some.none(), counts),
            rate=some.one_of(some.none(), some.builds(Rate, some.sampled_from([0.0, 0.5, 1e9]), counts)),
        ),
    ),
)


@given(anything)
def test_whatever_the_facts_are_the_answer_makes_sense(one):
    told = explain(one)
    found = [blocker.code for blocker in told.blockers]
    assert len(found) == len({(blocker.code, blocker.sentence) for blocker in told.blockers})
    assert all(blocker.sentence.strip() and "None" not in blocker.sentence for blocker in told.blockers)
    holding = [blocker for blocker in told.blockers if blocker.blocks]
    if one.job.status in WAITING and holding:
        assert told.summary == holding[0].sentence
    if one.job.status in TERMINAL:
        assert found == []
    if any(blocker.code in STOPPING for blocker in holding):
        assert told.estimate is None
    if told.estimate is not None:
        assert told.estimate.seconds >= 0
        assert told.estimate.at >= NOW
