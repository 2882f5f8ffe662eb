"""Two workers are up while one client submits jobs as fast as it can: jobs per second from the first submit to the last
outcome in the database. In bulk of 500, and with `enqueue()`."""

from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values
from bench.site import Ground

BATCH = 500


def measure(ground: Ground, plan: Plan) -> Values:
    bulk = _flow(ground, "enqueue_many", plan.pick(40_000, 2_000), batch=BATCH)
    return {"flow": bulk, "flow_one": _flow(ground, "enqueue_each", plan.pick(4_000, 200))}


def _flow(ground: Ground, how: str, jobs: int, **options: int) -> float:
    with ground.site() as site, site.node():
        submitted = site.agent(how, task="bench.tasks.noop", args=[1], jobs=jobs, **options)
        done = site.wait_done()
        require_all_completed(site, jobs)
    return jobs / (done - submitted["began"])
