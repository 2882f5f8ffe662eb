"""Hands over to the router what the node knows of its jobs and workers, where these are not all alike.

Used by the dispatch. A pool of general workers whose jobs ask for nothing special never comes here.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import md5
from typing import NamedTuple

from pool.domain.config import PoolConfig
from pool.domain.jobs import ClaimedJob
from pool.domain.kinds import LIKES, goal_for, is_worker, read_patterns
from pool.domain.options import TaskKind
from pool.domain.routing import Appetite, Call, Mix, Moment, Place, Router, appetite, wanted
from pool.domain.routing.places import NOTHING
from pool.domain.routing.strategies import Memory
from pool.domain.states import WorkerState
from pool.engine.handle import Handle
from pool.engine.messages import TaskFacts
from pool.engine.roster import Roster

Facts = Callable[[str], TaskFacts | None]
"""What is known of a task; None for one that no worker knows."""

LACKS_CHARS = 100


class _Traits(NamedTuple):
    """What follows from a task alone."""

    is_async: bool
    alone: bool
    kind: str
    likes: str
    home: str
    """The worker that a pattern names."""


class Placing:
    def __init__(self, roster: Roster, config: PoolConfig, facts: Facts) -> None:
        self.roster, self.config, self.facts = roster, config, facts
        self.router = Router(config.routing, Memory(config.exploration))
        self.mix = Mix()
        self.patterns = read_patterns(config.affinity_patterns)
        self.learns = config.routing == "predictive"
        self.each_alone = config.isolation == "process"
        self.is_uneven = bool(config.worker_kinds or self.patterns or self.each_alone)
        """Every job goes through the router, whatever it asks for."""
        self.is_uneven |= config.routing != "least-loaded"
        self._traits: dict[TaskFacts, _Traits] = {}

    def is_special(self, job: ClaimedJob, facts: TaskFacts) -> bool:
        """Whether not any worker will do for the job, or not any one does as well."""
        return bool(
            job.requires is not None
            or job.affinity
            or facts.isolated
            or (job.losses and facts.is_async and is_suspect(job))
        )

    def call(self, job: ClaimedJob, cost: float | None = None) -> Call:
        traits = self._traits_of(job.task)
        alone = traits.alone or (traits.is_async and is_suspect(job))
        requires = read_requires(job.requires)
        affinity = job.affinity or traits.home
        return Call(job.task, cost, traits.is_async, alone, requires, affinity, traits.kind, traits.likes)

    def places(self) -> list[Place]:
        """Workers that may be given jobs."""
        return [self._place(handle) for handle in self.roster.able()]

    def route(self, calls: Sequence[Call], places: Sequence[Place], ahead_us: float) -> list[int]:
        """Give jobs to places; the indexes of those left over."""
        living = self.roster.names() if any(call.affinity for call in calls) else ()
        return self.router.route(calls, places, Moment(ahead_us, self._blocking(), living))

    def wanted(self, ready: Sequence[ClaimedJob], mean_us: float | None, ahead_us: float, now: float) -> int:
        """How many jobs to claim now."""
        if self.each_alone:
            return max(sum(handle.state is WorkerState.IDLE for handle in self.roster.able()) - len(ready), 0)
        streams = sum(self._traits_of(job.task).is_async for job in ready)
        room = appetite(self.places(), mean_us, ahead_us, blocking=self._blocking())
        return self.mix.wanted(room, Appetite(len(ready) - streams, streams), now)

    def is_offered(self, requires: frozenset[str]) -> bool:
        """Whether a worker of this node offers all this."""
        return any(requires <= handle.offers for handle in self.roster.staying())

    def rooms(
        self, lacking: Mapping[str, frozenset[str]], mean_us: float | None, ahead_us: float
    ) -> list[tuple[str, int]]:
        """Of those keys, with what jobs under them require: for which there is room now, and for how many."""
        places = self.places() if lacking else []
        rooms = [
            (key, _room([place for place in places if requires <= place.offers], mean_us, ahead_us))
            for key, requires in lacking.items()
        ]
        return [(key, room) for key, room in rooms if room]

    def learn(self, task: str, handle: Handle, run_us: float, *, succeeded: bool) -> None:
        self.router.memory.predictions.learn(task, handle.kind, run_us, succeeded=succeeded)

    def met(self, jobs: Sequence[ClaimedJob], now: float) -> None:
        """Jobs were claimed: how many of them were async tells what to claim next."""
        self.mix.learn(sum(self._traits_of(job.task).is_async for job in jobs), len(jobs), now)

    def _place(self, handle: Handle) -> Place:
        return Place(
            handle.index,
            handle.load_us,
            len(handle.held),
            handle.room(max(self.config.prefetch_max, handle.streams)),
            worker=handle.worker,
            kind=handle.kind,
            offers=handle.offers,
            streams=handle.streams,
            side_by_side=handle.holds_streams,
            fresh=handle.is_fresh,
        )

    def _blocking(self) -> bool:
        return any(handle.streams == 1 for handle in self.roster.staying())

    def _traits_of(self, task: str) -> _Traits:
        facts = self.facts(task) or TaskFacts(task)
        traits = self._traits.get(facts)
        if traits is None:
            likes = LIKES.get(TaskKind(facts.kind), "")
            alone = facts.isolated or self.each_alone
            goal = goal_for(task, self.patterns)
            kind, home = ("", goal) if is_worker(goal) else (goal, "")
            traits = self._traits[facts] = _Traits(facts.is_async, alone, kind, likes, home)
        return traits


def _room(places: Sequence[Place], mean_us: float | None, ahead_us: float) -> int:
    """How many jobs find a worker there now."""
    streams = [place for place in places if place.streams > 1 and (place.side_by_side or not place.count)]
    room = sum(max(min(place.streams, place.most) - place.count, 0) for place in streams)
    return room + wanted([place for place in places if place not in streams], mean_us, ahead_us)


def is_suspect(job: ClaimedJob) -> bool:
    """Whether it was in a worker that died beside others and none could be blamed, or has lost its worker twice.

    From then on it has a process for itself, and kills nobody else.
    """
    return job.losses > 1 or bool(job.losses and job.interruptions)


@lru_cache(maxsize=1000)
def read_requires(text: str | None) -> frozenset[str]:
    """The capabilities that a job requires, from its row."""
    return frozenset(json.loads(text) or ()) if text else NOTHING


@lru_cache(maxsize=1000)
def lacks_key(requires: frozenset[str]) -> str:
    """Under which jobs wait for a worker that offers all this."""
    text = ",".join(sorted(requires))
    if len(text) <= LACKS_CHARS:
        return text
    return f"{text[: LACKS_CHARS - 33]}~{md5(text.encode(), usedforsecurity=False).hexdigest()}"
