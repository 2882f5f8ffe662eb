"""Wake the nodes: there are new jobs, or somebody asked for something.

Called after a commit, in every process that enqueues or steers. A hint and no more: it may be lost, late or doubled, a
poll of the node stands behind it, and so every error here is swallowed. Each node listens on a datagram socket
`bell-…` in the run folder; nodes on other hosts hear PostgreSQL's NOTIFY.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import DatabaseError, InterfaceError, connections, transaction

from pool.conf import get_config, run_dir
from pool.domain.config import PoolConfig
from pool.domain.errors import PoolError

Reason = str
"""jobs, control, CHECK, STACK_OF and the id of a job without hyphens, or RESTART_OF and the name of a worker."""

STACK_OF = "stack:"
RESTART_OF = "restart:"
CHECK = "check"
LONGEST = 64
"""Bytes of a reason."""

CHANNEL = "pool"
BELL_PREFIX = "bell-"
NOTIFY_PAUSE_S = 0.05
"""Between two NOTIFYs of this process, while a node on this host heard of the jobs anyway."""

LOOK_S = 0.1
"""Between two looks whether a ring was heard."""

SETTLED_NS = 1_000_000_000
"""A folder changed more recently than this may change again within the same tick of its clock."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The bells of a configuration's run folder, as they were when its time of change was `mtime_ns`."""

    config: PoolConfig | None
    folder: str
    mtime_ns: int
    bells: tuple[str, ...]


_listing = _Listing(None, "", 0, ())
_notified_at: dict[str, float] = {}


def ring(alias: str, reason: Reason = "jobs") -> None:
    """Tell the nodes of the pool whose tables are in this database. Call it after the commit."""
    was_heard = ring_here(reason)
    if connections[alias].vendor != "postgresql":
        return
    now = time.monotonic()
    if reason == "jobs" and was_heard and now - _notified_at.get(alias, -NOTIFY_PAUSE_S) < NOTIFY_PAUSE_S:
        return
    _notified_at[alias] = now
    _notify(alias, reason)


def ring_on_commit(alias: str, reason: Reason) -> None:
    """Tell them when the caller's transaction is committed, and never before."""
    transaction.on_commit(lambda: ring(alias, reason), using=alias)


def ring_until(is_heard: Callable[[], bool], alias: str, reason: Reason, wait_s: float, every_s: float) -> bool:
    """Ring, and again, until it was heard or the time is over; whether it was heard. Call it outside transactions."""
    began = ring_at = time.monotonic()
    while True:
        if time.monotonic() >= ring_at:
            ring(alias, reason)
            ring_at = time.monotonic() + every_s
        if is_heard():
            return True
        if time.monotonic() - began >= wait_s:
            return False
        time.sleep(LOOK_S)


def ring_here(reason: Reason = "jobs") -> bool:
    """Ring every bell of this host; whether a node took it."""
    try:
        bells = _bells(get_config())
    except (OSError, PoolError):
        return False
    if not bells:
        return False
    was_heard = False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sending:
        for bell in bells:
            was_heard = _send(sending, bell, reason.encode()) or was_heard
    return was_heard


def _send(sending: socket.socket, bell: str, payload: bytes) -> bool:
    try:
        sending.sendto(payload, bell)
    except BlockingIOError:
        # Full of rings that the node has not read yet: it will wake for those.
        return True
    except OSError:
        _forget(bell)
        return False
    return True


def _bells(config: PoolConfig) -> tuple[str, ...]:
    global _listing
    known = _listing
    # Finding the folder costs more than ringing, so it is done once for each configuration.
    folder = known.folder if known.config is config else str(run_dir())
    mtime_ns = os.stat(folder).st_mtime_ns
    if known.config is config and known.mtime_ns == mtime_ns:
        return known.bells
    bells = tuple(entry.path for entry in os.scandir(folder) if entry.name.startswith(BELL_PREFIX))
    is_settled = time.time_ns() - mtime_ns > SETTLED_NS
    _listing = _Listing(config, folder, mtime_ns if is_settled else 0, bells)
    return bells


def _forget(bell: str) -> None:
    """A dead node's socket is not tried again until its folder changes."""
    global _listing
    known = _listing
    _listing = replace(known, bells=tuple(path for path in known.bells if path != bell))


def _notify(alias: str, reason: Reason) -> None:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}, '{reason}'")
    except (DatabaseError, InterfaceError):
        return
