"""The node's ear: a datagram socket on this host, and PostgreSQL's notifications."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.db import DatabaseError, InterfaceError

from pool.domain.errors import NotReady
from pool.engine.clock import Now
from pool.engine.ears import Ears
from pool.store.database import Database
from pool.store.doorbell import BELL_PREFIX, CHANNEL, LONGEST


class Bell:
    """Hears that there are jobs, or that somebody asked for something. A hint: the poll stands behind it."""

    def __init__(self, folder: Path, node: str) -> None:
        self.path = folder / f"{BELL_PREFIX}{node[:12]}"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def open(self) -> None:
        """Be there for others. Raises NotReady."""
        try:
            self.sock.bind(str(self.path))
        except OSError as error:
            raise NotReady(f"The doorbell {self.path} cannot be made: {error.strerror}. Set POOL_RUN_DIR.") from error
        os.chmod(self.path, 0o600)

    def fileno(self) -> int:
        return self.sock.fileno()

    def heard(self) -> set[str]:
        """What was rung since the last look."""
        rings: set[str] = set()
        with suppress(BlockingIOError):
            while True:
                rings.add(self.sock.recv(LONGEST).decode("ascii", "ignore"))
        return rings

    def close(self) -> None:
        self.sock.close()
        self.path.unlink(missing_ok=True)


class Notices:
    """PostgreSQL's notifications: what other hosts ring. Heard on the node's own connection, whichever it is now.

    A pooler that lends connections for one transaction lets none through; the poll stands behind them.
    """

    def __init__(self, db: Database, ears: Ears, rung: Callable[[set[str]], None]) -> None:
        self.db, self.ears, self.rung = db, ears, rung
        self._descriptor = -1
        db.on_close = self.forget

    def listen(self) -> None:
        """Subscribe, unless that is done."""
        if self.db.is_sqlite or self._descriptor >= 0:
            return
        try:
            with self.db.errors:
                if not self.db.listens:
                    return
                self.db.raw.execute(f"LISTEN {CHANNEL}")
            self._descriptor = int(self.db.raw.fileno())
        except (DatabaseError, InterfaceError, OSError):
            return
        self.ears.watch(self._descriptor, self._hear)

    def forget(self) -> None:
        self.ears.forget(self._descriptor)
        self._descriptor = -1

    def _hear(self, _now: Now) -> None:
        try:
            self.rung(self._notified())
        except Exception:  # noqa: BLE001  a broken connection shows in the next turn and is mended there
            self.forget()

    def _notified(self) -> set[str]:
        rings: set[str] = set()
        connection = self.db.raw.pgconn
        connection.consume_input()
        while notice := connection.notifies():
            rings.add(notice.extra.decode("ascii", "ignore"))
        return rings
