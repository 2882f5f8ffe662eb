"""The state machine is whole: every state has its row, and the groups are what their names say."""

import pytest

from pool.domain.states import (
    DEAD_LETTERS,
    EXECUTING,
    LIVE_NODES,
    TERMINAL,
    TRANSITIONS,
    WAITING,
    JobStatus,
    NodeState,
    Outcome,
    WorkerState,
)

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


def test_no_state_leads_to_itself_or_back_to_blocked():
    assert all(status not in after and S.BLOCKED not in after for status, after in TRANSITIONS.items())


@pytest.mark.parametrize(("words", "longest"), [(S, 9), (WorkerState, 11), (NodeState, 8), (Outcome, 14)])
def test_words_fit_their_columns(words, longest):
    assert max(map(len, words)) <= longest


def test_live_nodes_are_those_that_may_hold_jobs():
    assert LIVE_NODES == set(NodeState) - {NodeState.STOPPED, NodeState.LOST}
