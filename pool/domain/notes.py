"""What a task says of itself between the lines of its log: the steps it begins, and what the step before used.

Pure. Written by the worker, read back by whoever tells of steps; people who read a log see the steps, and no figures
that were meant for programs.
"""

import json
from collections.abc import Mapping

NOTE = "note"
"""The stream that such lines come in."""
STEP, USED = "step: ", "used: "


def step_note(name: str, used: Mapping[str, float] | None = None) -> str:
    """Write the begin of a step, in one piece with what the step before used."""
    figures = f"{USED}{json.dumps(used)}\n" if used else ""
    return f"{figures}{STEP}{name}\n"


def is_step_note(text: str) -> bool:
    """Whether a text begins a step, by the way it begins."""
    return text.startswith((STEP, USED))


def usage_in(line: str) -> dict[str, float] | None:
    """The usage that a line tells; None of any other line, one that a task wrote in these words for itself included."""
    if not line.startswith(USED):
        return None
    try:
        found = json.loads(line.removeprefix(USED))
    except ValueError:
        return None
    is_usage = isinstance(found, dict) and found and all(type(amount) in (int, float) for amount in found.values())
    return found if is_usage else None


def for_people(stream: str, text: str) -> str:
    """A piece of a log without the lines for programs."""
    if stream != NOTE or USED not in text:
        return text
    return "".join(line for line in text.splitlines(keepends=True) if usage_in(line) is None)
