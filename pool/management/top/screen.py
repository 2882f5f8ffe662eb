"""The terminal: another screen than the shell's, keys one by one, and everything put back however the view ends.

What goes to stderr meanwhile would spoil the picture: it is kept, and told afterwards on the shell's screen. Each
picture is sent as one update, which terminals that know the mark for it show at once.
"""

import errno
import os
import select
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Self, TextIO

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live

from pool.management.top.keys import Parser
from pool.management.top.signals import Signals

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Between these marks a terminal shows nothing half."""
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
ESCAPE_S = 0.05
"""A sequence that does not go on within this time was the Escape key."""
MOST_READ = 4096
MOST_TOLD = 16_384


class Screen:
    """Open, it shows pictures; closed, the terminal is as before. May be opened again."""

    def __init__(self, stdin: TextIO, stdout: TextIO, *, colour: bool) -> None:
        self._in, self._out = stdin.fileno(), stdout
        # Whether it is a terminal has been asked; variables that say otherwise are for logs.
        self._console = Console(
            file=stdout, highlight=False, no_color=None if colour else True, force_terminal=True, force_interactive=True
        )
        self._parser = Parser()
        self._size = (0, 0)
        self._is_gone = False
        self._opened = ExitStack()

    @property
    def is_dumb(self) -> bool:
        """It cannot move its cursor."""
        return self._console.is_dumb_terminal

    @property
    def size(self) -> tuple[int, int]:
        with suppress(OSError):
            width, height = os.get_terminal_size(self._out.fileno())
            if width > 0 and height > 0:
                return width, height
        return 80, 24

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        with ExitStack() as stack:
            stack.enter_context(stderr_kept())
            stack.enter_context(single_keys(self._in))
            stack.enter_context(self._alternate())
            self._opened = stack.pop_all()

    def close(self) -> None:
        self._opened.close()

    def draw(self, picture: RenderableType) -> None:
        """Show a picture of the size that `size` told last. That the terminal is gone, `wait` tells."""
        try:
            self._out.write(BEGIN)
            if self.size != self._size:
                self._size = self.size
                self._console.size = self._size
                self._console.control(Control.clear())
            self._live.update(picture, refresh=True)
            self._out.write(END)
            self._out.flush()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._is_gone = True

    def wait(self, also: Signals, limit_s: float) -> list[str] | None:
        """Sleep until a key is pressed, there is something else to hear, or the time is over.

        Give the keys; None when the terminal is gone.
        """
        if self._is_gone:
            return None
        limit_s = min(limit_s, ESCAPE_S) if self._parser.is_waiting else limit_s
        readable, _, _ = select.select([self._in, also.fileno()], [], [], max(limit_s, 0.0))
        if self._in not in readable:
            return self._parser.flush() if not readable else []
        try:
            data = os.read(self._in, MOST_READ)
        except OSError:
            return None
        return self._parser.feed(data) if data else None

    @contextmanager
    def _alternate(self) -> Iterator[None]:
        self._size = (0, 0)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        try:
            self._live.start()
            self._out.write(PASTE_ON)
            yield
        finally:
            # A terminal that was closed cannot be put back, and that is no error.
            with suppress(OSError):
                self._out.write(END + PASTE_OFF)
                self._live.stop()
                self._out.flush()


@contextmanager
def single_keys(fd: int) -> Iterator[None]:
    """Let keys come one by one and unseen; signals by keys stay."""
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd, termios.TCSADRAIN)
        yield
    finally:
        with suppress(OSError, termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def stderr_kept() -> Iterator[None]:
    """Keep what goes to a terminal by stderr, whoever writes it, and tell the last of it at the end."""
    if not os.isatty(2):
        yield
        return
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            file.seek(max(file.tell() - MOST_TOLD, 0))
            with suppress(OSError):
                os.write(2, file.read())
