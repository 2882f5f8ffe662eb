"""`pool queue NAME`: show a queue with its limits, and set them: weight, length, jobs at a time, starts in a second."""

from argparse import ArgumentTypeError, Namespace
from typing import Any

from django.core.management.base import CommandParser

from pool.domain.errors import InvalidOption
from pool.domain.tuning import QUEUE_KNOBS, read_text
from pool.domain.wording import UNKNOWN
from pool.management.arguments import add_queue, operator
from pool.management.command import Error
from pool.management.output import Output
from pool.store.status import queues
from pool.store.tune import tune_queue

HELP = "Show a queue, or set its weight and limits."
PRINTS_FACTS = True

NOT_GIVEN = object()
SHOWN = ("pending", "scheduled", "blocked", "executing", "dead")


def number_or_none(text: str) -> Any:
    try:
        return read_text(text)
    except ValueError:
        raise ArgumentTypeError(f"must be a number or none, not {text[:50]!r}") from None


def add_arguments(parser: CommandParser) -> None:
    add_queue(parser)
    for name, knob in QUEUE_KNOBS.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=number_or_none, default=NOT_GIVEN, metavar="N", help=knob.meaning)


def run(options: Namespace, out: Output) -> None:
    changes = {name: value for name in QUEUE_KNOBS if (value := getattr(options, name)) is not NOT_GIVEN}
    if changes:
        _tune(options.queue, changes)
    queue = next((one for one in queues() if one["name"] == options.queue), None)
    if queue is None:
        raise Error(f"There is no queue {options.queue!r} yet: a job makes it, or a limit that is set.")
    if out.as_json:
        out.facts(queue)
    else:
        out.pairs(_facts(queue))


def _tune(queue: str, changes: dict[str, Any]) -> None:
    try:
        tune_queue(queue, changes, operator())
    except InvalidOption as error:
        name, _, rest = str(error).partition(" ")
        option = f"--{name.replace('_', '-')}" if name in QUEUE_KNOBS else name
        raise InvalidOption(f"{option} {rest}") from None


def _facts(queue: dict[str, Any]) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [("queue", queue["name"]), ("state", "paused" if queue["paused"] else "open")]
    facts += [(name, f"{queue[name]:,}") for name in SHOWN]
    facts += [(name, UNKNOWN if queue[name] is None else f"{queue[name]:,.10g}") for name in QUEUE_KNOBS]
    return [*facts, ("full", UNKNOWN if queue["fullness"] is None else f"{queue['fullness']:.0%}")]
