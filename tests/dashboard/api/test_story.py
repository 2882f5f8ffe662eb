"""What a listener hears of a job, and where it goes on after it was cut off."""

import json
from typing import Any
from uuid import uuid4

import pytest

from dashboard.api.story import Place, Story
from pool.domain.states import JobStatus
from pool.store.watched import JobNews

Heard = list[tuple[str, dict[str, Any]]]


def a_job(**fields: Any) -> dict[str, Any]:
    usual = {
        "status": "PENDING",
        "attempts": 0,
        "started_at": None,
        "finished_at": None,
        "worker": None,
        "progress": None,
        "progress_message": "",
        "result": None,
        "error": None,
        "usage": None,
    }
    return usual | fields


def running(**fields: Any) -> dict[str, Any]:
    return a_job(**{"status": "RUNNING", "attempts": 1, "started_at": "noon", "worker": "w1", **fields})


def piece(id: int, text: str, stream: str = "stdout") -> dict[str, Any]:
    return {"id": id, "epoch": 1, "at": "noon", "stream": stream, "text": text}


def told(story: Story, job: dict[str, Any] | None, *pieces: dict[str, Any]) -> Heard:
    heard = []
    for text in story.tell(JobNews(uuid4(), job, [], list(pieces))):
        fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        assert text.endswith("\n\n")
        heard.append((fields["event"], json.loads(fields["data"])))
    return heard


def names(heard: Heard) -> list[str]:
    return [name for name, _ in heard]


def test_a_life_is_told_once() -> None:
    story = Story(Place())
    assert told(story, a_job()) == []
    assert told(story, a_job(status="ASSIGNED", attempts=1)) == []
    assert told(story, running()) == [("start", {"attempt": 1, "worker": "w1", "started_at": "noon"})]
    heard = told(story, running(progress=0.5, progress_message="half"), piece(7, "hello\nü\n"))
    assert names(heard) == ["log", "progress"]
    assert heard[0][1]["text"] == "hello\nü\n"
    assert heard[1][1] == {"progress": 0.5, "message": "half"}
    assert told(story, running(progress=0.5, progress_message="half")) == []
    ended = running(status="COMPLETED", result=[1], progress=0.5, progress_message="half")
    assert names(told(story, ended)) == ["complete"]
    assert story.is_over


@pytest.mark.parametrize(
    ("status", "name"),
    [("FAILED", "error"), ("TIMEOUT", "error"), ("CANCELLED", "cancelled"), ("COMPLETED", "complete")],
)
def test_each_ending_has_its_event(status: JobStatus, name: str) -> None:
    heard = told(Story(Place()), running(status=status, error={"type": "ValueError"}))
    assert names(heard) == ["start", name]
    assert heard[-1][1]["status"] == status


def test_steps_are_told_apart_from_what_else_was_noted() -> None:
    heard = told(Story(Place()), running(), piece(1, "step: load\nread 7 rows\nstep: sum\n", "note"))
    assert names(heard) == ["start", "step", "step", "log"]
    assert [(data["name"], data["usage"]) for _, data in heard[1:3]] == [("load", None), ("sum", None)]
    assert heard[3][1]["text"] == "read 7 rows\n"
    assert names(told(Story(Place()), a_job(), piece(2, "step: printed\n"))) == ["log"]


def test_each_step_tells_what_the_one_before_used_and_the_log_does_not() -> None:
    text = 'step: load\nread 7 rows\nused: {"input_tokens": 5}\nstep: sum\nused: nothing\nstep: end\n'
    heard = told(Story(Place()), running(), piece(1, text, "note"))
    steps = [(data["name"], data["usage"]) for name, data in heard if name == "step"]
    assert steps == [("load", None), ("sum", {"input_tokens": 5}), ("end", None)]
    assert heard[-1][1]["text"] == "read 7 rows\nused: nothing\n", "what a task wrote for itself is log"
    assert names(told(Story(Place()), a_job(), piece(2, 'used: {"input_tokens": 5}\n'))) == ["log"], "printed"


def test_listener_goes_on_from_the_last_event_it_heard() -> None:
    story = Story(Place())
    told(story, running(), piece(7, "a"), piece(8, "b"))
    again = Place.read(str(story.place))
    assert again == Place(8, 1, False)
    heard = told(Story(again), running(attempts=2), piece(8, "b"), piece(9, "c"))
    assert [(name, data.get("text")) for name, data in heard] == [("start", None), ("log", "c")]


def test_listener_who_was_cut_off_within_a_piece_hears_it_whole() -> None:
    story = Story(Place())
    texts = list(story.tell(JobNews(uuid4(), running(), [], [piece(7, "step: a\nstep: b\n", "note")])))
    assert ["id: " in text for text in texts] == [True, False, True]


@pytest.mark.parametrize("text", ["", "x", "1.2", "1.2.3", "-1.0.0", "1" * 40 + ".0.0", "1.0.0\n", "².0.0"])
def test_other_texts_are_no_place(text: str) -> None:
    assert Place.read(text) is None


def test_job_that_is_gone_ends_the_story() -> None:
    story = Story(Place())
    assert told(story, None) == []
    assert story.is_over
