"""Memory of eight workers after some work, as the kernel shares it out (PSS), and of a fresh process for comparison."""

import subprocess
import sys
from statistics import mean

from bench import processes
from bench.measures.plan import Plan, Values
from bench.site import Ground, Site

WORKERS = 8
FRESH = "import django; django.setup(); import bench.tasks; print(flush=True); input()"


def measure(ground: Ground, plan: Plan) -> Values:
    with ground.site() as site, site.node(WORKERS) as node:
        site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=plan.pick(20_000, 800))
        site.agent("enqueue_many", task="bench.tasks.sleep", args=[0.05], jobs=WORKERS * 4)
        site.wait_done()
        workers = [processes.memory_mb(pid) for pid in node.worker_pids()]
        whole = sum(processes.memory_mb(pid) for pid in node.tree())
        fresh = _fresh_process_mb(site)
    if len(workers) != WORKERS:
        raise RuntimeError(f"There should be {WORKERS} workers, and there are {len(workers)}.")
    return {
        "memory": mean(workers),
        "memory_max": max(workers),
        "memory_tree": whole,
        "memory_fresh": fresh,
    }


def _fresh_process_mb(site: Site) -> float:
    process = subprocess.Popen(
        [sys.executable, "-c", FRESH],
        env=site.env,
        cwd=processes.REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        used = processes.memory_mb(process.pid)
        process.kill()
    return used
