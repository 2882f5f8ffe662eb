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
        used, span = _used_while(seconds, workers, helpers)
    return {"cpu": 100 * used[0] / (span * cores), "cpu_node": 100 * used[1] / (span * cores)}


def _used_while(seconds: float, *groups: list[int]) -> tuple[list[float], float]:
    """CPU seconds that each group of processes uses while so many seconds pass; and how many those were."""
    before, start = [processes.cpu_seconds(pids) for pids in groups], time.monotonic()
    time.sleep(seconds)
    after, span = [processes.cpu_seconds(pids) for pids in groups], time.monotonic() - start
    return [later - earlier for earlier, later in zip(before, after, strict=True)], span
