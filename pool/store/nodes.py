"""Rows of nodes and of their workers: here, beat, gone; and what operators wish of a node."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pool.domain.states import NodeState, WorkerState
from pool.store import tally
from pool.store.database import Database, seconds, storable

INSERT = """INSERT INTO pool_node (id, host, pid, boot_id, pid_started, run_dir, state, wanted, started_at, last_beat,
scale_held_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::timestamptz, %s::timestamptz, %s::timestamptz)"""

BEAT = """UPDATE pool_node SET state = %s, workers = %s, problem = %s, last_beat = %s::timestamptz,
lease_seq = lease_seq + 1 WHERE state IN ('STARTING', 'RUNNING', 'DRAINING')
AND id IN (SELECT id FROM pool_node WHERE id = %s{lock})"""

LEAVE = """UPDATE pool_node SET state = %s, workers = 0, last_beat = %s::timestamptz, stopped_at = %s::timestamptz,
lease_seq = lease_seq + 1 WHERE id = %s"""

UNRENEWED = "SELECT 1 FROM pool_node WHERE id = %s AND lease_seq = %s"

SQLITE_SIZE = f"""SELECT wanted, {seconds("scale_held_until")} FROM pool_node WHERE host = ? AND pid = ?
ORDER BY started_at DESC LIMIT 1"""

POSTGRES_SIZE = """SELECT wanted, extract(epoch from scale_held_until)::float8 FROM pool_node
WHERE host = %s AND pid = %s ORDER BY started_at DESC LIMIT 1"""

WISHES = "SELECT wanted, stop_requested_at IS NOT NULL, restart_requested_at IS NOT NULL, state"

SQLITE_WISHES = f"{WISHES}, {seconds('scale_held_until')} FROM pool_node WHERE id = ?"

POSTGRES_WISHES = f"{WISHES}, extract(epoch from scale_held_until)::float8 FROM pool_node WHERE id = %s"

OTHERS = """SELECT id, host, pid, boot_id, pid_started, run_dir, lease_seq FROM pool_node
WHERE id <> %s AND (state IN ('STARTING', 'RUNNING', 'DRAINING')
OR EXISTS (SELECT 1 FROM pool_job WHERE status = 'ASSIGNED' AND node = pool_node.id)
OR EXISTS (SELECT 1 FROM pool_job WHERE status = 'RUNNING' AND node = pool_node.id))"""

WORKER = """INSERT INTO pool_workersnapshot (id, node, slot, pid, kind, state, healthy, current_jobs, jobs_completed,
jobs_failed, started_at, last_beat, rss, cpu, ended_at, end_reason, capabilities, failed_in_row, mean_run_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s::timestamptz, %s::timestamptz, %s, %s, %s::timestamptz, %s,
%s::jsonb, %s, %s)
ON CONFLICT (id) DO UPDATE SET pid = excluded.pid, state = excluded.state, healthy = excluded.healthy,
current_jobs = excluded.current_jobs, jobs_completed = excluded.jobs_completed, jobs_failed = excluded.jobs_failed,
last_beat = excluded.last_beat, rss = excluded.rss, cpu = excluded.cpu, ended_at = excluded.ended_at,
end_reason = excluded.end_reason, failed_in_row = excluded.failed_in_row, mean_run_ms = excluded.mean_run_ms"""

END_WORKERS = """UPDATE pool_workersnapshot SET state = 'TERMINATED', healthy = %s, current_jobs = %s::jsonb,
ended_at = %s::timestamptz, end_reason = %s WHERE node = %s AND ended_at IS NULL"""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What proves later whether this very process still lives."""

    id: str
    host: str
    pid: int
    boot_id: str
    pid_started: int
    run_dir: str


@dataclass(frozen=True, slots=True)
class KeptSize:
    """What a node takes over from the one before it."""

    size: int
    """Workers last asked of it; 0 when that is not known."""
    held_until: float | None = None
    """Until when that stays, in seconds since 1970, because somebody has set it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    wanted: int
    stop: bool
    restart: bool
    state: NodeState
    held_until: float | None = None
    """Until when a size that was set by hand stays, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    id: str
    slot: int
    pid: int
    kind: str
    state: WorkerState
    healthy: bool
    current_jobs: str
    jobs_completed: int
    jobs_failed: int
    started_at: float
    last_beat: float
    rss: int | None
    cpu: float | None
    ended_at: float | None = None
    end_reason: str = ""
    capabilities: str = "[]"
    failed_in_row: int = 0
    mean_run_ms: float | None = None


def register(db: Database, identity: NodeIdentity, wanted: int, now: float, held_until: float | None = None) -> None:
    i, at, held = identity, db.at(now), None if held_until is None else db.at(held_until)
    values = (i.id, i.host, i.pid, i.boot_id, i.pid_started, i.run_dir, NodeState.STARTING, wanted, at, at, held)
    db.execute(INSERT, values)


def beat(db: Database, node: str, state: NodeState, workers: int, problem: str, now: float) -> bool:
    """Renew the lease; False when it was not. A node that others took for lost stays lost: it must find that out.

    Somebody whose open transaction holds the row is not waited for: all else that the node has to write would wait.
    """
    statement = BEAT.format(lock="" if db.is_sqlite else " FOR UPDATE SKIP LOCKED")
    return bool(db.execute(statement, (state, workers, storable(problem), db.at(now), node)).rowcount)


def leave(db: Database, node: str, state: NodeState, now: float) -> None:
    """The node's last word, or the word of whoever found it lost."""
    db.execute(LEAVE, (state, db.at(now), db.at(now), node))
    db.execute(
        END_WORKERS, (False, "[]", db.at(now), "node stopped" if state is NodeState.STOPPED else "node lost", node)
    )
    tally.abandon(db, node)
    db.execute("DELETE FROM pool_workersnapshot WHERE ended_at < %s::timestamptz", (db.at(now - 86400),))


def seize(db: Database, node: str, lease: int) -> bool:
    """Hold the lease that a lost node left, in the caller's transaction; False when it was renewed or taken since."""
    return db.execute(UNRENEWED if db.is_sqlite else f"{UNRENEWED} FOR UPDATE", (node, lease)).fetchone() is not None


def wishes(db: Database, node: str) -> Wishes | None:
    """What operators want of this node; None when its row is gone."""
    row = db.raw.execute(SQLITE_WISHES if db.is_sqlite else POSTGRES_WISHES, (node,)).fetchone()
    return None if row is None else Wishes(row[0], bool(row[1]), bool(row[2]), NodeState(row[3]), row[4])


def size_of(db: Database, host: str, pid: int) -> KeptSize:
    """The size last asked of the node that had this pid."""
    found = db.raw.execute(SQLITE_SIZE if db.is_sqlite else POSTGRES_SIZE, (host, pid)).fetchone()
    return KeptSize(*found) if found else KeptSize(0)


def grant_restart(db: Database, node: str) -> None:
    db.execute("UPDATE pool_node SET restart_requested_at = NULL WHERE id = %s", (node,))


def others(db: Database, node: str) -> list[tuple[NodeIdentity, int]]:
    """Nodes that hold a lease beside this one, or jobs although they ended; each with its lease number."""
    return [(NodeIdentity(*row[:6]), row[6]) for row in db.execute(OTHERS, (node,)).fetchall()]


def write_workers(db: Database, node: str, rows: Sequence[WorkerRow]) -> None:
    for r in rows:
        values: tuple[Any, ...] = (r.id, node, r.slot, r.pid, r.kind, r.state, r.healthy, r.current_jobs)
        values += (r.jobs_completed, r.jobs_failed, db.at(r.started_at), db.at(r.last_beat), r.rss, r.cpu)
        ended_at = None if r.ended_at is None else db.at(r.ended_at)
        values += (ended_at, storable(r.end_reason)[:100], r.capabilities, r.failed_in_row, r.mean_run_ms)
        db.execute(WORKER, values)
