"""The picture of `pool top`: complete at every size, still from second to second, and harmless whatever jobs say."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.screen import Screen

from pool.management.top.frame import EVENTS, LEAST_HEIGHT, LEAST_WIDTH, frame_of, is_too_small, shared
from pool.management.top.orders import Said
from pool.management.top.picture import picture, too_small
from pool.management.top.rows import Panel
from tests.unit.top_sight import event, job, lane, seeing, sight, status

SIZES = [(80, 24), (160, 50), (115, 31), (116, 32), (300, 100), (60, 15), (LEAST_WIDTH, LEAST_HEIGHT)]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
QUEUES = {"mail": {"pending": 8102, "dead": 3, "executing": 2}, "reports": {"pending": 0}}
HOSTILE = "\x1b[2J\x1b]0;title\x07[bold red]x[/bold red]\r\n\u202e\x9b31m\x07"


def drawn(seen, state, width=80, height=24, *, colour=True):
    """What goes to the terminal."""
    frame = frame_of(width, height, len(seen.alerts), seen.status, state.panel)
    for panel in Panel:
        state.fit(panel, frame.rows(panel))
    return rendered(picture(seen, state, frame, "03:00:00 UTC"), width, height, colour)


def rendered(renderable, width, height, colour=True):
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height, force_terminal=True, color_system="standard", no_color=not colour,
        legacy_windows=False,
    )  # fmt: skip
    console.print(Screen(renderable), end="")
    return file.getvalue()


def lines(seen, state, width=80, height=24):
    return COLOURS.sub("", drawn(seen, state, width, height)).split("\n")


def text(seen, state, width=80, height=24):
    return "\n".join(lines(seen, state, width, height))


def busy():
    now = status(jobs=3, queues=QUEUES, paused=("mail",))
    now["live"]["running"][0].update(progress=0.61, progress_message="page 122 of 200")
    now["live"]["lanes"][0] = lane(0, state="BUSY", job=job(0)["id"], task="shop.tasks.task0", since=100.0)
    now["live"]["events"] = [event(1, "ada paused queue mail.")]
    return now


# Everything is there -------------------------------------------------------------


def test_a_small_terminal_shows_everything():
    shown = text(sight(busy()), seeing(busy()))
    for fact in (
        "Pool", "✓ healthy", "1 node", "● live 0.3 s", "03:00:00 UTC", "2/2 busy", "12.5 /s", "13 /s", "8,102", "41 s",
        "38 ms", "212 ms", "Queue 'mail' is paused", "shop.task0", "page 122 of 200", "61 %", "1:40", "● BUSY",
        "○ IDLE", "⏸ paused", "ada paused queue mail.", "c cancel", "q quit",
    ):  # fmt: skip
        assert fact in shown, fact


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("jobs", [0, 3, 200])
@pytest.mark.parametrize("panel", Panel)
def test_every_size_is_filled_exactly(width, height, jobs, panel):
    now = status(jobs=jobs, workers=max(jobs, 1), queues=QUEUES)
    state = seeing(now)
    state.panel = panel
    state.press("end", 0.0)
    shown = lines(sight(now), state, width, height)
    assert height == len(shown)
    assert {width} == {cell_len(line) for line in shown}
    assert "quit" in shown[-1] or width < 80
    assert any(line.startswith("› ") or "  › " in line for line in shown) or not state.rows[panel]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_help_fits(width, height):
    state = seeing(busy())
    state.press("?", 0.0)
    shown = lines(sight(busy()), state, width, height)
    assert (height, True) == (len(shown), "Any key leads back." in shown[-1])


def test_wide_characters_keep_the_columns():
    now = status(jobs=2, queues={"日本語の待ち行列": {"pending": 1}})
    now["live"]["running"][0]["task"] = "店.画像を縮小する"
    assert {80} == {cell_len(line) for line in lines(sight(now), seeing(now))}


def test_a_terminal_may_be_too_small():
    assert is_too_small(LEAST_WIDTH - 1, LEAST_HEIGHT)
    assert not is_too_small(LEAST_WIDTH, LEAST_HEIGHT)
    assert "too small" in rendered(too_small(), 30, 5)


# Still ---------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50)])
def test_nothing_jumps_when_jobs_come_and_go(width, height):
    def headings(jobs):
        now = status(jobs=jobs, workers=8, queues=QUEUES)
        shown = lines(sight(now), seeing(now), width, height)
        return [index for index, line in enumerate(shown) if "last minute" in line or "newest first" in line]

    assert 2 == len(headings(0))
    assert headings(0) == headings(3) == headings(8)


def test_lines_are_shared_out_in_turn_and_the_first_one_is_never_without():
    assert [5, 5] == shared(10, [20, 20], 0)
    assert [3, 7] == shared(10, [3, 20], 0)
    assert [0, 2] == shared(3, [9, 2], 1)
    assert [0, 0] == shared(1, [9, 9], 0)
    assert [4, 2] == shared(30, [4, 2], 0)


def test_a_panel_without_room_is_left_out_but_never_the_selected_one():
    now = status(jobs=3, queues=QUEUES)
    for panel in Panel:
        frame = frame_of(80, LEAST_HEIGHT, 0, now, panel)
        assert frame.heights[panel] >= 2
        assert 0 == frame.heights[EVENTS]


# Plain words when things are not well ---------------------------------------------


def test_without_a_node_it_says_so():
    now = status(workers=0)
    shown = text(sight(now, age_s=None), seeing(now))
    assert "– no node" in shown
    assert "✗ No node is running. Start one with: manage.py pool start" in shown


def test_stale_figures_are_marked_with_their_age():
    assert "◌ stale 14 s" in text(sight(busy(), age_s=14.2, is_stale=True), seeing(busy()))


def test_a_database_that_cannot_be_read_leaves_the_last_picture():
    shown = text(sight(busy(), problem="The database 'default' failed: gone.", unread_s=12.0), seeing(busy()))
    assert "✗ not read for 12 s" in shown
    assert "✗ This is the last picture; reading is tried again. The database" in shown
    assert "shop.task0" in shown


def test_more_alerts_than_lines_are_counted():
    now = busy()
    now["health"]["alerts"] = [{"level": "warning", "message": f"Problem {number}."} for number in range(9)]
    shown = text(sight(now), seeing(now))
    assert ("Problem 0." in shown, "Problem 1." in shown, "and 8 more" in shown) == (True, False, True)


def test_empty_panels_say_what_will_be_there_and_filtered_ones_why():
    now = status()
    assert "Make some with: manage.py pool demo" in text(sight(now), seeing(now))
    state = seeing(busy())
    for key in ("/", *"nothing", "enter"):
        state.press(key, 0.0)
    shown = text(sight(busy()), state)
    assert 3 == shown.count("Nothing here matches “nothing”.")
    assert "0 of 3" in shown
    assert "filter: nothing (Esc)" in shown


def test_what_is_asked_and_said_stands_in_the_last_line():
    state = seeing(busy())
    state.press("c", 0.0)
    assert "Cancel shop.task0 00000000, running for 1:40?  y yes  n no" in lines(sight(busy()), state)[-1]
    state.press("n", 0.0)
    state.say(Said("No node is running.", is_bad=True), 0.0)
    assert "✗ No node is running." in lines(sight(busy()), state)[-1]


def test_the_answers_to_a_question_are_never_cut_off():
    now = busy()
    now["live"]["running"][0]["task"] = "shop." + "long" * 40
    state = seeing(now)
    state.press("c", 0.0)
    assert lines(sight(now), state)[-1].rstrip().endswith("…  y yes  n no")


# Harmless ------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50)])
def test_nothing_that_jobs_say_reaches_the_terminal_as_more_than_text(width, height):
    now = status(jobs=1, queues={HOSTILE: {"pending": 1}}, paused=(HOSTILE,))
    texts = ("task", "queue", "tenant", "worker", "progress_message")
    now["live"]["running"][0].update(dict.fromkeys(texts, HOSTILE))
    now["live"]["lanes"][0].update(node=HOSTILE, job=job(0)["id"], task=HOSTILE)
    now["live"]["events"] = [event(1, HOSTILE) | {"worker": HOSTILE}]
    now["health"]["alerts"] = [{"level": HOSTILE, "message": HOSTILE}]
    state = seeing(now)
    for keys in ("c", "n", "\t"):
        output = drawn(sight(now, problem=f"The database failed: {HOSTILE}"), state, width, height)
        left = COLOURS.sub("", output)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", left)
        assert "[bold red]x[/bold red]" in left
        state.press(keys, 0.0)


def test_without_colours_the_selection_can_be_seen():
    output = drawn(sight(busy()), seeing(busy()), colour=False)
    assert {"0", "1", "7"} == set(re.findall(r"[0-9]+", "".join(COLOURS.findall(output))))
    assert "\x1b[7m› shop.task0" in output
