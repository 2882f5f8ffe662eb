"""Tasks for the tests of the engine, beside those of the zoo: what is written down while it runs, and rarer messes."""

import asyncio
import ctypes
import decimal
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from django.core.cache import caches
from django.db import connection
from django.utils import timezone, translation
from structlog.contextvars import get_contextvars

from pool import task
from pool.adapters.tasks_api import task_finished, task_started
from tests.engine import ledgers
from tests.zoo.tasks import wait_whatever_comes

STEP_S = 0.01
OWN = ContextVar("own", default="")


# Written down ------------------------------------------------------------------


@task(takes_context=True, timeout=None)
def notes(context: Any, ledger: str, seconds: float = 0.0) -> int:
    """Write when it begins and when it ends."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    if seconds:
        time.sleep(seconds)
    ledgers.write(ledger, "end", context.job, context.attempt)
    return context.attempt  # type: ignore[no-any-return]


@task(takes_context=True, timeout=None)
def notes_until(context: Any, ledger: str, path: str) -> int:
    """Write when it begins, wait for a file, write when it ends."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    while not os.path.exists(path):
        time.sleep(STEP_S)
    ledgers.write(ledger, "end", context.job, context.attempt)
    return context.attempt  # type: ignore[no-any-return]


@task(takes_context=True)
def poisons(context: Any, ledger: str) -> None:
    """Write that it began, and kill its worker. Always."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@task(takes_context=True, timeout=None)
def dies_at(context: Any, ledger: str, path: str) -> None:
    """Write that it began, wait for a file, and kill its worker."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    while not os.path.exists(path):
        time.sleep(STEP_S)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@task
def usually_short(path: str = "") -> str:
    """Return at once, or when a file is there: what the pool expects of it is wrong then."""
    while path and not os.path.exists(path):
        time.sleep(STEP_S)
    return "done"


# With context ------------------------------------------------------------------


@task(takes_context=True)
def asks(context: Any) -> dict[str, Any]:
    result = context.task_result
    return {
        "job": context.job,
        "attempt": context.attempt,
        "cancelled": context.cancelled,
        "draining": context.draining,
        "result_id": str(result.id),
        "status": str(result.status),
        "args": result.args,
        "workers": len(result.worker_ids),
    }


@task(takes_context=True)
def uses(context: Any, kind: str) -> str:
    amounts: dict[str, Any] = {
        "numbers": 3,
        "decimal": decimal.Decimal("1.5"),
        "nan": float("nan"),
        "text": "many",
    }
    context.add_usage(tokens=amounts[kind])
    return "used"


@task(takes_context=True)
def says_what_cannot_be_stored(context: Any) -> str:
    """NUL and half a surrogate pair in everything that goes into the job's row and log."""
    import logging

    odd = "a\0b\ud800c"
    print(odd)
    print(odd, file=sys.stderr)
    logging.getLogger("zoo").warning(odd)
    context.log(odd)
    context.progress(0.5, odd)
    os.write(1, b"\xff\0below\n")
    time.sleep(0.3)  # Long enough for the progress to be carried over.
    return "done"


@task(takes_context=True, timeout=None)
def prints_then_waits(context: Any, path: str) -> str:
    print("while it runs")
    context.log("a note")
    while not os.path.exists(path):
        time.sleep(STEP_S)
    print("at its end")
    return "done"


@task
def prints_then_dies() -> None:
    os.write(2, b"last words\n")
    os.kill(os.getpid(), signal.SIGKILL)


@task(max_attempts=1)
def writes_much_then_segfaults() -> None:
    os.write(1, b"y" * 100_000 + b"\n")
    ctypes.string_at(0)


@task(max_attempts=1)
def raises_odd() -> None:
    """An error that nobody can store as it is, and that is its own cause."""
    error = ValueError("a\0b\ud800c")
    raise error from error


@task(timeout=None)
def returns_much(length: int, path: str, returning: str) -> str:
    """Wait for a file, and make another one just before the return."""
    while not os.path.exists(path):
        time.sleep(STEP_S)
    result = "x" * length
    Path(returning).touch()
    return result


@task
def uses_stdout_as_a_file() -> dict[str, Any]:
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.flush()
    sys.stdout.writelines(["one\n", "two\n"])
    return {"tty": sys.stdout.isatty(), "encoding": sys.stdout.encoding}


# Async -------------------------------------------------------------------------


@task(takes_context=True, timeout=None)
async def async_cleans_up(context: Any, path: str, started: str) -> None:
    """Wait until it is cancelled, then write a file."""
    Path(started).touch()
    try:
        await asyncio.sleep(600)
    finally:
        Path(path).touch()


@task
async def reads_rows_async() -> int:
    from pool.models import Queue

    return await Queue.objects.acount()


@task(max_attempts=1)
async def breaks_the_connection_async() -> None:
    """Fail in the database, on the connection of asgiref's thread."""
    from asgiref.sync import sync_to_async
    from django.db import connection

    def fail() -> None:
        connection.cursor().execute("SELECT no_such_column FROM pool_queue")

    await sync_to_async(fail)()


@task
async def leaves_transaction_async(queue: str) -> str:
    """Leave a transaction open on the connection of asgiref's thread."""
    from asgiref.sync import sync_to_async
    from django.db import transaction

    from pool.models import Queue

    def begin() -> None:
        transaction.atomic().__enter__()
        Queue.objects.create(name=queue)

    await sync_to_async(begin)()
    return "done"


# A mess ------------------------------------------------------------------------


@task
def forks_and_returns() -> int:
    """Return twice: here and in a child that is a copy of the worker."""
    return os.fork()


@task
def leaves_grandchild(path: str) -> str:
    """Leave a daemon behind, as daemons make themselves: forked twice, in a session of its own."""
    steps = ["import os, sys, time", "os.setsid()", "os.fork() and os._exit(0)"]
    steps += ["open(sys.argv[1], 'w').write(str(os.getpid()))", "time.sleep(300)"]
    subprocess.run([sys.executable, "-c", "; ".join(steps), path], check=True)
    while not os.path.exists(path) or not Path(path).read_text():
        time.sleep(STEP_S)
    return "done"


@task(max_attempts=1)
def dies_with_a_family(path: str) -> None:
    """Leave a tree of processes in a session of its own, and die."""
    script = f"sleep 300 & echo $! > {path}.new; mv {path}.new {path}; wait"
    subprocess.Popen(["sh", "-c", script], start_new_session=True)
    while not os.path.exists(path):
        time.sleep(STEP_S)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@task(takes_context=True, timeout=None)
def runs_program(context: Any, ledger: str, own_session: bool = False) -> None:
    """Wait for another program, as a job that converts a film would."""
    child = subprocess.Popen(["sleep", "300"], start_new_session=own_session)
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"begin {context.job} {context.attempt} {child.pid}\n".encode())
    os.close(descriptor)
    child.wait()


@task
def changes_hidden_state() -> int:
    """Change what `sees` of the zoo does not look at."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
    signal.signal(signal.SIGALRM, lambda *_: None)
    gc.disable()
    faulthandler.disable()
    os.environb[b"ZOO_BYTES"] = b"\xff"
    del os.environ["HOME"]
    translation.activate("fr")
    timezone.activate("Pacific/Auckland")
    decimal.getcontext().prec = 3
    OWN.set("of another job")
    return os.getpid()


@task
def sees_hidden_state() -> dict[str, Any]:
    return {
        "language": translation.get_language(),
        "zone": timezone.get_current_timezone_name(),
        "digits": decimal.getcontext().prec,
        "own": OWN.get(),
        "pid": os.getpid(),
        "blocked": sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "alarm": signal.getsignal(signal.SIGALRM) is signal.SIG_DFL,
        "bytes": "ZOO_BYTES" in os.environ,
        "home": "HOME" in os.environ,
    }


@task
def uses_shared_handles() -> list[Any]:
    """Use the database and the cache; which ones they are, and what stands on this job's log lines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return [id(connection.connection), id(caches["default"]), "job" in get_contextvars()]


@task
def loses_its_folder(path: str) -> str:
    """Work in a folder that is gone at the end."""
    os.mkdir(path)
    os.chdir(path)
    os.rmdir(path)
    return "done"


@task
def closes_the_connection_below() -> str:
    """Break the connection behind Django's back."""
    from django.db import connection

    connection.ensure_connection()
    connection.in_atomic_block = True
    connection.connection.close()
    return "done"


@task
def uses_database_in_threads() -> int:
    """How many connections were open before three threads opened theirs."""
    from pool.models import Queue

    opened = [str(path.resolve()) for path in Path("/proc/self/fd").iterdir()]
    threads = [threading.Thread(target=Queue.objects.count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(path.endswith(".sqlite3") for path in opened)


@task
def child_inherits() -> list[str]:
    """Targets of the descriptors that a program gets from the worker when nobody closes them."""
    inbox, outbox = os.pipe()
    os.set_inheritable(outbox, True)
    child = os.posix_spawn("/bin/sh", ["sh", "-c", f"ls -l /proc/self/fd >&{outbox}"], os.environ)
    os.close(outbox)
    with open(inbox) as listing:
        lines = listing.read().splitlines()
    os.waitpid(child, 0)
    return [line.split(" -> ")[1] for line in lines if " -> " in line]


@task
def leaves_thread_for(seconds: float) -> str:
    threading.Thread(target=time.sleep, args=(seconds,), name="left", daemon=True).start()
    return "done"


@task(timeout=None)
def holds_memory_until(megabytes: int, path: str) -> int:
    """Hold so much memory until the file is there; pages are touched, so that they count."""
    held = bytearray(b"x") * (megabytes * 2**20)
    while not os.path.exists(path):
        time.sleep(STEP_S)
    return len(held)


KEPT: list[bytearray] = []


@task
def keeps_memory(megabytes: int) -> int:
    """Keep so much for good, as a leak does; the worker's pid."""
    KEPT.append(bytearray(b"x") * (megabytes * 2**20))
    time.sleep(STEP_S)
    return os.getpid()


@task
def exhausts_memory() -> None:
    raise MemoryError("no memory left")


@task(max_attempts=1, timeout=None)
def stops_everything(path: str) -> None:
    """Ignore whatever a process can ignore, and use the CPU in C with the interpreter's lock held."""
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    Path(path).touch()
    while True:
        sum(range(10_000_000))


@task(max_attempts=4, timeout=None)
def fails_at(path: str, started: str) -> None:
    """Fail when the file is there, whoever wants it to end otherwise."""
    wait_whatever_comes(path, started)
    raise ValueError("failed")


@task(max_attempts=1, timeout=0.3)
def times_out(how: str = "sleep") -> str:
    if how == "sleep":
        time.sleep(60)
    elif how == "spin":
        while True:
            sum(range(1000))
    elif how == "broad":
        try:
            time.sleep(60)
        except Exception:  # noqa: BLE001  as many a task has it
            return "swallowed"
    return "not reached"


@task(max_attempts=1, timeout=0.3)
async def times_out_async() -> None:
    await asyncio.sleep(60)


@task(timeout=0.3, max_attempts=3, backoff=0.01)
def times_out_until(path: str) -> str:
    """Take too long until the file is there, and make it."""
    if os.path.exists(path):
        return "in time"
    Path(path).touch()
    time.sleep(60)
    return "not reached"


@task(takes_context=True, max_attempts=1, timeout=None)
def asks_between_steps(context: Any, how: str, started: str) -> None:
    Path(started).touch()
    while True:
        time.sleep(STEP_S)
        if how == "check":
            context.check_cancelled()
        else:
            context.step("the next one")


# Listening ---------------------------------------------------------------------


def write_signals(path: str) -> None:
    """Write every signal of Django's into a ledger."""

    def started(task_result: Any, **_: Any) -> None:
        ledgers.write(path, "started", str(task_result.id), 1)

    def finished(task_result: Any, **_: Any) -> None:
        ledgers.write(path, f"finished-{task_result.status}", str(task_result.id), 1)

    task_started.connect(started, weak=False)
    task_finished.connect(finished, weak=False)


if listens := os.environ.get("ZOO_LISTENS"):
    write_signals(listens)


def value_of(answer: dict[str, Any]) -> Any:
    if answer["status"] == "ERROR":
        raise RuntimeError("Graph execution failed")
    return answer["value"]


@task(map_result=value_of, max_attempts=1)
def asks_engine(status: str) -> dict[str, Any]:
    return {"status": status, "value": 7}


@task(map_result=value_of, max_attempts=1)
async def asks_engine_async(status: str) -> dict[str, Any]:
    return {"status": status, "value": 7}


@task(timeout=None)
def waits_deep_down(path: str) -> None:
    """Wait for a file, in a function of its own."""
    _waits_in_here(path)


def _waits_in_here(path: str) -> None:
    while not os.path.exists(path):
        time.sleep(STEP_S)


@task(timeout=None)
async def waits_deep_down_async(path: str) -> None:
    await _waits_in_here_async(path)


async def _waits_in_here_async(path: str) -> None:
    while not os.path.exists(path):
        await asyncio.sleep(STEP_S)


@task(timeout=None)
async def waits_in_two_tasks(path: str) -> None:
    await asyncio.gather(_waits_in_here_async(path), _waits_in_here_async(path))


@task(timeout=None)
async def blocks_deep_down_async(path: str) -> None:
    """Wait for a file without letting the event loop go on."""
    _waits_in_here(path)


@task(timeout=None)
def holds_the_interpreter(path: str) -> None:
    """Wait for a file in C, without letting another thread run."""
    libc = ctypes.PyDLL(None)
    while not os.path.exists(path):
        libc.usleep(300_000)


# Memory ------------------------------------------------------------------------

KEPT: list[Any] = []


@task
def keeps(megabytes: int, path: str) -> int:
    """Take so much memory and keep it, and wait for a file."""
    KEPT.append(bytearray(b"x") * (megabytes * 2**20))
    _wait_for(path)
    return len(KEPT)


@task
def litters(megabytes: int, path: str) -> None:
    """Leave garbage that only the collector finds, and wait for a file."""
    gc.disable()
    for _ in range(megabytes):
        waste: list[Any] = [bytearray(b"x") * 2**20]
        waste.append(waste)
    del waste
    _wait_for(path)


def _wait_for(path: str) -> None:
    while not os.path.exists(path):
        time.sleep(STEP_S)
