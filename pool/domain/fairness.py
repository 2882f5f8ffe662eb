"""Who goes next: turns between tenants, shares between queues, and a guard for what waits too long.

Pure: the store applies it, in enqueuing processes (turns) and in the node's claim (shares). Three rules. Within a queue
and priority each tenant's jobs get ranks one step apart, so that tenants take turns however many jobs each has. Between
queues at the same priority the claim deals by weight, and what a queue got too much of is remembered. And a small part
of what a busy pool starts goes to low priorities that have waited too long.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pool.domain.jobs import ClaimedJob

STEP = 1000
"""Distance of the ranks of a tenant of weight 1: weights divide it."""

LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0

MIXED_SHARE = 0.5
"""What tenants get of a queue in which jobs without a tenant were there first."""

LOOK_S = 1.0
"""Between two looks at what waits too long."""

ANY_ROOM = 2**31

Debts = Mapping[tuple[str, int], float]
"""By queue and priority: how much more it got than those it competed with, in jobs of a queue of weight 1."""


# Between tenants ---------------------------------------------------------------


def sane(weight: float) -> float:
    """A weight within its limits, whatever stands in a row."""
    return min(max(weight, LEAST_WEIGHT), MOST_WEIGHT)


def step_of(weight: float) -> int:
    """How far each job moves its tenant's rank on."""
    return round(STEP / sane(weight))


def next_ranks(last: int | None, turn: int | None, weight: float, count: int) -> range:
    """Ranks for so many new jobs of a tenant: behind its last one that waits, and not before the present turn.

    `last` and `turn` are None when nothing of the tenant waits, and when nobody waits for a turn.
    """
    step = step_of(weight)
    first = max(STEP, turn or 0, 0 if last is None else last + step)
    return range(first, first + count * step, step)


# Between queues ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """The front of a queue: how many jobs wait at each priority, the most urgent first."""

    queue: str
    counts: Sequence[tuple[int, int]]
    weight: float = 1.0
    room: int | None = None
    """Most jobs that the queue's limits let start now; None: any."""
    is_whole: bool = True
    """False when more may wait than was looked at."""


def allot(most: int, heads: Sequence[Head], debts: Debts) -> tuple[dict[str, int], dict[tuple[str, int], float]]:
    """Deal up to `most` jobs to the queues; how many each gets, and the debts after that.

    Higher priorities first, whatever the queue; by weight among equals. It stops short of a priority that is lower than
    what may wait unseen in some queue: then the caller has to look deeper.
    """
    shares: dict[str, int] = {}
    after = dict(debts)
    rooms = {head.queue: ANY_ROOM if head.room is None else head.room for head in heads}
    weights = {head.queue: head.weight for head in heads}
    endless = {(head.queue, head.counts[-1][0]) for head in heads if head.counts and not head.is_whole}
    for priority, waiting in _by_priority(heads):
        want = {queue: min(jobs, rooms[queue]) for queue, jobs in waiting.items() if rooms[queue] > 0}
        before = {queue: after.pop((queue, at)) for queue, at in list(after) if at == priority}
        got, owed = _share(most, want, weights, before, {queue for queue, at in endless if at == priority})
        after.update({(queue, priority): debt for queue, debt in owed.items() if debt > 0})
        for queue, jobs in got.items():
            shares[queue] = shares.get(queue, 0) + jobs
            rooms[queue] -= jobs
            most -= jobs
        if most <= 0:
            return shares, after
    # Everybody has what they wanted: nothing is owed to anybody.
    return shares, {}


def _by_priority(heads: Sequence[Head]) -> list[tuple[int, dict[str, int]]]:
    """What is known to wait at each priority, down to where something more urgent may wait unseen."""
    unseen = max((head.counts[-1][0] for head in heads if head.counts and not head.is_whole), default=None)
    found: dict[int, dict[str, int]] = {}
    for head in heads:
        for priority, jobs in head.counts:
            if unseen is None or priority >= unseen:
                found.setdefault(priority, {})[head.queue] = jobs
    return sorted(found.items(), reverse=True)


def _share(
    most: int,
    want: Mapping[str, int],
    weights: Mapping[str, float],
    debts: Mapping[str, float],
    endless: Collection[str],
) -> tuple[dict[str, int], dict[str, float]]:
    """Deal one by one to whoever had least. Debts are counted from those who still wait, so that nobody saves up.

    Of the endless ones more waits than was seen.
    """
    if sum(want.values()) <= most:
        return dict(want), {}
    got = dict.fromkeys(want, 0)
    line = [(debts.get(queue, 0.0), queue) for queue in want]
    heapq.heapify(line)
    owed = dict(debts)
    for _ in range(most):
        debt, queue = line[0]
        got[queue] += 1
        owed[queue] = debt + 1 / sane(weights[queue])
        if got[queue] < want[queue]:
            heapq.heapreplace(line, (owed[queue], queue))
        else:
            heapq.heappop(line)
    least = min([line[0][0], *(owed.get(queue, 0.0) for queue in endless if queue in want)])
    return got, {queue: debt - least for queue, debt in owed.items()}


def in_turn(jobs: Iterable[ClaimedJob], weights: Mapping[str, float]) -> list[ClaimedJob]:
    """Put claimed jobs into the order in which they should start: queues take turns here as well."""
    ordered = sorted(jobs, key=lambda job: (-job.priority, job.rank, job.id))
    if len(weights) <= 1:
        return ordered
    places: dict[tuple[str, int], float] = {}
    keyed = []
    for job in ordered:
        line = (job.queue, job.priority)
        place = places[line] = places.get(line, 0.0) + 1 / sane(weights.get(job.queue, 1.0))
        keyed.append((-job.priority, place, job.queue, job))
    keyed.sort(key=lambda item: item[:3])
    return [job for *_, job in keyed]


# What waits too long -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Front:
    """The jobs of one queue at one priority, seen from before."""

    queue: str
    priority: int
    waited_s: float
    """Of the oldest of the first few."""
    first_rank: int = 0
    last_rank: int = 0

    @property
    def is_mixed(self) -> bool:
        """Jobs without a turn stand before all those that have one."""
        return self.first_rank == 0 < self.last_rank


def overdue(fronts: Iterable[Front], after_s: float) -> list[Front]:
    """Those that waited longer than this while others are more urgent: the longest wait first."""
    known = list(fronts)
    highest = max((front.priority for front in known), default=0)
    late = [front for front in known if front.priority < highest and front.waited_s > after_s]
    return sorted(late, key=lambda front: -front.waited_s)


def part_of(jobs: int, share: float, owed: float) -> tuple[int, float]:
    """The whole number of jobs that a share of so many is, with what was owed before; and what is owed after."""
    exact = jobs * share + owed
    whole = min(int(exact), jobs)
    return whole, min(exact - whole, 1.0)


@dataclass(slots=True)
class Shares:
    """What one node remembers from claim to claim."""

    starvation_after_s: float = 60.0
    starvation_share: float = 0.05
    debts: dict[tuple[str, int], float] = field(default_factory=dict)
    late: list[Front] = field(default_factory=list)
    mixed: dict[str, int] = field(default_factory=dict)
    """By queue, the priority at which it is mixed."""
    busy: bool = False
    """The last claim took all it asked for, so more may wait."""
    look_at: float = 0.0
    _owed: dict[str, float] = field(default_factory=dict)

    def wants_look(self, now: float) -> bool:
        """Whether somebody may be waiting in vain: a pool that takes all there is starves nobody."""
        if not self.busy:
            self.late, self.mixed = [], {}
            return False
        return now >= self.look_at or now < self.look_at - 2 * LOOK_S

    def saw(self, fronts: Sequence[Front], now: float) -> None:
        """Take in what a look found."""
        self.look_at = now + LOOK_S
        self.late = overdue(fronts, self.starvation_after_s) if self.starvation_share else []
        tops: dict[str, Front] = {}
        for front in fronts:
            if front.queue not in tops or front.priority > tops[front.queue].priority:
                tops[front.queue] = front
        self.mixed = {queue: front.priority for queue, front in tops.items() if front.is_mixed}

    def for_late(self, jobs: int) -> int:
        """How many of so many go to what waits too long."""
        if not self.late:
            self._owed.pop("", None)
            return 0
        return self._part("", jobs, self.starvation_share)

    def for_tenants(self, queue: str, jobs: int) -> int:
        """How many of a mixed queue's jobs go to those that have a turn."""
        return self._part(queue, jobs, MIXED_SHARE) if queue in self.mixed else 0

    def _part(self, whose: str, jobs: int, share: float) -> int:
        whole, self._owed[whose] = part_of(jobs, share, self._owed.get(whose, 0.0))
        return whole
