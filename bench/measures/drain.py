"""No-op jobs are queued, then a node with two workers is started: jobs per second from the first start to the moment
when the last outcome is seen in the database."""

import time

from bench.measures.plan import Plan, Values
from bench.site import Ground, Site


def measure(ground: Ground, plan: Plan) -> Values:
    jobs = plan.pick(60_000, 2_000)
    with ground.site() as site:
        site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=jobs)
        launched = time.time()
        with site.node(wait=False):
            done = site.wait_done()
        started = site.agent("first_start")
        require_all_completed(site, jobs)
    return {"drain": jobs / (done - started), "boot": (started - launched) * 1000}


def require_all_completed(site: Site, jobs: int) -> None:
    counts = site.agent("counts")
    if counts != {"COMPLETED": jobs}:
        raise RuntimeError(f"Of {jobs} jobs not all were completed: {counts}.")
