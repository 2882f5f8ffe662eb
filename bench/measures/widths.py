"""A claim of ten jobs from 1,000 and from 1,000,000 waiting ones: of one tenant, of a thousand, and in many queues."""

from bench.measures.claim import BATCH, claim_cost
from bench.measures.plan import Plan, Values
from bench.site import Ground

WIDTHS = {"tenant": (1, 1), "tenants": (1000, 1), "queues": (1000, 50)}
"""Tenants and queues."""


def measure(ground: Ground, plan: Plan) -> Values:
    times, long = plan.pick(200, 20), plan.pick(1_000_000, 20_000)
    values: Values = {}
    for name, (tenants, queues) in WIDTHS.items():
        few = claim_cost(ground, 1000 + BATCH * times, times, tenants, queues)
        many = claim_cost(ground, long, times, tenants, queues)
        values |= {f"claim_{name}": few, f"claim_{name}_long": many, f"claim_{name}_ratio": many / few}
    return values
