"""The strategies: each chooses one of the places that can take a job. A new one is a function and an entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from pool.domain.routing.places import Call, Place
from pool.domain.routing.predictions import Predictions


@dataclass(slots=True)
class Memory:
    """What strategies remember and go by."""

    exploration: float = 0.05
    predictions: Predictions = field(default_factory=Predictions)
    random: Random = field(default_factory=Random)
    last: int = -1
    """Key of the place that had the last turn."""


Strategy = Callable[[Call, Sequence[Place], Memory], Place]


def round_robin(_call: Call, places: Sequence[Place], memory: Memory) -> Place:
    """The next one after the last, around and around."""
    chosen = min(places, key=lambda place: (place.key <= memory.last, place.key))
    memory.last = chosen.key
    return chosen


def least_loaded(_call: Call, places: Sequence[Place], _memory: Memory) -> Place:
    """The one with the least work in hand."""
    return min(places)


def best_capability(call: Call, places: Sequence[Place], _memory: Memory) -> Place:
    """The one made for such work; else the one that offers the least beyond it, so that what is rare stays free."""
    best = max((place.kind == call.likes, -len(place.offers - call.requires)) for place in places)
    return min(place for place in places if (place.kind == call.likes, -len(place.offers - call.requires)) == best)


def predictive(call: Call, places: Sequence[Place], memory: Memory) -> Place:
    """The one from which the result is expected first, by what the task did on each kind; now and then another.

    A kind on which the task was never seen is tried by the share of the jobs that explore, and where there is no other.
    """
    predictions = memory.predictions
    if memory.random.random() < memory.exploration:
        rarest = min(predictions.count(call.task, place.kind) for place in places)
        return min(place for place in places if predictions.count(call.task, place.kind) == rarest)
    costs = {kind: predictions.cost_us(call.task, kind) for kind in {place.kind for place in places}}
    known = [(place.load_us + cost, place.key, place) for place in places if (cost := costs[place.kind]) is not None]
    return min(known)[2] if known else min(places)


STRATEGIES: dict[str, Strategy] = {
    "round-robin": round_robin,
    "least-loaded": least_loaded,
    "capability-based": best_capability,
    "predictive": predictive,
}
