"""Sets of defaults to start from, and what the settings that were not given are then.

Used by `pool.domain.config` alone: a value that was given counts, then the preset's, then the default. The numbers of
workers are worked out last, because they depend on each other and on the machine.
"""

from collections.abc import Mapping
from typing import Any

from pool.domain.setting import WORKER_CEILING, PerCpu

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "high-throughput": {
        "min_workers": PerCpu(1),
        "max_workers": PerCpu(2),
        "timeout_s": 15.0,
        "max_jobs_per_worker": 1000,
        "recycle_threshold": 1000,
        "max_waiting": 5000,
        "backpressure_at": 0.95,
        "idle_timeout_s": 60.0,
        "scale_up_at": 0.8,
        "scale_down_at": 0.2,
        "scale_up_cooldown_s": 5.0,
        "scale_down_cooldown_s": 30.0,
    },
    "memory-intensive": {
        "min_workers": 2,
        "max_workers": 4,
        "timeout_s": 300.0,
        "worker_max_rss_mb": 1024,
        "idle_timeout_s": 300.0,
        "scale_up_at": 0.6,
        "scale_down_at": 0.3,
    },
}


def completed(given: Mapping[str, Any], defaults: Mapping[str, Any], cpus: int) -> dict[str, Any]:
    """Every setting with its value, on a machine with so many CPUs."""
    chosen = {**PRESETS[given.get("preset", "default")], **given}
    chosen = {key: value.on(cpus) if isinstance(value, PerCpu) else value for key, value in chosen.items()}
    values = {**defaults, **chosen}
    return values | _sizes(chosen, values, cpus)


def _sizes(chosen: Mapping[str, Any], values: Mapping[str, Any], cpus: int) -> dict[str, int]:
    """A number of workers that was asked for moves the limits; one that follows the machine keeps to them."""
    high = chosen.get("max_workers", max(values["max_workers"], chosen.get("min_workers", 0)))
    low = chosen.get("min_workers", min(values["min_workers"], high))
    if low > high:
        return {}
    wanted = values["workers"] or max(low, min(max(2, cpus), chosen.get("max_workers", WORKER_CEILING)))
    return {"workers": wanted, "min_workers": min(low, wanted), "max_workers": max(high, wanted)}
