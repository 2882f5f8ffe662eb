"""One picture as plain tables, for pipes, files and logs: nothing cut, one line for each row."""

from collections.abc import Iterator
from typing import Any

from pool.domain.wording import age, milliseconds, number, percent, rate, size
from pool.management.output import Output
from pool.management.top.reading import Reading
from pool.management.top.words import clean, clock

RUNNING = ("job", "task", "queue", "worker", "attempt>", "progress>", "time>", "says")
WORKERS = ("worker", "state", "runs", "time>", "CPU>", "memory>", "jobs>", "failed>")
QUEUES = ("queue", "state", "waiting>", "oldest>", "mean wait>", "running>", "scheduled>", "dead letters>")
EVENTS = ("at", "event", "worker")


def show(reading: Reading, out: Output) -> None:
    """Print it."""
    status, live = reading.status, reading.status["live"]
    out.pairs(_summary(reading))
    for alert in status["health"]["alerts"]:
        out.say(clean(f"{alert['level']}: {alert['message']}"))
    for title, columns, rows in (
        ("Running now", RUNNING, [_running(job) for job in live["running"]]),
        ("Workers", WORKERS, [_worker(lane) for lane in live["lanes"]]),
        ("Queues", QUEUES, [_queue(name, queue) for name, queue in status["queue"]["by_queue"].items()]),
        ("Events", EVENTS, [(event["at"], clean(event["text"]), event["worker"]) for event in live["events"]]),
    ):
        if rows:
            out.say("")
            out.table(title, columns, rows)


def _summary(reading: Reading) -> Iterator[tuple[str, Any]]:
    status = reading.status
    pool, tasks, performance = status["pool"], status["tasks"], status["performance"]
    counts = pool["workers"]
    yield "health", status["health"]["status"]
    yield "snapshot", "no node writes any" if reading.age_s is None else f"{age(reading.age_s)} old"
    yield "workers", f"{counts['active']} busy of {counts['total']}, {pool['size']} wanted"
    yield "throughput", rate(tasks["throughput"])
    yield "arriving", rate(tasks["arrival_rate"])
    yield "waiting", number(tasks["pending"])
    yield "oldest", age(status["queue"]["oldest_age"])
    yield "wait p95", milliseconds(performance["wait"]["p95"])
    yield "run p95", milliseconds(performance["run"]["p95"])
    yield "failing", percent(reading.minute.failing())
    yield "dead letters", number(tasks["dlq"])


def _running(job: dict[str, Any]) -> tuple[Any, ...]:
    told = "is being cancelled" if job["cancelling"] else clean(job["progress_message"])
    names = (clean(job["task"]), clean(job["queue"]), job["worker"])
    return (job["id"], *names, job["attempt"], percent(job["progress"]), clock(job["since"]), told)


def _worker(lane: dict[str, Any]) -> tuple[Any, ...]:
    runs = f"{clean(lane['task'] or 'job')} {lane['job']}" if lane["job"] else None
    jobs = lane["jobs_completed"] + lane["jobs_failed"]
    figures = (clock(lane["since"]), percent(lane["cpu"]), size(lane["rss"]), number(jobs))
    return (lane["id"], lane["state"], runs, *figures, number(lane["jobs_failed"]))


def _queue(name: str, queue: dict[str, Any]) -> tuple[Any, ...]:
    state = "paused" if queue["paused"] else "open"
    waiting = (number(queue["pending"]), age(queue["oldest_age"]), milliseconds(queue["avg_wait"]))
    counts = (number(queue[gauge]) for gauge in ("executing", "scheduled", "dlq"))
    return (clean(name), state, *waiting, *counts)
