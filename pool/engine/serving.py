"""Which `serve` looks after the run folder, and whether its node shall run: a locked file, and a mark beside it.

`serve` holds the lock as long as it lives, so a lock that can be taken is nobody's, whatever its file says. The verbs
`pool start` and `pool stop` set the mark and wake `serve` with a signal.
"""

import fcntl
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pool.domain.errors import NotReady
from pool.engine.folder_lock import FolderLock

LOCK_NAME = "serve.lock"
HELD_NAME = "serve.held"

NUDGE = signal.SIGUSR1
"""Look at the mark now."""


class ServeLock(FolderLock):
    """Held by one `serve` for each run folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / LOCK_NAME)

    def take(self) -> None:
        """Take it, or say who has it."""
        if not self.try_take():
            known = _read(self.path)
            who = f"Another serve (pid {known.pid})" if known else "Another serve"
            raise NotReady(
                f"{who} uses the run folder {self.path.parent}. Stop it, or set POOL_RUN_DIR to another folder."
            )

    def sign(self, url: str) -> None:
        """Write down who has it."""
        self.write(json.dumps({"pid": os.getpid(), "url": url}))

    def release(self) -> None:
        self.write("")
        self.close()


@dataclass(frozen=True, slots=True)
class Serving:
    """A `serve` that lives."""

    pid: int
    url: str

    def nudge(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, NUDGE)


def find_serve(folder: Path) -> Serving | None:
    """The `serve` that looks after this run folder; None when there is none."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(folder / LOCK_NAME)
    finally:
        os.close(descriptor)
    return None


def hold_node(folder: Path) -> None:
    """Mark that the node shall not run until it is freed."""
    (folder / HELD_NAME).touch(mode=0o600)


def free_node(folder: Path) -> None:
    (folder / HELD_NAME).unlink(missing_ok=True)


def is_held(folder: Path) -> bool:
    return (folder / HELD_NAME).exists()


def _read(path: Path) -> Serving | None:
    try:
        known = json.loads(path.read_text())
        return Serving(int(known["pid"]), str(known["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
