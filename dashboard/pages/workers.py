"""The workers: what each does now and did in the last minute, what the last ones ended of; and another one for one."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import history
from dashboard.actions.answers import Said
from dashboard.actions.deed import deed
from dashboard.pages.frame import page, show
from dashboard.pages.overview import lanes
from dashboard.policy import Action
from pool.conf import get_config
from pool.store.live import live_status
from pool.store.operate import Actor
from pool.store.restart_one import restart_worker
from pool.store.status import ended_workers, workers

ENDED_SHOWN = 25
ANSWER_S = 2.0
"""So long the page waits for the node to say that it heard."""


@page
def all_workers(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    status = live_status(now)
    known = {worker["id"]: worker for worker in workers(now)}
    rows = [_row(known.get(lane["id"], {}), lane) for lane in lanes(status["live"]["lanes"], history.lanes(now))]
    ended = ended_workers(ENDED_SHOWN, now)
    context = {"status": status, "rows": rows, "ended": ended, "config": get_config(), "boot": {"snapshot": status}}
    return show(request, "workers", context)


def _row(known: Mapping[str, Any], lane: Mapping[str, Any]) -> dict[str, Any]:
    """What its node says of a worker just now, over what is noted of it; a kind offers itself, which goes unsaid."""
    offers = [one for one in known.get("capabilities") or () if one != known.get("kind")]
    return {**known, **lane, "offers": offers}


@deed(Action.RESTART)
def replace_worker(request: HttpRequest, by: Actor, worker: str) -> Said:
    if restart_worker(worker, by, ANSWER_S):
        return Said(f"Another worker takes the place of {worker}, after its job if it has one.")
    return Said(f"Worker {worker} was asked to go. Its node has not answered yet: look at it again.", messages.WARNING)
