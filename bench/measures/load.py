"""A load that doubles and halves, and the autoscaler that follows it, with its default pace.

Jobs of 200 ms arrive by chance (Poisson), as many as four workers could just do, then eight, then four again. A node
that began with two workers is right when it has twice as many: then they are half busy. Told are how long it took to
get there, in evaluations, and how often its size turned round more than the load did.
"""

import time
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values
from bench.site import Ground, logged_at

JOB_S = 0.2
LOADS = (4, 8, 4)
"""Workers' worth of jobs that arrive, phase by phase."""

PHASES_S, QUICK_S = (60.0, 60.0, 140.0), (8.0, 8.0, 8.0)
EVERY_S = 5.0
FIRST, MOST = 2, 32
NEEDED_TURNS = 1
"""The load itself goes up and then down."""


@dataclass(slots=True)
class Course:
    """What happened, in seconds since the first job."""

    phases: list[tuple[float, float]] = field(default_factory=list)
    """When each began, and how many workers' worth arrived from then on."""
    steps: list[tuple[float, int]] = field(default_factory=list)
    """When the size changed, and to what."""
    took_s: float = 0.0

    def last_step_of(self, phase: int) -> float | None:
        """When the size came to rest in a phase, after its begin; None when it did not change."""
        begin = self.phases[phase][0]
        end = self.phases[phase + 1][0] if phase + 1 < len(self.phases) else self.took_s
        steps = [at for at, _ in self.steps if begin <= at < end]
        return steps[-1] - begin if steps else None

    @property
    def turns(self) -> int:
        """How often it went down after up, or up after down."""
        sizes = [FIRST, *(size for _, size in self.steps)]
        ways = [after > before for before, after in pairwise(sizes)]
        return sum(one != other for one, other in pairwise(ways))


def measure(ground: Ground, plan: Plan) -> Values:
    course = take(ground, plan)
    size = course.steps[-1][1] if course.steps else FIRST
    first, doubled = course.last_step_of(0), course.last_step_of(1)
    return {
        "load_first": ceil((first or 0.0) / EVERY_S),
        "load_doubled": ceil((doubled or 0.0) / EVERY_S),
        "load_size": size,
        "load_swings": max(course.turns - NEEDED_TURNS, 0),
    }


def take(ground: Ground, plan: Plan) -> Course:
    """Run the load once."""
    course, spans = Course(), plan.pick(PHASES_S, QUICK_S)
    with ground.site() as site:
        settings = {"pool_min_workers": FIRST, "pool_max_workers": MOST, "log_level": "INFO"}
        with site.node(FIRST, **settings) as node:
            began, jobs = time.time(), 0
            for load, span_s in zip(LOADS, spans, strict=True):
                course.phases.append((time.time() - began, float(load)))
                number = round(load / JOB_S * span_s)
                jobs += number
                site.agent(
                    "pace",
                    task="bench.tasks.sleep",
                    args=[JOB_S],
                    jobs=number,
                    period_s=span_s / number,
                    poisson=True,
                )
            course.took_s = time.time() - began
            site.wait_done()
            require_all_completed(site, jobs)
            course.steps = [(logged_at(line) - began, line["to"]) for line in node.lines("pool.scaled")]
    return course
