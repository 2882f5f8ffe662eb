"""The node's ear: a datagram socket on this host, and PostgreSQL's notifications."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from pool.domain.errors import NotReady
from pool.store.database import Database
from pool.store.doorbell import BELL_PREFIX, CHANNEL


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
                rings.add(self.sock.recv(32).decode("ascii", "ignore"))
        return rings

    def close(self) -> None:
        self.sock.close()
        self.path.unlink(missing_ok=True)


def listen(db: Database) -> int:
    """Subscribe to PostgreSQL's notifications; the descriptor that becomes readable with them."""
    with db.errors:
        db.raw.execute(f"LISTEN {CHANNEL}")
    return int(db.raw.fileno())


def notified(db: Database) -> set[str]:
    """What other hosts rang."""
    rings: set[str] = set()
    connection = db.raw.pgconn
    connection.consume_input()
    while notice := connection.notifies():
        rings.add(notice.extra.decode("ascii", "ignore"))
    return rings
