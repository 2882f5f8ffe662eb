"""The workers: what each does now and did in the last minute, and what the last ones ended of."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import history
from dashboard.pages.frame import page, show
from dashboard.pages.overview import lanes
from pool.conf import get_config
from pool.store.live import live_status
from pool.store.status import ended_workers, workers

ENDED_SHOWN = 25


@page
def all_workers(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    status = live_status(now)
    known = {worker["id"]: worker for worker in workers(now)}
    rows = [{**known.get(lane["id"], {}), **lane} for lane in lanes(status["live"]["lanes"], history.lanes(now))]
    ended = ended_workers(ENDED_SHOWN, now)
    context = {"status": status, "rows": rows, "ended": ended, "config": get_config(), "boot": {"snapshot": status}}
    return show(request, "workers", context)
