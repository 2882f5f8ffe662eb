"""Lists of events."""

from typing import Any

import pytest
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.ids import new_id
from pool.models import PoolEvent
from pool.store import event_list
from pool.store.event_list import list_events

pytestmark = pytest.mark.usefixtures("alias")


def an_event(name: str = "worker.exited", **fields: Any) -> int:
    values = {"at": timezone.now(), "name": name, "source": "node", **fields}
    return PoolEvent.objects.using(database_alias()).create(**values).pk


def numbers(**asked: Any) -> list[int]:
    return [event["id"] for event in list_events(**asked).events]


def test_newest_come_first_page_by_page() -> None:
    made = [an_event() for _ in range(5)]
    first = list_events(limit=2)
    assert made[:2:-1] == [event["id"] for event in first.events]
    assert made[3] == first.next
    last = list_events(limit=3, before=first.next)
    assert (made[2::-1], None) == ([event["id"] for event in last.events], last.next)


def test_deeds_are_told_apart_from_facts() -> None:
    fact, deed = an_event(), an_event("queue.paused", actor="ada", source="page", data={"queue": "mail"})
    assert [deed] == numbers(kind="actions")
    assert [fact] == numbers(kind="facts")
    assert "ada paused queue mail." == list_events().events[0]["text"]


def test_events_are_found_by_words_level_and_job() -> None:
    job = new_id()
    crash = an_event(level="error", worker="w7", job=job)
    paused = an_event("queue.paused", actor="ada")
    assert [crash] == numbers(search="W7") == numbers(level="error") == numbers(job=job)
    assert [paused] == numbers(search="queue ada")
    assert [] == numbers(search="queue w7")


def test_everyday_events_are_shown_where_somebody_looks_for_them() -> None:
    job = new_id()
    submitted = an_event("job.submitted", level="debug", actor="ada", job=job)
    assert [] == numbers()
    assert [submitted] == numbers(level="debug") == numbers(job=job) == numbers(search="submitted")


def test_rare_matches_are_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_list, "MOST_LOOKED_AT", 3)
    wanted = an_event("pool.scaled")
    for _ in range(5):
        an_event()
    first = list_events(search="scaled")
    assert [] == first.events
    assert first.next is not None
    assert [wanted] == numbers(search="scaled", before=first.next)


@pytest.mark.parametrize("asked", [{"kind": "others"}, {"level": "loud"}, {"search": "a\x00"}])
def test_wrong_questions_are_refused(asked: dict[str, str]) -> None:
    with pytest.raises(InvalidOption):
        list_events(**asked)  # type: ignore[arg-type]


def test_no_events_are_an_empty_page() -> None:
    assert ([], None) == (list_events().events, list_events().next)
