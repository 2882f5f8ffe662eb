"""The events: who did what from where, and what broke."""

from django.http import HttpRequest, HttpResponse

from dashboard.pages.frame import page, show
from pool.domain.errors import InvalidOption
from pool.domain.ids import parse_id
from pool.store.event_list import LEVELS, EventPage, list_events

PAGE_SIZE = 100
KINDS = (("", "All"), ("actions", "What people did"), ("facts", "What happened"))


@page
def all_events(request: HttpRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in ("kind", "level", "search", "job")}
    before, problem = request.GET.get("before", ""), ""
    try:
        found = list_events(
            kind=asked["kind"],
            level=asked["level"],
            search=asked["search"],
            job=parse_id(asked["job"]) if asked["job"] else None,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
            limit=PAGE_SIZE,
        )
    except InvalidOption as error:
        found, problem = EventPage([], None), str(error)
    context = {
        "asked": asked,
        "events": found.events,
        "older": found.next,
        "is_first": not before,
        "is_filtered": any(asked.values()),
        "problem": problem,
        "kinds": KINDS,
        "levels": LEVELS,
    }
    return show(request, "events", context, status=400 if problem else 200)
