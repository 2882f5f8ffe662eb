"""Jobs for workers that are all alike, least loaded first: the fast way, and what it is to hold ahead.

A worker may hold jobs ahead only while the work in front of it is short: a few milliseconds altogether, and a job of
which nothing is known goes to an idle worker alone. So a burst of tiny jobs travels in large batches, and no job
stands behind a long one while another worker is free.
"""

import heapq
from collections.abc import Iterable, Sequence

ONE_AHEAD_US = 20_000.0
"""A job expected to take no longer may have one more behind it, so that its worker does not wait for the database."""


class Seat:
    """A worker as the router sees it."""

    __slots__ = ("count", "key", "load_us", "most", "taken")

    def __init__(self, key: int, load_us: float, count: int, most: int) -> None:
        self.key = key
        self.load_us = load_us
        self.count = count
        self.most = most
        """Jobs it may hold."""
        self.taken: list[int] = []

    def __lt__(self, other: "Seat") -> bool:
        return (self.load_us, self.count) < (other.load_us, other.count)


def route(costs: Sequence[float | None], seats: Iterable[Seat], ahead_us: float) -> list[int]:
    """Give jobs (by their expected cost) to seats, least loaded first; return the indexes of those left over.

    Each seat's `taken` lists the jobs it got. A job of unknown cost, or one longer than `ahead_us`, needs an idle seat.
    A job that is left over keeps the least loaded seat from those behind it: shorter ones that fill it again and again
    would keep the job waiting for ever.
    """
    heap = [seat for seat in seats if seat.count < seat.most]
    heapq.heapify(heap)
    left: list[int] = []
    for index, cost in enumerate(costs):
        if not heap:
            left.extend(range(index, len(costs)))
            break
        seat = heap[0]
        expected = ahead_us if cost is None else cost
        if seat.count and seat.load_us + expected > ahead_us and not (cost is not None and takes_one(seat, cost)):
            left.append(index)
            heapq.heappop(heap)
            continue
        seat.taken.append(index)
        seat.load_us += expected
        seat.count += 1
        if seat.count >= seat.most:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, seat)
    return left


def wanted(seats: Iterable[Seat], mean_us: float | None, ahead_us: float) -> int:
    """How many jobs to claim so that every seat has its fill, given the mean cost of late."""
    total = 0
    for seat in seats:
        if mean_us is None:
            total += seat.count == 0 < seat.most
            continue
        room = min(int((ahead_us - seat.load_us) / mean_us), seat.most - seat.count)
        least = seat.count < seat.most and (not seat.count or takes_one(seat, mean_us))
        total += max(room, int(least))
    return total


def takes_one(seat: Seat, cost: float) -> bool:
    """Whether it may hold a job behind the one it executes although that is more work than it should have ahead."""
    return seat.count == 1 and seat.load_us <= ONE_AHEAD_US and cost <= ONE_AHEAD_US
