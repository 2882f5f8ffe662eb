"""Everything that the pool tells of itself: one list of names, with the fields of each and where it can be heard.

Rows of events, Django signals, log lines and the pages' sentences are readers of this list. `pool.engine.tidings` tells
what happens in a node, `pool.store.events` what people do. An event that is not here is told all the same, under its
bare name, so that an old page can show what a newer node wrote.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of thing that happens."""

    name: str
    meaning: str
    fields: tuple[str, ...] = ()
    """What is in its data, beside the facts that every event has: at, node, worker, job, actor."""
    level: str = "info"
    is_kept: bool = False
    """It is rare enough for a row that stays."""
    is_told: bool = True
    """It happens in a node or its clerk, and is a Django signal there."""
    log: bool = False
    """It is a line of the log as well."""
    sentence: str = ""
    """For pages; from its data, its actor."""


def _job(name: str, meaning: str, *fields: str) -> Event:
    """Thousands a second: never kept, and told only where somebody listens."""
    return Event(name, meaning, ("task", "queue", "attempt", *fields), level="debug")


def _deed(name: str, meaning: str, sentence: str, *fields: str, level: str = "info") -> Event:
    """What somebody did: kept with who it was, in the transaction of the deed itself."""
    return Event(name, meaning, fields, level, is_kept=True, is_told=False, sentence=sentence)


JOBS = (
    Event(
        "job.enqueued",
        "A job was enqueued: Django's own signal task_enqueued, in the process that did it.",
        level="debug",
        is_told=False,
    ),
    _job("job.claimed", "A node took the job to run it."),
    _job("job.started", "A worker began an attempt; told when it has run for a moment, or with its end."),
    _job("job.progress", "The task said how far it is.", "fraction", "message"),
    _job("job.step_started", "The task began a named step.", "step"),
    _job("job.step_completed", "The step before ended: with the next one, or with the attempt.", "step", "ms", "usage"),
    _job("job.completed", "The job is done.", "ms", "wait_ms", "result", "usage"),
    _job("job.failed", "An attempt failed.", "ms", "error", "message", "will_retry"),
    _job("job.timed_out", "An attempt took longer than it may.", "ms", "error", "message", "will_retry"),
    _job("job.interrupted", "The pool itself cut an attempt short; it does not count.", "ms"),
    _job("job.dead", "The job has no attempts left and is a dead letter.", "error", "message"),
)

WORKERS = (
    Event("worker.started", "A worker was asked for.", ("slot", "kind"), "debug"),
    Event("worker.ready", "It has loaded its code and waits for jobs.", ("pid", "took_ms"), "debug", log=True),
    Event("worker.heartbeat", "It showed that it lives.", ("state", "rss", "cpu"), "debug"),
    Event("worker.log", "A job in it wrote a line.", ("stream", "text"), "debug"),
    Event("worker.unhealthy", "It has shown no sign of life for too long.", ("silent_s",), "warning", log=True),
    Event(
        "worker.zombie",
        "It stayed silent and is ended, to be replaced.",
        ("silent_s",),
        "warning",
        is_kept=True,
        log=True,
        sentence="Worker silent for {silent_s} s; it is replaced.",
    ),
    Event(
        "worker.memory_pressure",
        "It uses nearly all the memory it may, and frees what it can.",
        ("rss", "limit", "share"),
        "warning",
        is_kept=True,
        log=True,
        sentence="Worker uses {share} of the memory it may.",
    ),
    Event(
        "worker.high_error_rate",
        "More of its attempts fail than the settings take for normal, or of those that had a process each.",
        ("rate", "failed", "finished", "kind"),
        "warning",
    ),
    Event("worker.error", "It cannot vouch for itself and is replaced.", ("reason",), "warning", log=True),
    Event(
        "worker.start_failed",
        "Workers cannot be started.",
        ("problem", "slot"),
        "error",
        is_kept=True,
        sentence="Workers cannot be started: {problem}.",
    ),
    Event(
        "worker.exited",
        "It ended unasked: a crash, a signal, an exit.",
        ("how", "code", "signal", "jobs", "why"),
        "warning",
        is_kept=True,
        log=True,
        sentence="Worker ended: {how}.",
    ),
    Event("worker.stopped", "It left because it was told to.", ("reason",), log=True),
)

POOL = (
    Event(
        "node.started",
        "A node runs.",
        ("host", "pid", "workers", "database"),
        is_kept=True,
        log=True,
        sentence="Node started on {host}.",
    ),
    Event("pool.started", "All workers of a new node are ready.", ("size", "preset"), log=True),
    Event("pool.stopped", "A node has finished and leaves.", ("host",)),
    Event(
        "pool.scaled",
        "A node has another number of workers to keep.",
        ("from", "to", "why"),
        is_kept=True,
        log=True,
        sentence="Workers scaled from {from} to {to}.",
    ),
    Event("metrics.tick", "The figures of a second of a node.", ("workers", "rates", "latency", "totals"), "debug"),
    Event(
        "node.lost",
        "A node died without a word; another one gave its jobs back.",
        ("jobs",),
        "error",
        is_kept=True,
        is_told=False,
        sentence="Node lost; {jobs} of its jobs given back.",
    ),
    Event(
        "database.recovered",
        "A node could not write for a while.",
        ("seconds", "problem"),
        "warning",
        is_kept=True,
        sentence="Node could write again after {seconds} s: {problem}.",
    ),
    Event(
        "schedule.missed",
        "Runs of a schedule were left out because their time had passed.",
        ("schedule", "id", "runs"),
        "warning",
        is_kept=True,
        is_told=False,
        sentence="Schedule {schedule} left out {runs} runs.",
    ),
    Event(
        "alert.opened",
        "A check found something wrong.",
        ("alert", "subject", "severity", "message"),
        "warning",
        is_kept=True,
        log=True,
        sentence="Alert: {message}.",
    ),
    Event(
        "alert.resolved",
        "It is well again.",
        ("alert", "subject", "severity", "message"),
        is_kept=True,
        log=True,
        sentence="Over: {message}.",
    ),
)

DEEDS = (
    _deed("pool.scale_requested", "A number of workers was asked for.", "{actor} asked for {size} workers.", "size"),
    _deed(
        "pool.scale_released", "The size follows the load again.", "{actor} let the number of workers follow the load."
    ),
    _deed("pool.stop_requested", "Nodes were asked to stop.", "{actor} asked the pool to stop.", "nodes"),
    _deed(
        "pool.restart_requested", "New workers were asked for.", "{actor} asked for a restart of the workers.", "nodes"
    ),
    _deed(
        "worker.restart_requested",
        "Another worker was asked for in place of one.",
        "{actor} asked for another worker in place of {worker}.",
        "worker",
    ),
    _deed("pool.checked", "The workers were asked for a sign of life.", "{actor} checked the workers.", "workers"),
    _deed("job.submitted", "A job was submitted by way of the API.", "{actor} submitted a job.", level="debug"),
    _deed("jobs.submitted", "Jobs were submitted by way of the API.", "{actor} submitted {jobs} jobs.", "jobs"),
    Event(
        "job.cancelled",
        "A waiting job was cancelled by somebody, which is kept; or a running one has ended of it, which is told.",
        ("task", "queue", "attempt", "ms"),
        is_kept=True,
        sentence="{actor} cancelled a job.",
    ),
    _deed("job.cancel_requested", "A running job was asked to end.", "{actor} asked to cancel a running job."),
    _deed("job.retried", "A job got a fresh budget of attempts.", "{actor} retried a job."),
    _deed("job.discarded", "A dead letter was taken off the list.", "{actor} discarded a dead letter."),
    _deed("jobs.retried", "Jobs were retried.", "{actor} retried {jobs} jobs.", "jobs", "ids"),
    _deed("jobs.discarded", "Dead letters were discarded.", "{actor} discarded {jobs} dead letters.", "jobs", "ids"),
    _deed("queue.paused", "A queue was paused.", "{actor} paused queue {queue}.", "queue"),
    _deed("queue.resumed", "A queue was opened again.", "{actor} resumed queue {queue}.", "queue"),
    _deed("queue.tuned", "A queue's limits changed.", "{actor} changed queue {queue}: {what}.", "queue", "what"),
    _deed("tenant.tuned", "A tenant's limits changed.", "{actor} changed tenant {tenant}: {what}.", "tenant", "what"),
    _deed("tenant.removed", "A tenant's row went.", "{actor} removed what was set for tenant {tenant}.", "tenant"),
    _deed(
        "key.refilled",
        "A key's rate limit began anew.",
        "{actor} let the jobs of key {key} start as after a rest.",
        "key",
    ),
    _deed("schedule.added", "A schedule was made by a command.", "{actor} made schedule {schedule}.", "schedule", "id"),
    _deed(
        "schedule.removed",
        "A schedule was removed by a command.",
        "{actor} removed schedule {schedule}.",
        "schedule",
        "id",
    ),
    _deed("schedule.paused", "A schedule was paused.", "{actor} paused schedule {schedule}.", "schedule", "id"),
    _deed("schedule.resumed", "A schedule was resumed.", "{actor} resumed schedule {schedule}.", "schedule", "id"),
    _deed("schedule.run", "A schedule was run beside its rhythm.", "{actor} ran {schedule} now.", "schedule", "id"),
    _deed("token.revoked", "A token was revoked.", "{actor} revoked a token of {user}.", "user", "token"),
    _deed(
        "alert.muted", "An alert goes on in silence.", "{actor} muted the alert {alert}.", "alert", "subject", "until"
    ),
    _deed("alert.unmuted", "An alert is told again.", "{actor} unmuted the alert {alert}.", "alert", "subject"),
)

EVENTS: dict[str, Event] = {event.name: event for event in (*JOBS, *WORKERS, *POOL, *DEEDS)}


def heard(names: Iterable[str]) -> frozenset[str]:
    """Those of these names that a node can tell."""
    return frozenset(name for name in names if name in EVENTS and EVENTS[name].is_told)
