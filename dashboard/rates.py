"""How often something may happen: counted in Django's cache, in windows of fixed length.

Used in the web process. Where several web processes should count together, they need a cache that all of them share. A
cache that fails, or keeps nothing, lets everything pass: it must not lock operators out.
"""

import hashlib
import time
from dataclasses import dataclass

from django.core.cache import cache

KEY = "pool:rate:{name}:{whose}:{window}"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many in each window of so many seconds, for each of those who are counted apart."""

    name: str
    most: int
    window_s: int

    def take(self, whose: str, now: float | None = None) -> int | None:
        """Count one more; the seconds to wait when it is one too many, None when it may be."""
        now = time.time() if now is None else now
        window, passed_s = divmod(now, self.window_s)
        return None if self._count(whose, int(window)) <= self.most else max(1, round(self.window_s - passed_s))

    def _count(self, whose: str, window: int) -> int:
        # Hashed, because a cache may refuse long keys and what names somebody need not lie around in it.
        key = KEY.format(name=self.name, whose=hashlib.sha256(whose.encode()).hexdigest()[:32], window=window)
        try:
            cache.add(key, 0, self.window_s * 2)
            return int(cache.incr(key))
        except Exception:  # noqa: BLE001  Each cache has errors of its own, and none of them is the caller's fault.
            return 0


WRONG_TOKENS = Rate("wrong-tokens", most=20, window_s=60)
"""For each address. Right tokens from there go on working."""

SUBMISSIONS = Rate("submissions", most=3000, window_s=60)
"""Requests that submit jobs, for each token or user; a batch is one."""
