"""A terminal for a test: a program on a pseudo terminal, keys that are pressed, and what the screen shows.

It reads no escape sequences but those that begin and end a picture: `pool top` sends every picture whole.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.acceptance.processes import wait_for

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
OTHER_SCREEN, SHELLS_SCREEN, CURSOR, NO_PASTE_MARKS = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l"
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A session's first terminal that is opened by name becomes its own, so that Ctrl-C and changes of size arrive.
ON_TERMINAL = 'exec "$@" <"$0" >"$0" 2>&1'


class Terminal:
    """A program on a terminal of its own."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, columns: int = 80, lines: int = 24
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self.resize(columns, lines)
        self._before = termios.tcgetattr(self._theirs)
        self._said = bytearray()
        self._popen = subprocess.Popen(
            ["sh", "-c", ON_TERMINAL, os.ttyname(self._theirs), *command],
            env={"TERM": "xterm-256color", **environment},
            cwd=folder,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.wait(10)
        for end in (self._ours, self._theirs):
            with suppress(OSError):
                os.close(end)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self._ours, key.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, as a window is closed."""
        for end in (self._theirs, self._ours):
            os.close(end)
        self._theirs = self._ours = -1

    def said(self) -> str:
        """Everything the program sent."""
        with suppress(BlockingIOError, OSError):
            while data := os.read(self._ours, 65536):
                self._said += data
        return self._said.decode(errors="replace")

    def screen(self) -> list[str]:
        """The lines of the last picture that is complete; none when there is none."""
        said = self.said()
        end = said.rfind(END)
        begin = said.rfind(BEGIN, 0, max(end, 0))
        return COLOURS.sub("", said[begin + len(BEGIN) : end]).replace("\r\n", "\n").split("\n") if begin >= 0 else []

    def wait_until_shown(self, *texts: str, limit_s: float = 20.0) -> list[str]:
        """Wait until all of these are on the screen; its lines."""

        def look() -> list[str] | None:
            shown = self.screen()
            if self._popen.poll() is not None:
                raise AssertionError(f"It ended with exit code {self._popen.poll()}:\n{self.said()[-2000:]}")
            return shown if shown and all(any(text in line for line in shown) for text in texts) else None

        return wait_for(look, limit_s, f"{texts} on the screen", lambda: "\n".join(self.screen()))

    def wait_until_told(self, text: str) -> None:
        """Wait until the last line says this."""
        wait_for(lambda: text in (self.screen() or [""])[-1], 20.0, f"{text!r}", lambda: "\n".join(self.screen()))

    def wait(self, limit_s: float = 20.0) -> int:
        """Wait for the end; the exit code."""

        def look() -> bool:
            self.said()
            return self._popen.poll() is not None

        wait_for(look, limit_s, "the program to end", lambda: self.said()[-2000:])
        return int(self._popen.returncode)

    def assert_restored(self) -> str:
        """The shell has its terminal back as it was; what was said after the last picture."""
        said = self.said()
        assert said.count(OTHER_SCREEN) == said.count(SHELLS_SCREEN) > 0
        before, after = said.rsplit(SHELLS_SCREEN, 1)
        rest = before[before.rfind(END) :] + after
        assert CURSOR in rest
        assert NO_PASTE_MARKS in rest
        assert self._before == termios.tcgetattr(self._theirs)
        return after
