"""The pool's past, row by row: what charts and lanes are made of. Reads only, over Django's connection.

JSON comes as the text it is stored as: a chart reads a thousand rows and a few keys of each, and its reader decodes
no more than those.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import TextField
from django.db.models.functions import Cast

from pool.models import PoolSnapshot

SECOND, MINUTE, HOUR = PoolSnapshot.Span.SECOND, PoolSnapshot.Span.MINUTE, PoolSnapshot.Span.HOUR


class PastSpan(NamedTuple):
    """What one node measured in a second, or the whole pool in a longer span (`node` is empty)."""

    at: datetime
    node: str
    data: str
    histograms: str


def past(alias: str, span: int, since: datetime, until: datetime, *, histograms: bool = True) -> Iterator[PastSpan]:
    """Read the spans that ended after the first and not after the second moment, oldest first."""
    rows = PoolSnapshot.objects.using(alias).filter(span=span, at__gt=since, at__lte=until).order_by("at", "node")
    texts = {"data_text": Cast("data", TextField())}
    if histograms:
        texts["histograms_text"] = Cast("histograms", TextField())
    for row in rows.annotate(**texts).values_list("at", "node", *texts).iterator(chunk_size=500):
        yield PastSpan(row[0], row[1], row[2], row[3] if histograms else "{}")


def newest(alias: str, span: int, until: datetime) -> datetime | None:
    """When the newest span of that length ended. A clock that was set back has left some that are still to come."""
    rows = PoolSnapshot.objects.using(alias).filter(span=span, at__lte=until).order_by("-at")
    return rows.values_list("at", flat=True).first()
