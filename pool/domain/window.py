"""Counts of the last minute, one entry a second: what live percentiles are made of.

Used by the meter in the node, one window per measure. The sum is kept, so that asking costs nothing while nothing
happens, and its encoded form is made once per change.
"""

from collections import deque

from pool.domain import histogram
from pool.domain.histogram import Counts, Percentiles


class Window:
    """Counts that fall out again after `length_s`."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.counts: Counts = {}
        self._entries: deque[tuple[float, Counts]] = deque()
        self._percentiles: Percentiles | None = None
        self._encoded: str | None = None

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, now: float, counts: Counts) -> None:
        """Take the counts of the second that ends now. They belong to the window from here on."""
        if counts:
            self._entries.append((now, counts))
            histogram.add(self.counts, counts)
            self._forget()

    def expire(self, now: float) -> None:
        """Drop what is older than the window."""
        while self._entries and self._entries[0][0] <= now - self.length_s:
            histogram.take_away(self.counts, self._entries.popleft()[1])
            self._forget()

    def since(self, at: float) -> Counts:
        """Give the counts of the seconds that ended after that time."""
        return histogram.merged(counts for ended, counts in self._entries if ended > at)

    def percentiles(self) -> Percentiles:
        if self._percentiles is None:
            self._percentiles = histogram.percentiles(self.counts)
        return self._percentiles

    def encoded(self) -> str | None:
        """Give the window as text that merges with other nodes' windows; None when it is empty."""
        if self._encoded is None and self.counts:
            self._encoded = histogram.encode(self.counts)
        return self._encoded

    def _forget(self) -> None:
        self._percentiles = self._encoded = None
