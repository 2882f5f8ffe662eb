"""1,000 schedules that come due within one second, and two nodes that both look at them: how many did not fire exactly
once, and how long after its time each was enqueued."""

from bench.measures.plan import Plan, Values, percentile
from bench.site import Ground

AHEAD_S = 3.0
"""Time to write the rows before the first is due."""


def measure(ground: Ground, plan: Plan) -> Values:
    schedules = plan.pick(1000, 100)
    with ground.site() as site:
        second = f"{site.env['POOL_RUN_DIR']}/b"
        with site.node(), site.node(POOL_RUN_DIR=second, wait=False):
            site.agent("wait_nodes", nodes=2)
            due = site.agent("schedule", task="bench.tasks.noop", schedules=schedules, ahead_s=AHEAD_S)
            site.agent("wait_completed", jobs=schedules)
        fired = site.agent("fired")
    delays = [at - due[number] for number, at in fired if number < schedules]
    times = [number for number, _ in fired]
    wrong = sum(times.count(number) != 1 for number in range(schedules))
    return {"schedules_wrong": float(wrong), "schedules_delay": percentile(delays, 95) * 1000}
