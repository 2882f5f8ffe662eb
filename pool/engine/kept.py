"""A child process that `serve` keeps alive: started again when it ends, later and later when it dies young."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from pool.domain.restarting import RestartBudget
from pool.engine.children import BOOT
from pool.logs import get_logger

log = get_logger(__name__)

CALM_S = 10.0
"""A child that lived this long did not die young."""


class Kept:
    """One child. Its process is a fresh Python, with the import path of this one, in a process group of its own."""

    def __init__(self, name: str, module: str, arguments: Callable[[], Sequence[str]], descriptors: Sequence[int] = ()):
        self.name, self.module, self.arguments, self.descriptors = name, module, arguments, descriptors
        self.budget = RestartBudget(0, CALM_S)
        self.pid = 0
        self.last_pid = 0
        self.asked = False
        """It was told to end, by us."""

    def start_if_due(self, now: float) -> None:
        if not self.pid and now >= self.budget.next_start():
            self.start(now)

    def start(self, now: float) -> None:
        boot = [sys.executable, "-c", BOOT.format(module=self.module, setup=""), json.dumps(sys.path)]
        try:
            process = subprocess.Popen(
                [*boot, str(os.getpid()), *self.arguments()],
                pass_fds=self.descriptors,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        except OSError as error:
            self.budget.died_young(now)
            log.error(f"{self.name}.start_failed", problem=error.strerror)
            return
        # Whoever adopts strays reaps all children by itself; Popen must not wait for this one.
        process.returncode = 0
        self.pid = self.last_pid = process.pid
        self.asked = False

    def ask(self, how: signal.Signals) -> None:
        """Tell it to end."""
        self.asked = True
        self.send(how)

    def send(self, how: signal.Signals) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, how)

    def ended(self, now: float) -> None:
        """It is gone. When nobody asked for that, its next start may have to wait."""
        self.pid = 0
        if not self.asked:
            self.budget.died_young(now)
