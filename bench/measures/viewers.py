"""Fifty viewers who never read a byte: what each of them costs, and when the last one is closed.

Then a hundred people watch: how old a snapshot is when it reaches them, and what the web process needs meanwhile.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import processes
from bench.measures.plan import Plan, Values, percentile
from bench.site import Ground, Site

VIEWERS = 100
SILENT = 50
OF_ONE_USER = 10
WORKERS = 4
JOB_S = 0.05
CLOSED_WITHIN_S = 30.0
LOOK_S = 0.25
WARM_S = 2.0


def measure(ground: Ground, plan: Plan) -> Values:
    seconds = plan.pick(20.0, 2.0)
    viewers, silent = plan.pick(VIEWERS, 20), plan.pick(SILENT, 10)
    with ground.site() as site, site.node(WORKERS), site.web() as (pid, port):
        keys = site.agent("sign_in", users=-(-max(viewers, silent) // OF_ONE_USER))
        sessions = [key for key in keys for _ in range(OF_ONE_USER)]
        site.agent("enqueue_many", task="bench.tasks.sleep", args=[JOB_S], jobs=int(WORKERS * (seconds + 10) / JOB_S))
        # What the first viewer makes the process import belongs to nobody's share.
        _watched(site, pid, port, sessions[:1], WARM_S)
        return _silent(site, pid, port, sessions[:silent]) | _attentive(site, pid, port, sessions[:viewers], seconds)


def _attentive(site: Site, pid: int, port: int, sessions: list[str], seconds: float) -> Values:
    ages, cpu = _watched(site, pid, port, sessions, seconds)
    return {
        "viewers_age": 1000 * percentile(ages, 95),
        "viewers_age_p50": 1000 * percentile(ages, 50),
        "viewers_cpu": cpu,
    }


def _watched(site: Site, pid: int, port: int, sessions: list[str], seconds: float) -> tuple[list[float], float]:
    """Ages of all snapshots as they arrived, and the CPU of the web process in percent of one core."""
    with audience(site, "attentive", port, sessions, seconds) as people:
        assert people.stdout is not None
        time.sleep(seconds / 4)
        before, start = processes.cpu_seconds([pid]), time.monotonic()
        time.sleep(seconds / 2)
        cpu = 100 * (processes.cpu_seconds([pid]) - before) / (time.monotonic() - start)
        ages = _answer(site, people)["ages"]
    # Everybody is told about once a second.
    if len(ages) < len(sessions) * seconds / 2:
        raise RuntimeError(f"{len(sessions)} viewers got only {len(ages)} snapshots in {seconds:g} s.")
    return ages, cpu


def _silent(site: Site, pid: int, port: int, sessions: list[str]) -> Values:
    before = most = processes.memory_mb(pid)
    with audience(site, "silent", port, sessions, CLOSED_WITHIN_S) as people:
        if _answer(site, people)["open"] != len(sessions):
            raise RuntimeError("Not all silent viewers were let in.")
        closed: list[float] = []
        while people.poll() is None:
            most = max(most, processes.memory_mb(pid))
            time.sleep(LOOK_S)
        closed = _answer(site, people)["closed"]
    if len(closed) != len(sessions):
        raise RuntimeError(f"After {CLOSED_WITHIN_S:g} s {len(sessions) - len(closed)} silent viewers are still there.")
    return {"silent_memory": 1024 * (most - before) / len(sessions), "silent_closed": max(closed)}


@contextmanager
def audience(site: Site, kind: str, port: int, sessions: list[str], seconds: float) -> Iterator[processes.Child]:
    """People who watch, for so many seconds at the most."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = processes.start("bench.audience", [kind], site.env, site.folder / "audience.log", **pipes)
    try:
        assert child.stdin is not None
        child.stdin.write(json.dumps({"port": port, "sessions": sessions, "seconds": seconds}) + "\n")
        child.stdin.close()
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _answer(site: Site, people: processes.Child) -> Any:
    assert people.stdout is not None
    line = people.stdout.readline()
    if not line:
        raise RuntimeError(f"The viewers ended: {(site.folder / 'audience.log').read_text()[-1000:].strip()}")
    return json.loads(line)
