"""Jobs over the API: submitted, listed, looked at, cancelled, retried, discarded."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import job_shapes, schema
from dashboard.api.batches import read_batch
from dashboard.api.body import read_object
from dashboard.api.endpoint import Endpoint, needing
from dashboard.api.errors import BadField
from dashboard.api.lists import JOB_QUERY, address, page_of_jobs, whole_list
from dashboard.api.order import Order, field_of, read_order, read_orders, store
from dashboard.api.query import whole
from dashboard.api.throttles import SubmissionThrottle
from dashboard.policy import Action
from pool.conf import get_config
from pool.domain.errors import NotPossible, UnknownParent
from pool.store import operate
from pool.store.new_job import NewBatch
from pool.store.operate import Actor, CancelAnswer
from pool.store.read import MOST_LOG_PIECES, attempts, job_detail, logs

MOST_JOBS = 10_000
MIB = 1 << 20
BATCH_BYTES = 16 * MIB
LARGEST_ID = 2**63 - 1

LOG_QUERY = {"after": whole(0, LARGEST_ID), "limit": whole(1, MOST_LOG_PIECES)}

CANCELLED = {CancelAnswer.CANCELLED: status.HTTP_200_OK, CancelAnswer.REQUESTED: status.HTTP_202_ACCEPTED}


class Jobs(Endpoint):
    """All jobs."""

    needs = needing(GET=Action.READ, POST=Action.SUBMIT)
    parameters = JOB_QUERY
    throttle_classes = (SubmissionThrottle,)

    @schema.described("jobs_list", parameters=schema.JOB_LIST, responses=schema.listed(job_shapes.Job))
    def get(self, request: Request) -> Response:
        """List jobs, newest first."""
        return page_of_jobs(request._request, self.given)

    @schema.described(
        "jobs_submit", request=job_shapes.Order, responses={201: job_shapes.Job, 200: job_shapes.Job, **schema.WRONG}
    )
    def post(self, request: Request) -> Response:
        """Submit a job: 201. When another job holds its unique key, nothing is stored and that one is shown: 200."""
        body = read_object(request._request, order_bytes())
        order = read_order(body, self.actor())
        (stands,) = _stored([order], self.actor())
        job = job_detail(stands)
        where = request.build_absolute_uri(f"{request.path}/{job['id']}")
        code = status.HTTP_201_CREATED if stands == order.job.id else status.HTTP_200_OK
        return Response(job, status=code, headers={"Location": where})


class Batch(Endpoint):
    """Many jobs at once."""

    needs = needing(POST=Action.SUBMIT)
    throttle_classes = (SubmissionThrottle,)

    @schema.described("jobs_batch", request=job_shapes.Batch, responses={201: job_shapes.Ids, **schema.WRONG})
    def post(self, request: Request) -> Response:
        """Submit up to 10,000 jobs: all of them, or none."""
        body = read_object(request._request, BATCH_BYTES)
        orders = read_orders(_jobs_of(body), self.actor())
        batch, orders = read_batch(body.get("batch"), orders, self.actor())
        ids = _stored(orders, self.actor(), batch)
        told = {} if batch is None else {"batch": str(batch.id)}
        return Response({"ids": [str(id) for id in ids], **told}, status=status.HTTP_201_CREATED)


class Job(Endpoint):
    """One job."""

    needs = needing(GET=Action.READ, DELETE=Action.CANCEL)

    @schema.described("jobs_detail", responses={200: job_shapes.Job, **schema.UNKNOWN})
    def get(self, request: Request, job_id: str) -> Response:
        """Show a job, with its position in the queue and why it waits."""
        return Response(job_detail(job_id))

    @schema.described("jobs_cancel", responses={200: job_shapes.Job, 202: job_shapes.Job, **schema.FINISHED})
    def delete(self, request: Request, job_id: str) -> Response:
        """Cancel a job: at once while it waits (200), in stages when it runs (202)."""
        answer = operate.cancel(job_id, self.actor())
        job = job_detail(job_id)
        if answer not in CANCELLED:
            raise NotPossible(f"The job has already ended: it is {job['status']}.")
        return Response(job, status=CANCELLED[answer])


class Retry(Endpoint):
    """Another chance for a job."""

    needs = needing(POST=Action.RETRY)

    @schema.described("jobs_retry", request=None, responses={200: job_shapes.Job, **schema.FINISHED})
    def post(self, request: Request, job_id: str) -> Response:
        """Give a failed, timed out or cancelled job a fresh budget of attempts."""
        operate.retry(job_id, self.actor())
        return Response(job_detail(job_id))


class Discard(Endpoint):
    """The end of a dead letter."""

    needs = needing(POST=Action.DISCARD)

    @schema.described("jobs_discard", request=None, responses={200: job_shapes.Job, **schema.FINISHED})
    def post(self, request: Request, job_id: str) -> Response:
        """Take a dead letter off the list."""
        operate.discard(job_id, self.actor())
        return Response(job_detail(job_id))


class Attempts(Endpoint):
    """The tries of a job."""

    needs = needing(GET=Action.READ)

    @schema.described("jobs_attempts", responses={200: schema.listed(job_shapes.Attempt), **schema.UNKNOWN})
    def get(self, request: Request, job_id: str) -> Response:
        """List the attempts that were kept: all but a first success."""
        return whole_list(attempts(job_id))


class Logs(Endpoint):
    """What a job printed and logged."""

    needs = needing(GET=Action.READ)
    parameters = LOG_QUERY

    @schema.described(
        "jobs_logs",
        parameters=schema.LOG_LIST,
        responses={200: schema.listed(job_shapes.LogPiece), **schema.UNKNOWN},
    )
    def get(self, request: Request, job_id: str) -> Response:
        """List its pieces, oldest first, on from the piece with the id `after`."""
        limit = self.given.get("limit", MOST_LOG_PIECES)
        pieces = logs(job_id, self.given.get("after", 0), limit)
        onward = address(request._request, after=pieces[-1]["id"]) if len(pieces) == limit else None
        return Response({"results": pieces, "next": onward, "previous": None})


class DeadLetters(Endpoint):
    """Jobs with no attempts left."""

    needs = needing(GET=Action.READ)
    parameters = JOB_QUERY

    @schema.described("dead_letters", parameters=schema.JOB_LIST, responses=schema.listed(job_shapes.Job))
    def get(self, request: Request) -> Response:
        """List the failed and timed out jobs that nobody retried or discarded, newest first."""
        return page_of_jobs(request._request, self.given, dead=True)


def order_bytes() -> int:
    """The longest body of one job: a character of its arguments may be written in six."""
    return 6 * get_config().max_payload_bytes + MIB


def _stored(orders: Sequence[Order], actor: Actor, batch: NewBatch | None = None) -> list[UUID]:
    try:
        return store(orders, actor, batch)
    except UnknownParent as error:
        raise BadField(field_of(error, orders), str(error)) from None


def _jobs_of(body: dict[str, Any]) -> list[Any]:
    for name in body:
        if name not in ("jobs", "batch"):
            raise BadField(name[:50], "A batch has the field jobs, and may have the field batch.")
    jobs = body.get("jobs")
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MOST_JOBS:
        raise BadField("jobs", f"jobs must be a list of 1 to {MOST_JOBS} jobs.")
    return jobs
