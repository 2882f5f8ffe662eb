"""What an idle pool costs, with 2 and with 128 workers and its database server; and whether 128 can all be busy."""

import time
from collections.abc import Sequence

from bench import processes
from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values
from bench.site import Ground, Node, Site

MANY = 128
SETTLE_S = 3.0


def measure(ground: Ground, plan: Plan) -> Values:
    seconds = plan.pick(30.0, 1.0)
    with ground.site() as site, site.node() as node:
        few_idle = _idle_percent(site, node, seconds)
        site.agent("scale", size=MANY)
        site.wait_idle(node, MANY)
        busy, took = _all_busy(site)
        many_idle = _idle_percent(site, node, seconds)
    return {"idle_2": few_idle, "idle_128": many_idle, "busy_128": busy, "busy_128_s": took}


def _idle_percent(site: Site, node: Node, seconds: float) -> float:
    """CPU of the node's tree and of the database server, in percent of one core."""
    time.sleep(SETTLE_S)
    pids = [*node.tree(), *site.database.server_pids()]
    before, start = processes.cpu_seconds(pids), time.monotonic()
    time.sleep(seconds)
    return 100 * (processes.cpu_seconds(pids) - before) / (time.monotonic() - start)


def _all_busy(site: Site) -> tuple[float, float]:
    """How many ran at once, and how long two rounds took."""
    submitted = site.agent("enqueue_many", task="bench.tasks.sleep", args=[1.0], jobs=2 * MANY)
    done = site.wait_done()
    require_all_completed(site, 2 * MANY)
    return most_at_once([(start, end) for _, start, end in site.agent("spans")]), done - submitted["began"]


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """The largest number of spans that hold the same moment."""
    most = level = 0
    # At the same moment ends come before starts.
    for _, change in sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans]):
        level += change
        most = max(most, level)
    return most
