"""An idle pool gets one job every 25 ms: from the return of `enqueue()` to the start of the function, both read from
the clock that all processes share; and the node's own histogram of the hand-over to the worker."""

from bench import processes
from bench.measures.plan import Plan, Values, percentile
from bench.site import Ground, Site

PERIOD_S = 0.025


def measure(ground: Ground, plan: Plan) -> Values:
    with ground.site() as site, site.node():
        site.agent("pace", task="bench.tasks.whoami", args=[], jobs=20, period_s=PERIOD_S)
        returned = site.agent("pace", task="bench.tasks.whoami", args=[], jobs=plan.pick(400, 40), period_s=PERIOD_S)
        site.wait_done()
        results = site.agent("results")
        waits = [(results[job]["started"] - at) / 1e6 for job, at in returned]
        hand_over = hand_over_us(site)
    return {
        "idle_p50": percentile(waits, 50),
        "idle_p95": percentile(waits, 95),
        "idle_p99": percentile(waits, 99),
        "hand_over": hand_over,
    }


def hand_over_us(site: Site) -> float:
    """Median of the last minute, once a snapshot holds it."""

    def known() -> float | None:
        value: float | None = site.agent("status")["performance"]["dispatch"]["p50"]
        return value

    milliseconds: float = processes.wait_for(known, "the dispatch times of a snapshot", 5.0, every_s=0.2)
    return milliseconds * 1000
