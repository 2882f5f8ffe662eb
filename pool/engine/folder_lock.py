"""Files in the run folder that say who is there: locked as long as their owner lives, whatever they hold.

A lock that can be taken is nobody's: the kernel frees it when its owner ends, however that happens. It goes with the
descriptor, so that a process may be started with a lock already taken for it.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from pool.domain.errors import NotReady

NODE_LOCK_NAME = "node.lock"


class FolderLock:
    def __init__(self, path: Path, descriptor: int = -1) -> None:
        self.path = path
        self._descriptor = descriptor
        if descriptor < 0:
            try:
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise NotReady(f"The lock {path} cannot be made: {error.strerror}. Set POOL_RUN_DIR.") from error

    def fileno(self) -> int:
        return self._descriptor

    def try_take(self) -> bool:
        """Take it; False when somebody else has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, text: str) -> None:
        """Say who has it."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def close(self) -> None:
        """Let go of it; it stays taken while another process has the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class NodeLock(FolderLock):
    """One node for each run folder. A node that drains lets go of it, and the next one may start."""

    def __init__(self, folder: Path, descriptor: int = -1) -> None:
        super().__init__(folder / NODE_LOCK_NAME, descriptor)

    def take(self) -> None:
        """Take it for this process. Raises NotReady."""
        if not self.try_take():
            raise NotReady(
                f"Another node{self._pid()} runs in the run folder {self.path.parent}, or is about to. "
                "Stop it with: manage.py pool stop, or set POOL_RUN_DIR to another folder."
            )
        self.sign()

    def sign(self) -> None:
        self.write(str(os.getpid()))

    def _pid(self) -> str:
        with suppress(OSError, ValueError):
            return f" (pid {int(self.path.read_text())})"
        return ""
