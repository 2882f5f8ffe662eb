"""Tasks over what a worker keeps in memory: its cache, shared blocks, sums over rows. They run in a worker.

A cache is one worker's. The two tasks of the cache share a key of the option `affinity`, so that they meet there while
it lives; with `.using(affinity=...)` several caches are several workers'.
"""

import json
import math
from collections import defaultdict
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.tables import Figures

MAX_KEY = 200
MAX_GROUPS = 1000
MAX_BLOCK = 64 * 2**20
MAX_SHOWN = 512 * 1024
CACHE = "pool.library.memory.cache"


@task(affinity=CACHE, takes_context=True, timeout=30)
def cache_get(context: Any, key: str) -> dict[str, Any]:
    """Look up a key in the worker's cache."""
    nothing = object()
    value = context.worker.cache.get(_key(key), nothing)
    return {"key": key, "found": value is not nothing, "value": None if value is nothing else json.loads(value)}


@task(affinity=CACHE, takes_context=True, timeout=30)
def cache_set(context: Any, key: str, value: Any) -> dict[str, Any]:
    """Keep a value in the worker's cache, for some minutes."""
    # As text: what the job does with its value afterwards does not reach into the cache.
    context.worker.cache.set(_key(key), json.dumps(value))
    return {"key": key, "entries": len(context.worker.cache)}


@task(takes_context=True, timeout=60)
def shared_memory_create(context: Any, text: str = "", *, size: int = 0) -> dict[str, Any]:
    """Make a block of shared memory with a text, or of some size; its name opens it in any process of the host."""
    data = text.encode() or bytes(size if 0 < size <= MAX_BLOCK else 0)
    if not data:
        raise LibraryError(f"Give a text, or a size from 1 to {MAX_BLOCK} bytes.")
    try:
        return {"name": context.worker.shared.create(data), "bytes": len(data)}
    except ValueError as error:
        raise LibraryError(str(error)) from error


@task(takes_context=True, timeout=60)
def shared_memory_read(context: Any, name: str, *, max_bytes: int = 64 * 1024) -> dict[str, Any]:
    """Read the text in a block of shared memory that another job made."""
    if not 0 < max_bytes <= MAX_SHOWN:
        raise LibraryError(f"max_bytes must be from 1 to {MAX_SHOWN}, not {max_bytes!r}.")
    try:
        with context.worker.shared.attach(name) as block:
            text = bytes(block[:max_bytes]).decode(errors="replace").replace("\0", "")
            return {"name": name, "bytes": len(block), "text": text}
    except (ValueError, OSError) as error:
        raise LibraryError(f"There is no shared block {name!r:.100}: its worker may have ended.") from error


@task(kind="DATA_PROCESSING", timeout=300)
def data_aggregation(rows: list[dict[str, Any]], *, by: str, value: str) -> dict[str, Any]:
    """Group rows by one of their keys, and give count, sum, mean, spread and extremes of another in each group."""
    groups: defaultdict[str, Figures] = defaultdict(Figures)
    left_out = 0
    for row in rows:
        number, group = row.get(value), str(row.get(by))
        is_number = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        if not is_number or (group not in groups and len(groups) >= MAX_GROUPS):
            left_out += 1
            continue
        groups[group].add(float(number))  # type: ignore[arg-type]
    return {
        "rows": len(rows),
        "left_out": left_out,
        "groups": {group: _shown(groups[group]) for group in sorted(groups)},
    }


def _shown(figures: Figures) -> dict[str, Any]:
    return {
        "count": figures.count,
        "sum": figures.total,
        "mean": figures.mean,
        "std": figures.std(),
        "min": figures.low,
        "max": figures.high,
    }


def _key(key: str) -> tuple[str, str]:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
        raise LibraryError(f"key must be a text of 1 to {MAX_KEY} characters.")
    return CACHE, key
