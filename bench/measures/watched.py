"""What a page that is open costs: the same drain with a viewer of the overview and without, by turns."""

from statistics import median

from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values
from bench.measures.viewers import audience
from bench.site import Ground

LONGEST_S = 120.0
"""The viewer stays until the drain is over; it is sent away then."""


def measure(ground: Ground, plan: Plan) -> Values:
    pairs = [(_drained(ground, plan, viewers=0), _drained(ground, plan, viewers=1)) for _ in range(plan.pick(3, 1))]
    alone, watched = (median(rates) for rates in zip(*pairs, strict=True))
    return {"unwatched": alone, "watched": watched, "watched_cost": 100 * (1 - watched / alone)}


def _drained(ground: Ground, plan: Plan, viewers: int) -> float:
    """Jobs per second with so many viewers. The web process is there in any case."""
    jobs = plan.pick(150_000, 2_000)
    with ground.site() as site, site.web() as (_, port):
        sessions = site.agent("sign_in", users=1)
        with audience(site, "attentive", port, sessions[:viewers], LONGEST_S):
            site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=jobs)
            with site.node(wait=False):
                done = site.wait_done()
            started = site.agent("first_start")
        require_all_completed(site, jobs)
    return jobs / (done - started)
