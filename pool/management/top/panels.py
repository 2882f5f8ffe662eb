"""The panels of the picture: running jobs, workers with their lanes, queues, events. Pure: each is so many lines."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from rich.text import Text

from pool.domain.wording import UNKNOWN, age, milliseconds, number, percent, size
from pool.management.output import AMBER, BLUE, GREEN, GREY, RED, STATES
from pool.management.top.figures import ACCENT
from pool.management.top.frame import EVENTS
from pool.management.top.lines import Column, heading_line, row_line
from pool.management.top.minute import Minute
from pool.management.top.rows import SORTS, Panel, Row
from pool.management.top.state import State
from pool.management.top.words import bar, clean, clock, grouped, level, short_id, short_task

BAR = 10
NEARLY = 0.8
"""From this part of its timeout on, the time of a job is marked."""

TITLES = {Panel.RUNNING: "Running now", Panel.WORKERS: "Workers", Panel.QUEUES: "Queues", EVENTS: "Events"}
EMPTY = {
    Panel.RUNNING: "No job has been running for longer than a moment.",
    Panel.WORKERS: "No worker is here.",
    Panel.QUEUES: "No job has come yet. Make some with: manage.py pool demo",
    EVENTS: "What people do and what breaks will stand here.",
}
LANES = {"IDLE": GREEN, "BUSY": BLUE, "STARTING": GREY, "TERMINATING": AMBER, "UNHEALTHY": RED}
"""Later ones are told before earlier ones when they share a place."""
EVENT_COLOURS = {"warning": AMBER, "error": RED}


def panel(place: Panel, state: State, minute: Minute, width: int, height: int) -> list[Text]:
    """A panel with rows to select, in at most so many lines."""
    columns = COLUMNS[place](state, minute, width)
    offset, is_here = state.offsets[place], state.panel is place
    rows = state.rows[place][offset : offset + height - 1]
    made = [heading_line(_heading(place, state, len(rows)), columns, width)]
    for index, row in enumerate(rows, offset):
        made.append(row_line(row, columns, width, is_selected=is_here and index == state.place(place)))
    return made if rows else [*made, _nothing(place, state)]


def events(rows: Sequence[Row], width: int, height: int) -> list[Text]:
    """The newest events, in at most so many lines."""
    made = [heading_line(Text.assemble(("  Events", "bold"), ("  newest first", GREY)), EVENT_COLUMNS, width)]
    made += [row_line(row, EVENT_COLUMNS, width) for row in rows[: height - 1]]
    return made if rows else [*made, _grey(EMPTY[EVENTS])]


def _heading(place: Panel, state: State, shown: int) -> Text:
    is_here = state.panel is place
    heading = Text.assemble(("▸ " if is_here else "  ", ACCENT))
    heading.append(TITLES[place], style=f"bold {ACCENT}" if is_here else "bold")
    if words := SORTS[place][state.sorts[place]].words:
        heading.append(f"  {words}", style=GREY)
    there, offset = len(state.rows[place]), state.offsets[place]
    if there > shown:
        heading.append(f"  {offset + 1}–{offset + shown} of {there}", style=GREY)
    elif state.filter:
        heading.append(f"  {there} of {state.total(place)}", style=GREY)
    return heading


def _nothing(place: Panel, state: State) -> Text:
    is_hidden = state.filter and state.total(place)
    return _grey(f"Nothing here matches “{clean(state.filter)}”." if is_hidden else EMPTY[place])


def _grey(sentence: str) -> Text:
    return Text(f"  {sentence}", style=GREY, no_wrap=True, overflow="ellipsis")


# Running jobs ------------------------------------------------------------------


def _running(state: State, minute: Minute, width: int) -> list[Column]:
    if width >= 100:
        return _running_at_length(width)
    columns = [Column("", lambda row: short_task(row["task"]), share=3), Column("", lambda row: short_id(row["id"]), 8)]
    if width >= 76:
        columns.append(Column("", lambda row: _says(row) or _attempt(row), share=2))
    columns.append(Column("progress", _progress, BAR + 6))
    if width >= 70:
        columns.append(Column("on", lambda row: _short_worker(row["worker"]), 4))
    return [*columns, Column("time", _time, 8, is_number=True)]


def _running_at_length(width: int) -> list[Column]:
    tenant = [Column("tenant", lambda row: clean(row["tenant"]), 12)] if width >= 130 else []
    return [
        Column("", lambda row: short_task(row["task"])),
        Column("", lambda row: short_id(row["id"]), 8),
        Column("queue", lambda row: clean(row["queue"]), 12),
        *tenant,
        Column("says", _says),
        Column("progress", _progress, BAR + 6),
        Column("on", lambda row: _short_worker(row["worker"]), 4),
        Column("attempt", lambda row: str(row["attempt"]), 7, is_number=True),
        Column("time", _time, 8, is_number=True),
        Column("limit", lambda row: clock(row["timeout"]), 8, is_number=True),
    ]


def _says(row: Row) -> Text:
    if row["cancelling"]:
        return Text("is being cancelled", style=AMBER)
    return Text(clean(row["progress_message"]), style=GREY)


def _attempt(row: Row) -> Text:
    return Text(f"attempt {row['attempt']}" if row["attempt"] > 1 else "", style=GREY)


def _progress(row: Row) -> Text:
    if row["progress"] is None:
        return Text(UNKNOWN, style=GREY)
    done, to_do = bar(row["progress"], BAR)
    return Text.assemble((done, BLUE), (to_do, GREY), f" {row['progress'] * 100:3.0f} %")


def _time(row: Row) -> Text:
    is_late = bool(row["timeout"]) and (row["since"] or 0.0) >= row["timeout"] * NEARLY
    return Text(clock(row["since"]), style=AMBER if is_late or row["cancelling"] else "")


def _short_worker(worker: str | None) -> str:
    return clean(worker or UNKNOWN).partition("-")[0]


# Workers -----------------------------------------------------------------------


def _workers(state: State, minute: Minute, width: int) -> list[Column]:
    several = len({row["node"] for row in state.rows[Panel.WORKERS]}) > 1
    lane = 12 if width < 76 else 20 if width < 100 else 30
    columns = [
        Column("", partial(_worker, several=several), 9 if several else 4),
        Column("", _state, 13 if width >= 76 else 11),
        Column("last minute", lambda row: _lane(minute, row["id"], lane), lane),
        Column("runs", _job, share=1),
    ]
    if width >= 60:
        columns.append(
            Column("CPU", lambda row: percent(None if row["cpu"] is None else round(row["cpu"], 2)), 5, 1, True)
        )
        columns.append(Column("memory", lambda row: size(row["rss"]), 7, is_number=True))
    if width >= 84:
        columns.append(Column("jobs", _jobs, 7, is_number=True))
    return columns


def _worker(row: Row, several: bool) -> str:
    return f"{clean(row['node'])[:4]} w{row['slot']}" if several else f"w{row['slot']}"


def _state(row: Row) -> Text:
    mark, colour = STATES.get(row["state"], ("·", ""))
    return Text(f"{mark} {row['state']}", style=colour)


def _lane(minute: Minute, worker: str, width: int) -> Text:
    """How much of each moment it was busy; what is not well gives its colour to the moment."""
    text = Text()
    states = minute.lanes.get(worker, [None] * len(minute.points))
    for group in grouped(states, minute.end, width):
        known = [state for state in group if state is not None]
        loudest = max(known, key=lambda state: list(LANES).index(state) if state in LANES else -1, default=None)
        busy = 1.0 if loudest == "UNHEALTHY" else sum(state == "BUSY" for state in known) / max(len(known), 1)
        text.append(level(busy) if known else " ", style=LANES.get(loudest or "", GREY))
    return text


def _job(row: Row) -> tuple[Text, ...]:
    if not row["job"]:
        return (Text(UNKNOWN, style=GREY),)
    task = Text(short_task(row["task"]) or "job")
    return Text.assemble(task, (f" {short_id(row['job'])}", GREY)), task


def _jobs(row: Row) -> str:
    return number(row["jobs_completed"] + row["jobs_failed"])


# Queues ------------------------------------------------------------------------


def _queues(state: State, minute: Minute, width: int) -> list[Column]:
    has_room = width >= 54
    columns = [Column("", lambda row: clean(row["id"]) if has_room else _marked(row))]
    if has_room:
        columns.append(Column("", _paused, 8))
    columns.append(_count("waiting", "pending", 9))
    columns.append(Column("oldest", lambda row: age(row["oldest_age"]), 7, is_number=True))
    columns.append(_count("running", "executing", 7))
    if width >= 66:
        columns.append(Column("mean wait", lambda row: milliseconds(row["avg_wait"]), 9, is_number=True))
    if width >= 76:
        columns.append(_count("scheduled", "scheduled", 9))
    if width >= 90:
        columns.append(_count("completed", "completed", 10))
    return [*columns, Column("dead", _dead, 6, is_number=True)]


def _count(name: str, key: str, width: int) -> Column:
    return Column(name, lambda row: number(row[key]), width, is_number=True)


def _marked(row: Row) -> Text:
    mark, colour = STATES["paused"]
    name = clean(row["id"])
    return Text(f"{mark} paused: {name}", style=colour) if row["paused"] else Text(name)


def _paused(row: Row) -> Text:
    mark, colour = STATES["paused"]
    return Text(f"{mark} paused" if row["paused"] else "", style=colour)


def _dead(row: Row) -> Text:
    return Text(number(row["dlq"]), style=RED if row["dlq"] else "")


COLUMNS = {Panel.RUNNING: _running, Panel.WORKERS: _workers, Panel.QUEUES: _queues}


# Events ------------------------------------------------------------------------


def _moment(row: Row) -> Text:
    return Text(f"{datetime.fromisoformat(row['at']).astimezone():%H:%M:%S}", style=GREY)


def _event(row: Row) -> tuple[Text, ...]:
    text = Text(clean(row["text"]), style=EVENT_COLOURS.get(row["level"], ""))
    about = clean(row["worker"] or (short_id(row["job"]) if row["job"] else ""))
    return Text.assemble(text, (f"  {about}", GREY)), text


EVENT_COLUMNS = (Column("", _moment, 8), Column("", _event))
