"""Signals are noted here and acted on by the loop, which a byte on a socket wakes up."""

import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any, Self

LEAVE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
RESIZED = signal.SIGWINCH
SUSPEND = signal.SIGTSTP


class Signals:
    """Takes the signals of a terminal while it is entered, and gives them back."""

    def __init__(self) -> None:
        self._noted: set[int] = set()
        self._before: dict[int, Any] = {}
        self._wake, self._sleeper = socket.socketpair()
        for end in (self._wake, self._sleeper):
            end.setblocking(False)

    def __enter__(self) -> Self:
        self._fd = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (*LEAVE, RESIZED, SUSPEND):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._fd)
        for end in (self._wake, self._sleeper):
            end.close()

    def fileno(self) -> int:
        """What becomes readable when there is something to hear."""
        return self._sleeper.fileno()

    def wake(self) -> None:
        """From any thread: there is something to hear."""
        # Full means that the loop is woken up anyway; closed, that nobody listens any more.
        with suppress(OSError):
            self._wake.send(b"\0")

    def take(self) -> set[int]:
        """What was noted since the last time."""
        with suppress(BlockingIOError):
            while self._sleeper.recv(4096):
                pass
        noted, self._noted = self._noted, set()
        return noted

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted.add(number)
