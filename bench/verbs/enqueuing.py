"""Verbs of the agent that enqueue jobs, or see to it that they come."""

import random
import time
from datetime import UTC, datetime
from typing import Any

from pool import batch
from pool import enqueue_many as enqueue_calls
from pool.registry import find


def enqueue_many(task: str, args: list[Any], jobs: int, batch: int = 0) -> dict[str, float]:
    """Enqueue the same call many times, all at once or in batches; when it began, and how long it took."""
    calls: list[Any] = [(args, {})] * (batch or jobs)
    began, start = time.time(), time.perf_counter()
    for _ in range(jobs // len(calls)):
        enqueue_calls(find(task), calls)
    return {"began": began, "seconds": time.perf_counter() - start}


def enqueue_each(task: str, args: list[Any], jobs: int) -> dict[str, float]:
    """The same with one call of `enqueue()` for each job."""
    enqueue = find(task).enqueue
    began, start = time.time(), time.perf_counter()
    for _ in range(jobs):
        enqueue(*args)
    return {"began": began, "seconds": time.perf_counter() - start}


def enqueue_numbered(task: str, first: Any, jobs: int, rest: list[Any]) -> None:
    """Enqueue calls that differ in their second argument, a number."""
    enqueue_calls(find(task), [((first, number, *rest), {}) for number in range(jobs)])


def enqueue_for(tenant: str, task: str, args: list[Any], jobs: int) -> dict[str, Any]:
    """Enqueue jobs of one tenant; their ids, and when the call returned (monotonic nanoseconds)."""
    ids = enqueue_calls(find(task).using(tenant=tenant), [(args, {})] * jobs)
    returned = time.monotonic_ns()
    return {"returned": returned, "ids": [str(id) for id in ids]}


def enqueue_graph(task: str, jobs: int) -> float:
    """Enqueue jobs that wait for up to three earlier ones each, in one batch; how long it took."""
    chance, made, start = random.Random(5), list[Any](), time.perf_counter()
    with batch("graph") as graph:
        for number in range(jobs):
            # Some look far back, most to their neighbours: the graph is deep and wide.
            earlier = made if chance.random() < 0.2 else made[-50:]
            parents = chance.sample(earlier, min(len(earlier), chance.randint(0, 3)))
            what = find(task).using(depends_on=parents) if parents else find(task)
            made.append(graph.enqueue(what, number))
    return time.perf_counter() - start


def pace(task: str, args: list[Any], jobs: int, period_s: float, poisson: bool = False) -> list[tuple[str, int]]:
    """Enqueue one job every so often, on average; their ids, and when each call returned (monotonic nanoseconds)."""
    enqueue, chance = find(task).enqueue, random.Random(1)
    returned, due = [], time.monotonic()
    for _ in range(jobs):
        time.sleep(max(due - time.monotonic(), 0.0))
        job = enqueue(*args).id
        returned.append((job, time.monotonic_ns()))
        due += chance.expovariate(1 / period_s) if poisson else period_s
    return returned


def schedule(task: str, schedules: int, ahead_s: float) -> list[float]:
    """Make daily schedules, all due within a second that begins so long from now; when each is due."""
    # It may be missing, and is needed for this verb alone.
    from django_q.models import Schedule

    begins = time.time() + ahead_s
    due = [begins + number / schedules for number in range(schedules)]
    Schedule.objects.bulk_create(
        Schedule(
            func=task, args=str(number), schedule_type=Schedule.DAILY, next_run=datetime.fromtimestamp(due[number], UTC)
        )
        for number in range(schedules)
    )
    return due
