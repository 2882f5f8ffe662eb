"""Batches and children over the API: what a list of jobs is counted under, and what waits for a job."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import job_shapes, schema
from dashboard.api.endpoint import Endpoint, needing
from dashboard.api.errors import BadField
from dashboard.api.lists import address, job_dicts
from dashboard.api.order import Order
from dashboard.api.query import whole
from dashboard.policy import Action
from pool.adapters.tasks_api import InvalidTask
from pool.backend import pool_backend
from pool.batches import WANTS
from pool.domain.errors import BatchNotFound, InvalidOption, InvalidPayload
from pool.domain.ids import new_id
from pool.domain.links import read_callback
from pool.domain.naming import check_name
from pool.linking import callback_job, with_ties
from pool.store.family import batch_dict, children_after, get_batch
from pool.store.job_list import MOST_LISTED
from pool.store.new_job import LinkedJob, NewBatch
from pool.store.operate import Actor
from pool.store.read import get_job

LARGEST_ID = 2**63 - 1
CHILD_QUERY = {"after": whole(0, LARGEST_ID), "limit": whole(1, MOST_LISTED)}
FIELDS = ("name", *WANTS)


class Batch(Endpoint):
    """Jobs that are counted together."""

    needs = needing(GET=Action.READ)

    @schema.described("batches_detail", responses={200: job_shapes.BatchCounts, **schema.UNKNOWN})
    def get(self, request: Request, batch_id: str) -> Response:
        """Show how many jobs of a batch have ended, and how."""
        return Response(batch_dict(get_batch(batch_id)))


class Children(Endpoint):
    """The jobs that wait for a job or a batch."""

    needs = needing(GET=Action.READ)
    parameters = CHILD_QUERY

    @schema.described(
        "jobs_children",
        parameters=schema.CHILD_LIST,
        responses={200: schema.listed(job_shapes.Job), **schema.UNKNOWN},
    )
    def get(self, request: Request, job_id: str) -> Response:
        """List the jobs that wait, or waited, for a job or a batch."""
        limit = self.given.get("limit", MOST_LISTED)
        found = children_after(_known(job_id), self.given.get("after", 0), limit)
        onward = address(request._request, after=found[-1][0]) if len(found) == limit else None
        return Response({"results": job_dicts([job for _, job in found]), "next": onward, "previous": None})


def read_batch(given: Any, orders: list[Order], actor: Actor) -> tuple[NewBatch | None, list[Order]]:
    """Make the batch that is asked for, if one is, and put the jobs into it."""
    if given is None:
        return None, orders
    if not isinstance(given, dict) or not set(given) <= set(FIELDS):
        raise BadField("batch", f"batch is an object with the fields {', '.join(FIELDS)}.")
    id, now = new_id(), datetime.now(UTC)
    callbacks = [_callback(option, given[option], id, now, actor) for option in WANTS if given.get(option) is not None]
    try:
        name = check_name("name", given["name"]) if given.get("name") else ""
    except InvalidOption as error:
        raise BadField("batch.name", str(error)) from None
    batch = NewBatch(id=id, name=name, created_at=now, created_by=actor.name, callbacks=tuple(callbacks))
    return batch, [
        dataclasses.replace(order, job=msgspec.structs.replace(with_ties(order.job), batch=id)) for order in orders
    ]


def _callback(option: str, value: Any, id: Any, now: datetime, actor: Actor) -> LinkedJob:
    try:
        callback = read_callback(option, value)
        assert callback is not None
        return callback_job(pool_backend(), callback, WANTS[option], id, now, actor.name)
    except (InvalidOption, InvalidPayload, InvalidTask) as error:
        raise BadField(f"batch.{option}", str(error)) from None


def _known(id: str) -> Any:
    """The id of a job or a batch. Raises JobNotFound."""
    try:
        return get_batch(id).pk
    except BatchNotFound:
        return get_job(id).pk
