"""The queues: what waits in each, since when, whether it is open, what limits it and how full it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import history
from dashboard.pages.frame import page, show
from pool.conf import database_alias
from pool.domain.tuning import QUEUE_KNOBS
from pool.domain.wording import number
from pool.models import Queue
from pool.store.status import pool_status, queues

LABELS = {
    "weight": "Weight",
    "max_waiting": "Most waiting",
    "max_running": "Most at a time",
    "rate": "Starts in a second",
    "burst": "Starts at once",
}


@page
def all_queues(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    status, past = pool_status(now), history.read(history.USUAL, now)
    figures = status["queue"]["by_queue"]
    rows: list[dict[str, Any]] = [
        {
            **queue,
            "avg_wait": figures.get(queue["name"], {}).get("avg_wait"),
            "limits": _limits(queue),
            "line": [step.depths.get(queue["name"], 0.0) if step.is_known else None for step in past.steps],
        }
        for queue in queues(now)
    ]
    context = {"status": status, "rows": rows, "range": past.range, "boot": {"snapshot": status}}
    return show(request, "queues", {**context, "tuned": _tuned(request.GET.get("tune", ""), rows)})


def _limits(queue: Mapping[str, Any]) -> str:
    """What is set for a queue, in a few words; empty for most."""
    words = [f"weight {queue['weight']:g}"] if queue["weight"] != 1 else []
    if queue["max_running"]:
        words.append(f"{number(queue['max_running'])} at a time")
    if queue["rate"]:
        words.append(f"{queue['rate']:g} /s")
    return ", ".join(words)


def _tuned(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The form in which one queue's limits are changed, as its row says and not as the settings do."""
    if all(queue["name"] != name for queue in rows):
        return None
    row = Queue.objects.using(database_alias()).filter(name=name).first() or Queue(weight=1.0)
    fields = [
        {"knob": knob, "label": LABELS[knob.name], "value": _written(getattr(row, knob.name))}
        for knob in QUEUE_KNOBS.values()
    ]
    return {"name": name, "fields": fields}


def _written(value: float | None) -> str:
    """A number as a field for numbers takes it, whatever the language."""
    return "" if value is None else f"{value:.12g}"
