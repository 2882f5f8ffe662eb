"""Which measures there are, in the order they run."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.measures import (
    bloat,
    claim,
    cpu,
    drain,
    enqueue,
    flow,
    idle,
    latency,
    memory,
    pages,
    recovery,
    reuse,
    viewers,
    wait,
    watched,
    workers,
)
from bench.measures.plan import Plan, Values
from bench.site import Ground


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    take: Callable[[Ground, Plan], Values]
    syncs: bool = False
    """How often the database syncs matters, so SQLite is measured with NORMAL as well."""
    long: bool = False
    """One run is long enough to need no repetition."""


MEASURES = (
    Measure("enqueue", enqueue.measure, syncs=True),
    Measure("drain", drain.measure, syncs=True),
    Measure("flow", flow.measure, syncs=True),
    Measure("latency", latency.measure, syncs=True),
    Measure("workers", workers.measure),
    Measure("memory", memory.measure),
    Measure("cpu", cpu.measure),
    Measure("wait", wait.measure),
    Measure("idle", idle.measure, long=True),
    Measure("claim", claim.measure, long=True),
    Measure("reuse", reuse.measure, long=True),
    Measure("recovery", recovery.measure),
    Measure("pages", pages.measure, long=True),
    Measure("viewers", viewers.measure, long=True),
    Measure("watched", watched.measure, long=True),
)

ONLY_NAMED = (Measure("bloat", bloat.measure, long=True),)
"""Taken when somebody asks for them by name."""

BY_NAME = {measure.name: measure for measure in (*MEASURES, *ONLY_NAMED)}
