"""Tasks for the tests of kinds of workers: async ones that run side by side, and some that look at their worker."""

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from contextvars import ContextVar
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import psutil
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.utils import translation

from pool import task
from pool.models import Queue
from tests.engine import ledgers

STEP_S = 0.01
OWN: ContextVar[str] = ContextVar("own", default="")


async def file(path: str) -> None:
    while not os.path.exists(path):
        await asyncio.sleep(STEP_S)


# Side by side ------------------------------------------------------------------


@task(takes_context=True, timeout=None)
async def notes_async(context: Any, ledger: str, path: str = "") -> int:
    """Write when it begins, wait for a file, write when it ends; the worker's pid."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    if path:
        await file(path)
    ledgers.write(ledger, "end", context.job, context.attempt)
    return os.getpid()


@task
async def naps(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@task(takes_context=True, timeout=None)
async def tells_async(context: Any, word: str, path: str, together: str, go: str) -> dict[str, Any]:
    """Say the word in every way there is, some of it after all others have begun; wait for a file."""
    OWN.set(word)
    translation.activate("fr" if word == "1" else "de")
    Path(f"{path}-{word}").touch()
    await file(together)
    print(f"out {word}")
    logging.getLogger("kinds").warning("log %s", word)
    context.log(f"note {word}")
    context.add_usage(words=int(word))
    context.progress(int(word) / 100, f"at {word}")
    await asyncio.to_thread(print, f"thread {word}")
    await asyncio.get_running_loop().run_in_executor(None, print, f"executor {word}")
    await file(go)
    return {"own": OWN.get(), "language": translation.get_language(), "word": word}


@task(max_attempts=1, timeout=0.3)
async def oversleeps() -> None:
    await asyncio.sleep(60)


@task(max_attempts=1, timeout=None)
async def cleans_up(path: str, started: str) -> None:
    Path(started).touch()
    try:
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(STEP_S)
        Path(path).touch()


@task(max_attempts=1, timeout=None)
async def deaf_async(started: str) -> None:
    """Swallow whatever asks it to end."""
    Path(started).touch()
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            continue


@task(max_attempts=1, timeout=None)
async def blocks_the_loop(started: str) -> None:
    """Keep everybody else from going on."""
    Path(started).touch()
    time.sleep(600)


@task(max_attempts=2, backoff=0.01, timeout=None, takes_context=True)
async def crashes_async(context: Any, ledger: str, path: str, how: str) -> str:
    """Write that it began, wait for a file, take the worker along."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    await file(path)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "segfault":
        ctypes.string_at(0)
    elif how == "exit":
        os._exit(7)
    elif how == "thread":
        await asyncio.to_thread(ctypes.string_at, 0)
    return "not reached"


@task(max_attempts=1)
async def raises_async(how: str) -> None:
    if how == "exit":
        sys.exit(3)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "exit in a task":
        await asyncio.create_task(_exit())
    raise ValueError(how)


async def _exit() -> None:
    sys.exit(3)


@task
async def leaves_task(path: str) -> str:
    """Leave a task behind that would go on for ever, and writes a file when it is ended."""

    async def goes_on() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            Path(path).touch()

    task = asyncio.create_task(goes_on())
    await asyncio.sleep(0)
    return task.get_name()


@task(timeout=None, takes_context=True)
async def leaves_thread_work(context: Any, ledger: str, seconds: float) -> None:
    """Return while a thread still works for it."""

    def work() -> None:
        time.sleep(seconds)
        ledgers.write(ledger, "work", context.job, context.attempt)

    asyncio.get_running_loop().run_in_executor(None, work)


@task
async def leaves_transaction(queue: str) -> int:
    """Write within a transaction, and leave it open."""

    def begin() -> int:
        transaction.atomic().__enter__()
        Queue.objects.create(name=queue)
        return threading.get_ident()

    return await sync_to_async(begin)()


@task(timeout=None)
async def counts_queues(name: str, path: str = "") -> list[Any]:
    """How many queues bear the name, whether a transaction is open; once the file is there."""

    def look() -> tuple[int, bool]:
        return Queue.objects.filter(name=name).count(), connection.in_atomic_block

    if path:
        await file(path)
    return list(await sync_to_async(look)())


@task
async def uses_connection_in_thread() -> bool:
    def look() -> bool:
        Queue.objects.count()
        return connection.connection is not None

    return await asyncio.to_thread(look)


# The worker --------------------------------------------------------------------


@task(takes_context=True)
def sees_worker(context: Any) -> dict[str, Any]:
    worker = context.worker
    return {
        "pid": os.getpid(),
        "kind": worker.kind,
        "capabilities": sorted(worker.capabilities),
        "nice": os.nice(0),
        "io": list(psutil.Process().ionice()),
        "collects": gc.isenabled(),
        "cpus": sorted(os.sched_getaffinity(0)),
        "CPU_AFFINITY": os.environ.get("CPU_AFFINITY"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "free": {str(size): count for size, count in worker.buffers.free().items()},
        "address_space": resource.getrlimit(resource.RLIMIT_AS)[0],
        "async": "running" if asyncio._get_running_loop() else "none",
    }


@task(takes_context=True)
async def sees_worker_async(context: Any) -> dict[str, Any]:
    return {"pid": os.getpid(), "kind": context.worker.kind}


@task(takes_context=True)
def remembers(context: Any, key: str, value: Any = None) -> Any:
    """What the worker's cache holds under the key; then keep the value."""
    kept = context.worker.cache.get(key)
    if value is not None:
        context.worker.cache.set(key, value)
    return kept


@task(takes_context=True)
def shares(context: Any, text: str) -> str:
    return context.worker.shared.create(text.encode())  # type: ignore[no-any-return]


@task
def attaches(name: str) -> str:
    """Read a block as any program would."""
    block = SharedMemory(name)
    try:
        return bytes(block.buf).rstrip(b"\0").decode()
    finally:
        block.close()


@task(takes_context=True)
async def fetches(context: Any, url: str, times: int = 1) -> list[int]:
    """Status codes of so many requests, over the worker's connections."""
    async with context.worker.http.async_client() as client:
        return [(await client.get(url)).status_code for _ in range(times)]


@task(takes_context=True)
def fetches_blocking(context: Any, url: str) -> int:
    return context.worker.http.client().get(url).status_code  # type: ignore[no-any-return]


@task(isolated=True)
def sees_process() -> dict[str, Any]:
    first = not hasattr(sys, "pool_test_was_here")
    sys.pool_test_was_here = True  # type: ignore[attr-defined]
    return {"pid": os.getpid(), "first": first}


@task(isolated=True, timeout=None)
def sees_process_until(path: str, started: str = "") -> int:
    if started:
        Path(started).touch()
    while not os.path.exists(path):
        time.sleep(STEP_S)
    return os.getpid()


@task
def marks_process() -> dict[str, Any]:
    """The same in a worker that jobs share."""
    first = not hasattr(sys, "pool_test_was_here")
    sys.pool_test_was_here = True  # type: ignore[attr-defined]
    return {"pid": os.getpid(), "first": first}


# What a kind keeps and frees ---------------------------------------------------


class Waste:
    """Touches a file when it is collected; it refers to itself, so only the collector finds it."""

    def __init__(self, path: str) -> None:
        self.path, self.itself = path, self

    def __del__(self) -> None:
        Path(self.path).touch()


@task
def leaves_waste(path: str) -> bool:
    """Leave waste behind, then make so much else that a collector at work would have passed by; whether one has."""
    Waste(path)
    made: list[list[Any]] = [[] for _ in range(100_000)]
    return bool(made) and os.path.exists(path)


@task
def looks_for_memory_each_second() -> None:
    """Have a memory worker free memory at each sign of life, and collect garbage only then."""
    from pool.engine.kinds import memory

    memory.LOOK_EVERY_S = 0.0
    gc.set_threshold(0)


@task(takes_context=True)
def keeps_in_cache(context: Any, values: int) -> int:
    """Keep so many values; how many the worker's cache has then."""
    for number in range(values):
        context.worker.cache.set(number, number)
    return len(context.worker.cache)


@task(takes_context=True)
async def reads_kept_file(context: Any, path: str, size: int, offset: int) -> dict[str, Any]:
    """A piece of a file that the worker keeps open, and how many files it has opened so far."""
    files = context.worker.files
    piece = await asyncio.to_thread(files.read, path, size, offset)
    return {"pid": os.getpid(), "kind": context.worker.kind, "piece": piece.decode(), "opened": files.opened}


@task(timeout=None)
async def waits_in_threads(calls: int) -> list[int]:
    """Make so many blocking calls that go on until no further one begins; how many threads made them at a time."""
    threads: set[str] = set()
    go = threading.Event()

    def call() -> None:
        threads.add(threading.current_thread().name)
        go.wait()

    made = [asyncio.create_task(asyncio.to_thread(call)) for _ in range(calls)]
    await asyncio.sleep(0)
    there = sum(thread.name.startswith("pool-io") for thread in threading.enumerate())
    try:
        while len(threads) < min(there, calls):
            await asyncio.sleep(STEP_S)
        return [there, len(threads)]
    finally:
        go.set()
        await asyncio.gather(*made)
