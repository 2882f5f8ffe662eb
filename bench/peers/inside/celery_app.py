"""A Celery application whose broker and result backend are one Redis server; and the functions of a peer."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from celery import Celery  # type: ignore[import-not-found, unused-ignore]
from celery.signals import worker_ready  # type: ignore[import-not-found, unused-ignore]

from bench.peers.inside import jobs

ENDED = {"SUCCESS": "succeeded", "FAILURE": "failed"}
QUEUE, UNACKNOWLEDGED, RESULT = "celery", "unacked", "celery-task-meta-"

app = Celery("chaos", broker=os.environ["PEER_REDIS"], backend=os.environ["PEER_REDIS"])
app.conf.update(json.loads(os.environ["PEER_SETTINGS"]))

AGAIN = {"autoretry_for": (Exception,), "default_retry_delay": 1, "max_retries": jobs.ENOUGH - 1}

TASKS = {
    kind.name: app.task(name=kind.name, **AGAIN)(getattr(jobs, kind.name))
    for kind in jobs.KINDS
    if kind.name != jobs.POISON
}
TASKS[jobs.POISON] = app.task(name=jobs.POISON, **AGAIN | {"max_retries": jobs.POISON_ATTEMPTS - 1})(jobs.poison)


@worker_ready.connect
def tell_ready(**_: object) -> None:
    """Until then its pool processes are starting."""
    Path(os.environ["PEER_READY"] + str(os.getpid())).touch()


def prepare() -> None:
    app.connection().ensure_connection(max_retries=10)


def submit(kind: str, key: str, *arguments: jobs.Argument) -> None:
    TASKS[kind].apply_async((key, *arguments), task_id=key)


def outcomes() -> dict[str, Any]:
    client = app.backend.client
    ended = {}
    for name in client.scan_iter(f"{RESULT}*", count=1000):
        found = json.loads(client.get(name))
        if found["status"] in ENDED:
            ended[found["task_id"]] = ENDED[found["status"]]
    return {"ended": ended, "waiting": sorted({message["headers"]["id"] for message in _messages(client)})}


def _messages(client: Any) -> Iterator[dict[str, Any]]:
    """Those in the queue, and those that a worker holds and has not acknowledged."""
    for text in client.lrange(QUEUE, 0, -1):
        yield json.loads(text)
    for text in client.hvals(UNACKNOWLEDGED):
        yield json.loads(text)[0]
