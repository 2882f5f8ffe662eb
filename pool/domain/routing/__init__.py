"""Which worker gets which job, and how many jobs to hold ahead. Pure: time is microseconds of work.

Where all workers are alike and no job wants a special one, `route` gives jobs to seats by the thousand. Everything else
goes through `Router`: eligible places first, then where a job belongs, then the strategy of the setting `routing`.
"""

from pool.domain.routing.affinity import Homes
from pool.domain.routing.ahead import ONE_AHEAD_US, Seat, route, wanted
from pool.domain.routing.appetite import Appetite, Mix, appetite
from pool.domain.routing.estimates import OVERHEAD_US, Estimates
from pool.domain.routing.places import Call, Place
from pool.domain.routing.predictions import Predictions
from pool.domain.routing.router import Moment, Router
from pool.domain.routing.strategies import STRATEGIES

__all__ = [
    "ONE_AHEAD_US",
    "OVERHEAD_US",
    "STRATEGIES",
    "Appetite",
    "Call",
    "Estimates",
    "Homes",
    "Mix",
    "Moment",
    "Place",
    "Predictions",
    "Router",
    "Seat",
    "appetite",
    "route",
    "wanted",
]
