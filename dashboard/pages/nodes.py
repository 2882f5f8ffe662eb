"""The nodes: hosts whose workers make the pool, and those that left it."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard.pages.frame import page, show
from pool.domain.states import LIVE_NODES
from pool.store.status import nodes


@page
def all_nodes(request: HttpRequest) -> HttpResponse:
    known = nodes(timezone.now(), ended=True)
    live = [node for node in known if node["state"] in LIVE_NODES]
    gone = [node for node in known if node["state"] not in LIVE_NODES]
    return show(request, "nodes", {"live": live, "gone": gone[:25]})
