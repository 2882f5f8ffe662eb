"""How pages write what they show: arguments, attempts, times, errors."""

import pytest
from django.test import Client
from django.utils import timezone

from dashboard import tracebacks
from dashboard.pages.job import trace
from dashboard.pages.settings import in_words
from dashboard.templatetags.wording import as_call, duration, plural, short_node, whole_percent
from pool.domain import wording
from pool.domain.states import JobStatus
from pool.models import Queue
from tests.dashboard.rows import a_job, a_node, a_second


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (59_000, "59 s"), (60_000, "1 min"), (90_000, "1 min 30 s"), (119_900, "1 min 59 s"), (3_600_000, "1 h"),
        (5_430_000, "1 h 30 min"), (86_400_000, "1 d"), (171_000_000, "1 d 23 h"),
    ],
)  # fmt: skip
def test_long_times_keep_their_second_unit(ms: float, words: str) -> None:
    assert words == wording.milliseconds(ms)
    assert words == duration(ms / 1000)


@pytest.mark.parametrize(
    ("json", "words"),
    [
        ("4711,12900", "4711, 12900"),
        ('"photos/1.jpg", "width":1600', '"photos/1.jpg", width=1600'),
        ('"photos/1.jpg", "width": 1600', '"photos/1.jpg", width=1600'),
        ('{"a":1,"b":[1,2]}, "opts":{"x":"y,z:1"}', '{"a": 1, "b": [1, 2]}, opts={"x": "y,z:1"}'),
        ('"cut off stri…', '"cut off stri…'),
        ('[1,{"k":"v"}],null,true', '[1, {"k": "v"}], null, true'),
        ("", ""),
    ],
)
def test_arguments_read_like_a_call(json: str, words: str) -> None:
    assert words == as_call(json)


@pytest.mark.parametrize(("fraction", "words"), [(0, "0 %"), (0.999, "99 %"), (1.0, "100 %"), (1.2, "100 %")])
def test_progress_is_whole_when_it_is_done(fraction: float, words: str) -> None:
    assert words == whole_percent(fraction)


def test_large_settings_are_said_in_words_too() -> None:
    assert "7 d" == in_words(604_800, "seconds")
    assert "262 kB" == in_words(262_144, "bytes")
    assert ["", "", ""] == [in_words(30, "seconds"), in_words(100, "jobs"), in_words(True, "switch")]


@pytest.mark.parametrize(("count", "words"), [(None, "– jobs"), (0, "0 jobs"), (1, "1 job"), (2000, "2,000 jobs")])
def test_number_has_the_word_that_fits(count: int | None, words: str) -> None:
    assert [words, words] == [wording.counted(count, "job", "jobs"), plural(count, "job,jobs")]


def test_name_of_a_node_is_as_short_as_in_the_log() -> None:
    assert ("13544b8da738", "–") == (short_node("13544b8da73887194dd13ac5c8c4ba6e"), short_node(""))


HEAD = 'Traceback (most recent call last):\n  File "/srv/shop/tasks.py", line 3, in charge\n    raise\n'


def test_traceback_does_not_repeat_the_message() -> None:
    error = {"type": "builtins.ConnectionError", "message": "one\ntwo", "traceback": f"{HEAD}ConnectionError: one\ntwo"}
    assert ["own"] == [part.kind for part in trace(error)]


def test_notes_of_an_exception_stay() -> None:
    error = {"type": "shop.Late", "message": "one", "traceback": f"{HEAD}shop.Late: one\nOrder 7 was meant."}
    assert "Order 7 was meant." == trace(error)[-1].text


def test_lines_of_a_message_between_errors_are_one_text() -> None:
    parts = tracebacks.read(f"{HEAD}KeyError: 'a'\nmore\n{HEAD}KeyError: 'b'")
    assert ["own", "text", "own", "text"] == [part.kind for part in parts]
    assert "KeyError: 'a'\nmore" == parts[1].text


@pytest.mark.django_db
def test_attempts_are_those_that_count(operator: Client) -> None:
    job = a_job(JobStatus.RUNNING, attempts=7, attempts_base=3, interruptions=2, max_attempts=4)
    assert "2 of 4, 2 interrupted, 3 before the retry" in operator.get(f"/dashboard/jobs/{job.pk}/").content.decode()
    assert "2 of 4</td>" in operator.get("/dashboard/jobs/").content.decode()


@pytest.mark.django_db
def test_nothing_is_said_of_the_rate_of_a_paused_queue(operator: Client) -> None:
    a_node()
    a_second(timezone.now())
    Queue.objects.create(name="default", paused=True)
    first, second = a_job(), a_job()
    for job in (first, second):
        page = operator.get(f"/dashboard/jobs/{job.pk}/").content.decode()
        assert "Queue &#x27;default&#x27; is paused" in page
        assert "at the present rate" not in page
        assert "as soon as a worker takes it" not in page
