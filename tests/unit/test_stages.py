"""How a running job is ended: each stage gets its own time, and none is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.stages import Graces, Stage, due_stage, next_stage_at

GRACES = Graces(1.0, 4.0, 5.0)
times = st.floats(0, 1000)
graces = st.builds(Graces, times, times, times)


@pytest.mark.parametrize(
    ("waited", "stage"),
    [
        (0.0, Stage.FLAG),
        (0.999, Stage.FLAG),
        (1.0, Stage.EXCEPTION),
        (4.999, Stage.EXCEPTION),
        (5.0, Stage.TERM),
        (9.999, Stage.TERM),
        (10.0, Stage.KILL),
        (1e9, Stage.KILL),
    ],
)
def test_each_stage_comes_at_its_time(waited, stage):
    assert due_stage(100.0, 100.0 + waited, GRACES) is stage


def test_the_next_is_due_when_the_time_of_this_one_is_over():
    found = [next_stage_at(100.0, stage, GRACES) for stage in Stage]
    assert found == [100.0, 101.0, 105.0, 110.0, None]


def test_by_default_all_is_over_after_ten_seconds():
    assert Graces().before(Stage.KILL) == 10.0


def test_no_time_at_all_kills_at_once():
    assert due_stage(5.0, 5.0, Graces(0.0, 0.0, 0.0)) is Stage.KILL


@given(graces, times, times, times)
def test_stages_never_go_back(graces, asked_at, one, other):
    earlier, later = sorted((one, other))
    assert due_stage(asked_at, asked_at + earlier, graces) <= due_stage(asked_at, asked_at + later, graces)


@given(graces, times, st.sampled_from(Stage))
def test_what_is_due_next_is_due_then(graces, asked_at, stage):
    at = next_stage_at(asked_at, stage, graces)
    if at is None:
        assert stage is Stage.KILL
    else:
        # A sum and a difference of floats may miss each other by a hair.
        assert due_stage(asked_at, at + 1e-6, graces) > stage
