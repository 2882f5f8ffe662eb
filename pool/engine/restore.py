"""After a job the worker is as it was before: what can be put back is, what cannot gets the worker replaced.

Runs in the worker after every job, so the usual case (nothing touched) costs a few microseconds. Watched are the
directory, umask, environment, signal handlers, timers, standard streams, database connections, threads and children.
"""

import _signal  # type: ignore[import-not-found]  # the C functions: signal.getsignal is ten times slower
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import SyncToAsync
from django.db.backends.signals import connection_created

from pool.engine import linux

WATCHED_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGALRM,
    signal.SIGCHLD,
    signal.SIGPIPE,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


THREADS_END_S = 0.05
"""Threads that are about to end anyway get this long."""


class Baseline:
    """The worker's clean state, taken once before its first job."""

    def __init__(self) -> None:
        self.cwd = _current_directory()
        # Leads back also when the folder has been removed, as old releases are.
        self.cwd_descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.umask = os.umask(0o077)
        os.umask(self.umask)
        # The mapping behind os.environ: comparing it costs a tenth of comparing the public view.
        self._live_environ: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
        self.environ = dict(self._live_environ)
        self.handlers = {number: _signal.getsignal(number) for number in WATCHED_SIGNALS}
        self.blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        self.stdout, self.stderr = sys.stdout, sys.stderr
        self.threads = set(threading.enumerate())
        self.spared: Callable[[], set[Any]] = _threads_of_async_code
        """Threads that are the worker's own and came later."""
        self.collect_or_not = gc.enable if gc.isenabled() else gc.disable
        self.connections: dict[int, Any] = {}
        connection_created.connect(self._met_connection, weak=False)

    def _met_connection(self, connection: Any, **_: Any) -> None:
        self.connections[id(connection)] = connection

    def restore(self) -> str:
        """Undo what the job left behind; the reason why the worker must be replaced, or an empty string."""
        try:
            return self._restore()
        except Exception as error:  # noqa: BLE001  the job has ended well or badly; only the worker is spoilt
            return f"what the job left could not be put back: {type(error).__name__}: {error}"[:300]

    def _restore(self) -> str:
        os.umask(self.umask)
        if _current_directory() != self.cwd:
            os.fchdir(self.cwd_descriptor)
        if self._live_environ != self.environ:
            self._restore_environ()
        for number, handler in self.handlers.items():
            if _signal.getsignal(number) is not handler:
                _signal.signal(number, handler)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.blocked)
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        self.collect_or_not()
        sys.stdout, sys.stderr = self.stdout, self.stderr
        if self.connections:
            self._restore_connections()
        if _has_children() and not linux.kill_descendants():
            return "the job left a process that cannot be killed"
        if threading.active_count() > len(self.threads):
            return self._left_threads()
        return ""

    def _restore_environ(self) -> None:
        for key in set(self._live_environ) - set(self.environ):
            del os.environb[key]
        for key, value in self.environ.items():
            if self._live_environ.get(key) != value:
                os.environb[key] = value

    def _restore_connections(self) -> None:
        living = {thread.ident for thread in threading.enumerate()}
        for key, connection in list(self.connections.items()):
            if connection._thread_ident not in living:
                _drop(connection)
                del self.connections[key]
            elif connection.connection is not None:
                _tidy(connection)

    def close_own(self) -> None:
        """In a thread whose work is over: close its connections, with whatever they have open."""
        mine = threading.get_ident()
        for key, connection in list(self.connections.items()):
            if connection._thread_ident == mine:
                _drop(connection)
                self.connections.pop(key, None)

    def _left_threads(self) -> str:
        shared = self.spared()
        left = [thread for thread in threading.enumerate() if thread not in self.threads and thread not in shared]
        deadline = time.monotonic() + THREADS_END_S
        for thread in left:
            # Threads that were not started from Python cannot be waited for.
            with suppress(RuntimeError, AssertionError):
                thread.join(max(deadline - time.monotonic(), 0))
        names = [thread.name for thread in left if thread.is_alive()]
        return f"the job left threads running: {', '.join(names)[:100]}" if names else ""


def _threads_of_async_code() -> set[Any]:
    threads: set[Any] = getattr(SyncToAsync.single_thread_executor, "_threads", set())
    return threads


def _current_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _tidy(connection: Any) -> None:
    """Let the next job find a connection like new: without a transaction, and checked before its use if so set."""
    try:
        is_clean = connection.autocommit and not connection.in_atomic_block and not _in_transaction(connection)
        if not is_clean or (connection.errors_occurred and not connection.is_usable()):
            _drop(connection)
    except Exception:  # noqa: BLE001  a connection that cannot even be asked is broken
        _drop(connection)
    connection.errors_occurred = False
    connection.health_check_done = False


def _in_transaction(connection: Any) -> bool:
    raw = connection.connection
    if connection.vendor == "sqlite":
        return bool(raw.in_transaction)
    return bool(raw.info.transaction_status)


def _drop(connection: Any) -> None:
    """Close the connection with its open transaction: the server rolls back. The next job gets a new one."""
    connection.in_atomic_block = False
    connection.savepoint_ids = []
    connection.run_on_commit = []
    connection.closed_in_transaction = False
    connection.needs_rollback = False
    # It may be that of another thread, the one in which async code uses the database: nothing runs there now.
    connection.inc_thread_sharing()
    try:
        with suppress(Exception):
            connection.close()
    finally:
        connection.dec_thread_sharing()
    connection.connection = None


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
