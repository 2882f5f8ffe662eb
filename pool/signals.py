"""The pool's events as Django signals: `from pool.signals import job_failed`, one for each name of the list.

They are sent in the clerk, a helper process of each node, for what happens in that node: connect receivers where Django
says, in `AppConfig.ready()`, and every process of the project has them, the clerk among them. A receiver gets one
argument, `event`. It runs beside the pool and can hold up or break nothing but other receivers: what it raises is
logged once and goes no further. `every_event` is sent for all of them. docs/events.md lists the names and fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.dispatch import Signal

from pool.domain.event_words import in_words
from pool.domain.events import EVENTS


@dataclass(frozen=True, slots=True)
class Happening:
    """One event as a receiver gets it."""

    name: str
    at: datetime
    level: str = "info"
    node: str = ""
    worker: str = ""
    job: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The event in a sentence."""
        return in_words(self.name, "", self.data)

    def envelope(self) -> dict[str, Any]:
        """The event as it would travel: what it is, which job it is about, and the rest."""
        return {
            "type": self.name,
            "at": self.at.isoformat(),
            "job": self.job,
            "node": self.node or None,
            "worker": self.worker or None,
            "data": dict(self.data),
        }


every_event = Signal()

SIGNALS: dict[str, Signal] = {name: Signal() for name, event in EVENTS.items() if event.is_told}

_BY_ATTRIBUTE = {name.replace(".", "_"): signal for name, signal in SIGNALS.items()}


def __getattr__(name: str) -> Signal:
    if name not in _BY_ATTRIBUTE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _BY_ATTRIBUTE[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_BY_ATTRIBUTE})


def wanted() -> frozenset[str]:
    """The events that somebody in this process listens to."""
    if every_event.receivers:
        return frozenset(SIGNALS)
    return frozenset(name for name, signal in SIGNALS.items() if signal.receivers)


def send(event: Happening) -> list[tuple[Any, Exception]]:
    """Tell all receivers; those that failed, with what they raised."""
    answers = [*every_event.send_robust(sender=Happening, event=event)]
    signal = SIGNALS.get(event.name)
    if signal is not None:
        answers += signal.send_robust(sender=Happening, event=event)
    return [(receiver, answer) for receiver, answer in answers if isinstance(answer, Exception)]
