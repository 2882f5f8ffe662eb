"""One tenant has 100,000 no-op jobs waiting, and two workers are busy with them. Again and again another tenant submits
ten jobs: through how many turns of the node's loop each of them waits for its start, and for how long."""

from bisect import bisect
from pathlib import Path

from bench.measures.plan import Plan, Values, percentile
from bench.site import Ground, Site

TEN = 10


def measure(ground: Ground, plan: Plan) -> Values:
    backlog, rounds = plan.pick(100_000, 20_000), plan.pick(20, 5)
    with ground.site() as site:
        site.agent("enqueue_for", tenant="a", task="bench.tasks.noop", args=[1], jobs=backlog)
        log = site.folder / "turns"
        with site.node(wait=False, arguments=["--turns", str(log)]):
            site.agent("wait_begun")
            returned = [_submit_ten(site, f"b{number}") for number in range(rounds)]
            left = site.agent("waiting_of", tenant="a")
        started = {job: result["started"] for job, result in site.agent("results").items() if result}
        turns = _turns(log)
    if not left:
        raise RuntimeError("The backlog was drained before the others were done: there was nobody to wait behind.")
    waits = [(at, started[job]) for at, jobs in returned for job in jobs]
    between = [bisect(turns, start) - bisect(turns, at) for at, start in waits]
    return {
        "fair_turns": percentile([float(number) for number in between], 95),
        "fair_ms": percentile([(start - at) / 1e6 for at, start in waits], 95),
    }


def _submit_ten(site: Site, tenant: str) -> tuple[int, list[str]]:
    """Submit them and wait until they are done; when the call returned, and their ids."""
    submitted = site.agent("enqueue_for", tenant=tenant, task="bench.tasks.whoami", args=[], jobs=TEN)
    site.agent("wait_for", jobs=submitted["ids"])
    return submitted["returned"], submitted["ids"]


def _turns(log: Path) -> list[int]:
    """When each turn of the node's loop began, in nanoseconds."""
    return [int(line) for line in log.read_text().split()]
