"""Lists of events, newest first, page by page: what operators did and what broke. Reads only."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.event_words import in_words
from pool.models import PoolEvent
from pool.store.events import EVERYDAY

MOST_LISTED = 200
MOST_LOOKED_AT = 10_000
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class EventPage:
    events: list[dict[str, Any]]
    next: int | None
    """Number of the event after which the older ones come; None at the end."""


def list_events(
    *,
    kind: str | None = None,
    level: str | None = None,
    search: str | None = None,
    job: uuid.UUID | None = None,
    before: int | None = None,
    limit: int = 50,
) -> EventPage:
    """List events. `kind` is "actions" (what people did) or "facts"; `search` is in the name, actor, worker or node."""
    limit, wanted = max(1, min(limit, MOST_LISTED)), _wanted(kind, level, search, job)
    events = PoolEvent.objects.using(database_alias()).order_by("-id")
    if before is not None:
        events = events.filter(id__lt=before)
    newest = events.values_list("id", flat=True).first()
    if newest is None:
        return EventPage([], None)
    # Rare matches in a long list must not be looked for without end; those of a job have an index.
    stop = 0 if job is not None else newest - MOST_LOOKED_AT
    found = list(events.filter(wanted, id__gt=stop)[: limit + 1])
    if len(found) > limit:
        return EventPage([event_dict(event) for event in found[:limit]], found[limit - 1].pk)
    is_end = stop <= 0 or not events.filter(id__lte=stop).exists()
    return EventPage([event_dict(event) for event in found], None if is_end else stop + 1)


def event_dict(event: PoolEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "at": event.at,
        "name": event.name,
        "level": event.level,
        "node": event.node or None,
        "worker": event.worker or None,
        "job": event.job,
        "actor": event.actor or None,
        "source": event.source or None,
        "data": event.data,
        "text": in_words(event.name, event.actor, event.data),
    }


def _wanted(kind: str | None, level: str | None, search: str | None, job: uuid.UUID | None) -> Q:
    if kind not in (None, "", "actions", "facts"):
        raise InvalidOption(f"There is no kind of event {kind[:50]!r}: it is actions or facts.")
    if level and level not in LEVELS:
        raise InvalidOption(f"There is no level {level[:50]!r}: it is one of {', '.join(LEVELS)}.")
    if search and not search.isprintable():
        raise InvalidOption("A search has no control characters.")
    wanted = Q() if not kind else (~Q(source="node") if kind == "actions" else Q(source="node"))
    if level:
        wanted &= Q(level=level)
    elif job is None and not search:
        wanted &= ~Q(level=EVERYDAY)
    if job is not None:
        wanted &= Q(job=job)
    for word in (search or "").split():
        wanted &= (
            Q(name__icontains=word) | Q(actor__icontains=word) | Q(worker__icontains=word) | Q(node__icontains=word)
        )
    return wanted
