"""Half load: jobs of 10 ms arrive by chance (Poisson) at half of what two workers can do. How long they wait on
average, from the moment they could start to their start. Nearly 2 ms of it is chance: some find both workers busy."""

from statistics import mean

from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values, percentile
from bench.site import Ground

JOB_S = 0.01
WORKERS = 2
LOAD = 0.5


def measure(ground: Ground, plan: Plan) -> Values:
    jobs = plan.pick(1_000, 100)
    with ground.site() as site, site.node(WORKERS):
        period_s = JOB_S / WORKERS / LOAD
        site.agent("pace", task="bench.tasks.sleep", args=[JOB_S], jobs=jobs, period_s=period_s, poisson=True)
        site.wait_done()
        waits = [(started - run_at) * 1000 for run_at, started, _ in site.agent("spans")]
        require_all_completed(site, jobs)
    return {"wait": mean(waits), "wait_p99": percentile(waits, 99)}
