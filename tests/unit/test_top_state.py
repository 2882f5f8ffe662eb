"""What keys do in `pool top`: selection, questions, orders, filter, sort. Time and figures are given."""

import pytest

from pool.management.top.keys import PASTED
from pool.management.top.orders import CancelJob, PauseQueue, ResumeQueue, Said, ScaleBy
from pool.management.top.rows import SORTS, Panel
from pool.management.top.state import SAID_S, Mode
from tests.unit.top_sight import job, lane, seeing, status

QUEUES = {"mail": {"pending": 3}, "reports": {"pending": 9}}


def press(state, *keys):
    """Press keys; the orders that came of them."""
    return [order for key in keys if (order := state.press(key, 0.0)) is not None]


def ids(state, panel):
    return [row["id"] for row in state.rows[panel]]


def selected(state, panel=Panel.RUNNING):
    return state.selected(panel)["task"] if state.rows[panel] else None


# Selection ---------------------------------------------------------------------


def test_arrows_and_letters_move_and_stop_at_the_ends():
    state = seeing(status(jobs=3))
    places = [press(state, key) or state.place(Panel.RUNNING) for key in ("up", "j", "down", "down", "k", "G", "home")]
    assert [0, 1, 2, 2, 1, 2, 0] == places


def test_tab_goes_round_the_panels():
    state = seeing(status())
    panels = [press(state, key) or state.panel for key in ("tab", "tab", "tab", "backtab", "left", "right")]
    assert [Panel.WORKERS, Panel.QUEUES, Panel.RUNNING, Panel.QUEUES, Panel.WORKERS, Panel.QUEUES] == panels


def test_a_selection_stays_with_its_job_while_others_come_and_go():
    now = status(jobs=3)
    state = seeing(now)
    press(state, "down")
    chosen = selected(state)
    now["live"]["running"] = [job(9, since=500.0), *now["live"]["running"][1:]]
    state.see(now)
    assert (chosen, 1) == (selected(state), state.place(Panel.RUNNING))
    now["live"]["running"].insert(0, job(8, since=900.0))
    state.see(now)
    assert (chosen, 2) == (selected(state), state.place(Panel.RUNNING))


def test_when_the_selected_job_is_gone_the_next_one_is_selected():
    now = status(jobs=3)
    state = seeing(now)
    press(state, "down")
    now["live"]["running"].pop(1)
    state.see(now)
    assert "shop.tasks.task2" == selected(state)
    now["live"]["running"].clear()
    state.see(now)
    assert state.selected(Panel.RUNNING) is None


def test_a_long_list_scrolls_no_more_than_it_must():
    state = seeing(status(jobs=20))
    offsets = []
    for key in ("down", "down", "down", "down", "up", "up", "end", "home"):
        press(state, key)
        state.fit(Panel.RUNNING, 3)
        offsets.append(state.offsets[Panel.RUNNING])
    assert [0, 0, 1, 2, 2, 2, 17, 0] == offsets


def test_a_list_that_grew_short_is_not_scrolled_beyond_its_end():
    state = seeing(status(jobs=20))
    press(state, "end")
    state.fit(Panel.RUNNING, 5)
    state.see(status(jobs=4))
    state.fit(Panel.RUNNING, 5)
    assert 0 == state.offsets[Panel.RUNNING]


# Orders ------------------------------------------------------------------------


def test_a_cancel_is_asked_for_by_name_and_needs_a_second_key():
    state = seeing(status(jobs=2))
    assert [] == press(state, "c")
    assert "Cancel shop.task0 00000000, running for 1:40?" == state.question.text
    assert [CancelJob(job(0)["id"])] == press(state, "y")
    assert Mode.LOOKING is state.mode


@pytest.mark.parametrize("key", ["n", "escape", "q"])
def test_a_cancel_can_be_thought_better_of(key):
    state = seeing(status(jobs=1))
    assert [] == press(state, "c", key)
    assert (Mode.LOOKING, False) == (state.mode, state.is_over)
    assert [] == press(state, "y")


@pytest.mark.parametrize("key", ["enter", " ", "c", "down", "+"])
def test_other_keys_do_not_answer_a_question(key):
    state = seeing(status(jobs=1))
    assert [] == press(state, "c", key)
    assert Mode.ASKING is state.mode


def test_the_answer_goes_to_the_job_that_was_asked_about():
    now = status(jobs=2)
    state = seeing(now)
    press(state, "c")
    now["live"]["running"].pop(0)
    state.see(now)
    assert [CancelJob(job(0)["id"])] == press(state, "y")


def test_the_job_of_a_worker_can_be_cancelled():
    now = status()
    now["live"]["lanes"][1] = lane(1, state="BUSY", job=job(7)["id"], task="shop.tasks.task7", since=5.0)
    state = seeing(now)
    press(state, "tab", "c")
    assert state.said.is_bad
    assert [CancelJob(job(7)["id"])] == press(state, "down", "c", "y")


def test_p_pauses_and_resumes_the_selected_queue():
    state = seeing(status(queues=QUEUES, paused=("reports",)))
    assert [] == press(state, "p")
    assert state.said.is_bad
    assert [PauseQueue("mail"), ResumeQueue("reports")] == press(state, "tab", "tab", "p", "down", "p")


def test_plus_and_minus_scale():
    assert [ScaleBy(1), ScaleBy(1), ScaleBy(-1)] == press(seeing(status()), "+", "=", "-")


def test_pasted_text_gives_no_orders():
    state = seeing(status(jobs=1))
    assert [] == press(state, f"{PASTED}cy", f"{PASTED}q")
    assert (Mode.LOOKING, False) == (state.mode, state.is_over)


def test_without_rows_no_key_fails():
    state = seeing(status(workers=0))
    for key in ("up", "down", "end", "c", "p", "enter", "s", "tab") * 3:
        press(state, key)
    assert Mode.LOOKING is state.mode


# Filter, sort, words ------------------------------------------------------------


def test_a_filter_is_typed_and_holds_in_every_panel():
    now = status(jobs=3, queues=QUEUES)
    now["live"]["running"][2]["queue"] = "mail"
    state = seeing(now)
    press(state, "/", "M", "a", "i", "x", "backspace", "l", "enter")
    assert ("Mail", Mode.LOOKING) == (state.filter, state.mode)
    assert ([job(2)["id"]], ["mail"]) == (ids(state, Panel.RUNNING), ids(state, Panel.QUEUES))
    assert (3, 2) == (state.total(Panel.RUNNING), state.total(Panel.QUEUES))
    press(state, "escape")
    assert ("", 3) == (state.filter, len(state.rows[Panel.RUNNING]))


def test_every_word_of_a_filter_must_be_found():
    state = seeing(status(jobs=3))
    press(state, "f", *"default task1")
    assert [job(1)["id"]] == ids(state, Panel.RUNNING)


def test_keys_are_letters_while_a_filter_is_typed():
    state = seeing(status(jobs=1))
    assert [] == press(state, "/", "q", "c", "+", "ctrl-u", "y", f"{PASTED} \x1b[2Jz\n")
    assert ("yz", False) == (state.filter, state.is_over)


@pytest.mark.parametrize("panel", Panel)
def test_every_sort_works_with_unknown_values(panel):
    now = status(jobs=3, queues=QUEUES)
    for row in (now["live"]["running"][0], now["live"]["lanes"][0]):
        row.update({key: None for key in ("since", "progress", "cpu", "rss") if key in row})
    state = seeing(now)
    state.panel = panel
    for _ in SORTS[panel]:
        press(state, "s")
        assert len(state.rows[panel]) == state.total(panel)
    assert 0 == state.sorts[panel]


def test_sorts_put_the_greatest_first_and_the_unknown_last():
    now = status(queues=QUEUES)
    now["live"]["lanes"] = [lane(0, cpu=None), lane(1), lane(2)]
    state = seeing(now)
    press(state, "tab", "s", "s", "tab", "s")
    assert ["w2-ab", "w1-ab", "w0-ab"] == ids(state, Panel.WORKERS)
    assert ["reports", "mail"] == ids(state, Panel.QUEUES)


def test_help_is_left_by_any_key():
    state = seeing(status(jobs=1))
    assert [] == press(state, "?", "c")
    assert Mode.LOOKING is state.mode


def test_enter_tells_the_command_for_the_whole_job():
    state = seeing(status(jobs=1))
    press(state, "enter")
    assert f"All about it: manage.py pool job {job(0)['id']}" == state.said.text


def test_what_was_said_stands_for_some_seconds():
    state = seeing(status())
    state.say(Said("Queue mail is paused."), 100.0)
    state.forget(100.0 + SAID_S)
    assert state.said is not None
    state.forget(100.1 + SAID_S)
    assert state.said is None
