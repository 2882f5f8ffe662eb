"""Where a job is just now: the frames of its own code, the innermost last. Asked by the worker's side thread."""

import sys
import traceback
from collections.abc import Iterable
from types import FrameType
from typing import Any

from pool.engine.execute import OURS

Place = tuple[FrameType, int]


def of_thread(ident: int) -> str:
    """What the thread executes, from the job's function on."""
    frame = sys._current_frames().get(ident)
    places: list[Place] = []
    while frame is not None and frame.f_globals.get("__name__") not in OURS:
        places.append((frame, frame.f_lineno))
        frame = frame.f_back
    return _text(reversed(places)) if frame is not None else ""


def of_coroutine(awaited: Any) -> str:
    """What it waits for: coroutines are linked by what each awaits, and threads know nothing of that."""
    places: list[Place] = []
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        if frame.f_globals.get("__name__") not in OURS:
            places.append((frame, frame.f_lineno))
        awaited = awaited.cr_await
    return _text(places)


def _text(places: Iterable[Place]) -> str:
    return "".join(traceback.StackSummary.extract(iter(places)).format())
