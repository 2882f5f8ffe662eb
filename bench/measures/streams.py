"""Async jobs that wait for 100 ms each, on one io worker: how long 1,000 of them take from the first start to the last
outcome in the database, and how many were at work at a time."""

from bench.measures.plan import Plan, Values
from bench.site import Ground

SECONDS = 0.1


def measure(ground: Ground, plan: Plan) -> Values:
    jobs = plan.pick(1_000, 200)
    with ground.site() as site, site.node(1, pool_worker_kinds="io"):
        site.agent("enqueue_many", task="bench.tasks.wait", args=[SECONDS], jobs=jobs)
        done = site.wait_done()
        took = done - site.agent("first_start")
        spans = site.agent("spans")
        counts = site.agent("counts")
    if counts != {"COMPLETED": jobs}:
        raise RuntimeError(f"Of {jobs} jobs not all were completed: {counts}.")
    busy = sum(finished - started for _, started, finished in spans)
    return {"streams": took * 1000 / jobs, "streams_width": busy / took}
