"""Every point at which a crash leaves another trace: a process dies, fails or pauses there, and what comes of the jobs.

`AFTER` says it for the point and what happens there; docs/delivery.md says the same in words. Both databases go through
every case side by side, each with one site for all of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple, Protocol

import pytest

from tests.acceptance.site import ENDED
from tests.engine import crashes, reads
from tests.engine.conftest import DATABASES
from tests.engine.crashes import CrashSite
from tests.engine.engine_site import helper_pid, kill, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

DEADLY = ("kill9", "raise")
PAUSE = "sleep:0.2"


class Fate(NamedTuple):
    """What stands in the job's row, and how often its function began and ended."""

    attempts: int = 1
    epoch: int = 1
    losses: int = 0
    begins: int = 1
    ends: int = 1


FINE = Fate()
GIVEN_BACK = Fate(epoch=2)
REPEATED = Fate(2, 2, 1, 2, 2)
CUT_OFF = Fate(2, 2, 1, 2, 1)
NEVER_SEEN = Fate(2, 2, 1, 1, 1)

NODE_AFTER = {
    "before_claim_commit": FINE,
    "after_claim_commit": GIVEN_BACK,
    "before_send": GIVEN_BACK,
    "before_record_commit": REPEATED,
    "after_record_commit": FINE,
}
"""The node dies, a short job in its hands."""

WORKER_AFTER = {
    "before_begin": FINE,
    "before_user_code": NEVER_SEEN,
    "after_user_code": REPEATED,
    "half_result": REPEATED,
    "after_result": FINE,
}
"""The worker dies, a short job in its hands."""

RUNNING_AFTER = {
    "on_turn": CUT_OFF,
    "on_renew": CUT_OFF,
    "before_turn_commit": CUT_OFF,
    "after_turn_commit": CUT_OFF,
    "on_burial": CUT_OFF,
    "on_drain": CUT_OFF,
}
"""The node dies, a job running in its worker."""

STARTING = ("before_register_commit", "after_register_commit", "before_rescue_commit", "after_rescue_commit")
Case = Callable[[CrashSite], None]
ALL, FIRST, SECOND = slice(None), slice(0, 1), slice(1, 2)
GAUGES = ("scheduled", "blocked", "pending", "executing", "dead")
COMMITS = ("before_claim_commit", "after_claim_commit", "before_record_commit", "after_record_commit")


class Play(Protocol):
    def __call__(self, case: Case, sites: slice = ALL) -> None: ...


def sites_for(point: str, action: str) -> slice:
    """Every node that dies costs the start of another: an error in the loop is the same on either database."""
    points = [*NODE_AFTER, *RUNNING_AFTER]
    return ALL if action == "kill9" else (FIRST, SECOND)[points.index(point) % 2]


@pytest.fixture(scope="module")
def stages() -> Iterator[list[CrashSite]]:
    with ExitStack() as opened:
        sites = [opened.enter_context(CrashSite(database)) for database in DATABASES]
        for site in sites:
            site.ensure_node()
        yield sites


@pytest.fixture
def on_both(stages: list[CrashSite]) -> Play:
    """Runs a case on both sites at once, or on one of them, and the closing check on each."""

    def play(site: CrashSite, case: Case) -> None:
        site.begin()
        site.ensure_node()
        case(site)
        site.ensure_node()
        site.release()
        site.wait_until(lambda: set(site.statuses()) <= set(ENDED), "every job to end")
        kept, counted = site.recount()
        for queue, sums in counted.items():
            assert {name: sums[name] for name in GAUGES} == {name: kept[queue][name] for name in GAUGES}
        assert site.do(reads.successes_per_job) <= 1

    def run(case: Case, sites: slice = ALL) -> None:
        with ThreadPoolExecutor(len(stages)) as threads:
            for done in [threads.submit(play, site, case) for site in stages[sites]]:
                done.result()

    return run


def fate(site: CrashSite, job: str) -> Fate:
    attempts, _, losses, epoch = site.do(reads.spent)[job]
    lines = Counter(line.what for line in site.lines_of(job))
    return Fate(attempts, epoch, losses, lines["begin"], lines["end"])


def check(site: CrashSite, job: str, *expected: Fate) -> None:
    assert site.wait_for_job(job)["status"] == "COMPLETED"
    assert fate(site, job) in expected, fate(site, job)
    found = [attempt["outcome"] for attempt in site.attempts(job)]
    assert found[-1:] == (["succeeded"] if len(found) > 1 else [])
    assert len(found) == (fate(site, job).attempts if fate(site, job).attempts > 1 else 0)


@pytest.mark.parametrize("action", DEADLY)
@pytest.mark.parametrize("point", NODE_AFTER)
def test_node_dies_with_a_short_job(on_both: Play, point: str, action: str) -> None:
    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        site.arm(point, action)
        job = site.short()
        site.wait_until_fired(point)
        site.wait_until_dead(node)
        site.ensure_node()
        check(site, job, NODE_AFTER[point])

    on_both(case, sites_for(point, action))


@pytest.mark.parametrize("action", DEADLY)
def test_node_dies_when_the_worker_has_the_job(on_both: Play, action: str) -> None:
    """Whether the job began in its last moment, the worker's slot says."""

    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        site.arm("after_send", action)
        job = site.short()
        site.wait_until_fired("after_send")
        site.wait_until_dead(node)
        site.ensure_node()
        check(site, job, GIVEN_BACK, REPEATED, CUT_OFF, NEVER_SEEN)

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
@pytest.mark.parametrize("point", WORKER_AFTER)
def test_worker_dies(on_both: Play, point: str, action: str) -> None:
    def case(site: CrashSite) -> None:
        site.arm(point, action)
        job = site.short()
        site.wait_until_fired(point)
        check(site, job, WORKER_AFTER[point])
        assert site.ensure_node().exit_code() is None

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
@pytest.mark.parametrize("point", RUNNING_AFTER)
def test_node_dies_while_a_job_runs(on_both: Play, point: str, action: str) -> None:
    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        job = site.long()
        site.arm(point, action)
        if point == "on_burial":
            site.kill_worker_of(job)
        elif point == "on_drain":
            node.send(15)
        site.wait_until_fired(point)
        site.wait_until_dead(node)
        site.release()
        site.ensure_node()
        check(site, job, RUNNING_AFTER[point])

    on_both(case, sites_for(point, action))


@pytest.mark.parametrize("action", DEADLY)
def test_node_dies_after_a_cancel_was_written(on_both: Play, action: str) -> None:
    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        job = site.long()
        site.arm("on_cancel", action)
        site.do(reads.operate, "cancel", job)
        site.wait_until_fired("on_cancel")
        site.wait_until_dead(node)
        site.ensure_node()
        assert "CANCELLED" == site.wait_for_job(job)["status"]
        assert Fate(1, 1, 1, 1, 0) == fate(site, job)

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
def test_one_node_after_the_other_dies_before_it_works(on_both: Play, action: str) -> None:
    """A job of a killed node is given back once, and runs when at last a node lives."""

    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        job = site.long()
        node.kill()
        for point in STARTING:
            site.arm(point, action)
            node = site.start_node(wait=False)
            site.wait_until_fired(point)
            site.wait_until_dead(node)
        site.release()
        site.ensure_node()
        check(site, job, CUT_OFF)

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
@pytest.mark.parametrize("point", ["before_leave_commit", "after_leave_commit"])
def test_node_dies_when_it_leaves(on_both: Play, point: str, action: str) -> None:
    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        site.arm(point, action)
        node.send(15)
        site.wait_until_fired(point)
        site.wait_until_dead(node)
        job = site.short()
        site.ensure_node()
        check(site, job, FINE)
        site.wait_until(lambda: len(site.nodes()) == 1, "the one that left to be known as gone")

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
@pytest.mark.parametrize("point", ["on_load", "on_spawn", "on_birth", "on_chore"])
def test_helper_dies(on_both: Play, point: str, action: str) -> None:
    """Another takes its place."""

    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        site.arm(point, action)
        if point == "on_load":
            kill(site.wait_until(lambda: helper_pid(node, "nursery"), "the nursery"))
        elif point != "on_chore":
            kill(worker_pids(node)[0])
        site.wait_until_fired(point)
        check(site, site.short(), FINE)
        assert node.exit_code() is None

    on_both(case)


@pytest.mark.parametrize("point", [*NODE_AFTER, "after_send", *WORKER_AFTER])
def test_a_pause_changes_nothing(on_both: Play, point: str) -> None:
    def case(site: CrashSite) -> None:
        site.arm(point, PAUSE)
        job = site.short()
        site.wait_until_fired(point)
        check(site, job, FINE)

    on_both(case)


@pytest.mark.parametrize("point", ["on_turn", "on_renew", "before_turn_commit", "after_turn_commit"])
@pytest.mark.parametrize("action", [PAUSE, "oserror", "dberror"])
def test_a_node_that_stumbles_goes_on(on_both: Play, point: str, action: str) -> None:
    if (point, action[:5]) in (("on_turn", "oserr"), ("on_turn", "dberr")):
        pytest.skip("nothing in the loop itself speaks with the database")

    def case(site: CrashSite) -> None:
        job = site.long()
        site.arm(point, action)
        site.wait_until_fired(point)
        site.release()
        check(site, job, FINE)

    on_both(case)


@pytest.mark.parametrize("point", COMMITS)
def test_a_commit_of_which_nothing_is_known(on_both: Play, point: str) -> None:
    """The connection breaks: it was committed, or not, and the node finds out."""

    def case(site: CrashSite) -> None:
        node = site.ensure_node()
        site.arm(point, "dberror")
        job = site.short()
        site.wait_until_fired(point)
        check(site, job, GIVEN_BACK if point == "after_claim_commit" else FINE)
        assert node.exit_code() is None

    on_both(case)


# Clients --------------------------------------------------------------------------


@pytest.mark.parametrize("action", [*DEADLY, PAUSE])
@pytest.mark.parametrize("verb", ["enqueue_one", "enqueue_some"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_client_dies_while_it_enqueues(on_both: Play, when: str, verb: str, action: str) -> None:
    def case(site: CrashSite) -> None:
        tenant = f"tenant-{site.number}"
        how = site.do(crashes.in_child, f"{when}_enqueue_commit", action, verb, (str(site.ledger), tenant))
        assert how == {"kill9": "killed", "raise": "raised FailpointReached"}.get(action, "done")
        jobs = site.do(crashes.jobs_of, tenant)
        is_there = when == "after" or action == PAUSE
        assert len(jobs) == is_there * (1 if verb == "enqueue_one" else 3)
        for job in jobs:
            check(site, job, FINE)

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
@pytest.mark.parametrize("when", ["before", "after"])
def test_operator_dies(on_both: Play, when: str, action: str) -> None:
    """A dead letter is tried again, or not at all."""

    def case(site: CrashSite) -> None:
        job = site.enqueue("raises", options={"max_attempts": 1})
        assert "FAILED" == site.wait_for_job(job)["status"]
        how = site.do(crashes.in_child, f"{when}_operator_commit", action, "operate", ("retry", job))
        assert how in ("killed", "raised FailpointReached")
        site.wait_until_ended()
        assert (1 if when == "before" else 2) == site.do(reads.spent)[job][0]

    on_both(case)


@pytest.mark.parametrize("action", DEADLY)
def test_pruning_dies(on_both: Play, action: str) -> None:
    def case(site: CrashSite) -> None:
        site.short()
        site.wait_until_ended()
        before = site.do(crashes.count_jobs)
        site.do(crashes.in_child, "before_prune_commit", action, "prune_all", ())
        assert before == site.do(crashes.count_jobs)
        site.do(crashes.in_child, "after_prune_commit", action, "prune_all", ())
        assert 0 == site.do(crashes.count_jobs)

    on_both(case)
