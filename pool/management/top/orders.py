"""What the view can order, and what comes back. `deeds` carries it out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CancelJob:
    job: str


@dataclass(frozen=True, slots=True)
class PauseQueue:
    queue: str


@dataclass(frozen=True, slots=True)
class ResumeQueue:
    queue: str


@dataclass(frozen=True, slots=True)
class ScaleBy:
    change: int


Order = CancelJob | PauseQueue | ResumeQueue | ScaleBy


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an order."""

    text: str
    is_bad: bool = False
