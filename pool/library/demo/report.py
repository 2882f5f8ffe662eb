"""Tells what came out of the jobs of `pool demo`, from their rows alone: figures, slowest jobs, failures.

Pure. `run.py` collects the rows and `tables.py` draws the report in the terminal.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from pool.domain.states import JobStatus
from pool.library.demo.plan import LIBRARY, SHOWCASE

SLOWEST = 10
FAILURES = 20
ENDINGS: dict[str, str] = {
    JobStatus.CANCELLED: "The demo cancelled it while it ran.",
    JobStatus.TIMEOUT: "It ran longer than its timeout.",
    JobStatus.COMPLETED: "It ended well.",
}


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One finished job. `run_ms` is the run time of its last attempt, None when it never began; `ended_s` counts from
    the start of the demo."""

    id: str
    task: str
    status: str
    attempts: int
    about: str = ""
    run_ms: float | None = None
    ended_s: float = 0.0
    result: Any = None
    error: Any = None


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What `pool demo` prints; its fields are the keys of its JSON.

    The rate leaves out the showcase, whose jobs spend their time waiting.
    """

    jobs: int
    seconds: float
    work_seconds: float
    jobs_per_second: float
    by_status: dict[str, int]
    by_task: list[dict[str, Any]]
    hashed: dict[str, Any]
    packed: dict[str, Any]
    text: dict[str, Any]
    images: int
    slowest: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    showcase: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self)


def report(rows: Iterable[DemoRow], seconds: float, notes: Iterable[str] = ()) -> DemoReport:
    """Sum up the finished jobs of a demo that took so many seconds."""
    every = list(rows)
    shown = [row for row in every if row.task.startswith(SHOWCASE)]
    work = [row for row in every if not row.task.startswith(SHOWCASE)]
    results = _results(work)
    work_s = max((row.ended_s for row in work), default=0.0)
    return DemoReport(
        jobs=len(every),
        seconds=round(seconds, 2),
        work_seconds=round(work_s, 2),
        jobs_per_second=round(len(work) / work_s, 1) if work_s > 0 else 0.0,
        by_status=dict(Counter(row.status for row in every).most_common()),
        by_task=_by_task(work),
        hashed=_hashed(results["files.hash_file"]),
        packed=_packed(results["compression.compress_file"]),
        text=_text(results["text.text_statistics"]),
        images=sum(len(results[name]) for name in results if name.startswith("images.")),
        slowest=_slowest(work),
        failures=_failures(work),
        showcase=[_story(row) for row in shown],
        notes=list(notes),
    )


def short(task: str) -> str:
    """Name a built-in task without the package."""
    return task.removeprefix(LIBRARY)


def _results(rows: list[DemoRow]) -> defaultdict[str, list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row.status == JobStatus.COMPLETED and isinstance(row.result, dict):
            found[short(row.task)].append(row.result)
    return found


def _by_task(rows: list[DemoRow]) -> list[dict[str, Any]]:
    groups: defaultdict[str, list[DemoRow]] = defaultdict(list)
    for row in rows:
        groups[short(row.task)].append(row)
    return [_of_task(task, group) for task, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))]


def _of_task(task: str, rows: list[DemoRow]) -> dict[str, Any]:
    times = [row.run_ms for row in rows if row.run_ms is not None]
    completed = sum(row.status == JobStatus.COMPLETED for row in rows)
    return {
        "task": task,
        "jobs": len(rows),
        "completed": completed,
        "not_completed": len(rows) - completed,
        "mean_ms": round(sum(times) / len(times), 3) if times else None,
        "max_ms": round(max(times), 3) if times else None,
    }


def _hashed(results: list[dict[str, Any]]) -> dict[str, Any]:
    copies: defaultdict[str, list[int]] = defaultdict(list)
    for result in results:
        copies[result["digests"]["sha256"]].append(result["bytes"])
    return {
        "files": len(results),
        "bytes": sum(result["bytes"] for result in results),
        "distinct": len(copies),
        "repeated_bytes": sum(sum(sizes[1:]) for sizes in copies.values()),
    }


def _packed(results: list[dict[str, Any]]) -> dict[str, Any]:
    size = sum(result["bytes"] for result in results)
    packed = sum(result["packed_bytes"] for result in results)
    ratio = round(size / packed, 2) if packed else None
    return {"files": len(results), "bytes": size, "packed_bytes": packed, "ratio": ratio}


def _text(results: list[dict[str, Any]]) -> dict[str, Any]:
    words: Counter[str] = Counter()
    for result in results:
        words.update(dict(result["most_common"]))
    longest = max(
        ({"path": result["path"]} | result["longest_line"] for result in results if result["longest_line"]),
        key=lambda line: line["characters"],
        default=None,
    )
    return {
        "files": len(results),
        "lines": sum(result["lines"] for result in results),
        "words": sum(result["words"] for result in results),
        "longest_line": longest,
        "most_common": [list(pair) for pair in words.most_common(5)],
    }


def _slowest(rows: list[DemoRow]) -> list[dict[str, Any]]:
    timed = sorted((row for row in rows if row.run_ms is not None), key=lambda row: -(row.run_ms or 0.0))
    return [
        {"id": row.id, "task": short(row.task), "about": row.about, "run_ms": round(row.run_ms or 0.0, 3)}
        for row in timed[:SLOWEST]
    ]


def _failures(rows: list[DemoRow]) -> list[dict[str, Any]]:
    """Put failures of the same kind together; what they are about is taken out of their message."""
    groups: defaultdict[tuple[str, str, str], list[DemoRow]] = defaultdict(list)
    for row in rows:
        if row.status != JobStatus.COMPLETED:
            kind, message = _said(row)
            message = message.replace(row.about, "FILE") if row.about else message
            groups[short(row.task), kind, message].append(row)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        {"task": task, "error": kind, "message": said, "jobs": len(group), "id": group[0].id, "about": group[0].about}
        for (task, kind, said), group in ranked[:FAILURES]
    ]


def _said(row: DemoRow) -> tuple[str, str]:
    error = row.error if isinstance(row.error, dict) else {}
    return str(error.get("type") or row.status), str(error.get("message") or "")


def _story(row: DemoRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "task": short(row.task),
        "status": row.status,
        "attempts": row.attempts,
        "message": _said(row)[1] or ENDINGS.get(row.status, ""),
    }
