"""What the kernel knows and Python does not wrap: death signals, subreapers, start times, descendants, memory.

Used by every process of the engine. Nothing here knows jobs or workers.
"""

import ctypes
import errno
import os
import resource
import signal
import time
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

FILES = 65_536
"""Open files a node asks for at most; its workers inherit it, and some programs go through every number up to it."""

SPARE_FILES = 32
"""Of these, kept for what a node opens for a moment and for its database."""

monotonic_ns = time.monotonic_ns

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def become_subreaper(adopts: bool = True) -> None:
    """Adopt every orphaned descendant, so that none can slip away to init; or do so no longer."""
    _prctl(PR_SET_CHILD_SUBREAPER, int(adopts))


def die_with(parent: int, how: int = signal.SIGKILL) -> None:
    """Let the kernel end this process when its parent ends; leave at once if that has happened already."""
    _prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        os._exit(0)


def outlive_parent() -> None:
    """Undo `die_with`: this process will notice by itself, and is woken for that if it is frozen."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGCONT)


def wait_for_parent(middle: int, parent: int) -> None:
    """Wait until the process was adopted by `parent`, once `middle` has ended; leave when somebody else took it."""
    while (now := os.getppid()) != parent:
        if now != middle:
            os._exit(0)
        time.sleep(0.0001)


def raise_file_limit() -> None:
    """Allow this process as many open files as its hard limit does: a node needs several for each worker."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit_address_space(size: int) -> None:
    """Let this process map no more than so many bytes; 0 for as many as it likes."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if size:
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def trim_heap() -> None:
    """Give free memory of this process back to the system, where the C library can."""
    with suppress(AttributeError):
        _libc.malloc_trim(0)


def leave_files(highest: int) -> None:
    """Raise OSError when descriptors up to this number leave too few for all that a node opens beside workers."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and highest > limit - SPARE_FILES:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def kill(pid: int) -> bool:
    """Kill a process if it is still there; False when it belongs to another user and cannot be killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def start_time(pid: int) -> int:
    """Clock ticks between boot and the start of the process; 0 when it is gone. With the pid it names one process."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def ticks() -> int:
    """Clock ticks since boot, as `start_time` counts them."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS)


def group_of(pid: int) -> int:
    """Process group; 0 when the process is gone."""
    fields = _stat(pid)
    return int(fields[2]) if fields else 0


def processes() -> list[int]:
    """Every process there is."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def threads() -> int:
    """Threads of this process, those that Python does not know as well."""
    return len(os.listdir("/proc/self/task"))


def is_running(pid: int) -> bool:
    """Whether the process has not ended yet; one that waits to be reaped has."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in (b"Z", b"X")


def cpu_s(pid: int) -> float:
    """CPU time the process has used, in seconds."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def rss(pid: int) -> int | None:
    """Resident memory in bytes; None when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return None


def pss(pid: int) -> int | None:
    """Proportional memory in bytes: shared pages count by their share. Slow for large processes."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def oom_kills() -> int:
    """How many processes the kernel has killed here because memory ran out; 0 where it does not say."""
    with suppress(OSError), open("/proc/vmstat", "rb") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    return 0


def children_of(pid: int) -> list[int]:
    """Direct children, of all threads."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def descendants_of(pid: int) -> list[int]:
    found: list[int] = []
    pending = children_of(pid)
    while pending:
        child = pending.pop()
        found.append(child)
        pending += children_of(child)
    return found


def kill_descendants(limit_s: float = 2.0) -> bool:
    """Kill and reap every descendant of this process, which must be a subreaper; False if some cannot be killed."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        refused = {pid for pid in descendants_of(os.getpid()) if not kill(pid)}
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        if refused and refused.issuperset(descendants_of(os.getpid())):
            return False
        time.sleep(0.001)
    return False


def group_is_empty(group: int) -> bool:
    """Whether no process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _stat(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
