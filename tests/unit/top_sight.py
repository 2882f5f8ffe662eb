"""Figures to draw: a pool as the read service tells it, made by its own rules."""

from datetime import UTC, datetime
from typing import Any

from pool.domain.figures import NodeFigures, QueueView, pool_figures
from pool.management.top.figures import Sight
from pool.management.top.minute import Minute
from pool.management.top.state import State

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def job(number: int, **changes: Any) -> dict[str, Any]:
    made = {
        "id": f"01a201c9-4ca2-752e-a357-6f2f{number:08x}", "task": f"shop.tasks.task{number}", "queue": "default",
        "tenant": "", "worker": f"w{number}-ab", "attempt": 1, "timeout": 60.0, "started_at": NOW.isoformat(),
        "since": 100.0 - number, "progress": None, "progress_message": "", "cancelling": False,
    }  # fmt: skip
    return made | changes


def lane(number: int, **changes: Any) -> dict[str, Any]:
    made = {
        "id": f"w{number}-ab", "node": "n1", "slot": number, "pid": 100 + number, "state": "IDLE", "healthy": True,
        "job": None, "task": None, "since": None, "rss": 50_000_000, "cpu": 0.1 * number, "jobs_completed": number,
        "jobs_failed": 0,
    }  # fmt: skip
    return made | changes


def event(number: int, text: str = "Workers scaled.") -> dict[str, Any]:
    told = {"id": number, "at": NOW.isoformat(), "name": "pool.scaled", "level": "info", "text": text}
    return told | dict.fromkeys(("node", "worker", "job", "actor"))


def status(
    jobs: int = 0, workers: int = 2, queues: dict[str, dict[str, int]] | None = None, paused: tuple[str, ...] = ()
) -> dict[str, Any]:
    tallies = queues or {}
    data = {
        "pool": {"size": workers, "uptime": 60.0, "initialized": True},
        "workers": {"total": workers, "active": min(jobs, workers), "idle": 0, "unhealthy": 0},
        "ready": True,
        "rates": {"throughput": 12.5, "arrival_rate": 13.0, "utilization": 0.5},
        "latency": {"wait": {"p50": 1.0, "p95": 38.0}, "run": {"p50": 20.0, "p95": 212.0}},
        "resources": {"cpu": 0.61, "memory": 0.4},
    }
    nodes = [NodeFigures("n1", NOW, data)] if workers else []
    views = {name: QueueView(name in paused, 41.0 if tallies[name].get("pending") else None) for name in tallies}
    live = {
        "at": NOW.isoformat() if workers else None,
        "lanes": [lane(number) for number in range(workers)],
        "running": [job(number) for number in range(jobs)],
        "events": [],
    }
    return {**pool_figures(NOW, nodes, tallies, views), "live": live}


def sight(shown: dict[str, Any], **changes: Any) -> Sight:
    return Sight(shown, Minute(), **({"age_s": 0.3} | changes))


def seeing(shown: dict[str, Any]) -> State:
    state = State()
    state.see(shown)
    return state
