"""What becomes of alerts from one look to the next: opened, told, told again, resolved. Pure; the clerk does it.

An alert opens with the first look that sees it, and resolves when no look has seen it for a time: what comes and goes
is one alert. People are told later than it opens: only of what has lasted, so that a moment's trouble wakes nobody, and
of an end only when they were told of the beginning. An alert that somebody muted opens and resolves in silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SETTLE_S = 10.0
"""An alert is told when it has lasted so long."""

Key = tuple[str, str]


class Told(StrEnum):
    """What a message says of an alert."""

    OPENED = "opened"
    LASTS = "lasts"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is wrong at this look. Several have one name and differ in their subject: queue, worker, task."""

    name: str
    subject: str
    level: str
    message: str

    @property
    def key(self) -> Key:
        return self.name, self.subject


@dataclass(frozen=True, slots=True)
class Open:
    """An alert that is open by the table, or was resolved and its end not told. Times are seconds since 1970."""

    id: int
    name: str
    subject: str
    level: str
    message: str
    opened_at: float
    told_at: float | None = None
    resolved_at: float | None = None
    muted_until: float | None = None
    clear_since: float | None = None
    """Since when no look has seen it."""

    @property
    def key(self) -> Key:
        return self.name, self.subject

    def is_muted(self, now: float) -> bool:
        return self.muted_until is not None and now < self.muted_until


@dataclass(slots=True)
class Changes:
    """What the clerk writes and says."""

    opened: list[Seen] = field(default_factory=list)
    changed: list[tuple[Open, Seen]] = field(default_factory=list)
    """Open still, with another level or message."""
    cleared: list[Open] = field(default_factory=list)
    """Not seen any more, for the first time."""
    back: list[Open] = field(default_factory=list)
    """Seen again before they were over."""
    resolved: list[Open] = field(default_factory=list)
    told: list[tuple[Told, Open]] = field(default_factory=list)


def compare(known: Iterable[Open], seen: Iterable[Seen], now: float, repeat_s: float, clear_s: float) -> Changes:
    """Say what changed since the last look. An alert is over when it was clear for `clear_s`."""
    changes = Changes()
    now_seen: Mapping[Key, Seen] = {one.key: one for one in seen}
    met: set[Key] = set()
    for alert in known:
        if alert.resolved_at is not None:
            _tell_end(changes, alert, now)
            continue
        met.add(alert.key)
        still = now_seen.get(alert.key)
        if still is None:
            _clear(changes, alert, now, clear_s)
        else:
            if alert.clear_since is not None:
                changes.back.append(alert)
            if (still.level, still.message) != (alert.level, alert.message):
                changes.changed.append((alert, still))
            _tell(changes, alert, now, repeat_s)
    changes.opened = [one for key, one in now_seen.items() if key not in met]
    return changes


def _clear(changes: Changes, alert: Open, now: float, clear_s: float) -> None:
    """A time ahead is from before the clock was set back, and is written anew."""
    is_new = alert.clear_since is None or alert.clear_since > now
    since = now if alert.clear_since is None or is_new else alert.clear_since
    if now - since >= clear_s:
        changes.resolved.append(alert)
        _tell_end(changes, alert, now)
    elif is_new:
        changes.cleared.append(alert)


def _tell(changes: Changes, alert: Open, now: float, repeat_s: float) -> None:
    if alert.is_muted(now):
        return
    if alert.told_at is None:
        if now - alert.opened_at >= SETTLE_S:
            changes.told.append((Told.OPENED, alert))
    elif repeat_s and now - alert.told_at >= repeat_s:
        changes.told.append((Told.LASTS, alert))


def _tell_end(changes: Changes, alert: Open, now: float) -> None:
    if alert.told_at is not None and not alert.is_muted(now):
        changes.told.append((Told.RESOLVED, alert))
