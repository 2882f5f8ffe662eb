"""How fast one client enqueues, with no pool running: in bulk, and one call at a time."""

from bench.measures.plan import Plan, Values
from bench.site import Ground


def measure(ground: Ground, plan: Plan) -> Values:
    many, each = plan.pick(50_000, 2_000), plan.pick(3_000, 200)
    with ground.site() as site:
        site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=100)
        in_bulk = site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=many)
        one_by_one = site.agent("enqueue_each", task="bench.tasks.noop", args=[1], jobs=each)
    return {"enqueue_many": many / in_bulk["seconds"], "enqueue_one": each / one_by_one["seconds"]}
