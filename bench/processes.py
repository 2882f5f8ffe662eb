"""Processes: fresh interpreters that die with the bench, and what the kernel says about any process.

Nothing here knows the pool. Figures come from /proc: CPU from the scheduler's accounting in nanoseconds, memory as the
proportional set size, in which shared pages count by their share.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pool.engine.linux import TICKS, descendants_of, pss

REPOSITORY = Path(__file__).resolve().parent.parent

Child = subprocess.Popen[str]


def start(module: str, arguments: Sequence[str], env: Mapping[str, str], log: Path, **options: Any) -> Child:
    """Run a module of the bench in a fresh interpreter; its first argument is our pid, with which it must die."""
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(os.getpid()), *arguments],
            env=dict(env),
            cwd=REPOSITORY,
            stderr=stderr,
            text=True,
            start_new_session=True,
            **options,
        )


def tree(root: int) -> list[int]:
    """The process and all its descendants."""
    return [root, *descendants_of(root)]


def alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if _state(pid) not in ("", "Z", "X")]


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time used so far by these processes and by the children they have reaped."""
    return sum(_cpu_seconds(pid) for pid in pids)


def memory_mb(pid: int) -> float:
    """Proportional set size."""
    return (pss(pid) or 0) / 2**20


def title(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return ""


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end(child: Child, limit_s: float = 15.0) -> None:
    """Ask a child to leave, and make it."""
    child.terminate()
    try:
        child.wait(limit_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait_for(fact: Callable[[], Any], what: str, limit_s: float = 30.0, every_s: float = 0.005) -> Any:
    """Wait until the fact is there and return it."""
    deadline = time.monotonic() + limit_s
    while not (found := fact()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {limit_s:g} s in vain for {what}.")
        time.sleep(every_s)
    return found


def _cpu_seconds(pid: int) -> float:
    total = 0.0
    with suppress(OSError, IndexError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
        fields = _stat(pid)
        total += (int(fields[13]) + int(fields[14])) / TICKS
    return total


def _state(pid: int) -> str:
    with suppress(OSError, IndexError):
        return _stat(pid)[0]
    return ""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
