"""How fast a worker is there: asked for by scaling up, and as the replacement of one that was killed at its work.

Read from the node's log, which says when it took each worker for ready. Beside it what the pool saves: a fresh Python
process that sets Django up, for one job.
"""

import subprocess
import sys
import time
from statistics import median

from bench import processes
from bench.measures.latency import hand_over_us
from bench.measures.plan import Plan, Values, percentile
from bench.site import Ground, Node, Site, logged_at

FRESH = "import django; django.setup(); from bench.tasks import noop; noop.func()"


def measure(ground: Ground, plan: Plan) -> Values:
    with ground.site() as site, site.node(log_level="DEBUG") as node:
        starts = [_scale_up(site, node) for _ in range(plan.pick(20, 3))]
        site.agent("pace", task="bench.tasks.noop", args=[1], jobs=50, period_s=0.02)
        hand_over = hand_over_us(site)
        kills = plan.pick(25, 3)
        site.agent("enqueue_many", task="bench.tasks.sleep", args=[0.05], jobs=kills * 20)
        replaced = [_kill_one(node, turn) for turn in range(kills)]
        fresh = median(_fresh_process_ms(site) for _ in range(plan.pick(9, 3)))
    return {
        "start": median(starts),
        "replace": percentile(replaced, 95),
        "replace_p50": median(replaced),
        "fresh": fresh,
        "start_ratio": fresh * 1000 / hand_over,
    }


def _scale_up(site: Site, node: Node) -> float:
    """One worker more, and away with it; how long it took from its order to its readiness."""
    before, left = len(node.lines("worker.ready")), len(node.lines("worker.stopped"))
    site.agent("scale", size=3)
    ready = processes.wait_for(lambda: node.lines("worker.ready")[before:], "a third worker")
    site.agent("scale", size=2)
    processes.wait_for(lambda: node.lines("worker.stopped")[left:], "the third worker's leave")
    return float(ready[0]["took_ms"])


def _kill_one(node: Node, turn: int) -> float:
    """Kill a worker at its work; milliseconds until the node has another one ready."""
    known = len(node.lines("worker.ready"))
    workers = node.worker_pids()
    at = time.time()
    processes.kill(workers[turn % len(workers)])
    ready = processes.wait_for(lambda: node.lines("worker.ready")[known:], "a replacement", every_s=0.02)
    return (logged_at(ready[0]) - at) * 1000


def _fresh_process_ms(site: Site) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", FRESH], env=site.env, check=True, cwd=processes.REPOSITORY)
    return (time.perf_counter() - start) * 1000
