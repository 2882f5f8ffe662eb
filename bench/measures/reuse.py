"""How many executed jobs did not need a new worker: a steady load for longer than the age from which workers are
recycled for what they have done."""

import time

from bench import processes
from bench.measures.plan import Plan, Values
from bench.site import Ground

JOBS_A_SECOND = 400


def measure(ground: Ground, plan: Plan) -> Values:
    seconds = plan.pick(65, 2)
    with ground.site() as site, site.node():
        end = time.monotonic() + seconds
        jobs = 0
        while time.monotonic() < end:
            site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=JOBS_A_SECOND // 20)
            jobs += JOBS_A_SECOND // 20
            time.sleep(0.05)
        site.wait_done()

        def counted() -> dict[str, float] | None:
            status: dict[str, dict[str, float]] = site.agent("status")
            return status["performance"] if status["tasks"]["completed"] >= jobs else None

        performance = processes.wait_for(counted, "the last jobs in a snapshot", 5.0, every_s=0.2)
    return {"reuse": 100 * performance["worker_reuse_rate"]}
