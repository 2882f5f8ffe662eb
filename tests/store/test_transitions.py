"""Every verb on every state: it leads where the table says, or leaves the row byte for byte as it was."""

import pytest

from pool.domain.states import TERMINAL, TRANSITIONS, WAITING, JobStatus
from tests.store.rows import assert_counted, attempts, row
from tests.store.verbs import EPOCH, MOVES, NOT_YET, NOTES, VERBS, Scene, claim_of

NOTE_COLUMNS = {"cancel_requested_at", "cancelled_by", "discarded_at"}
FENCED = sorted(set(VERBS) - {"claim", "promote", "rescue", "cancel", "retry", "discard"})


def test_the_table_of_the_verbs_is_the_state_machine():
    moves = {(status, after) for table in MOVES.values() for status, after in table.items()}
    allowed = {(status, after) for status, afters in TRANSITIONS.items() for after in afters}
    assert moves | NOT_YET == allowed
    assert moves & NOT_YET == set()


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leads_where_the_table_says_or_nowhere(alias, database, verb, status):
    scene = Scene.set(alias, status)
    before = row(alias, scene.id)
    VERBS[verb].alone(scene, database)
    after = row(alias, scene.id)
    wanted = MOVES[verb].get(status)
    assert after["status"] == (wanted or status)
    if not wanted:
        changed = {name for name in after if after[name] != before[name]}
        assert changed <= (NOTE_COLUMNS if status in NOTES.get(verb, ()) else set())
        assert attempts(alias, scene.id) == []
    assert_counted(alias)


@pytest.mark.parametrize("verb", VERBS)
def test_columns_agree_with_the_state(alias, database, verb):
    for status in MOVES[verb]:
        scene = Scene.set(alias, status)
        VERBS[verb].alone(scene, database)
        found = row(alias, scene.id)
        is_final, is_waiting = found["status"] in TERMINAL, found["status"] in WAITING
        assert is_final == (found["finished_at"] is not None)
        assert is_waiting == (found["node"] == "") or verb == "cancel"
        assert (found["status"] == "COMPLETED") == (found["result"] is not None)
        assert not (is_waiting and (found["started_at"] or found["worker"]))
        assert found["epoch"] == EPOCH + (verb == "claim")


@pytest.mark.parametrize("verb", FENCED)
def test_a_verb_of_another_claim_changes_nothing(alias, database, verb):
    for status in MOVES[verb]:
        scene = Scene.set(alias, status)
        before = row(alias, scene.id)
        for epoch in (EPOCH - 1, EPOCH + 1):
            VERBS[verb].alone(Scene(alias, scene.id, claim_of(alias, scene.id, epoch)), database)
        assert row(alias, scene.id) == before
        assert attempts(alias, scene.id) == []
    assert_counted(alias)
