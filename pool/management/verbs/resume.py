"""`pool resume QUEUE`: let the jobs of a paused queue start again."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.management.arguments import add_queue, operator
from pool.management.output import Output
from pool.store.operate import resume

HELP = "Let the jobs of a paused queue start again."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    add_queue(parser)


def run(options: Namespace, out: Output) -> None:
    changed = resume(options.queue, operator())
    said = f"Queue {options.queue} is open." if changed else f"Queue {options.queue} was not paused."
    out.tell({"queue": options.queue, "paused": False, "changed": changed}, said)
