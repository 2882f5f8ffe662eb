"""10,000 jobs, each of which waits for up to three earlier ones: how fast two workers drain them, and whether one is
stuck at the end."""

from bench.measures.plan import Plan, Values
from bench.site import Ground


def measure(ground: Ground, plan: Plan) -> Values:
    jobs = plan.pick(10_000, 300)
    with ground.site() as site:
        stored_s = site.agent("enqueue_graph", task="bench.tasks.noop", jobs=jobs)
        with site.node(wait=False):
            done = site.wait_done()
        began = site.agent("first_start")
        counts = site.agent("counts")
    return {
        "graph_stored": jobs / stored_s,
        "graph": jobs / (done - began),
        "graph_stuck": float(jobs - counts.get("COMPLETED", 0)),
    }
