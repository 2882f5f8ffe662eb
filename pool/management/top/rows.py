"""The rows of the panels: taken from the figures, filtered and sorted. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Row = Mapping[str, Any]
"""Each has an "id" that stays the same from look to look."""


class Panel(StrEnum):
    """Where rows can be selected, in the order in which Tab goes."""

    RUNNING = "running"
    WORKERS = "workers"
    QUEUES = "queues"


@dataclass(frozen=True, slots=True)
class Sort:
    words: str
    key: Callable[[Row], Any]


def _most(name: str) -> Callable[[Row], Any]:
    """Greatest first; what is not known comes last."""
    return lambda row: (row[name] is None, -(row[name] or 0))


def _least(name: str) -> Callable[[Row], Any]:
    return lambda row: (row[name] is None, row[name] or 0)


SORTS: dict[Panel, tuple[Sort, ...]] = {
    Panel.RUNNING: (
        Sort("longest first", _most("since")),
        Sort("by task", lambda row: row["task"]),
        Sort("by queue", lambda row: row["queue"]),
        Sort("least progress first", _least("progress")),
    ),
    Panel.WORKERS: (
        Sort("", lambda row: (row["node"], row["slot"])),
        Sort("longest job first", _most("since")),
        Sort("most CPU first", _most("cpu")),
        Sort("most memory first", _most("rss")),
        Sort("most failures first", _most("jobs_failed")),
    ),
    Panel.QUEUES: (
        Sort("", lambda row: row["id"]),
        Sort("most waiting first", _most("pending")),
        Sort("oldest first", _most("oldest_age")),
        Sort("most dead letters first", _most("dlq")),
    ),
}
"""The first is the usual one."""

SEARCHED: dict[Panel, tuple[str, ...]] = {
    Panel.RUNNING: ("id", "task", "queue", "tenant", "worker", "progress_message"),
    Panel.WORKERS: ("id", "state", "task", "job"),
    Panel.QUEUES: ("id",),
}


def panels_of(status: Mapping[str, Any]) -> dict[Panel, list[Row]]:
    """Every row there is."""
    return {
        Panel.RUNNING: status["live"]["running"],
        Panel.WORKERS: status["live"]["lanes"],
        Panel.QUEUES: [{"id": name, **queue} for name, queue in status["queue"]["by_queue"].items()],
    }


def chosen(panel: Panel, rows: Sequence[Row], search: str, sort: int) -> list[Row]:
    """The rows in which every word of the search is found, in their order."""
    words = search.casefold().split()
    found = [row for row in rows if _has(words, (row[name] for name in SEARCHED[panel]))]
    return sorted(found, key=SORTS[panel][sort].key)


def events_of(status: Mapping[str, Any], search: str) -> list[Row]:
    words = search.casefold().split()
    return [event for event in status["live"]["events"] if _has(words, (event["text"], event["worker"], event["job"]))]


def _has(words: Sequence[str], texts: Any) -> bool:
    if not words:
        return True
    text = " ".join(str(part) for part in texts if part).casefold()
    return all(word in text for word in words)
