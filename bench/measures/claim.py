"""A claim of ten jobs at the head of a short queue and of a very long one, of a thousand tenants each."""

from bench.measures.plan import Plan, Values
from bench.site import Ground

BATCH = 10


def measure(ground: Ground, plan: Plan) -> Values:
    times = plan.pick(200, 20)
    short = claim_cost(ground, BATCH * times, times)
    long = claim_cost(ground, plan.pick(1_000_000, 20_000), times)
    return {"claim": short, "claim_long": long, "claim_ratio": long / short}


def claim_cost(ground: Ground, jobs: int, times: int, tenants: int = 1000, queues: int = 1) -> float:
    """Median time of a claim from so many jobs, in microseconds."""
    with ground.site() as site:
        site.agent("fill", jobs=jobs, tenants=tenants, queues=queues)
        cost: float = site.agent("claim_cost", batch=BATCH, times=times)
    return cost
