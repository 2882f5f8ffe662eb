"""Those who use the pool while it is under attack: each a process with Django set up for the site, killed now and then.

A submitter calls `enqueue()` and `enqueue_many`, also in transactions, of which it rolls some back, and makes batches
of jobs that wait for each other. A caller submits over HTTP and looks at the figures. A canceller cancels jobs that
wait or run. A steerer scales the pool, and pauses and resumes queues. Whatever is refused or fails is written down, and
life goes on.
"""

import http.client
import itertools
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from django.db import connections, transaction
from django.utils import timezone

from tests.chaos import kinds, ledger
from tests.chaos.books import Book
from tests.chaos.kinds import Kind

PORT, TOKEN = "CHAOS_PORT", "CHAOS_TOKEN"

MANY = (20, 400)
"""Jobs in one call of `enqueue_many`."""

ALONE = 0.25
"""Share of the jobs that are submitted by a call of their own."""

FAMILIES = 0.4
"""Share of the calls with many jobs that make a family: a batch of jobs that wait for each other."""
FAMILY = (2, 60)
"""Jobs of one."""

TOGETHER = (1 - FAMILIES) * sum(MANY) / 2 + FAMILIES * sum(FAMILY) / 2
"""Jobs in one such call, on average."""

CALLS_S = 15.0
"""Requests a caller makes in a second."""

CANCELS_S = 6.0
STEERS_S = 2.0
HTTP_LIMIT_S = 5.0


class RolledBack(Exception):
    """Raised in a transaction on purpose."""


class Actor:
    def __init__(self, role: str, number: int, seed: str) -> None:
        from pathlib import Path

        self.name = f"{role}{number}"
        self.random = Random(seed)
        self.book = Book(Path(os.environ[ledger.FOLDER]), self.name)
        self._count = itertools.count()

    def key(self) -> str:
        """Nobody else's, in this life or another."""
        return f"{self.name}-{os.getpid()}-{next(self._count)}"

    def attempt(self, what: str, act: Callable[[], None]) -> None:
        """Do something that may fail for any reason, as everything does in chaos."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  the error is what is written down
            self.book.write("error", what=what, error=f"{type(error).__name__}: {error}")
            connections.close_all()

    def every(self, mean_s: float, act: Callable[[], None]) -> None:
        """For ever, at this pace on average."""
        due = time.monotonic()
        while True:
            due = max(due, time.monotonic() - 1.0) + self.random.expovariate(1 / mean_s)
            time.sleep(max(due - time.monotonic(), 0.0))
            act()


class Submitter(Actor):
    def live(self, rate: float) -> None:
        """Submit so many jobs a second."""
        alone = 1 / (rate * ALONE)
        batches = iter(lambda: self.random.expovariate(rate * (1 - ALONE) / TOGETHER), None)
        self._many_due = time.monotonic() + next(batches)

        def act() -> None:
            if time.monotonic() >= self._many_due:
                self._many_due = max(self._many_due, time.monotonic() - 1.0) + next(batches)
                self.attempt("enqueue_many", self.submit_together)
            else:
                self.attempt("enqueue", self.submit_one)

        self.every(alone, act)

    def submit_one(self) -> None:
        kind = kinds.choose(self.random)
        key = self.key()
        if self.random.random() < 0.05:
            self._in_transaction(key, [kind], lambda: [self._enqueue(kind, key)])
            return
        self.book.write("intend", key=key, kinds=[kind.task])
        self.book.write("acknowledged", key=key, jobs=[self._enqueue(kind, key)])

    def submit_together(self) -> None:
        if self.random.random() < FAMILIES:
            self.submit_family()
        else:
            self.submit_many()

    def submit_many(self) -> None:
        kind = self.random.choice(kinds.MANY)
        key, count = self.key(), self.random.randint(*MANY)
        if self.random.random() < 0.1:
            self._in_transaction(key, [kind] * count, lambda: self._enqueue_many(kind, key, count))
            return
        self.book.write("intend", key=key, kinds=[kind.task] * count)
        self.book.write("acknowledged", key=key, jobs=self._enqueue_many(kind, key, count))

    def submit_family(self) -> None:
        """A batch, and a job that waits for the batch."""
        from pool import batch

        chosen = [kinds.choose(self.random, kinds.IN_FAMILIES) for _ in range(self.random.randint(*FAMILY))]
        key, family = self.key(), batch("family")
        enqueue = lambda: self._enqueue_family(family, chosen, key)  # noqa: E731
        if self.random.random() < 0.1:
            self._in_transaction(key, chosen, enqueue)
            return
        self.book.write("intend", key=key, kinds=[kind.task for kind in chosen])
        self.book.write("acknowledged", key=key, jobs=enqueue())
        heir, key = kinds.MANY[0], self.key()
        self.book.write("intend", key=key, kinds=[heir.task])
        self.book.write("acknowledged", key=key, jobs=[self._enqueue(heir, key, **self._ties([family]))])

    def _enqueue_family(self, family: Any, chosen: Sequence[Kind], key: str) -> list[str]:
        from tests.chaos.books import keys_of

        made: list[Any] = []
        with family:
            for one, kind in zip(keys_of(key, len(chosen)), chosen, strict=True):
                near = made[-8:] if self.random.random() < 0.8 else made[:1]
                parents = self.random.sample(near, self.random.randint(0, min(len(near), 3)))
                task = self._task(kind, **self._ties(parents))
                made.append(family.enqueue(task, one, *kind.arguments(self.random)))
        return [str(result.id) for result in made]

    def _ties(self, parents: Sequence[Any]) -> dict[str, Any]:
        policy = self.random.choice(("cancel", "run", "run"))
        return {"depends_on": parents, "on_parent_failure": policy} if parents else {}

    def _in_transaction(self, key: str, chosen: Sequence[Kind], submit: Callable[[], list[str]]) -> None:
        """The jobs are there if and only if it commits."""
        self.book.write("intend", key=key, kinds=[kind.task for kind in chosen])
        roll_back = self.random.random() < 0.5
        try:
            with transaction.atomic():
                jobs = submit()
                time.sleep(self.random.uniform(0, 0.02))
                if roll_back:
                    raise RolledBack
        except RolledBack:
            self.book.write("withdrawn", key=key, count=len(chosen))
        else:
            self.book.write("acknowledged", key=key, jobs=jobs)

    def _enqueue(self, kind: Kind, key: str, **ties: Any) -> str:
        return str(self._task(kind, **ties).enqueue(key, *kind.arguments(self.random)).id)

    def _enqueue_many(self, kind: Kind, key: str, count: int) -> list[str]:
        from pool import enqueue_many
        from tests.chaos.books import keys_of

        calls = [((one, *kind.arguments(self.random)), {}) for one in keys_of(key, count)]
        return [str(job) for job in enqueue_many(self._task(kind), calls)]

    def _task(self, kind: Kind, **ties: Any) -> Any:
        from pool import registry

        options = kind.options(self.random) | ties
        if kind.later:
            options["run_after"] = timezone.now() + timedelta(seconds=self.random.uniform(0.1, 3.0))
        return registry.find(f"{kinds.MODULE}.{kind.task}").using(**options)


class Caller(Actor):
    """Uses the web process, with a connection for each request as a shell script would."""

    def live(self, rate: float) -> None:
        self.every(1 / CALLS_S, lambda: self.attempt("http", self.call))

    def call(self) -> None:
        if self.random.random() < 0.3:
            self._ask("GET", self.random.choice(("/metrics", "/health/ready", "/api/v1/jobs", "/api/v1/workers")))
            return
        kind, key = kinds.choose(self.random), self.key()
        options = kind.options(self.random)
        body = {
            "task": f"{kinds.MODULE}.{kind.task}",
            "args": [key, *kind.arguments(self.random)],
            "queue": options.pop("queue_name"),
            **options,
        }
        self.book.write("intend", key=key, kinds=[kind.task])
        status, answer = self._ask("POST", "/api/v1/jobs", body)
        if status != 201:
            raise RuntimeError(f"HTTP {status}")
        self.book.write("acknowledged", key=key, jobs=[answer["id"]])

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", int(os.environ[PORT]), timeout=HTTP_LIMIT_S)
        headers = {"Authorization": f"Bearer {os.environ[TOKEN]}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if response.status == 201 else None
        finally:
            connection.close()


class Canceller(Actor):
    def live(self, rate: float) -> None:
        self.every(1 / CANCELS_S, lambda: self.attempt("cancel", self.cancel_one))

    def cancel_one(self) -> None:
        from pool import cancel
        from pool.models import Job

        status = self.random.choice(("PENDING", "PENDING", "BLOCKED", "SCHEDULED", "ASSIGNED", "RUNNING", "COMPLETED"))
        # The harness has a queue of its own.
        jobs = Job.objects.filter(status=status, queue__in=kinds.QUEUES)
        found = list(jobs.order_by("-id").values_list("id", flat=True)[:20])
        if found:
            job = str(self.random.choice(found))
            self.book.write("cancelled", job=job, answer=str(cancel(job)))


class Steerer(Actor):
    def live(self, rate: float) -> None:
        self.every(1 / STEERS_S, lambda: self.attempt("steer", self.steer))

    def steer(self) -> None:
        from pool import pause, resume, scale

        verb = self.random.choice(("scale", "pause", "resume", "resume"))
        if verb == "scale":
            scale(self.random.randint(3, 8))
        else:
            (pause if verb == "pause" else resume)(self.random.choice(kinds.QUEUES))
        self.book.write("steered", what=verb)


ROLES: dict[str, type[Any]] = {
    "submitter": Submitter,
    "caller": Caller,
    "canceller": Canceller,
    "steerer": Steerer,
}


def live(role: str, number: int, seed: str, rate: float) -> None:
    ROLES[role](role, number, f"{seed} {role} {number}").live(rate)
