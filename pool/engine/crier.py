"""Tells the project's receivers what happens: a thread of the clerk that hears the node and sends Django signals.

Nothing else waits for it. Receivers run here one after the other; what one raises is logged once and goes no further,
and one that does not return holds up the other receivers alone. When the node is gone it tells what it still has.
"""

import logging
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from django.db import close_old_connections

from pool import logs, signals
from pool.engine.children import PACKET_BYTES
from pool.engine.messages import ClerkOrder, Told

log = logs.get_logger(__name__)

DJANGOS_LOG = "django.dispatch"
"""Where Django logs what receivers raise, each time."""
MOST_KNOWN = 1000


class OnlyOnce(logging.Filter):
    """Lets the first failure of each receiver through, by the kind of its error."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[tuple[str, str]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        receiver = record.args[0] if isinstance(record.args, tuple) and record.args else record.msg
        error = record.exc_info[0] if record.exc_info else None
        failure = str(receiver), error.__name__ if error else ""
        is_new = failure not in self._known and len(self._known) < MOST_KNOWN
        self._known.add(failure)
        return is_new


class Crier(threading.Thread):
    def __init__(self, control: socket.socket, node: str, over: Callable[[], None]) -> None:
        super().__init__(name="pool-crier", daemon=True)
        self.control, self.node, self.over = control, node, over
        self._decode = msgspec.msgpack.Decoder(ClerkOrder).decode
        logging.getLogger(DJANGOS_LOG).addFilter(OnlyOnce())

    def run(self) -> None:
        """Until the node has nothing more to say."""
        try:
            while packet := self.control.recv(PACKET_BYTES):
                for told in self._decode(packet):
                    self._send(told)
                close_old_connections()
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("clerk.deaf", error=f"{type(error).__name__}: {error}"[:300])
        finally:
            self.over()

    def _send(self, told: Told) -> None:
        at = datetime.fromtimestamp(told.at, UTC)
        signals.send(signals.Happening(told.name, at, told.level, self.node, told.worker, told.job, told.data))
