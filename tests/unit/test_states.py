"""The state machine is whole: every state has its row, and the groups are what their names say."""

import pytest

from pool.domain.states import (
    DEAD_LETTERS,
    EXECUTING,
    LIVE_NODES,
    TERMINAL,
    WAITING,
    JobStatus,
    NodeState,
    Outcome,
    WorkerState,
)
from pool.domain.transitions import BY_NAME, TABLE, TRANSITIONS, Guard, Need

S = JobStatus


def reachable(start):
    found, look = {start}, [start]
    while look:
        for status in TRANSITIONS[look.pop()] - found:
            found.add(status)
            look.append(status)
    return found


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(S)


def test_each_state_is_in_one_group():
    assert WAITING | EXECUTING | TERMINAL == set(S)
    assert len(WAITING) + len(EXECUTING) + len(TERMINAL) == len(S)
    assert DEAD_LETTERS < TERMINAL


def test_nothing_leads_out_of_completed():
    assert TRANSITIONS[S.COMPLETED] == set()


@pytest.mark.parametrize("status", sorted(TERMINAL - {S.COMPLETED}))
def test_what_ended_otherwise_may_only_be_tried_again(status):
    assert TRANSITIONS[status] == {S.PENDING}


@pytest.mark.parametrize("status", sorted(set(S) - TERMINAL))
def test_every_job_may_end_in_every_way(status):
    assert reachable(status) >= TERMINAL


@pytest.mark.parametrize("status", sorted(set(S) - TERMINAL))
def test_every_unfinished_job_may_be_cancelled(status):
    assert S.CANCELLED in TRANSITIONS[status]


def test_only_a_claim_leads_to_execution():
    assert {before for before in S if TRANSITIONS[before] & EXECUTING} == {S.PENDING, S.ASSIGNED}
    assert TRANSITIONS[S.PENDING] & EXECUTING == {S.ASSIGNED}
    assert TRANSITIONS[S.ASSIGNED] & EXECUTING == {S.RUNNING}


def test_no_state_leads_to_itself():
    assert all(status not in after for status, after in TRANSITIONS.items())


def test_only_what_never_began_is_held_back_again():
    assert {S.PENDING, S.ASSIGNED} == {before for before in S if S.BLOCKED in TRANSITIONS[before]}
    holding = [row for row in TABLE if S.BLOCKED in row.targets and row.sources]
    assert ["hold", "shelve"] == [row.name for row in holding]
    assert all(Need.UNBEGUN in row.needs for row in holding if S.ASSIGNED in row.sources)


@pytest.mark.parametrize(("words", "longest"), [(S, 9), (WorkerState, 11), (NodeState, 8), (Outcome, 14)])
def test_words_fit_their_columns(words, longest):
    assert max(map(len, words)) <= longest


def test_live_nodes_are_those_that_may_hold_jobs():
    assert LIVE_NODES == set(NodeState) - {NodeState.STOPPED, NodeState.LOST}


class TestTable:
    def test_names_and_numbers_are_its_own(self):
        assert len({row.name for row in TABLE}) == len({row.number for row in TABLE}) == len(TABLE)
        assert {f"T{number}" for number in range(1, 28)} == {row.number for row in TABLE} - {"T10u"}

    def test_only_the_holder_of_the_claim_moves_what_executes(self):
        moving = [row for row in TABLE if row.sources & EXECUTING and (row.targets or row.removes)]
        assert [row.name for row in moving if Guard.EPOCH not in row.guards] == []

    def test_no_cancelled_job_goes_back_to_waiting(self):
        back = [row for row in TABLE if row.sources & EXECUTING and row.targets & WAITING]
        assert [row.name for row in back if Guard.NOT_CANCELLED not in row.guards] == []
        names = ["release", "retry", "rescue unbegun", "rescue begun", "interrupt", "shelve"]
        assert [row.name for row in back] == names

    def test_an_attempt_is_refunded_only_before_it_is_running(self):
        refunding = [row for row in TABLE if Need.UNBEGUN in row.needs]
        assert {frozenset({S.ASSIGNED})} == {row.sources for row in refunding}

    def test_a_rescuer_takes_only_what_the_lost_node_held(self):
        rescuing = [row for row in TABLE if Need.OWNER_GONE in row.needs]
        assert rescuing == [row for row in TABLE if Guard.OWNER in row.guards]
        assert len(rescuing) == 2

    def test_only_finished_jobs_are_removed(self):
        assert [("prune", TERMINAL)] == [(row.name, row.sources) for row in TABLE if row.removes]

    def test_one_way_leads_to_each_good_end(self):
        assert ["complete"] == [row.name for row in TABLE if S.COMPLETED in row.targets]
        assert ["claim"] == [row.name for row in TABLE if S.ASSIGNED in row.targets]
        assert ["start"] == [row.name for row in TABLE if S.RUNNING in row.targets]

    def test_moves_are_its_sources_by_its_targets(self):
        retry = BY_NAME["retry"]
        assert retry.moves == {
            (S.ASSIGNED, S.PENDING),
            (S.ASSIGNED, S.SCHEDULED),
            (S.RUNNING, S.PENDING),
            (S.RUNNING, S.SCHEDULED),
        }
