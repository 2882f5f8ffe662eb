"""How many jobs to claim where some workers run async jobs side by side and others run one at a time.

The claim takes jobs in their order, whatever sort they are of. So a node with free streams claims by the share of async
jobs that it met of late, puts up with some jobs that it cannot place, and asks ever more seldom while it meets none.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from pool.domain.routing.ahead import wanted
from pool.domain.routing.places import Place

LEAST_SHARE = 0.1
"""Of the free streams: claimed for also when none of the last jobs was async."""

FEW = 20
"""So many jobs tell the share anew."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0


class Appetite(NamedTuple):
    """Jobs that could be placed now, by their sort."""

    one_by_one: int
    streams: int


def appetite(places: Iterable[Place], mean_us: float | None, ahead_us: float, *, blocking: bool) -> Appetite:
    """What the places have room for. `blocking`: there are workers for jobs that block beside those with streams."""
    one_by_one: list[Place] = []
    room = 0
    for place in places:
        if place.streams > 1 and (place.side_by_side or not place.count):
            room += max(min(place.streams, place.most) - place.count, 0)
        if place.streams == 1 or not (place.side_by_side or blocking):
            one_by_one.append(place)
    return Appetite(wanted(one_by_one, mean_us, ahead_us), room)


class Mix:
    """What was claimed of late, and so what is to be expected of the next claim."""

    def __init__(self) -> None:
        self.share = 1.0
        """Of async jobs."""
        self._pause_s = 0.0
        self._until = 0.0

    def learn(self, streams: int, jobs: int, now: float) -> None:
        """Note that so many of the jobs of a claim were async."""
        if not jobs:
            return
        self.share += (streams / jobs - self.share) * min(jobs / FEW, 1.0)
        self._pause_s = 0.0 if streams else min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._until = now + self._pause_s

    def wanted(self, room: Appetite, ready: Appetite, now: float) -> int:
        """How many jobs to claim, when so many that were claimed wait for a place already."""
        plain = max(room.one_by_one - ready.one_by_one, 0)
        if now < self._until or ready.one_by_one >= max(room.streams, FEW):
            return plain
        free = max(room.streams - ready.streams, 0)
        return plain + math.ceil(free * max(self.share, LEAST_SHARE))
