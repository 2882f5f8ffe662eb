"""The one process of a bench site that enqueues and looks: it alone has the site's Django settings.

The bench writes one JSON object a line to its standard input, `{"do": verb, ...}`, and reads one back. So whatever
started the bench (a command of some project, a test) needs no settings of its own, and client and pool share nothing
but the database.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django

from pool.engine import linux

Verb = Callable[..., Any]

VERBS: dict[str, Verb] = {}

OPEN = "SELECT " + " OR ".join(
    f"EXISTS (SELECT 1 FROM pool_job WHERE status = '{status}')"
    for status in ("PENDING", "ASSIGNED", "RUNNING", "SCHEDULED", "BLOCKED")
)


def verb(function: Verb) -> Verb:
    VERBS[function.__name__] = function
    return function


@verb
def migrate() -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    # Closed, the database stands in one file, which is copied for every site.
    connection.close()


@verb
def versions() -> dict[str, str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        return {"django": django.get_version(), "database": f"{connection.vendor} {cursor.fetchone()[0]}"}


@verb
def enqueue_many(task: str, args: list[Any], jobs: int, batch: int = 0) -> dict[str, float]:
    """Enqueue the same call many times, all at once or in batches; when it began, and how long it took."""
    from pool import enqueue_many
    from pool.registry import find

    calls: list[Any] = [(args, {})] * (batch or jobs)
    began, start = time.time(), time.perf_counter()
    for _ in range(jobs // len(calls)):
        enqueue_many(find(task), calls)
    return {"began": began, "seconds": time.perf_counter() - start}


@verb
def enqueue_each(task: str, args: list[Any], jobs: int) -> dict[str, float]:
    """The same with one call of `enqueue()` for each job."""
    from pool.registry import find

    enqueue = find(task).enqueue
    began, start = time.time(), time.perf_counter()
    for _ in range(jobs):
        enqueue(*args)
    return {"began": began, "seconds": time.perf_counter() - start}


@verb
def enqueue_numbered(task: str, first: Any, jobs: int, rest: list[Any]) -> None:
    """Enqueue calls that differ in their second argument, a number."""
    from pool import enqueue_many
    from pool.registry import find

    enqueue_many(find(task), [((first, number, *rest), {}) for number in range(jobs)])


@verb
def enqueue_for(tenant: str, task: str, args: list[Any], jobs: int) -> dict[str, Any]:
    """Enqueue jobs of one tenant; their ids, and when the call returned (monotonic nanoseconds)."""
    from pool import enqueue_many
    from pool.registry import find

    ids = enqueue_many(find(task).using(tenant=tenant), [(args, {})] * jobs)
    returned = time.monotonic_ns()
    return {"returned": returned, "ids": [str(id) for id in ids]}


@verb
def waiting_of(tenant: str) -> int:
    """How many jobs of a tenant may start."""
    from pool.models import Job

    return Job.objects.filter(tenant=tenant, status="PENDING", rank__gt=0).count()


@verb
def enqueue_graph(task: str, jobs: int) -> float:
    """Enqueue jobs that wait for up to three earlier ones each, in one batch; how long it took."""
    from pool import batch
    from pool.registry import find

    chance, made, start = random.Random(5), list[Any](), time.perf_counter()
    with batch("graph") as graph:
        for number in range(jobs):
            # Some look far back, most to their neighbours: the graph is deep and wide.
            earlier = made if chance.random() < 0.2 else made[-50:]
            parents = chance.sample(earlier, min(len(earlier), chance.randint(0, 3)))
            what = find(task).using(depends_on=parents) if parents else find(task)
            made.append(graph.enqueue(what, number))
    return time.perf_counter() - start


@verb
def schedule(task: str, schedules: int, ahead_s: float) -> list[float]:
    """Make daily schedules, all due within a second that begins so long from now; when each is due."""
    from datetime import UTC, datetime

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


@verb
def fired() -> list[tuple[int, float]]:
    """Of each job the number that it was given, and when it was enqueued."""
    from pool.models import Job

    rows: Any = Job.objects.order_by("id").values_list("args", "created_at")
    return [(args[0], created.timestamp()) for args, created in rows]


@verb
def wait_nodes(nodes: int, limit_s: float = 30.0) -> None:
    """Wait until so many nodes live."""
    from pool.store.read import nodes as living

    deadline = time.monotonic() + limit_s
    while len(living()) < nodes:
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {limit_s:g} s there are {len(living())} nodes.")
        time.sleep(0.02)


@verb
def wait_completed(jobs: int, limit_s: float = 60.0) -> None:
    """Wait until so many jobs are done, and none is open."""
    from pool.models import Job

    deadline = time.monotonic() + limit_s
    while Job.objects.filter(status="COMPLETED").count() < jobs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {limit_s:g} s not all are done: {counts()}.")
        time.sleep(0.02)
    wait_done(limit_s)


@verb
def wait_for(jobs: list[str], limit_s: float = 60.0) -> None:
    """Wait until these jobs have ended."""
    from pool.domain.states import TERMINAL
    from pool.models import Job

    deadline = time.monotonic() + limit_s
    while Job.objects.filter(pk__in=jobs).exclude(status__in=TERMINAL).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {limit_s:g} s some of the {len(jobs)} jobs are still open.")
        time.sleep(0.005)


@verb
def pace(task: str, args: list[Any], jobs: int, period_s: float, poisson: bool = False) -> list[tuple[str, int]]:
    """Enqueue one job every so often, on average; their ids, and when each call returned (monotonic nanoseconds)."""
    from pool.registry import find

    enqueue, chance = find(task).enqueue, random.Random(1)
    returned, due = [], time.monotonic()
    for _ in range(jobs):
        time.sleep(max(due - time.monotonic(), 0.0))
        job = enqueue(*args).id
        returned.append((job, time.monotonic_ns()))
        due += chance.expovariate(1 / period_s) if poisson else period_s
    return returned


@verb
def wait_done(limit_s: float = 120.0, every_s: float = 0.02) -> float:
    """Wait until every job's outcome is stored; when that was seen."""
    from django.db import connection

    deadline = time.monotonic() + limit_s
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Without statistics the planner would read the whole table instead of the ends of its indexes.
            cursor.execute("SET enable_seqscan = off")
        while True:
            cursor.execute(OPEN)
            if not cursor.fetchone()[0]:
                return time.time()
            if time.monotonic() > deadline:
                raise TimeoutError(f"After {limit_s:g} s jobs are still open: {counts()}.")
            time.sleep(every_s)


@verb
def counts() -> dict[str, int]:
    from django.db.models import Count

    from pool.models import Job

    return dict(Job.objects.order_by().values_list("status").annotate(Count("id")))


@verb
def first_start() -> float:
    from django.db.models import Min

    from pool.models import Job

    first: Any = Job.objects.aggregate(at=Min("started_at"))["at"]
    return float(first.timestamp())


@verb
def wait_begun(limit_s: float = 60.0) -> None:
    """Wait until the first job was completed."""
    from pool.models import Job

    deadline = time.monotonic() + limit_s
    while not Job.objects.filter(status="COMPLETED").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {limit_s:g} s no job was completed.")
        time.sleep(0.005)


@verb
def spans() -> list[tuple[float, float, float]]:
    """Of every job: when it could start, when it started and when it finished."""
    from pool.models import Job

    rows: Any = Job.objects.order_by("id").values_list("run_at", "started_at", "finished_at")
    return [(run_at.timestamp(), started.timestamp(), finished.timestamp()) for run_at, started, finished in rows]


@verb
def results() -> dict[str, Any]:
    """Results of the jobs by id."""
    from pool.models import Job

    return {str(pk): result for pk, result in Job.objects.order_by().values_list("id", "result")}


@verb
def double_endings() -> int:
    """How many successes the database holds beyond one for each completed job; its counters are looked at as well."""
    from django.db.models import Count, Sum

    from pool.models import Attempt, Job, Tally

    completed = Job.objects.filter(status="COMPLETED").count()
    counted = Tally.objects.aggregate(total=Sum("completed"))["total"] or 0
    successes = Attempt.objects.filter(outcome="SUCCEEDED").order_by().values_list("job_id").annotate(times=Count("id"))
    return abs(counted - completed) + sum(times - 1 for _, times in successes)


@verb
def status() -> dict[str, Any]:
    from pool import pool_status

    return pool_status()


@verb
def workers() -> list[dict[str, Any]]:
    from pool.store.read import workers

    return workers()


@verb
def sign_in(users: int) -> list[str]:
    """Sign in so many administrators; the keys of their sessions."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model

    keys = []
    for number in range(users):
        user: Any = get_user_model().objects.create_superuser(f"viewer{number}")
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session.save()
        keys.append(session.session_key)
    return keys


@verb
def scale(size: int) -> None:
    from pool import scale

    scale(size)


@verb
def fill(jobs: int, tenants: int, queues: int) -> None:
    """Write so many waiting jobs, past everything that enqueuing does."""
    from bench import backlog

    backlog.fill(jobs, tenants, queues)


@verb
def fill_past(jobs: int) -> dict[str, Any]:
    """Write so many jobs in all states, and what was measured in a week; names and ids to ask for."""
    from bench import past

    return past.fill(jobs)


@verb
def beat() -> None:
    """Let the node of that past live on."""
    from bench import past

    past.beat()


@verb
def claim_cost(batch: int, times: int) -> float:
    """Median time of a claim, in microseconds."""
    from bench import backlog

    return statistics.median(backlog.claim_times_us(batch, times))


def main() -> None:
    django.setup()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"answer": VERBS[order.pop("do")](**order)}
        except Exception as error:  # noqa: BLE001  the bench decides what an error means
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    linux.die_with(int(sys.argv[1]))
    main()
