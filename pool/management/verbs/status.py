"""`pool status`: is it alive, what runs, what waits, what fails."""

from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from pool.domain.wording import age, milliseconds, number, percent, rate, size
from pool.management.output import Output
from pool.store.status import nodes, pool_status, workers

HELP = "Show how the pool stands: health, nodes, workers, queues."
PRINTS_FACTS = True

NODES = ("node", "state", "host", "pid>", "workers>", "uptime>", "problem")
WORKERS = ("worker", "state", "pid>", "jobs>", "failed>", "uptime>", "memory>", "CPU>", "runs now")
QUEUES = ("queue", "state", "waiting>", "scheduled>", "executing>", "oldest>", "completed>", "dead letters>")
SHORT_ID = 12


def add_arguments(parser: CommandParser) -> None:
    """It takes none."""


def run(options: Namespace, out: Output) -> None:
    status, known_nodes, known_workers = pool_status(), nodes(), workers()
    if out.as_json:
        out.facts(status | {"nodes": known_nodes, "workers": known_workers})
        return
    out.pairs(summary(status))
    for alert in status["health"]["alerts"]:
        out.say(f"{alert['level']}: {alert['message']}")
    for title, columns, rows in (
        ("Nodes", NODES, [node_row(node) for node in known_nodes]),
        ("Workers", WORKERS, [worker_row(worker) for worker in known_workers]),
        ("Queues", QUEUES, list(queue_rows(status["queue"]["by_queue"]))),
    ):
        if rows:
            out.say("")
            out.table(title, columns, rows)


def summary(status: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    pool, tasks, performance = status["pool"], status["tasks"], status["performance"]
    counts = pool["workers"]
    yield "health", status["health"]["status"]
    states = [f"{counts['active']} busy", f"{counts['idle']} idle", f"{counts['unhealthy']} unhealthy"]
    yield "workers", f"{', '.join(states)} of {pool['size']}"
    waits = f", oldest {age(status['queue']['oldest_age'])}" if tasks["pending"] else ""
    yield "waiting", f"{number(tasks['pending'])}{waits}"
    yield "executing", number(tasks["executing"])
    yield "scheduled", number(tasks["scheduled"])
    yield "throughput", rate(tasks["throughput"])
    for name in ("wait", "run"):
        p50, p95 = (milliseconds(performance[name][percentile]) for percentile in ("p50", "p95"))
        yield f"{name} time", f"p50 {p50}, p95 {p95}"
    ended = ("completed", "failed", "timeout", "cancelled")
    yield "ended", ", ".join(f"{number(tasks[name])} {name}" for name in ended)
    yield "dead letters", number(tasks["dlq"])


def node_row(node: dict[str, Any]) -> tuple[Any, ...]:
    place = (node["host"], node["pid"], node["workers"], since(node["started_at"]))
    return (node["id"][:SHORT_ID], node["state"], *place, node["problem"])


def worker_row(worker: dict[str, Any]) -> tuple[Any, ...]:
    jobs = worker["jobs_completed"] + worker["jobs_failed"]
    now = ", ".join(str(job) for job in worker["current_jobs"])
    counts = (number(jobs), number(worker["jobs_failed"]))
    figures = (age(worker["uptime"]), size(worker["rss"]), percent(worker["cpu"]))
    return (worker["id"], worker["state"], worker["pid"], *counts, *figures, now)


def queue_rows(queues: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name, queue in queues.items():
        state = "paused" if queue["paused"] else "open"
        waiting = (number(queue[gauge]) for gauge in ("pending", "scheduled", "executing"))
        yield (name, state, *waiting, age(queue["oldest_age"]), number(queue["completed"]), number(queue["dlq"]))


def since(text: str | None) -> str:
    return age((timezone.now() - datetime.fromisoformat(text)).total_seconds()) if text else age(None)
