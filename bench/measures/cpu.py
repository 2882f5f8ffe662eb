"""CPU-bound jobs for as many workers as there are cores: how much of all cores' time goes into the workers."""

import os
import time

from bench import processes
from bench.measures.plan import Plan, Values
from bench.site import Ground

JOB_MS = 10
SETTLE_S = 1.0


def measure(ground: Ground, plan: Plan) -> Values:
    cores = len(os.sched_getaffinity(0))
    seconds = plan.pick(8.0, 1.0)
    jobs = int((seconds + 2 * SETTLE_S) * cores * 1000 / JOB_MS)
    with ground.site() as site, site.node(cores) as node:
        site.agent("enqueue_many", task="bench.tasks.cpu", args=[JOB_MS], jobs=jobs)
        time.sleep(SETTLE_S)
        workers = node.worker_pids()
        helpers = [pid for pid in node.tree() if pid not in workers]
        before, start = (processes.cpu_seconds(workers), processes.cpu_seconds(helpers)), time.monotonic()
        time.sleep(seconds)
        after, span = (processes.cpu_seconds(workers), processes.cpu_seconds(helpers)), time.monotonic() - start
    by_workers, by_helpers = (100 * (later - earlier) / (span * cores) for earlier, later in zip(before, after, strict=True))
    return {"cpu": by_workers, "cpu_node": by_helpers}
