"""The zoo: tasks that return, fail, hang, kill themselves and leave a mess behind.

Installed into the sites that tests start. A task that waits, waits for a file that the test makes; a task that must
be counted appends a line to a file, so that the test sees every run, recorded or not.
"""

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pool import task

STEP_S = 0.01


# Well-behaved ------------------------------------------------------------------


@task
def returns(value: Any = None) -> Any:
    return value


@task
def adds(a: int, b: int = 0) -> int:
    return a + b


@task
def counts(path: str, line: str = "run") -> None:
    """Append a line that no crash can take back."""
    with open(path, "a") as file:
        file.write(f"{line}\n")


@task(timeout=None)
def waits_for(path: str, started: str = "") -> int:
    """Run until the file exists; make another file when it begins. Returns its pid."""
    if started:
        Path(started).touch()
    while not os.path.exists(path):
        time.sleep(STEP_S)
    return os.getpid()


@task
def sleeps(seconds: float) -> None:
    time.sleep(seconds)


@task
def spins(seconds: float) -> int:
    """Use the CPU, in Python."""
    end, turns = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        turns += 1
    return turns


@task
def digests(rounds: int) -> str:
    """Use the CPU, in C and without the interpreter's lock."""
    return hashlib.pbkdf2_hmac("sha256", b"zoo", b"salt", rounds).hex()


@task(max_attempts=1, timeout=None)
def holds_the_interpreter(seconds: float) -> None:
    """Sleep in C with the interpreter's lock held: no other thread of the worker runs."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


@task(queue_name="slow", priority="high", tags=["zoo"], metadata={"of": "zoo"})
def with_options() -> str:
    return "done"


@task
def prints(text: str = "hello", to_stderr: str = "") -> None:
    print(text)
    if to_stderr:
        print(to_stderr, file=sys.stderr)


@task
def logs(text: str = "hello") -> None:
    import logging

    logging.getLogger("zoo").warning(text)


@task
def sees() -> dict[str, Any]:
    """What a job finds in its worker: the same whoever ran there before."""
    from django.db import connection

    mask = os.umask(0o022)
    os.umask(mask)
    return {
        "pid": os.getpid(),
        "folder": os.getcwd(),
        "umask": mask,
        "variable": os.environ.get("ZOO_LEFT"),
        "handles_sigterm": signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL,
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "in_transaction": connection.in_atomic_block or not connection.get_autocommit(),
        "stdout_is_ours": type(sys.stdout).__module__,
    }


# With context ------------------------------------------------------------------


@task(takes_context=True)
def tells(context: Any, text: str = "a line") -> dict[str, Any]:
    context.progress(0.5, "half way")
    context.step("second half")
    context.log(text)
    context.add_usage(input_tokens=3, output_tokens=4)
    return {"job": str(context.job), "attempt": context.attempt, "draining": context.draining}


@task(takes_context=True, timeout=None)
def progresses(context: Any, path: str) -> str:
    """Stand at a quarter until the file exists."""
    context.progress(0.25, "a quarter")
    while not os.path.exists(path):
        time.sleep(STEP_S)
    return "done"


@task(takes_context=True, timeout=None)
def ends_when_asked(context: Any, started: str = "") -> str:
    """Look at the flag, return something when it is set."""
    if started:
        Path(started).touch()
    while not context.cancelled:
        time.sleep(STEP_S)
    return "ended by itself"


@task(takes_context=True, timeout=None)
def ends_when_draining(context: Any, started: str) -> str:
    Path(started).touch()
    while not context.draining:
        time.sleep(STEP_S)
    return "saved"


# Async -------------------------------------------------------------------------


@task
async def returns_async(value: Any = None) -> Any:
    import asyncio

    await asyncio.sleep(0)
    return value


@task
async def raises_async(message: str = "broken") -> None:
    raise ValueError(message)


@task(timeout=None)
async def waits_for_async(path: str, started: str = "") -> str:
    import asyncio

    if started:
        Path(started).touch()
    while not os.path.exists(path):
        await asyncio.sleep(STEP_S)
    return "done"


# Failing -----------------------------------------------------------------------


@task(max_attempts=1)
def raises(message: str = "broken") -> None:
    raise ValueError(message)


@task(max_attempts=3, backoff=0.01)
def fails_until(path: str, successes_at: int = 3) -> int:
    """Fail until it was run that often; the runs are the lines of the file."""
    with open(path, "a") as file:
        file.write("run\n")
    runs = len(Path(path).read_text().splitlines())
    if runs < successes_at:
        raise RuntimeError(f"run {runs} fails")
    return runs


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even its text can be had")

    __repr__ = __str__


@task(max_attempts=1)
def raises_unprintable() -> None:
    raise UnprintableError


@task(max_attempts=1)
def raises_endlessly(length: int = 10_000_000) -> None:
    """Raise an error with a very long message."""
    raise ValueError("x" * length)


@task(max_attempts=1)
def recurses() -> None:
    recurses.func()


@task(max_attempts=1)
def exits(code: int = 0) -> None:
    sys.exit(code)


@task(max_attempts=1)
def interrupts_itself() -> None:
    raise KeyboardInterrupt


# Unserialisable ----------------------------------------------------------------


@task(max_attempts=1)
def returns_object() -> object:
    return object()


@task(max_attempts=1)
def returns_nan() -> float:
    return float("nan")


@task(max_attempts=1)
def returns_surrogate() -> str:
    return "\ud800"


@task(max_attempts=1)
def returns_nul() -> str:
    return "a\0b"


@task(max_attempts=1)
def returns_deep(levels: int = 1000) -> Any:
    made: Any = []
    for _ in range(levels):
        made = [made]
    return made


@task(max_attempts=1)
def returns_large(length: int = 10_000_000) -> str:
    return "x" * length


# Ends of the worker ------------------------------------------------------------


@task(max_attempts=1)
def leaves_at_once(code: int = 0) -> None:
    os._exit(code)


@task(max_attempts=1)
def kills_itself(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


@task(max_attempts=2, backoff=0.01)
def kills_itself_once(path: str) -> str:
    """Die in the first run, succeed in the next."""
    if not os.path.exists(path):
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@task(max_attempts=1)
def segfaults() -> None:
    ctypes.string_at(0)


@task(max_attempts=1)
def closes_everything() -> None:
    """Close every descriptor, the worker's way to its node among them."""
    os.closerange(0, 1024)


@task(max_attempts=1)
def grows(megabytes: int) -> int:
    """Hold so much memory for a moment; pages are touched, so that they count."""
    held = bytearray(megabytes * 2**20)
    held[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(held[:: os.sysconf("SC_PAGE_SIZE")])
    return len(held)


# Deaf --------------------------------------------------------------------------


@task(max_attempts=1, timeout=None)
def ignores_sigterm(path: str, started: str = "") -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait_whatever_comes(path, started)


@task(max_attempts=1, timeout=None)
def ignores_exceptions(path: str, started: str = "") -> None:
    wait_whatever_comes(path, started)


def wait_whatever_comes(path: str, started: str) -> None:
    """Until the file exists. Nothing is done outside of the `try`, or what is raised just there would end it."""
    while True:
        try:
            if started:
                Path(started).touch()
            while not os.path.exists(path):
                time.sleep(STEP_S)
            return
        except BaseException:  # noqa: BLE001  this is what it is for
            continue


# A mess ------------------------------------------------------------------------


@task
def prints_much(megabytes: int = 10) -> None:
    line = "x" * 1023
    for _ in range(megabytes * 1024):
        print(line)


@task
def writes_much_below(megabytes: int = 10) -> None:
    """The same below Python's streams, as a library in C would."""
    for _ in range(megabytes):
        os.write(1, b"y" * 2**20)


@task
def leaves_child(own_session: bool = False) -> int:
    """Leave a child behind that would live long; its pid."""
    child = subprocess.Popen(["sleep", "300"], start_new_session=own_session)
    child.returncode = 0  # Popen must not warn about what is meant.
    return child.pid


@task(timeout=None)
def leaves_child_and_waits(path: str, started: str) -> None:
    """Start a child in a session of its own, write down its pid, and run until the file exists."""
    child = subprocess.Popen(["sleep", "300"], start_new_session=True)
    child.returncode = 0
    Path(f"{started}.new").write_text(str(child.pid))
    os.rename(f"{started}.new", started)
    while not os.path.exists(path):
        time.sleep(STEP_S)


@task
def leaves_thread(path: str) -> str:
    def wait() -> None:
        while not os.path.exists(path):
            time.sleep(STEP_S)

    threading.Thread(target=wait, name="left", daemon=True).start()
    return "done"


@task
def leaves_transaction(queue: str) -> str:
    """Open a transaction, write in it, and never end it: what was written must not stay, nor lock others out."""
    from django.db import transaction

    from pool.models import Queue

    transaction.atomic().__enter__()
    Queue.objects.create(name=queue)
    return "done"


@task
def leaves_changes(folder: str) -> dict[str, Any]:
    """Change everything that outlives a job."""
    os.chdir(folder)
    os.umask(0o011)
    os.environ["ZOO_LEFT"] = "left"
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 30)
    sys.stdout = sys.__stdout__  # type: ignore[assignment]
    return {"pid": os.getpid()}
