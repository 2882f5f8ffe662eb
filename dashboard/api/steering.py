"""The pool over the API: tasks, queues, workers, nodes and the number of workers."""

from typing import Any

from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import pool_shapes, schema
from dashboard.api.body import read_object
from dashboard.api.endpoint import Endpoint, needing
from dashboard.api.errors import BadField
from dashboard.api.lists import whole_list
from dashboard.api.query import switch
from dashboard.policy import Action
from pool import registry
from pool.conf import get_config
from pool.declaration import PoolTask
from pool.domain.config import WORKER_CEILING
from pool.domain.errors import InvalidOption
from pool.domain.options import UNSET
from pool.domain.tuning import QUEUE_KNOBS, read_changes
from pool.store import operate, tune
from pool.store.read import nodes, pool_status, queues, workers

SMALL_BYTES = 1 << 16
LARGEST_STEP = 1000

NODE_QUERY = {"ended": switch}


class Tasks(Endpoint):
    """What can be submitted."""

    needs = needing(GET=Action.READ)

    @schema.described("tasks_list", responses=schema.listed(pool_shapes.Task))
    def get(self, request: Request) -> Response:
        """List the registered tasks with their options."""
        return whole_list([_task_dict(name, task) for name, task in sorted(registry.discover().items())])


class Queues(Endpoint):
    """Waiting lines."""

    needs = needing(GET=Action.READ)

    @schema.described("queues_list", responses=schema.listed(pool_shapes.Queue))
    def get(self, request: Request) -> Response:
        """List the queues with their counters."""
        return whole_list(queues())


class Queue(Endpoint):
    """One waiting line."""

    needs = needing(GET=Action.READ, PATCH=Action.TUNE)

    @schema.described("queues_detail", responses={200: pool_shapes.Queue, **schema.UNKNOWN})
    def get(self, request: Request, name: str) -> Response:
        """Show a queue with its counters, its limits, and how full it is."""
        return Response(_queue(name))

    @schema.described("queues_tune", request=pool_shapes.Limits, responses={200: pool_shapes.Queue, **schema.WRONG})
    def patch(self, request: Request, name: str) -> Response:
        """Set the queue's weight and limits: those that are sent. null takes a limit away."""
        changes = read_object(request._request, SMALL_BYTES)
        for field, value in changes.items():
            _require_good(field, value)
        try:
            tune.tune_queue(name, changes, self.actor())
        except InvalidOption as error:
            raise BadField("queue", str(error)) from None
        return Response(_queue(name))


class Pause(Endpoint):
    """A queue that shall wait."""

    needs = needing(POST=Action.PAUSE)

    @schema.described("queues_pause", request=None, responses={200: pool_shapes.Queue, **schema.WRONG})
    def post(self, request: Request, name: str) -> Response:
        """Let no further job of the queue start. A queue may be paused before it has jobs."""
        try:
            operate.pause(name, self.actor())
        except InvalidOption as error:
            raise BadField("queue", str(error)) from None
        return Response(_queue(name))


class Resume(Endpoint):
    """A queue that shall go on."""

    needs = needing(POST=Action.RESUME)

    @schema.described("queues_resume", request=None, responses={200: pool_shapes.Queue, **schema.UNKNOWN})
    def post(self, request: Request, name: str) -> Response:
        """Let the queue's jobs start again."""
        _queue(name)
        operate.resume(name, self.actor())
        return Response(_queue(name))


class Workers(Endpoint):
    """Processes that run jobs."""

    needs = needing(GET=Action.READ)

    @schema.described("workers_list", responses=schema.listed(pool_shapes.Worker))
    def get(self, request: Request) -> Response:
        """List the workers of the live nodes."""
        return whole_list(workers())


class Worker(Endpoint):
    """One worker."""

    needs = needing(GET=Action.READ)

    @schema.described("workers_detail", responses={200: pool_shapes.Worker, **schema.UNKNOWN})
    def get(self, request: Request, worker_id: str) -> Response:
        """Show a worker that lives."""
        return Response(_one("worker", "id", worker_id, workers()))


class Nodes(Endpoint):
    """Supervisors with their workers."""

    needs = needing(GET=Action.READ)
    parameters = NODE_QUERY

    @schema.described("nodes_list", parameters=schema.NODE_LIST, responses=schema.listed(pool_shapes.Node))
    def get(self, request: Request) -> Response:
        """List the live nodes, newest first; with `ended` the last hundred of all."""
        return whole_list(nodes(**self.given))


class Pool(Endpoint):
    """All nodes together."""

    needs = needing(GET=Action.READ)

    @schema.described("pool_status", responses=pool_shapes.Figures)
    def get(self, request: Request) -> Response:
        """Give the figures of the pool: the same as /metrics."""
        return Response(pool_status())


class Scale(Endpoint):
    """The number of workers."""

    needs = needing(POST=Action.SCALE)

    @schema.described("pool_scale", request=pool_shapes.Scale, responses={202: pool_shapes.Size, **schema.WRONG})
    def post(self, request: Request) -> Response:
        """Ask for so many workers in all (`size`), or so many more or fewer (`by`); `{"size": "auto"}` lets go of that.

        What is asked for stays for `scale_hold_s`; then the number follows the load again.
        """
        name, number = _one_number(read_object(request._request, SMALL_BYTES))
        before = operate.wanted_size()
        if number is None:
            operate.follow_load(self.actor())
            return Response({"size": before, "before": before, "held_s": None}, status=status.HTTP_202_ACCEPTED)
        try:
            size = operate.scale(before + number if name == "by" else number, self.actor())
        except InvalidOption as error:
            raise BadField(name, str(error)) from None
        told = {"size": size, "before": before, "held_s": operate.hold_s()}
        return Response(told, status=status.HTTP_202_ACCEPTED)


def _one_number(body: dict[str, Any]) -> tuple[str, int | None]:
    """The field and its number; None when the load shall say."""
    if len(body) != 1 or not set(body) <= {"size", "by"}:
        wrong = next((name for name in body if name not in ("size", "by")), "size")
        raise BadField(wrong[:50], 'Send {"size": N} for N workers in all, or {"by": N} for N more or fewer.')
    ((name, number),) = body.items()
    if (name, number) == ("size", operate.AUTO):
        return name, None
    most = LARGEST_STEP if name == "by" else WORKER_CEILING
    if type(number) is not int or abs(number) > most:
        raise BadField(name, f"{name} must be a whole number, and no larger than {most}.")
    return name, number


def _require_good(field: str, value: Any) -> None:
    try:
        read_changes({field: value}, QUEUE_KNOBS)
    except InvalidOption as error:
        raise BadField(field[:50], str(error)) from None


def _queue(name: str) -> dict[str, Any]:
    return _one("queue", "name", name, queues())


def _one(kind: str, key: str, wanted: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    for row in rows:
        if row[key] == wanted:
            return row
    raise NotFound(f"There is no {kind} {wanted[:100]!a}.")


def _task_dict(name: str, task: PoolTask) -> dict[str, Any]:
    config, options = get_config(), task.options
    return {
        "name": name,
        "kind": task.kind,
        "queue": options.queue,
        "priority": options.priority,
        "timeout": config.timeout_s if options.timeout is UNSET else options.timeout,
        "max_attempts": options.max_attempts or config.max_attempts,
        "takes_context": task.takes_context,
        "description": (task.func.__doc__ or "").strip().partition("\n")[0],
    }
