"""A node at work: tenants take turns, limits of queues and keys hold, and what they held back starts when it may."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pool.domain.config import PoolConfig
from pool.domain.fairness import Shares
from pool.domain.states import NodeState
from pool.engine.agenda import LOOK_AHEAD_S
from pool.engine.kin import new_identity
from pool.engine.parts import Parts
from pool.engine.turns import Answer, Wanted
from tests.engine import reads
from tests.engine.benches import at, bench, made_job
from tests.engine.engine_site import EngineSite
from tests.engine.test_agenda import agenda_of
from tests.store.rows import unbegun

RUNNING = NodeState.RUNNING


# When the node asks again ----------------------------------------------------------


def test_what_a_rate_held_back_is_asked_for_when_it_may_start() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.learn(Answer(again_s=0.2), Wanted(jobs=1), at(0.1))
        assert pytest.approx(0.3) == agenda.due(at(0.1), RUNNING)
        assert 0 == agenda.wanted(at(0.25), RUNNING).jobs
        assert 1 == agenda.wanted(at(0.3001), RUNNING).jobs


def test_what_a_limit_held_back_is_asked_for_when_a_job_ends() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.learn(Answer(held_back=True), Wanted(jobs=1), at(0.1))
        assert 0 == agenda.wanted(at(0.2), RUNNING).jobs
        node.ledger.ended(unbegun(made_job()))
        assert 1 == agenda.wanted(at(0.2), RUNNING).jobs
        agenda.learn(Answer(), Wanted(jobs=1), at(0.2))
        assert 0 == agenda.wanted(at(0.3), RUNNING).jobs


def test_woken_jobs_are_asked_for_at_once() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.learn(Answer(woken=1), Wanted(), at(0.1))
        assert 0.1 == agenda.due(at(0.1), RUNNING)
        assert 1 == agenda.wanted(at(0.1), RUNNING).jobs


def test_the_time_of_what_was_put_off_is_looked_up() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.learn(Answer(delayed=True), Wanted(jobs=1), at(0.1))
        assert agenda.due(at(0.1), RUNNING) <= 0.1 + LOOK_AHEAD_S
        assert agenda.wanted(at(0.1 + LOOK_AHEAD_S), RUNNING).discover


# What it goes by -------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """Those of a node that has not begun, with settings of its own."""
    variables = {
        "POOL_STARVATION_AFTER_S": "7",
        "POOL_STARVATION_SHARE": "0.5",
        "POOL_BACKOFF_BASE_S": "3",
        "POOL_BACKOFF_FACTOR": "4",
        "POOL_BACKOFF_CAP_S": "50",
        "POOL_BACKOFF_JITTER": "0",
    }
    made = Parts(PoolConfig.from_mapping({}, variables), new_identity(tmp_path), 1)
    yield made
    made.ears.close()
    made.bell.close()
    os.close(made.slots._descriptor)
    made.slots._memory.close()


def test_a_node_shares_and_waits_by_its_settings(parts: Parts) -> None:
    assert Shares(7.0, 0.5) == parts.ledger.shares
    for backoff in (parts.ledger.backoff, parts.kin.backoff):
        assert [3.0, 12.0, 48.0, 50.0] == [backoff.delay_s(number) for number in (1, 2, 3, 4)]


# Real nodes ------------------------------------------------------------------------


def at_once(spans: Mapping[str, tuple[float, float]]) -> int:
    """How many of these jobs ran at the same time, at the most."""
    marks = sorted((moment, step) for span in spans.values() for moment, step in zip(span, (1, -1), strict=True))
    now = most = 0
    for _, step in marks:
        now += step
        most = max(most, now)
    return most


def spans(site: EngineSite, jobs: list[str]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = site.do(reads.spans_of, jobs)
    assert len(found) == len(jobs)
    return found


@pytest.mark.slow
@pytest.mark.timeout(90)
class TestNode:
    def test_ten_jobs_of_one_tenant_pass_the_many_of_another(self, site_on_both: EngineSite) -> None:
        site = site_on_both
        site.start_node(workers=2)
        many = site.enqueue_many("sleeps", [([0.002], {})] * 1500, {"tenant": "a"})
        ten = site.enqueue_many("sleeps", [([0.002], {})] * 10, {"tenant": "b"})
        site.wait_until_ended()
        starts = spans(site, ten)
        last = max(start for start, _ in starts.values())
        before = sum(start < last for start, _ in spans(site, many).values())
        assert before < 150
        kept, counted = site.recount()
        assert kept == counted

    def test_a_queue_runs_one_at_a_time_and_loses_none_between(self, site_on_both: EngineSite) -> None:
        """Were the next one claimed by the poll alone, they would take half a minute."""
        site = site_on_both
        site.do(reads.tune, "narrow", {"max_running": 1})
        site.start_node(workers=3)
        jobs = site.enqueue_many("sleeps", [([0.01], {})] * 30, {"queue_name": "narrow"})
        site.wait_until_ended(10)
        assert 1 == at_once(spans(site, jobs))

    def test_a_rate_is_kept(self, site_on_both: EngineSite) -> None:
        site = site_on_both
        site.do(reads.tune, "slow", {"rate": 20, "burst": 1})
        site.start_node(workers=3)
        jobs = site.enqueue_many("sleeps", [([0.001], {})] * 21, {"queue_name": "slow"})
        site.wait_until_ended(10)
        starts = sorted(start for start, _ in spans(site, jobs).values())
        assert 0.95 <= starts[-1] - starts[0] <= 5

    @pytest.mark.parametrize("options", [{"limit_running": 2}, {"limit_running": 2, "limit_rate": 500.0}])
    def test_a_key_runs_as_many_as_it_may(self, site_on_both: EngineSite, options: dict[str, Any]) -> None:
        site = site_on_both
        site.start_node(workers=4)
        keyed = site.enqueue_many("sleeps", [([0.01], {})] * 40, {"limit_key": "printer", **options})
        others = site.enqueue_many("sleeps", [([0.01], {})] * 10)
        site.wait_until_ended(15)
        assert 2 == at_once(spans(site, keyed))
        assert max(spans(site, others).values()) < max(spans(site, keyed).values())
        kept, counted = site.recount()
        assert kept == counted

    def test_two_nodes_keep_the_limits_together(self, site_on_both: EngineSite) -> None:
        site = site_on_both
        site.do(reads.tune, "narrow", {"max_running": 1})
        site.start_node(workers=2)
        site.start_node(workers=2, POOL_RUN_DIR=site.path("r2"))
        narrow = site.enqueue_many("sleeps", [([0.01], {})] * 20, {"queue_name": "narrow"})
        keyed = site.enqueue_many("sleeps", [([0.01], {})] * 20, {"limit_key": "printer", "limit_running": 1})
        site.wait_until_ended(20)
        assert (1, 1) == (at_once(spans(site, narrow)), at_once(spans(site, keyed)))
        kept, counted = site.recount()
        assert kept == counted
