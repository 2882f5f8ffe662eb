"""`pool bench`: measure the pool against its goals. The bench stands in the repository and is not installed with it."""

from argparse import Namespace
from importlib import import_module
from importlib.util import find_spec

from django.core.management.base import CommandParser

from pool.management.command import BAD_USAGE, FAILED, Error
from pool.management.output import Output

HELP = "Measure the pool on this machine. Options are those of the bench: pool bench --help"
PRINTS_FACTS = False

MODULE = "bench.main"


def add_arguments(parser: CommandParser) -> None:
    """Whatever follows is the bench's own."""


def run(options: Namespace, out: Output) -> int:
    if find_spec(MODULE.partition(".")[0]) is None or find_spec(MODULE) is None:
        raise Error("The bench is not installed: it stands in the repository of the pool. Run it in a clone.")
    code: int = import_module(MODULE).run(options.rest)
    return code if code in (0, BAD_USAGE) else FAILED
