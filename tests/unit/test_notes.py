"""Steps and usage between the lines of a log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.notes import NOTE, STEP, for_people, is_step_note, step_note, usage_in

amounts = st.dictionaries(st.text(min_size=1, max_size=9), st.integers() | st.floats(-1e9, 1e9), min_size=1, max_size=4)
words = st.text("abc: {}", max_size=20)


@given(words, st.none() | amounts)
def test_what_is_written_is_read_back(name: str, used: dict[str, float] | None) -> None:
    text = step_note(name, used)
    assert is_step_note(text)
    *figures, step, end = text.split("\n")
    assert (f"{STEP}{name}", "") == (step, end)
    assert [used] * bool(used) == [usage_in(line) for line in figures]
    assert f"{STEP}{name}\n" == for_people(NOTE, text)


@pytest.mark.parametrize(
    "line",
    ["used: nothing", "used: {}", "used: 7", 'used: {"a": "b"}', 'used: {"a": true}', 'is used: {"a": 1}', "used"],
)
def test_other_lines_are_for_people(line: str) -> None:
    assert usage_in(line) is None
    assert f"{line}\n" == for_people(NOTE, f"{line}\n")


@given(st.sampled_from(["stdout", "stderr", "log"]), st.text(max_size=50))
def test_what_a_task_printed_is_left_as_it_is(stream: str, text: str) -> None:
    assert text == for_people(stream, text)
