"""Ties of a job, read from its options; and what becomes of a child when a parent has ended."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.errors import InvalidOption
from pool.domain.ids import new_id
from pool.domain.links import (
    MAX_PARENTS,
    Callback,
    Unique,
    UniqueScope,
    batch_end,
    goes_on,
    read_callback,
    read_limits,
    read_parents,
    read_policy,
    read_unique,
)
from pool.domain.options import JobOptions
from pool.domain.states import DEAD_LETTERS, TERMINAL, JobStatus, ParentEnd
from pool.domain.unblocking import Cancelled, ParentEnded, Starts, Waits, judge_child

S = JobStatus


class Named:
    def __init__(self, id):
        self.id = id


class SomeTask:
    module_path = "app.tasks.work"


def refusal(read, *args):
    with pytest.raises(InvalidOption) as caught:
        read(*args)
    return str(caught.value)


class TestParents:
    def test_results_ids_and_batches_are_named_alone_or_together(self):
        first, second, third = new_id(), new_id(), new_id()
        assert () == read_parents(None) == read_parents([])
        assert (first,) == read_parents(first) == read_parents(str(first)) == read_parents(Named(str(first)))
        assert (first, second, third) == read_parents([first, str(second), Named(third)])
        assert {first, second} == set(read_parents({first, second}))

    def test_each_counts_once_in_the_order_given(self):
        first, second = new_id(), new_id()
        assert (second, first) == read_parents([second, first, second.hex, first])

    @pytest.mark.parametrize("value", ["x", 7, [7], ["x"], {}, {"a": 1}, [None], b"x", object(), iter(())])
    def test_anything_else_is_refused(self, value):
        assert refusal(read_parents, value).startswith("depends_on must name jobs or batches")

    def test_there_are_not_too_many(self):
        many = [new_id() for _ in range(MAX_PARENTS + 1)]
        assert MAX_PARENTS == len(read_parents(many[1:]))
        assert refusal(read_parents, many).startswith(f"depends_on may name {MAX_PARENTS} jobs.")

    def test_the_policy_says_which_end_is_wanted(self):
        assert (ParentEnd.SUCCESS, ParentEnd.SUCCESS, ParentEnd.ANY) == tuple(map(read_policy, (None, "cancel", "run")))
        assert "on_parent_failure must be one of cancel, run." == refusal(read_policy, "ignore")


class TestUnique:
    def test_a_text_is_held_until_the_job_has_ended(self):
        assert Unique("a", UniqueScope.RUNNING) == read_unique("a") == read_unique({"key": "a", "scope": "running"})
        assert Unique("a", UniqueScope.PERIOD, 5.0) == read_unique({"key": "a", "scope": "period", "seconds": 5})
        assert read_unique(None) is None

    @pytest.mark.parametrize(
        ("value", "sentence"),
        [
            ("", "unique_key must be a text of 1 to 200 characters."),
            ("a\n", "unique_key must hold printable characters only, and no space at its ends."),
            (7, "unique_key must be a text, or a dict of key, scope and seconds."),
            ({"scope": "running"}, "unique_key must be a text, or a dict of key, scope and seconds."),
            ({"key": "a", "until": 1}, "unique_key must be a text, or a dict of key, scope and seconds."),
            ({"key": 7}, "unique_key must be a text of 1 to 200 characters."),
            ({"key": "a", "scope": "x"}, "unique_key['scope'] must be one of waiting, running, period."),
            ({"key": "a", "scope": "period"}, "unique_key['seconds'] must be a number above 0 and up to 31622400."),
            ({"key": "a", "scope": "period", "seconds": True}, "unique_key['seconds'] must be a number above 0 and"),
            ({"key": "a", "seconds": 3}, "unique_key['seconds'] goes with the scope 'period' alone."),
        ],
    )
    def test_anything_else_is_refused(self, value, sentence):
        assert refusal(read_unique, value).startswith(sentence)


class TestCallbacks:
    def test_a_task_its_name_a_tuple_or_a_dict(self):
        task = SomeTask()
        assert Callback(task) == read_callback("on_success", task) == read_callback("on_success", (task,))
        assert Callback("a.b", [1], {"c": 2}) == read_callback(
            "on_success", {"task": "a.b", "args": [1], "kwargs": {"c": 2}}
        )
        assert Callback(task, (1,)) == read_callback("on_success", (task, (1,)))
        assert Callback(task, (), {"a": 1}) == read_callback("on_success", (task, (), {"a": 1}))
        assert read_callback("on_success", None) is None

    @pytest.mark.parametrize(
        "value",
        [
            *(7, "", "x" * 201, [], len, {"name": "a"}, {"task": 7}),
            *((SomeTask(), (), {}, 1), (SomeTask(), 7), (SomeTask(), "ab"), (SomeTask(), (), [])),
        ],
    )
    def test_anything_else_is_refused(self, value):
        assert refusal(read_callback, "on_failure", value).startswith("on_failure")


class TestLimits:
    def test_they_go_with_a_key(self):
        assert ("", None, None) == read_limits("", None, None) == read_limits(None, None, None)
        assert ("a", 3, 0.5) == read_limits("a", 3, 0.5)
        assert refusal(read_limits, "", 3, None).startswith("limit_running needs a limit_key")
        assert refusal(read_limits, None, None, 2).startswith("limit_rate needs a limit_key")

    @pytest.mark.parametrize("running", [0, -1, 1.0, True, "3", 32_768])
    def test_how_many_at_a_time(self, running):
        assert refusal(read_limits, "a", running, None).startswith("limit_running must be a whole number")

    @pytest.mark.parametrize("rate", [0, -1, True, "3", 1e7, float("nan")])
    def test_how_many_in_a_second(self, rate):
        assert refusal(read_limits, "a", None, rate).startswith("limit_rate must be a number of starts")


def test_options_without_ties_have_none():
    assert JobOptions().links is None
    assert JobOptions(depends_on=[], on_parent_failure="run").links is None
    assert JobOptions(unique_key="a").links is not None


@pytest.mark.parametrize(("wants", "status"), list(product(ParentEnd, S)))
def test_which_end_lets_a_child_go_on(wants, status):
    expected = {
        ParentEnd.SUCCESS: status is S.COMPLETED,
        ParentEnd.FAILURE: status in DEAD_LETTERS,
        ParentEnd.ANY: status in TERMINAL,
    }
    assert expected[wants] == goes_on(wants, status)


@given(st.lists(st.sampled_from([None, S.COMPLETED, S.FAILED, S.CANCELLED]), max_size=20))
def test_how_a_batch_ended(ends):
    counts = (ends.count(S.COMPLETED), ends.count(S.FAILED), ends.count(S.CANCELLED))
    end = batch_end(len(ends), *counts)
    assert (end is None) == (None in ends)
    assert (end is S.FAILED) == (None not in ends and S.FAILED in ends)
    assert (end is S.COMPLETED) == (set(ends) <= {S.COMPLETED})


@given(
    st.sampled_from(S),
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from(ParentEnd), st.sampled_from(sorted(TERMINAL))), min_size=1, max_size=5),
)
def test_a_child_is_judged_by_all_parents_that_ended(status, waits_for, ends):
    ended = [ParentEnded(str(number), wants, S(end)) for number, (wants, end) in enumerate(ends)]
    verdict = judge_child(status, waits_for, ended)
    wrong = [one for one in ended if not goes_on(one.wants, one.end)]
    if status is not S.BLOCKED or not waits_for:
        assert verdict is None
    elif wrong:
        assert Cancelled(wrong[0]) == verdict
    else:
        left = waits_for - len(ended)
        assert verdict == (Waits(left) if left > 0 else Starts())
