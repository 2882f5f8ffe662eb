"""A turn for jobs that an operator has sent back into line. Apart from `rank`: who enqueues needs no models."""

from collections.abc import Iterable
from typing import Any

from django.db import connections

from pool.domain.states import JobStatus
from pool.models import Job
from pool.store.rank import Line, Woken, asking, given_ranks


def requeue(alias: str, ids: Iterable[Any], *, had_turn: bool) -> None:
    """Give ranks to jobs that an operator has just made PENDING with rank 0, in the caller's transaction."""
    jobs = Job.objects.using(alias).filter(pk__in=ids, status=JobStatus.PENDING, tenant__gt="").order_by("pk")
    lines: dict[Line, list[Woken]] = {}
    for id, queue, priority, tenant in jobs.values_list("pk", "queue", "priority", "tenant"):
        lines.setdefault((queue, priority, tenant), []).append(Woken(id, queue, priority, tenant, had_turn))
    with connections[alias].cursor() as cursor:
        ask = asking(cursor)
        given = [one for line, some in lines.items() for one in given_ranks(ask, line, some)]
    for rank, id in given:
        Job.objects.using(alias).filter(pk=id, status=JobStatus.PENDING).update(rank=rank)
