"""Which of the claimed jobs may start, by the limits of the key they carry, and what becomes of the others.

Pure. Jobs of one key are judged in their order; each by its own limits, which need not be the same for all of a key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pool.domain.token_bucket import Bucket, filled

LONGEST_WAIT_S = 86_400.0
"""However slow a rate is, a job is looked at again after so long: it may be changed, and times have an end."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A claimed job that carries a key."""

    id: str
    epoch: int
    queue: str
    key: str
    running: int | None
    """Most jobs of its key at a time."""
    rate: float | None
    """Most starts of its key in a second."""


@dataclass(frozen=True, slots=True)
class Held:
    """A job that may not start. It waits for the end of another one of its key, or for its time."""

    job: Keyed
    until: float | None = None
    """None: until its key has room."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a key stands before these jobs: what executes of it, and its bucket as it was last written."""

    executing: int = 0
    tokens: float = 0.0
    at: float | None = None


def hold(jobs: Iterable[Keyed], stands: Mapping[str, Stand], now: float) -> tuple[list[Held], dict[str, Bucket]]:
    """Judge the jobs; those that may not start, and the buckets that were used."""
    executing = {key: stand.executing for key, stand in stands.items()}
    buckets: dict[str, Bucket] = {}
    delayed: dict[str, int] = {}
    held = []
    for job in jobs:
        stand = stands.get(job.key, Stand())
        if job.running is not None and executing.get(job.key, 0) >= job.running:
            held.append(Held(job))
            continue
        if job.rate is not None:
            known = buckets.get(job.key)
            tokens, at = (stand.tokens, stand.at) if known is None else (known.tokens, known.at)
            bucket = buckets[job.key] = filled(job.rate, None, tokens, at, now)
            if not bucket.ready:
                # One behind the other, or they would all come back at once.
                delayed[job.key] = place = delayed.get(job.key, 0) + 1
                held.append(Held(job, now + min(bucket.wait_s(place), LONGEST_WAIT_S)))
                continue
            buckets[job.key] = bucket.take(1)
        executing[job.key] = executing.get(job.key, 0) + 1
    return held, buckets
