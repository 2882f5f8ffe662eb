"""One list of events: whatever the code tells is on it, and the document says what it says."""

import ast
import re
from pathlib import Path

import pytest

from pool import signals
from pool.domain.event_words import in_words
from pool.domain.events import EVENTS, Event, heard

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "events.md").read_text()

TELLING = {
    "tell": 0,
    "hint": 0,
    "_tell": 0,
    "_happened": 0,
    "_signal": 0,
    "event": 1,
    "write_event": 2,
    "write_action": 1,
    "write_fact": 1,
}
"""Functions that tell of an event, and which argument names it."""
LEVELS = {"debug", "info", "warning", "error"}


def told_names() -> set[str]:
    """Every name of an event that stands in the code where one is told."""
    found: set[str] = set()
    for path in [*(ROOT / "pool").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                place = TELLING.get(name)
                if place is not None and len(node.args) > place:
                    constants = [one for one in ast.walk(node.args[place]) if isinstance(one, ast.Constant)]
                    found |= {str(one.value) for one in constants}
    return {name for name in found if re.fullmatch(r"[a-z]+\.[a-z_]+", name)}


def test_whatever_is_told_is_on_the_list() -> None:
    assert set() == told_names() - set(EVENTS)


def test_levels_and_names_are_of_the_usual_form() -> None:
    for event in EVENTS.values():
        assert event.level in LEVELS
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", event.name)
        assert len(event.name) <= 50
        assert event.meaning.endswith(".")


@pytest.mark.parametrize("event", [event for event in EVENTS.values() if event.is_kept], ids=lambda event: event.name)
def test_what_is_kept_reads_as_a_sentence_of_its_fields(event: Event) -> None:
    assert set(re.findall(r"{(\w+)}", event.sentence)) <= {*event.fields, "actor"}
    assert event.sentence.endswith(".")
    assert in_words(event.name, "ada", dict.fromkeys(event.fields, "x"))


def test_everything_a_node_can_tell_is_a_signal() -> None:
    assert {event.name for event in EVENTS.values() if event.is_told} == set(signals.SIGNALS)
    assert signals.SIGNALS["job.failed"] is signals.job_failed
    assert "worker_exited" in dir(signals)
    with pytest.raises(AttributeError, match="job_enqueued"):
        signals.job_enqueued  # noqa: B018
    assert heard(["job.failed", "job.retried", "nix"]) == {"job.failed"}


def row(event: Event) -> str:
    name = f"`{event.name}`"
    fields = ", ".join(f"`{field}`" for field in event.fields) or "–"
    where = " and ".join([*(["signal"] if event.is_told else []), *(["row"] if event.is_kept else [])]) or "elsewhere"
    return f"| {name} | {event.meaning} | {fields} | {where} |"


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_is_documented_with_its_fields(name: str) -> None:
    assert row(EVENTS[name]) in PAGE.splitlines()


def test_no_event_is_documented_that_does_not_exist() -> None:
    assert list(EVENTS) == re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", PAGE, flags=re.MULTILINE)


def test_the_requirements_names_are_all_there() -> None:
    wanted = """job.enqueued job.claimed job.started job.completed job.failed job.timed_out job.progress job.dead
    job.step_started job.step_completed worker.ready worker.started worker.exited worker.stopped worker.heartbeat
    worker.error worker.log worker.memory_pressure worker.high_error_rate worker.zombie worker.start_failed pool.scaled
    metrics.tick pool.started pool.stopped"""
    assert set() == set(wanted.split()) - set(EVENTS)
