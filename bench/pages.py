"""Every address of the site that shows the pool, grouped into places. Pure: facts about the rows come in, paths go out.

Filters are asked for what many jobs have, for what only the oldest have, and for what none has: the last two make a
page look as far as it ever does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

Facts = Mapping[str, Any]
Paths = Sequence[str]

STATUSES = (
    "SCHEDULED", "BLOCKED", "PENDING", "ASSIGNED", "RUNNING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED",
)  # fmt: skip
RANGES = ("5m", "15m", "1h", "24h", "7d")
NAMES = {
    "task": ("shop.tasks.step_00", "rare", "nothing.like.this"),
    "queue": ("queue00", "rare", "nothing"),
    "tenant": ("tenant0001", "rare", "nobody"),
    "tag": ("tag01", "rare", "nothing"),
    "search": ("step_0", "rare", "nothing", "abcdef"),
}
JOBS, API, ADMIN = "/dashboard/jobs/", "/api/v1/", "/admin/pool/"


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses that are one page or list to whoever opens them. The slowest of them counts."""

    key: str
    what: str
    paths: Callable[[Facts], Paths]
    many: bool = False
    """So many addresses that each is opened a few times only."""


def plain(*paths: str) -> Callable[[Facts], Paths]:
    return lambda facts: paths


def asked(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def by_name(path: str, name: str) -> Callable[[Facts], Paths]:
    return lambda facts: [asked(path, **{name: value}) for value in NAMES[name]]


def by_status(path: str) -> Callable[[Facts], Paths]:
    return lambda facts: [asked(path, status=status) for status in STATUSES]


def by_date(path: str, since: str, until: str) -> Callable[[Facts], Paths]:
    def paths(facts: Facts) -> Paths:
        spans = ((7.0, 0.0), (1.0, 0.0), (0.04, 0.0), (4.0, 3.0), (8.0, 7.5), (-1.0, -2.0))
        return [asked(path, **between(facts, since, until, *span)) for span in spans]

    return paths


def between(facts: Facts, since: str, until: str, oldest_d: float, newest_d: float) -> dict[str, str]:
    now = datetime.fromtimestamp(facts["now"], UTC)
    return {name: (now - timedelta(days=days)).isoformat() for name, days in ((since, oldest_d), (until, newest_d))}


def combined(path: str, since: str, until: str) -> Callable[[Facts], Paths]:
    """Every combination of two filters or more: each of what many jobs have, and of what is rare."""

    def paths(facts: Facts) -> Paths:
        found = []
        for place, status in ((0, "COMPLETED"), (1, "FAILED"), (1, "PENDING")):
            filters = [{"status": status}, between(facts, since, until, 6.0, 0.5)]
            filters += [{name: values[place]} for name, values in NAMES.items()]
            for size in range(2, len(filters) + 1):
                found += [asked(path, **_together(some)) for some in combinations(filters, size)]
        return list(dict.fromkeys(found))

    return paths


def _together(some: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: value for one in some for name, value in one.items()}


def deep(path: str) -> Callable[[Facts], Paths]:
    return lambda facts: [asked(path, cursor=f"{way}{facts['middle']}") for way in "ab"]


def of_jobs(path: str) -> Callable[[Facts], Paths]:
    return lambda facts: [path.format(UUID(pk)) for pk in [*facts["jobs"].values(), facts["newest"]]]


def in_admin(model: str, *queries: str) -> Callable[[Facts], Paths]:
    return lambda facts: [f"{ADMIN}{model}/{query.format(**facts, **facts['jobs'])}" for query in ("", *queries)]


TIMES, API_TIMES = ("since", "until"), ("created_after", "created_before")
PAGES_OF = "/dashboard/"
DEAD_LETTERS = f"{PAGES_OF}dead-letters/"
EVENTS = ("", "?kind=actions", "?kind=facts", "?level=error", "?search=nothing", "?search=scaled", "?before=20000")

PAGES = (
    Place("overview", PAGES_OF, plain(PAGES_OF, *(f"{PAGES_OF}?range={name}" for name in RANGES))),
    Place("charts", f"{PAGES_OF}charts", plain(*(f"{PAGES_OF}charts?range={name}" for name in RANGES))),
    Place("live", f"{PAGES_OF}live", plain(f"{PAGES_OF}live")),
    Place("jobs", JOBS, plain(JOBS)),
    Place("jobs_deep", f"{JOBS} a page in the middle", deep(JOBS)),
    Place("jobs_status", f"{JOBS} by state", by_status(JOBS)),
    *(Place(f"jobs_{name}", f"{JOBS} by {name}", by_name(JOBS, name)) for name in NAMES),
    Place("jobs_date", f"{JOBS} by date", by_date(JOBS, *TIMES)),
    Place("jobs_combined", f"{JOBS} by all combinations", combined(JOBS, *TIMES), many=True),
    Place("job", f"{JOBS}ID/", of_jobs(f"{JOBS}{{}}/")),
    Place("dead", DEAD_LETTERS, plain(DEAD_LETTERS)),
    Place(
        "dead_group",
        f"{DEAD_LETTERS} a group",
        plain(*(asked(DEAD_LETTERS, task=task, error="shop.errors.Declined") for task in NAMES["task"])),
    ),
    Place("events", f"{PAGES_OF}events/", plain(*(f"{PAGES_OF}events/{query}" for query in EVENTS))),
    Place("events_job", f"{PAGES_OF}events/ of a job", lambda facts: [f"{PAGES_OF}events/?job={facts['newest']}"]),
    *(
        Place(name, f"{PAGES_OF}{name}/", plain(f"{PAGES_OF}{name}/"))
        for name in ("queues", "workers", "nodes", "schedules", "settings")
    ),
)

LISTS = (
    Place("api_jobs", f"{API}jobs", plain(f"{API}jobs", f"{API}jobs?limit=200")),
    Place("api_jobs_deep", f"{API}jobs a page in the middle", deep(f"{API}jobs")),
    Place("api_jobs_status", f"{API}jobs by state", by_status(f"{API}jobs")),
    *(Place(f"api_jobs_{name}", f"{API}jobs by {name}", by_name(f"{API}jobs", name)) for name in NAMES),
    Place("api_jobs_date", f"{API}jobs by date", by_date(f"{API}jobs", *API_TIMES)),
    Place("api_jobs_combined", f"{API}jobs by all combinations", combined(f"{API}jobs", *API_TIMES), many=True),
    Place("api_job", f"{API}jobs/ID", of_jobs(f"{API}jobs/{{}}")),
    Place("api_attempts", f"{API}jobs/ID/attempts", of_jobs(f"{API}jobs/{{}}/attempts")),
    Place("api_logs", f"{API}jobs/ID/logs", of_jobs(f"{API}jobs/{{}}/logs")),
    Place("api_dead", f"{API}dead-letters", plain(f"{API}dead-letters", f"{API}dead-letters?limit=200")),
    *(Place(f"api_dead_{name}", f"{API}dead-letters by {name}", by_name(f"{API}dead-letters", name)) for name in NAMES),
    Place("api_workers", f"{API}workers[/ID]", lambda facts: [f"{API}workers", f"{API}workers/{facts['worker']}"]),
    Place("api_nodes", f"{API}nodes", plain(f"{API}nodes", f"{API}nodes?ended=true")),
    *(Place(f"api_{name}", f"{API}{name}", plain(f"{API}{name}")) for name in ("tasks", "queues", "pool", "schema")),
    Place("metrics", "/metrics", plain("/metrics")),
    Place("health", "/health, /health/ready", plain("/health", "/health/ready")),
)

FOUND = ("?queue=queue00", "?queue=rare", "?age=hour", "?age=week", "?q=shop.tasks.step_0", "?q=rare", "?q=nothing")
FOUND_BY_SEVERAL = ("?queue=rare&status__exact=FAILED&age=week", "?p=3&queue=queue00", "?status__exact=FAILED&q=rare")
EVENTS_FOUND = ("?level__exact=error", "?level__exact=nothing", "?who=people", "?who=pool", "?q=scaled", "?q={FAILED}")
SPANS_FOUND = ("?span__exact=1", "?span__exact=60", "?span__exact=86400", "?q=nothing")
OTHERS = ("workersnapshot", "node", "queue", "tally", "apitoken")

ADMINS = (
    Place("admin", "/admin/", plain("/admin/", ADMIN)),
    Place(
        "admin_jobs",
        "admin: jobs",
        in_admin("job", "?p={page}", "?o=1", *(f"?status__exact={status}" for status in STATUSES)),
    ),
    Place("admin_jobs_found", "admin: jobs found", in_admin("job", *FOUND, *FOUND_BY_SEVERAL, "?q={newest}")),
    Place("admin_job", "admin: a job", in_admin("job", "{FAILED}/change/", "{COMPLETED}/change/", "{newest}/change/")),
    Place(
        "admin_attempts",
        "admin: attempts",
        in_admin("attempt", "?p={page}", "?outcome__exact=error", "?outcome__exact=lost", "?q={FAILED}", "?q=nothing"),
    ),
    Place("admin_logs", "admin: logs", in_admin("joblog", "?p={page}", "?q={newest}", "?q=nothing")),
    Place("admin_events", "admin: events", in_admin("poolevent", "?p=50", "?q=nothing", *EVENTS_FOUND)),
    Place("admin_snapshots", "admin: snapshots", in_admin("poolsnapshot", "?p=50", *SPANS_FOUND)),
    Place(
        "admin_rest",
        "admin: workers, nodes, queues, tallies, tokens",
        lambda facts: [f"{ADMIN}{model}/{query}" for model in OTHERS for query in ("", "?q=nothing", "?o=2")],
    ),
)

PLACES = PAGES + LISTS + ADMINS
