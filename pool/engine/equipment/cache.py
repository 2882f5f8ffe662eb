"""A worker's own cache: the values used last, for some minutes. Another worker does not see them.

Jobs that should meet what others left there share a key of the option `affinity`, which leads them to one worker.
"""

import threading
from collections.abc import Hashable
from importlib import import_module
from typing import Any

from pool.domain.errors import NotEquipped

ENTRIES = 1000
KEPT_S = 300.0


class Cache:
    def __init__(self, entries: int = ENTRIES, kept_s: float = KEPT_S) -> None:
        try:
            cachetools: Any = import_module("cachetools")
        except ImportError as error:
            raise NotEquipped from error
        self._values: Any = cachetools.TTLCache(entries, kept_s)
        self._lock = threading.Lock()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value that was kept under the key, or the default."""
        with self._lock:
            try:
                value = self._values[key]
            except KeyError:
                self.misses += 1
                return default
            self.hits += 1
            return value

    def set(self, key: Hashable, value: Any) -> None:
        """Keep a value; the one least recently used goes when there are too many."""
        with self._lock:
            self._values[key] = value

    def delete(self, key: Hashable) -> bool:
        """Forget a value; whether there was one."""
        with self._lock:
            return self._values.pop(key, self) is not self

    def trim(self) -> None:
        """Forget what is out of date, and the older half of the rest."""
        with self._lock:
            self._values.expire()
            for _ in range(len(self._values) // 2):
                self._values.popitem()
