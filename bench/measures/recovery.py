"""`kill -9` of a worker at its work and of the node itself: how soon the work goes on, and that nothing is lost and
nothing recorded twice."""

import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from bench import processes
from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values
from bench.site import Ground, Node, Site

LONG_S = 0.5
SHORT_S = 0.005


class Note(NamedTuple):
    """A line that a job wrote about itself."""

    what: str
    job: int
    pid: int
    at_ns: int


def measure(ground: Ground, plan: Plan) -> Values:
    return _kill_worker(ground, plan.pick(12, 6)) | _kill_node(ground, plan.pick(2_000, 200))


def read_notes(path: Path) -> list[Note]:
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    return [Note(line[0], int(line[1]), int(line[2]), int(line[3])) for line in lines if len(line) == 4]


def running(notes: list[Note]) -> list[Note]:
    """The starts that no end has followed yet."""
    ended = {(note.job, note.pid) for note in notes if note.what == "end"}
    return [note for note in notes if note.what == "start" and (note.job, note.pid) not in ended]


def _kill_worker(ground: Ground, jobs: int) -> Values:
    with ground.site() as site, site.node():
        path = site.folder / "jobs.log"
        _submit(site, path, jobs, LONG_S)
        victim = processes.wait_for(lambda: _well_begun(path), "a job that runs for a while")
        killed_at = time.monotonic_ns()
        processes.kill(victim.pid)

        def again() -> list[Note]:
            starts = [note for note in read_notes(path) if note.what == "start" and note.job == victim.job]
            return [note for note in starts if note.pid != victim.pid]

        second = processes.wait_for(again, "the second start of the job whose worker was killed")
        site.wait_done()
        _require_sound(site, path, jobs, may_run_twice=0)
    return {"job_again": (second[0].at_ns - killed_at) / 1e6}


def _kill_node(ground: Ground, jobs: int) -> Values:
    with ground.site() as site, site.node() as node:
        path = site.folder / "jobs.log"
        _submit(site, path, jobs, SHORT_S)
        processes.wait_for(lambda: len(read_notes(path)) > jobs // 2, "a quarter of the jobs")
        gone_ms = _kill_tree(node)
        before = len(read_notes(path))
        launched, launched_ns = time.time(), time.monotonic_ns()
        with site.node(wait=False):
            done = site.wait_done()
            back = read_notes(path)[before]
            twice = _require_sound(site, path, jobs, may_run_twice=jobs)
    return {
        "gone": gone_ms,
        "node_back": (back.at_ns - launched_ns) / 1e6,
        "node_done": done - launched,
        "ran_twice": twice,
    }


def _submit(site: Site, path: Path, jobs: int, seconds: float) -> None:
    site.agent("enqueue_numbered", task="bench.tasks.logged", first=str(path), jobs=jobs, rest=[seconds])


def _well_begun(path: Path) -> Note | None:
    """A job that has had the time to be RUNNING in the database, and does not end soon."""
    old_enough = time.monotonic_ns() - LONG_S * 1e9 * 0.4
    young_enough = time.monotonic_ns() - LONG_S * 1e9 * 0.6
    return next((note for note in running(read_notes(path)) if young_enough < note.at_ns < old_enough), None)


def _kill_tree(node: Node) -> float:
    """Kill the node alone; milliseconds until the last of its processes is gone."""
    pids = node.tree()
    start = time.monotonic()
    node.kill()
    processes.wait_for(lambda: not processes.alive(pids), "the end of the node's processes", every_s=0.002)
    return (time.monotonic() - start) * 1000


def _require_sound(site: Site, path: Path, jobs: int, may_run_twice: int) -> int:
    """Raise when a job was lost or recorded twice; how many ran to their end twice."""
    require_all_completed(site, jobs)
    doubles = site.agent("double_endings")
    if doubles:
        raise RuntimeError(f"{doubles} endings were recorded twice.")
    ends = Counter(note.job for note in read_notes(path) if note.what == "end")
    if len(ends) != jobs:
        raise RuntimeError(f"{jobs - len(ends)} jobs are completed that never ran to their end.")
    twice = sum(times > 1 for times in ends.values())
    if twice > may_run_twice:
        raise RuntimeError(f"{twice} jobs ran twice.")
    return twice
