"""What the figures were taken on, and how steady it was: they mean nothing without."""

import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil

BURST_S = 0.5


def facts(folder: Path) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "filesystem": _filesystem(folder),
    }


def probe(folder: Path) -> dict[str, float]:
    """How fast the machine is at this moment: loops of Python, and syncs of a small append, a second."""
    return {"load": os.getloadavg()[0], "mloops_s": round(_loops() / 1e6, 1), "fsyncs_s": round(_fsyncs(folder))}


def _loops() -> float:
    count, end = 0, time.perf_counter() + BURST_S
    while time.perf_counter() < end:
        for _ in range(1000):
            count += 1
    return count / BURST_S


def _fsyncs(folder: Path) -> float:
    path = folder / "probe"
    count, end = 0, time.perf_counter() + BURST_S
    with path.open("wb", buffering=0) as file:
        while time.perf_counter() < end:
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            count += 1
    path.unlink()
    return count / BURST_S


def _filesystem(folder: Path) -> str:
    """Of the longest mount point above the folder. On a tmpfs nothing is durable, and so no figure is worth much."""
    path = str(folder.resolve())
    mounts = [one for one in psutil.disk_partitions(all=True) if path.startswith(one.mountpoint)]
    return max(mounts, key=lambda one: len(one.mountpoint)).fstype if mounts else "unknown"
