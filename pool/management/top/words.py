"""Texts and small drawings for a terminal. Pure.

What jobs and people wrote goes through `clean`: it cannot move the cursor, change colours, ring the bell, turn the
direction of writing or begin a new line.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

LONGEST = 200
ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*|\x1b.?")
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
VARIANTS = re.compile("[\ufe00-\ufe0f]")
"""They change the width of what they follow, and terminals do not agree how."""

LEVELS = "▁▂▃▄▅▆▇"
"""Without the full block, which would touch the line above."""
DONE, TO_DO = "━", "─"


def clean(value: object, most: int = LONGEST) -> str:
    """A text of somebody else's as one harmless line."""
    text = VARIANTS.sub("", ESCAPES.sub("", str(value)[: most * 2]))
    harmless = (" " if unicodedata.category(sign) in UNSAFE else sign for sign in text)
    return " ".join("".join(harmless).split())[:most]


def short_task(name: str | None) -> str:
    """Leave out the part of a dotted name that every task has."""
    return clean(".".join(part for part in (name or "").split(".") if part != "tasks") or name or "")


def short_id(job: object) -> str:
    """The end of an id: its beginning is the time, which neighbours share."""
    return clean(job).replace("-", "")[-8:]


def clock(seconds: float | None) -> str:
    """How long something has run, to the second."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bar(fraction: float, width: int) -> tuple[str, str]:
    """The two parts of a bar: what is done, and what is not."""
    done = round(min(max(fraction, 0.0), 1.0) * width)
    return DONE * done, TO_DO * (width - done)


def grouped(values: Sequence[T], end: int, width: int) -> list[list[T]]:
    """Values of single seconds, the last of them `end`, in at most so many groups.

    The seconds that go together are the same at every look, so that a line moves on but keeps its shape.
    """
    step = max(-(-len(values) // max(width, 1)), 1)
    groups: dict[int, list[T]] = {}
    for second, value in enumerate(values, end - len(values) + 1):
        groups.setdefault(second // step, []).append(value)
    # As many at every look: the first group may have lost some of its seconds.
    return list(groups.values())[-max(len(values) // step, 1) :]


def means(values: Sequence[float | None], end: int, width: int) -> list[float | None]:
    """The mean of each group; None where nothing is known."""
    known = ([value for value in group if value is not None] for group in grouped(values, end, width))
    return [sum(group) / len(group) if group else None for group in known]


def sparkline(values: Sequence[float | None], top: float = 0.0) -> str:
    """A line of blocks from 0 to the greatest, or to `top`; blank where nothing is known."""
    most = max((value for value in values if value is not None), default=0.0)
    most = max(most, top)
    return "".join(" " if value is None else level(value / most if most > 0 else 0.0) for value in values)


def level(part: float) -> str:
    """A block that is so full."""
    return LEVELS[min(round(max(part, 0.0) * (len(LEVELS) - 1)), len(LEVELS) - 1)]
