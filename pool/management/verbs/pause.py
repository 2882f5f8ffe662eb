"""`pool pause QUEUE`: let no further job of a queue start. Running jobs go on, new ones wait."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.management.arguments import add_queue, operator
from pool.management.output import Output
from pool.store.operate import pause

HELP = "Let no further job of a queue start."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    add_queue(parser)


def run(options: Namespace, out: Output) -> None:
    changed = pause(options.queue, operator())
    said = f"Queue {options.queue} is paused." if changed else f"Queue {options.queue} was paused already."
    out.tell({"queue": options.queue, "paused": True, "changed": changed}, said)
