"""Every page and list of the site over a million jobs: how long the web process takes to answer.

A request is timed from outside, on a kept connection to the web process as `serve` runs it. Of each place the slowest
address counts, by its 95th percentile. On a machine that has other work, the CPU time tells more than the clock.
"""

import http.client
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from statistics import median

import psutil

from bench.measures.plan import Plan, Values, percentile
from bench.pages import PLACES, Facts, Place
from bench.site import Ground, Site

BEAT_EVERY_S = 4.0
"""The node's figures are old after ten seconds."""
LIMIT_S = 60.0
SUSPECTS = 5
"""Of many addresses, so many that were slow are looked at again."""


def measure(ground: Ground, plan: Plan) -> Values:
    with ground.site() as site:
        facts = site.agent("fill_past", jobs=plan.jobs)
        (session,) = site.agent("sign_in", users=1)
        with site.web() as (pid, port):
            visitor = Visitor(site, pid, port, session, plan)
            visitor.warm_up()
            values = dict(visitor.values(facts))
    return values | {"pages_slowest": max(value for key, value in values.items() if key.endswith("_p95"))}


class Visitor:
    """Opens pages one after the other."""

    def __init__(self, site: Site, pid: int, port: int, session: str, plan: Plan) -> None:
        self.site, self.plan, self.pids = site, plan, [pid, *site.database.server_pids()]
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        self.headers = {"Cookie": f"sessionid={session}", "Accept": "text/html, application/json"}
        self.beat_at = 0.0

    def warm_up(self) -> None:
        """What the process imports for its first answers belongs to no page."""
        for path in ("/dashboard/live", "/dashboard/charts?range=5m", "/api/v1/tasks", "/admin/"):
            self.opened_ms(path)

    def values(self, facts: Facts) -> Iterator[tuple[str, float]]:
        for place in PLACES:
            paths = place.paths(facts)
            chosen = paths[:: self.plan.pick(1, 40)] if place.many else paths
            for name, value in self.visit(place, chosen).items():
                yield f"{place.key}_{name}", value

    def visit(self, place: Place, paths: Sequence[str]) -> Values:
        """The 95th percentile of the slowest address, and the median and the CPU time of all."""
        often, cpu_s = self.plan.pick(20, 2), self.cpu_s()
        taken = {path: self.opened(path, self.plan.pick(3, 1) if place.many else often) for path in paths}
        everything = [ms for times in taken.values() for ms in times]
        cpu = 1000 * (self.cpu_s() - cpu_s) / len(everything)
        if place.many:
            suspects = sorted(paths, key=lambda path: -max(taken[path]))[:SUSPECTS]
            taken = {path: self.opened(path, often) for path in suspects}
        slowest, path = max((percentile(times, 95), path) for path, times in taken.items())
        found = {"p95": slowest, "p50": median(everything), "cpu": cpu}
        print("  {:7.1f} {:6.1f} {:6.1f} ms".format(*found.values()), path, file=sys.stderr, flush=True)
        return found

    def cpu_s(self) -> float:
        """CPU time used so far by the web process and the database server, with what has ended in them."""
        used = 0.0
        for pid in self.pids:
            with suppress(psutil.NoSuchProcess):
                used += sum(psutil.Process(pid).cpu_times()[:4])
        return used

    def opened(self, path: str, times: int) -> list[float]:
        return [self.opened_ms(path) for _ in range(times)]

    def opened_ms(self, path: str) -> float:
        self.beat()
        start = time.perf_counter()
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        answer.read()
        taken = 1000 * (time.perf_counter() - start)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path} was answered with {answer.status}.")
        return taken

    def beat(self) -> None:
        if time.monotonic() >= self.beat_at:
            self.site.agent("beat")
            self.beat_at = time.monotonic() + BEAT_EVERY_S
