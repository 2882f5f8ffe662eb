"""When the node asks the database for jobs."""

from types import SimpleNamespace

import pytest

from pool.domain.giving_way import FIRST_REST_S, LONGEST_REST_S
from pool.domain.states import NodeState
from pool.engine.agenda import JOBS_FIRST_S, LOOK_AGAIN_S, LOOK_AHEAD_S, Agenda
from pool.engine.turns import Answer, Wanted
from pool.store.dependencies import Followed
from tests.engine.benches import Bench, at, bench, made_job
from tests.store.rows import unbegun

RUNNING = NodeState.RUNNING


def agenda_of(node: Bench) -> Agenda:
    staffing, reporting = SimpleNamespace(tasks={"a.task"}), SimpleNamespace(due_at=lambda: 1.0)
    made = Agenda(node.roster, node.ledger, node.dispatch, staffing, reporting, node.config)  # type: ignore[arg-type]
    made.learn(Answer(looked_ahead=True), Wanted(jobs=1, promote=True), at(0))
    return made


def test_jobs_that_somebody_held_locked_are_looked_at_again_soon_and_less_and_less_often() -> None:
    with bench(poll_s=0.05) as node:
        node.add_worker()
        agenda = agenda_of(node)
        assert 0.05 == agenda.due(at(0), RUNNING)
        now, pauses = 0.0, []
        for _ in range(5):
            agenda.learn(Answer(passed_by=True), Wanted(jobs=1, promote=True), at(now))
            due = agenda.due(at(now), RUNNING)
            pauses.append(round(due - now, 3))
            assert 1 == agenda.wanted(at(due), RUNNING).jobs
            now = due
        assert [LOOK_AGAIN_S, 2 * LOOK_AGAIN_S, 4 * LOOK_AGAIN_S, 0.05, 0.05] == pauses


def test_that_is_over_when_nothing_was_passed_by() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        for now in (0.1, 0.2):
            agenda.learn(Answer(passed_by=True), Wanted(jobs=1), at(now))
        agenda.learn(Answer(), Wanted(jobs=1), at(0.3))
        assert 1.0 == agenda.due(at(0.3), RUNNING)
        agenda.learn(Answer(passed_by=True), Wanted(jobs=1), at(0.4))
        assert 0.4 + LOOK_AGAIN_S == agenda.due(at(0.4), RUNNING)


def test_where_others_write_too_the_next_turn_is_put_off() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.ring()
        assert 0.1 == agenda.due(at(0.1), RUNNING), "alone it takes a job at once"
        for _ in range(9):
            agenda.learn(Answer(met_others=True), Wanted(jobs=1), at(0.1))
        agenda.ring()
        node.ledger.ended(unbegun(made_job()))
        assert 0.1 + LONGEST_REST_S == agenda.due(at(0.1), RUNNING)
        for _ in range(9):
            agenda.learn(Answer(), Wanted(jobs=1), at(0.2))
        agenda.ring()
        assert 0.2 == agenda.due(at(0.2), RUNNING), "it is alone again"


def test_it_is_not_while_more_jobs_wait_than_were_taken() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.ring()
        agenda.learn(Answer(met_others=True, claimed=[made_job()]), Wanted(jobs=1), at(0.1))
        agenda.ring()
        assert 0.1 == agenda.due(at(0.1), RUNNING)
        agenda.learn(Answer(met_others=True), Wanted(jobs=1), at(0.2))
        agenda.ring()
        assert 0.2 + 2 * FIRST_REST_S == agenda.due(at(0.2), RUNNING)


def test_nobody_looks_again_while_all_workers_are_busy() -> None:
    with bench() as node:
        agenda = agenda_of(node)
        agenda.learn(Answer(passed_by=True), Wanted(jobs=1), at(0.1))
        assert 1.0 == agenda.due(at(0.1), RUNNING)
        assert 0 == agenda.wanted(at(0.5), RUNNING).jobs
        node.add_worker()
        assert 1.0 == agenda.due(at(0.5), RUNNING), "it does not ask all the time"


def test_what_an_end_leads_to_is_gone_on_with_at_once() -> None:
    with bench() as node:
        agenda = agenda_of(node)
        agenda.learn(Answer(followed=Followed(more=True)), Wanted(), at(0.01))
        assert 0.01 == agenda.due(at(0.01), RUNNING)
        assert agenda.wanted(at(0.01), RUNNING).discover


def test_what_of_it_somebody_holds_is_looked_at_again_less_and_less_often() -> None:
    with bench(poll_s=0.05) as node:
        agenda = agenda_of(node)
        now, pauses = 0.0, []
        for _ in range(4):
            agenda.learn(Answer(looked_ahead=True, followed=Followed(left=True)), Wanted(promote=True), at(now))
            pauses.append(round(agenda.due(at(now), RUNNING) - now, 3))
            now += pauses[-1]
            assert agenda.wanted(at(now), RUNNING).discover
        assert [LOOK_AHEAD_S, 2 * LOOK_AHEAD_S, 0.05, 0.05] == pauses
        agenda.learn(Answer(looked_ahead=True), Wanted(promote=True), at(now))
        assert not agenda.wanted(at(now), RUNNING).discover


def test_jobs_that_somebody_rang_for_come_before_the_look_for_what_no_ring_tells() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.ring()
        wanted = agenda.wanted(at(0.1), RUNNING)
        assert (1, False) == (wanted.jobs, wanted.discover)
        agenda.learn(Answer(claimed=[made_job()]), wanted, at(0.1))
        assert not agenda.wanted(at(0.1), RUNNING).discover
        assert pytest.approx(0.1 + JOBS_FIRST_S) == agenda.due(at(0.1), RUNNING)
        assert agenda.wanted(at(0.1 + JOBS_FIRST_S), RUNNING).discover


def test_it_comes_along_with_the_end_of_a_job() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.ring()
        agenda.learn(Answer(claimed=[made_job()]), agenda.wanted(at(0.1), RUNNING), at(0.1))
        node.ledger.ended(unbegun(made_job()))
        assert agenda.wanted(at(0.1), RUNNING).discover


def test_a_ring_for_jobs_that_nobody_found_is_looked_into_at_once() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        agenda.ring()
        agenda.learn(Answer(), agenda.wanted(at(0.1), RUNNING), at(0.1))
        assert 0.1 == agenda.due(at(0.1), RUNNING)
        assert agenda.wanted(at(0.1), RUNNING).discover


def test_it_is_not_put_off_for_ever_by_one_ring_after_the_other() -> None:
    with bench() as node:
        node.add_worker()
        agenda = agenda_of(node)
        looks, now = [], 0.1
        while now < 0.2:
            agenda.ring()
            wanted = agenda.wanted(at(now), RUNNING)
            looks.append(wanted.discover)
            agenda.learn(Answer(claimed=[made_job()], looked_ahead=wanted.discover), wanted, at(now))
            now += 0.001
        assert looks.count(True) >= 0.1 / (LOOK_AHEAD_S + 2 * JOBS_FIRST_S) - 1


@pytest.mark.parametrize("idle", [0, 1])
def test_it_is_done_at_once_when_no_jobs_are_wanted(idle: int) -> None:
    with bench() as node:
        for _ in range(idle):
            node.add_worker()
            node.dispatch.ready.append(made_job())
        agenda = agenda_of(node)
        agenda.ring()
        wanted = agenda.wanted(at(0.1), RUNNING)
        assert (0, True) == (wanted.jobs, wanted.discover)
        agenda.learn(Answer(looked_ahead=True), wanted, at(0.1))
        assert agenda.due(at(0.1), RUNNING) > 0.1, "the loop may rest"
