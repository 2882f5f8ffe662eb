"""Other nodes of the pool: who this one is, which of them are gone, and what becomes of their jobs.

A node on this host is proven dead by its slots, which it holds locked while it lives. One elsewhere, or a frozen one,
is taken for dead when this node has itself seen its lease number unchanged for a whole lease, on its monotonic clock.
"""

import os
import secrets
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.db import OperationalError

from pool.domain.retry import Backoff
from pool.domain.states import NodeState
from pool.engine import linux
from pool.engine.equipment.shared import remove_blocks
from pool.engine.remains import end_node, end_remains
from pool.engine.slot import begun_jobs
from pool.logs import get_logger
from pool.store import nodes, presence
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.doorbell import BELL_PREFIX
from pool.store.events import write_event
from pool.store.locks import is_lock_timeout
from pool.store.nodes import NodeIdentity
from pool.store.presence import SLOTS_PREFIX, boot_id, is_held
from pool.store.rescue import BATCH, rescue

log = get_logger(__name__)

GROUP_LIMIT_S = 60.0
"""A process that cannot die (uninterruptible sleep) delays its job this long at the most."""

OUTPUT_PREFIX = "out-"


def new_identity(run_dir: Path) -> NodeIdentity:
    pid = os.getpid()
    return NodeIdentity(
        id=secrets.token_hex(16),
        host=socket.gethostname(),
        pid=pid,
        boot_id=boot_id(),
        pid_started=linux.start_time(pid),
        run_dir=str(run_dir),
    )


def slots_path(identity: NodeIdentity) -> Path:
    return presence.slots_path(identity.run_dir, identity.id)


def output_path(identity: NodeIdentity, worker: str) -> Path:
    """Where a worker's output below Python goes; the node reads it when the worker is dead."""
    return Path(identity.run_dir) / f"{OUTPUT_PREFIX}{identity.id[:12]}-{worker}"


def clear_files(identity: NodeIdentity) -> None:
    """Remove what a node that ended, or was killed, has in the run folder."""
    folder = Path(identity.run_dir)
    remove_blocks(identity.id[:12])
    with suppress(OSError):
        for prefix in (SLOTS_PREFIX, BELL_PREFIX, OUTPUT_PREFIX):
            for path in folder.glob(f"{prefix}{identity.id[:12]}*"):
                path.unlink(missing_ok=True)


def sweep_files(folder: Path, known: set[str]) -> None:
    """Remove what nodes have left in the run folder of which nobody will ask any more: all but those `known`.

    Only for who holds the folder's lock: nobody else makes files there then, and every living node holds its slots.
    """
    with suppress(OSError):
        for prefix in (SLOTS_PREFIX, BELL_PREFIX, OUTPUT_PREFIX):
            for path in folder.glob(f"{prefix}*"):
                node = path.name.removeprefix(prefix)[:12]
                if node not in known and not is_held(folder / f"{SLOTS_PREFIX}{node}"):
                    path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Seen:
    lease: int
    since: float


@dataclass(slots=True)
class Kin:
    """Watches the other nodes; called once a second, in a transaction of its own."""

    me: NodeIdentity
    lease_s: float
    backoff: Backoff
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _ending_since: dict[str, float] = field(default_factory=dict)

    def rescue_lost(self, db: Database, mono: float, wall: float) -> int:
        """Give back the jobs of nodes that are gone; how many jobs."""
        given_back = 0
        with db.errors:
            others = nodes.others(db, self.me.id)
        self._forget_all_but({other.id for other, _ in others})
        for other, lease in others:
            if self._is_lost(other, lease, mono) and self._is_cleared(other, mono):
                given_back += self._rescue_patiently(db, other, lease, wall)
        return given_back

    @property
    def is_waiting(self) -> bool:
        """Whether it must look again soon: jobs wait until what their dead node left is gone."""
        return bool(self._ending_since)

    @property
    def others(self) -> Collection[str]:
        """Ids of the other nodes, as far as it knows."""
        return self._seen.keys()

    def _forget_all_but(self, ids: set[str]) -> None:
        """Whoever is no longer among the others was rescued by somebody else, or has left."""
        self._seen = {id: seen for id, seen in self._seen.items() if id in ids}
        self._ending_since = {id: since for id, since in self._ending_since.items() if id in ids}

    def sweep_folder(self, db: Database) -> None:
        """Tidy the run folder up after nodes that were killed before they were known, or when they had just left."""
        with db.errors:
            others = nodes.others(db, self.me.id)
        sweep_files(Path(self.me.run_dir), {id[:12] for id in (self.me.id, *(other.id for other, _ in others))})

    def _is_lost(self, other: NodeIdentity, lease: int, mono: float) -> bool:
        rebooted = other.host == self.me.host and other.boot_id != self.me.boot_id
        # A lock tells only of this very machine: a shared folder may keep locks apart for each host.
        if rebooted or (other.boot_id == self.me.boot_id and is_held(slots_path(other)) is False):
            return True
        seen = self._seen.get(other.id)
        if seen is None or seen.lease != lease:
            self._seen[other.id] = _Seen(lease, mono)
            return False
        return mono - seen.since > self.lease_s

    def _is_cleared(self, other: NodeIdentity, mono: float) -> bool:
        """Nothing of the lost node runs here any more: only then may its jobs start again."""
        if is_held(slots_path(other)) is None:
            return True
        end_node(other.pid, other.pid_started)
        left = end_remains(slots_path(other))
        since = self._ending_since.setdefault(other.id, mono)
        if left and mono - since < GROUP_LIMIT_S:
            return False
        if left:
            log.error("job.overlap_possible", lost=other.id, processes=left)
        del self._ending_since[other.id]
        return True

    def _rescue_patiently(self, db: Database, other: NodeIdentity, lease: int, wall: float) -> int:
        """While somebody holds one of the jobs the others are given back without it."""
        try:
            return self._rescue(db, other, lease, wall)
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
        return self._rescue(db, other, lease, wall, pass_by=True)

    def _rescue(self, db: Database, other: NodeIdentity, lease: int, wall: float, *, pass_by: bool = False) -> int:
        begun = begun_jobs(slots_path(other))
        given_back = 0
        while True:
            deltas = Deltas()
            with db.transaction("rescue"):
                if not nodes.seize(db, other.id, lease):
                    return given_back
                recorded = rescue(db, other.id, begun, self.backoff, deltas, wall, pass_by=pass_by)
                deltas.write(db, self.me.id)
                count = len(recorded.written)
                # A fenced one changed in the meantime: it is looked at again, at once while that brings anything.
                is_last = not recorded.locked and (not count or (count < BATCH and not recorded.fenced))
                if is_last:
                    nodes.leave(db, other.id, NodeState.LOST, wall)
                    write_event(db, wall, "node.lost", level="error", node=other.id, data={"jobs": given_back + count})
            given_back += count
            if is_last:
                break
            if not count:
                # What is left is held by somebody: it is lost still, and looked at again.
                return given_back
        clear_files(other)
        log.warning("node.lost", lost=other.id, host=other.host, pid=other.pid, jobs_given_back=given_back)
        return given_back
