"""The way of a job where workers or jobs differ: who may take it, where it belongs, then the strategy."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pool.domain.routing.affinity import Homes
from pool.domain.routing.ahead import route
from pool.domain.routing.places import Call, Place
from pool.domain.routing.strategies import STRATEGIES, Memory, least_loaded

Calls = Sequence[Call]


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for all jobs of one round."""

    ahead_us: float
    """Work that a worker may hold ahead."""
    blocking: bool = True
    """There are workers for jobs that block, beside those with streams."""
    living: Collection[str] = ()
    """All workers by name, also those that can take nothing now."""


class Router:
    def __init__(self, strategy: str = "least-loaded", memory: Memory | None = None) -> None:
        self._choose = STRATEGIES[strategy]
        self.memory = memory or Memory()
        self.homes = Homes()

    def route(self, calls: Calls, places: Sequence[Place], moment: Moment) -> list[int]:
        """Give jobs to places; return the indexes of those left over, in order. A place's `taken` lists what it got."""
        plain = [index for index, call in enumerate(calls) if call.is_plain] if self._choose is least_loaded else []
        others = sorted(set(range(len(calls))) - set(plain), key=lambda index: (_ease(calls[index]), index))
        open_places = list(places)
        left = self._route_each(calls, others, open_places, moment)
        left += _route_plain(calls, plain, open_places, moment)
        return sorted(left)

    def _route_each(self, calls: Calls, indexes: Iterable[int], open_places: list[Place], moment: Moment) -> list[int]:
        """Places that can take nothing more are removed, and those for which a job left over waits."""
        left: list[int] = []
        has_streams = any(place.streams > 1 for place in open_places)
        for index in indexes:
            call = calls[index]
            able = [
                place for place in open_places if place.takes(call, moment.ahead_us, blocking_elsewhere=moment.blocking)
            ]
            if not able:
                left.append(index)
                kept = _kept(call, open_places, moment, only_streams=has_streams and call.is_async)
                if kept is not None:
                    open_places.remove(kept)
                continue
            chosen = self._chosen(call, able, moment.living)
            chosen.take(index, call, moment.ahead_us)
            if not chosen.room(moment.ahead_us):
                open_places.remove(chosen)
        return left

    def _chosen(self, call: Call, able: Sequence[Place], living: Collection[str]) -> Place:
        if call.affinity:
            chosen = self.homes.of(call.affinity, able) or self._among(call, able)
            self.homes.settle(call.affinity, chosen.worker, living)
            return chosen
        return self._among(call, able)

    def _among(self, call: Call, able: Sequence[Place]) -> Place:
        if call.kind:
            able = [place for place in able if place.kind == call.kind] or able
        elif call.is_async:
            able = [place for place in able if place.streams > 1] or able
        return self._choose(call, able, self.memory) if len(able) > 1 else able[0]


def _kept(call: Call, places: Sequence[Place], moment: Moment, *, only_streams: bool) -> Place | None:
    """The place for which a job that is left over waits: the one that has room first, as in `route`.

    `only_streams`: workers for jobs that block go on with those, one of the streams is free soon.
    """
    fitting = [place for place in places if place.suits(call, blocking_elsewhere=moment.blocking)]
    if only_streams:
        fitting = [place for place in fitting if place.streams > 1]
    return min(fitting) if fitting and not call.alone else None


def _ease(call: Call) -> tuple[bool, bool]:
    """Jobs that can go to few places come before those that would take one of these."""
    return not call.alone, not call.requires


def _route_plain(calls: Calls, indexes: Sequence[int], places: Sequence[Place], moment: Moment) -> list[int]:
    """The fast way, over the places that are for such jobs."""
    seats = [place for place in places if place.streams == 1 or not (moment.blocking or place.side_by_side)]
    before = [len(place.taken) for place in seats]
    left = route([calls[index].cost for index in indexes], seats, moment.ahead_us)
    for place, count in zip(seats, before, strict=True):
        place.taken[count:] = [indexes[number] for number in place.taken[count:]]
        place.taken.sort()
    return [indexes[number] for number in left]
