"""The queues: what waits in each, since when, and whether it is open."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import history
from dashboard.pages.frame import page, show
from pool.store.status import pool_status, queues


@page
def all_queues(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    status, past = pool_status(now), history.read(history.USUAL, now)
    figures = status["queue"]["by_queue"]
    rows: list[dict[str, Any]] = [
        {
            **queue,
            "avg_wait": figures.get(queue["name"], {}).get("avg_wait"),
            "line": [step.depths.get(queue["name"], 0.0) if step.is_known else None for step in past.steps],
        }
        for queue in queues(now)
    ]
    return show(request, "queues", {"status": status, "rows": rows, "range": past.range, "boot": {"snapshot": status}})
