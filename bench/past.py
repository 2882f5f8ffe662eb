"""A pool with a week behind it: a million jobs in all states, and what was measured meanwhile. Runs in the agent.

Rows are made by hand and written in bulk, past everything that enqueuing does. They are the same at every run but for
their time. The oldest jobs bear names that no other job has, so that whoever looks for these has to look far.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bench import measured
from bench.backlog import FILL_MS
from pool.domain.ids import first_id
from pool.domain.states import DEAD_LETTERS, TERMINAL, JobStatus
from pool.store.database import Database

DAY_S = 86_400.0
SPREAD_S = 7 * DAY_S
NODE = "0" * 31 + "1"
RARE = "rare"
RARE_JOBS = 5
TASKS = [f"shop.tasks.step_{number:02}" for number in range(50)]
QUEUES = [f"queue{number:02}" for number in range(20)]
TENANTS = [f"tenant{number:04}" for number in range(1000)]
TAGS = [f"tag{number:02}" for number in range(40)]
PRIORITIES, PRIORITY_WEIGHTS = (0, 50, 10, -10), (90, 4, 4, 2)
WORKERS, WORKERS_ENDED, NODES_ENDED, EVENTS = 8, 20_000, 40, 50_000

SHARES = {
    JobStatus.COMPLETED: 600,
    JobStatus.PENDING: 300,
    JobStatus.FAILED: 35,
    JobStatus.TIMEOUT: 15,
    JobStatus.SCHEDULED: 20,
    JobStatus.CANCELLED: 20,
    JobStatus.BLOCKED: 10,
}
EXECUTING = {JobStatus.RUNNING: 64, JobStatus.ASSIGNED: 200}
"""So many in all, a few of them very old."""

TRACEBACK = "Traceback (most recent call last):\n" + 12 * (
    '  File "/srv/shop/payments/gateway.py", line 214, in charge\n    answer = self.session.post(url, json=order)\n'
)
ERRORS = [
    {"type": f"shop.errors.{name}", "message": f"{name} while charging order {number}", "traceback": TRACEBACK}
    for number, name in enumerate(("Declined", "NoRoute", "Refused", "Locked", "NotFound", "BadAnswer"))
]
LARGE = json.dumps({"rows": ["a line of a larger result"] * 300})

JOB = """id, task, args, kwargs, status, queue, priority, tenant, rank, epoch, attempts, max_attempts, timeout,
created_at, run_at, started_at, finished_at, node, worker, progress, result, error, metadata, tags"""
ATTEMPT = """job_id, epoch, number, outcome, node, worker, started_at, finished_at, cpu_ms, error_type, error_message,
traceback"""
LOG = "job_id, epoch, at, stream, text"
EVENT = "at, name, level, node, worker, job, actor, source, data"
TALLY = "queue, node, scheduled, blocked, pending, executing, dead, submitted, completed, failed, timeout, cancelled"
NODES = "id, host, pid, state, workers, wanted, started_at, last_beat, stopped_at"
WORKER = """id, node, slot, pid, state, current_jobs, jobs_completed, started_at, last_beat, rss, cpu, ended_at,
end_reason"""

EVENT_NAMES = ("worker.exited", "node.started", "job.retried", "queue.paused", "jobs.discarded", "pool.scaled")
LEVELS = ("info", "debug", "warning", "error")

Row = tuple[Any, ...]


def fill(jobs: int) -> dict[str, Any]:
    """Write it all; names and ids that pages can be asked for."""
    db = Database("default", 20_000, statement_ms=FILL_MS)
    now = time.time()
    past = _Past(db, jobs, now)
    for table, columns, rows in past.tables():
        with db.transaction():
            _insert(db, table, columns, rows)
    if not db.is_sqlite:
        # As the server does by itself soon after.
        db.execute("VACUUM ANALYZE")
    db.close()
    return past.facts | {"now": now, "page": 50 if jobs >= 100_000 else 5}


def beat() -> None:
    """Let the node live on: what it measured this second, and that it is there."""
    db, now = Database("default", 20_000), time.time()
    with db.transaction():
        measured.write_second(db, NODE, now, _lanes())
        db.execute("UPDATE pool_node SET last_beat = %s::timestamptz WHERE id = %s", (db.at(now), NODE))
    db.close()


def _lanes() -> list[dict[str, Any]]:
    return [
        {"id": f"{NODE[-8:]}-{slot}", "state": "BUSY", "job": None, "rss": 60_000_000, "cpu": 0.5}
        for slot in range(WORKERS)
    ]


class _Past:
    def __init__(self, db: Database, jobs: int, now: float) -> None:
        self.db, self.jobs, self.now = db, jobs, now
        self.chance = random.Random(1)
        self.facts: dict[str, Any] = {"jobs": {}}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.dead: list[tuple[str, float]] = []
        self.running: list[str] = []

    def tables(self) -> Iterator[tuple[str, str, Iterable[Row]]]:
        """In an order in which each finds what it refers to."""
        yield "pool_node", NODES, self._nodes()
        yield "pool_job", JOB, self._jobs()
        yield "pool_queue", "name, paused", ((name, name == QUEUES[-1]) for name in [*QUEUES, RARE])
        yield "pool_tally", TALLY, self._tallies()
        yield "pool_attempt", ATTEMPT, self._attempts()
        yield "pool_joblog", LOG, self._logs()
        yield "pool_poolevent", EVENT, self._events()
        yield "pool_workersnapshot", WORKER, self._workers()
        yield "pool_poolsnapshot", measured.COLUMNS, measured.rows(self.db, NODE, self.now, QUEUES, TASKS, _lanes())

    def _jobs(self) -> Iterator[Row]:
        chance, step = self.chance, SPREAD_S / self.jobs
        statuses = chance.choices(list(SHARES), list(SHARES.values()), k=self.jobs)
        for status, count in EXECUTING.items():
            # Most of them are new.
            places = [int(self.jobs * chance.random() ** 0.05) for _ in range(min(count, self.jobs // 10))]
            for place in places:
                statuses[min(place, self.jobs - 1)] = status
        for number, status in enumerate(statuses):
            at = self.now - SPREAD_S + number * step
            yield self._job(number, at, JobStatus(status), is_rare=number < RARE_JOBS)

    def _job(self, number: int, at: float, status: JobStatus, *, is_rare: bool) -> Row:
        chance, time_of = self.chance, self.db.at
        task = min(int(chance.expovariate(0.12)), len(TASKS) - 1)
        queue = RARE if is_rare else QUEUES[task % len(QUEUES) if chance.random() < 0.9 else chance.randrange(20)]
        name, tenant = (RARE, RARE) if is_rare else (TASKS[task], TENANTS[number % len(TENANTS)])
        tags = [RARE] if is_rare else chance.sample(TAGS, 2) if chance.random() < 0.3 else None
        pk, begun = self._id(at), status not in (JobStatus.PENDING, JobStatus.SCHEDULED, JobStatus.BLOCKED)
        self._note(pk, at, status, queue)
        started = at + 1.0 if begun and status is not JobStatus.ASSIGNED else None
        is_dead = status in DEAD_LETTERS
        return (
            pk, name, json.dumps([number, "a text argument of usual length"]), '{"dry_run": false}', str(status), queue,
            chance.choices(PRIORITIES, PRIORITY_WEIGHTS)[0], tenant, number // len(TENANTS), int(begun), int(begun), 4,
            30.0, time_of(at), time_of(at + 3600 if status is JobStatus.SCHEDULED else at),
            None if started is None else time_of(started), time_of(at + 2.5) if status in TERMINAL else None,
            NODE if begun else "", _lanes()[number % WORKERS]["id"] if begun else "", 0.5 if started else None,
            _result(number) if status is JobStatus.COMPLETED else None, _ERROR_TEXTS[number % 6] if is_dead else None,
            '{"order": 17}' if number % 5 == 0 else None, json.dumps(tags) if tags else None,
        )  # fmt: skip

    def _id(self, at: float) -> str:
        made = first_id(datetime.fromtimestamp(at, UTC)).hex[:12]
        return f"{made}7{self.chance.getrandbits(12):03x}8{self.chance.getrandbits(60):015x}"

    def _note(self, pk: str, at: float, status: JobStatus, queue: str) -> None:
        self.counts[queue, status] += 1
        # The oldest of each state, which has most behind or before it.
        self.facts["jobs"].setdefault(str(status), pk)
        self.facts["newest"] = pk
        if self.counts.total() == self.jobs // 2:
            self.facts["middle"] = pk
        if status in DEAD_LETTERS:
            self.dead.append((pk, at))
        elif status is JobStatus.RUNNING:
            self.running.append(pk)

    def _tallies(self) -> Iterator[Row]:
        for queue in [*QUEUES, RARE]:
            of = {status: self.counts[queue, status] for status in JobStatus}
            dead = [of[JobStatus.FAILED], of[JobStatus.TIMEOUT]]
            yield (
                queue, NODE, of[JobStatus.SCHEDULED], of[JobStatus.BLOCKED], of[JobStatus.PENDING],
                of[JobStatus.ASSIGNED] + of[JobStatus.RUNNING], sum(dead), sum(of.values()), of[JobStatus.COMPLETED],
                *dead, of[JobStatus.CANCELLED],
            )  # fmt: skip

    def _attempts(self) -> Iterator[Row]:
        time_of = self.db.at
        for place, (pk, at) in enumerate(self.dead):
            error = ERRORS[place % len(ERRORS)]
            for number in range(1, 5):
                times = time_of(at + number), time_of(at + number + 1)
                yield pk, number, number, "error", NODE, _lanes()[0]["id"], *times, 3.5, *error.values()

    def _logs(self) -> Iterator[Row]:
        for pk, at in self.dead:
            yield pk, 1, self.db.at(at + 1), "stdout", "charging the order\n" * 5
        for piece in range(2000):
            yield self.facts["newest"], 1, self.db.at(self.now), "log", f"line {piece} of a job that says much\n"

    def _events(self) -> Iterator[Row]:
        for number in range(EVENTS):
            at = self.now - 30 * DAY_S * (1 - number / EVENTS)
            name, level = EVENT_NAMES[number % len(EVENT_NAMES)], self.chance.choices(LEVELS, (60, 30, 9, 1))[0]
            is_done = name.startswith(("job", "queue"))
            pk = self.dead[number % len(self.dead)][0] if name == "job.retried" else None
            who = ("ada", "page 10.0.0.1") if is_done else ("", "node")
            yield self.db.at(at), name, level, NODE, f"w{number}", pk, *who, '{"how": "recycled", "queue": "queue01"}'

    def _nodes(self) -> Iterator[Row]:
        time_of, now = self.db.at, self.now
        yield NODE, "host", 1, "RUNNING", WORKERS, WORKERS, time_of(now - DAY_S), time_of(now), None
        for number in range(NODES_ENDED):
            ended = time_of(now - DAY_S * (1 + number))
            yield f"{number + 16:032x}", "host", number + 2, "STOPPED", 0, 4, ended, ended, ended

    def _workers(self) -> Iterator[Row]:
        time_of, now = self.db.at, self.now
        for slot, lane in enumerate(_lanes()):
            jobs = json.dumps(self.running[slot : slot + 1])
            times = time_of(now - 600), time_of(now)
            yield lane["id"], NODE, slot, 100 + slot, "BUSY", jobs, 5000, *times, 60_000_000, 0.5, None, ""
        for number in range(WORKERS_ENDED):
            ended = time_of(now - DAY_S * number / WORKERS_ENDED)
            times = time_of(now - DAY_S * number / WORKERS_ENDED - 60), ended
            yield f"ended{number}", NODE, number % 8, number, "TERMINATED", "[]", 100, *times, 0, 0.0, ended, "recycled"
        self.facts["worker"] = _lanes()[0]["id"]


_ERROR_TEXTS = [json.dumps(error) for error in ERRORS]


def _result(number: int) -> str:
    return LARGE if number % 200 == 0 else json.dumps({"charged": number, "currency": "EUR"})


def _insert(db: Database, table: str, columns: str, rows: Iterable[Row]) -> None:
    if db.is_sqlite:
        marks = ", ".join("?" * (columns.count(",") + 1))
        db.raw.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
        return
    with db.raw.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
