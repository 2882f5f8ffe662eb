"""Processes of a test: started in a session of their own, with what they say in a file, and found again by folder."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")

LOOK_S = 0.02


def wait_for(
    look: Callable[[], Found | None], limit_s: float = 20.0, what: str = "it", evidence: Callable[[], str] = str
) -> Found:
    """Look again and again until something true comes back; an AssertionError after the limit."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {limit_s:g} s for {what}.\n{evidence()}")
        time.sleep(LOOK_S)
    return found


class Process:
    """A program that stays, until it is stopped."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        descriptors: Sequence[int] = (),
    ) -> None:
        self.command, self.log = list(command), log
        with open(log, "wb") as file:
            self._popen = subprocess.Popen(
                self.command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=descriptors,
            )
        self.started = start_of(self._popen.pid)
        """When, as the kernel has it: later its number may be somebody else's."""

    @property
    def pid(self) -> int:
        return self._popen.pid

    def said(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def send(self, number: int) -> None:
        # Nothing is sent to one that has ended, whose number may be a stranger's by now: a database server's, once.
        self._popen.send_signal(number)

    def wait(self, limit_s: float = 30.0) -> int:
        """Wait for its end; the exit code."""
        try:
            return self._popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"It did not end within {limit_s:g} s:\n{self.said()}") from None

    def stop(self, number: int = signal.SIGTERM, limit_s: float = 30.0) -> int:
        """Ask it to end; the exit code."""
        self.send(number)
        return self.wait(limit_s)

    def kill(self) -> None:
        """End it at once. What it started has to notice by itself."""
        self.send(signal.SIGKILL)
        self._popen.wait(10)

    def wait_until_said(self, text: str, limit_s: float = 30.0) -> str:
        """Wait until it wrote this; everything it wrote."""

        def look() -> str | None:
            said = self.said()
            if text not in said and self.exit_code() is not None:
                raise AssertionError(f"It ended with exit code {self.exit_code()} and never said {text!r}:\n{said}")
            return said if text in said else None

        return wait_for(look, limit_s, f"{text!r} to be said", self.said)


def members(folder: Path, leaders: Mapping[int, str]) -> list[int]:
    """Living processes that work in the folder or belong to a session of these leaders: their pids and start times."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _belongs(int(entry), folder, leaders)]


def _belongs(pid: int, folder: Path, leaders: Mapping[int, str]) -> bool:
    fields = stat(pid)
    if fields is None or fields[0] == "Z":
        return False
    session = int(fields[3])
    # As long as somebody is in a session, nobody else gets its number: who has it now and started later is a stranger.
    if session in leaders and start_of(session) in ("", leaders[session]):
        return True
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")).is_relative_to(folder)
    except OSError:
        return False


def stat(pid: int) -> list[str] | None:
    """State, parent, group, session and so on of a process; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None


def start_of(pid: int) -> str:
    """When a process started, in clock ticks since the boot; empty when it is gone."""
    fields = stat(pid)
    return "" if fields is None else fields[19]


def title(pid: int) -> str:
    """The command line of a process, as `ps` shows it; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    found: list[int] = []
    for entry in os.listdir("/proc"):
        fields: Any = stat(int(entry)) if entry.isdigit() else None
        if fields is not None and fields[0] != "Z" and int(fields[1]) == pid:
            found.append(int(entry))
    return sorted(found)
