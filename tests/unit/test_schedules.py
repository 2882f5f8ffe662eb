"""What a schedule calls, read from its texts; and the times at which it runs, also when clocks change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.adapters import django_q
from pool.domain.errors import InvalidSchedule
from pool.domain.schedules import LATE_AFTER_S, ScheduleStatus, read_call, status_of
from tests.store.schedules import at, with_conf

BERLIN = ZoneInfo("Europe/Berlin")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.from_regex(r"x_[a-z]{1,5}", fullmatch=True)


# Texts -------------------------------------------------------------------------


@given(st.lists(VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_python_prints_is_read_again(args, kwargs):
    named = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
    for text in (repr(kwargs), named):
        call = read_call(repr(tuple(args)), text)
        assert (tuple(args), kwargs, {}) == (call.args, call.kwargs, call.options)


@pytest.mark.parametrize(
    ("text", "args"),
    [(None, ()), ("", ()), ("1", (1,)), ("1, 'two'", (1, "two")), ("[1]", ([1],)), ("'one',", ("one",)), (" 1 ", (1,))],
)
def test_arguments_are_written_as_in_a_call(text, args):
    assert args == read_call(text, None).args


@pytest.mark.parametrize("text", ["print()", "1 +", "x", "1; 2", "__import__('os')", "f'{1}'", "(" * 500, "\0"])
def test_arguments_that_are_no_literals_are_refused_and_never_evaluated(text):
    with pytest.raises(InvalidSchedule, match="literals"):
        read_call(text, None)


@pytest.mark.parametrize(
    "text", ["x", "1", "x=print()", "1, x=1", "x=1) or g(y=2", "*[1]", "**{'x': 1}", "{1: 2}", "x=1\ny=2", "x=1; y"]
)
def test_named_arguments_that_are_none_are_refused(text):
    with pytest.raises(InvalidSchedule, match="named arguments"):
        read_call(None, text)


def test_the_time_it_was_meant_for_is_one_of_its_arguments():
    assert {"b": 1, "day": "2026"} == read_call(None, "b=1", None, {"day": "2026"}).kwargs


def test_options_stand_apart_from_the_arguments():
    call = read_call(None, "b=1, timeout=5, cached=True, task_name='y', q_options={'priority': 'high', 'save': False}")
    assert ({"b": 1}, {"priority": "high", "timeout": 5}) == (call.kwargs, call.options)


def test_an_option_that_is_given_twice_leaves_an_argument_of_its_name():
    call = read_call(None, "timeout=5, q_options={'timeout': 7}")
    assert ({"timeout": 5}, {"timeout": 7}) == (call.kwargs, call.options)


@pytest.mark.parametrize(
    "kwargs", ["hook='a.b'", "q_options={'chain': [1]}", "sync=True", "q_options=1"], ids=lambda text: text[:9]
)
def test_what_the_pool_does_not_do_is_said(kwargs):
    with pytest.raises(InvalidSchedule):
        read_call(None, kwargs)


def test_what_is_switched_off_is_no_trouble():
    assert {} == read_call(None, "hook=None, sync=False, q_options={'timeout': None}").options


# Standing ----------------------------------------------------------------------


@given(st.floats(0, 1e9), st.integers(-1, 3), st.booleans(), st.floats(0, 1e9))
def test_a_schedule_stands_in_one_of_four_ways(due, repeats, is_paused, now):
    status = status_of(due, repeats, is_paused=is_paused, now=now)
    assert (status is ScheduleStatus.FINISHED) == (repeats == 0)
    assert (status is ScheduleStatus.PAUSED) == (is_paused and repeats != 0)
    assert (status is ScheduleStatus.LATE) == (repeats != 0 and not is_paused and now - due > LATE_AFTER_S)


# Times -------------------------------------------------------------------------


@pytest.fixture
def _in_berlin() -> Iterator[None]:
    with with_conf(TIME_ZONE="Europe/Berlin"):
        yield


def a_row(kind, next_run, **fields):
    from django_q.models import Schedule

    return Schedule(schedule_type=kind, next_run=next_run, **fields)


def local(*runs):
    return [run.astimezone(BERLIN).strftime("%d.%m. %H:%M") for run in runs]


CHANGES = [
    ("D", "2026-03-28 08:00", ["28.03. 09:00", "29.03. 09:00", "30.03. 09:00"]),
    ("D", "2026-10-24 07:00", ["24.10. 09:00", "25.10. 09:00", "26.10. 09:00"]),
    ("W", "2026-03-23 08:00", ["23.03. 09:00", "30.03. 09:00", "06.04. 09:00"]),
    ("M", "2026-09-25 07:00", ["25.09. 09:00", "25.10. 09:00", "25.11. 09:00"]),
    ("Q", "2026-01-15 08:00", ["15.01. 09:00", "15.04. 09:00", "15.07. 09:00"]),
    # An hour is an hour: the clock skips one of them, or shows one twice.
    ("H", "2026-03-29 00:00", ["29.03. 01:00", "29.03. 03:00", "29.03. 04:00"]),
    ("H", "2026-10-25 00:00", ["25.10. 02:00", "25.10. 02:00", "25.10. 03:00"]),
    ("I", "2026-10-25 00:59", ["25.10. 02:59", "25.10. 02:00", "25.10. 02:01"]),
]


@pytest.mark.usefixtures("_in_berlin")
@pytest.mark.parametrize(("kind", "first", "expected"), CHANGES)
def test_days_keep_their_hour_and_hours_their_length_when_the_clock_changes(kind, first, expected):
    assert expected == local(*django_q.upcoming(a_row(kind, at(first), repeats=-1), 3))


CRON_CHANGES = [
    # What would fall into the hour that there is not runs at its end, once.
    ("30 2 * * *", "2026-03-28 01:30", ["28.03. 02:30", "29.03. 03:00", "30.03. 02:30"]),
    # An hour that there is twice does not run twice what runs once a day ...
    ("30 2 * * *", "2026-10-24 00:30", ["24.10. 02:30", "25.10. 02:30", "26.10. 02:30"]),
    ("30 2,3 * * *", "2026-10-25 00:30", ["25.10. 02:30", "25.10. 03:30", "26.10. 02:30"]),
    # ... and what runs in each hour runs in both.
    ("30 * * * *", "2026-10-25 00:30", ["25.10. 02:30", "25.10. 02:30", "25.10. 03:30"]),
    ("0 * * * *", "2026-03-29 00:00", ["29.03. 01:00", "29.03. 03:00", "29.03. 04:00"]),
    ("0 9 * * 1-5", "2026-10-23 07:00", ["23.10. 09:00", "26.10. 09:00", "27.10. 09:00"]),
    ("@hourly", "2026-10-25 00:00", ["25.10. 02:00", "25.10. 02:00", "25.10. 03:00"]),
    ("@daily", "2026-10-24 22:00", ["25.10. 00:00", "26.10. 00:00", "27.10. 00:00"]),
]


@pytest.mark.usefixtures("_in_berlin")
@pytest.mark.parametrize(("line", "first", "expected"), CRON_CHANGES)
def test_a_cron_line_runs_once_for_each_of_its_times_when_the_clock_changes(line, first, expected):
    row = a_row("C", at(first), cron=line, repeats=-1)
    assert expected == local(*django_q.upcoming(row, 3))
    assert expected[1] == local(django_q.following(row, row.next_run, catch_up=True).at)[0]


@pytest.mark.usefixtures("_in_berlin")
def test_a_day_in_the_hour_that_is_skipped_moves_an_hour_to_the_front_for_good():
    """As django-q2 works it out; docs/schedules.md tells to use a cron line for those."""
    runs = django_q.upcoming(a_row("D", at("2026-03-28 01:30"), repeats=-1), 4)
    assert ["28.03. 02:30", "29.03. 01:30", "30.03. 01:30", "31.03. 01:30"] == local(*runs)


KINDS = st.sampled_from(["I", "H", "D", "W", "BW", "M", "BM", "Q", "Y", "C"])
LINES = st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 9 * * 1", "15 2,3 * * *"])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))


@pytest.mark.usefixtures("_in_berlin")
@given(KINDS, LINES, MOMENTS, st.integers(1, 500), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_without_catching_up_the_next_run_is_the_first_behind_now(kind, line, due, minutes, behind):
    row, now = a_row(kind, due, cron=line, minutes=minutes, repeats=-1), due + behind
    at_once = django_q.following(row, now, catch_up=False)
    assert at_once.at > now
    # The same by single steps, as django-q2 takes them.
    if kind != "C":
        step, steps = row.calculate_next_run(due), 0
        while step <= now:
            step, steps = row.calculate_next_run(step), steps + 1
        assert (step, steps) == at_once


@pytest.mark.usefixtures("_in_berlin")
def test_a_minute_that_is_years_late_takes_no_time():
    row = a_row("I", at("1990-01-01 00:00"), minutes=1, repeats=-1)
    found = django_q.following(row, at("2026-11-22 12:00"), catch_up=False)
    assert (at("2026-11-22 12:01"), 19_403_280) == found


def test_as_many_runs_are_shown_as_there_will_be():
    first = at("2026-11-22 12:00")
    assert 2 == len(django_q.upcoming(a_row("D", first, repeats=2), 3))
    assert [first] == django_q.upcoming(a_row("O", first, repeats=-1), 3)
    assert [] == django_q.upcoming(a_row("D", first, repeats=0), 3)
    assert [] == django_q.upcoming(a_row("D", None, repeats=-1), 3)
    assert [first] == django_q.upcoming(a_row("C", first, cron="99 * * * *", repeats=-1), 3)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("I", {"minutes": 1}, "every minute"),
        ("I", {"minutes": 90}, "every 90 minutes"),
        ("BW", {}, "biweekly"),
        ("C", {"cron": "0 3 * * *"}, "cron 0 3 * * *"),
        ("O", {}, "once"),
        ("?", {}, "?"),
    ],
)
def test_the_rhythm_is_told_in_words(kind, fields, words):
    assert words == django_q.rhythm(a_row(kind, at("2026-11-22 12:00"), **fields))
