"""Schedules over the API: seen, paused, resumed and run now. Django admin and commands make and change them."""

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import job_shapes, pool_shapes, schema
from dashboard.api.endpoint import Endpoint, needing
from dashboard.api.lists import address
from dashboard.api.query import text, whole
from dashboard.policy import Action
from pool.schedules import MOST_LISTED, listed, run_now, shown
from pool.store.read import get_job, job_dict
from pool.store.schedules import pause, resume

LARGEST_PLACE = 10**9
SCHEDULE_QUERY = {"search": text, "after": whole(0, LARGEST_PLACE), "limit": whole(1, MOST_LISTED)}


class Schedules(Endpoint):
    """What runs again and again."""

    needs = needing(GET=Action.READ)
    parameters = SCHEDULE_QUERY

    @schema.described(
        "schedules_list",
        parameters=schema.SCHEDULE_LIST,
        responses={200: schema.listed(pool_shapes.Schedule), **schema.UNKNOWN},
    )
    def get(self, request: Request) -> Response:
        """List the pool's schedules by their number, with their next runs and how punctual the last one was."""
        after, limit = self.given.get("after", 0), self.given.get("limit", MOST_LISTED)
        part = listed(self.given.get("search", ""), after, limit)
        onward = address(request._request, after=after + limit) if part.has_more else None
        return Response({"results": part.rows, "next": onward, "previous": None})


class Schedule(Endpoint):
    """One of them."""

    needs = needing(GET=Action.READ)

    @schema.described("schedules_detail", responses={200: pool_shapes.Schedule, **schema.UNKNOWN})
    def get(self, request: Request, schedule_id: str) -> Response:
        """Show a schedule."""
        return Response(shown(schedule_id))


class Pause(Endpoint):
    """A schedule that shall rest."""

    needs = needing(POST=Action.PAUSE)

    @schema.described("schedules_pause", request=None, responses={200: pool_shapes.Schedule, **schema.UNKNOWN})
    def post(self, request: Request, schedule_id: str) -> Response:
        """Let a schedule fire no more until it is resumed."""
        pause(schedule_id, self.actor())
        return Response(shown(schedule_id))


class Resume(Endpoint):
    """A schedule that shall go on."""

    needs = needing(POST=Action.RESUME)

    @schema.described("schedules_resume", request=None, responses={200: pool_shapes.Schedule, **schema.UNKNOWN})
    def post(self, request: Request, schedule_id: str) -> Response:
        """Let a schedule fire again, from its next time on."""
        resume(schedule_id, self.actor())
        return Response(shown(schedule_id))


class Run(Endpoint):
    """A schedule that shall run beside its rhythm."""

    needs = needing(POST=Action.RUN)

    @schema.described(
        "schedules_run", request=None, responses={201: job_shapes.Job, **schema.FINISHED, 429: schema.WRONG[429]}
    )
    def post(self, request: Request, schedule_id: str) -> Response:
        """Enqueue the job of a schedule now, paused or not; its rhythm stays as it is."""
        job = run_now(schedule_id, self.actor())
        return Response(job_dict(get_job(job)), status=status.HTTP_201_CREATED)
