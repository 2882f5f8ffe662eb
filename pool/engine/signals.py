"""Signals to the node: the handlers only note, the loop acts."""

import os
import signal
from types import FrameType


class Signals:
    """Notes SIGTERM and SIGINT (leave; a second one: leave now), SIGQUIT (leave now), SIGHUP (load the code again)."""

    def __init__(self) -> None:
        self.inbox, self._outbox = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stops = 0
        self.reloads = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGQUIT, self._stop_now)
        signal.signal(signal.SIGHUP, self._reload)
        signal.set_wakeup_fd(self._outbox, warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self.inbox

    def hear(self) -> None:
        """Empty the pipe that woke the loop."""
        try:
            os.read(self.inbox, 4096)
        except BlockingIOError:
            return

    def take_reload(self) -> bool:
        asked, self.reloads = self.reloads > 0, 0
        return asked

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def _stop_now(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 2

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reloads += 1
