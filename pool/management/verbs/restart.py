"""`pool restart`: load the code again and replace every worker, busy ones after their job. No job is interrupted."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.domain.errors import NotReady
from pool.management.arguments import operator
from pool.management.output import Output
from pool.management.presence import NO_NODE
from pool.store.operate import request_restart

HELP = "Load the code again and replace every worker, busy ones after their job."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    """It takes none."""


def run(options: Namespace, out: Output) -> None:
    asked = request_restart(operator())
    if not asked:
        raise NotReady(NO_NODE)
    nodes = "The node loads" if asked == 1 else f"{asked} nodes load"
    out.tell({"asked": asked}, f"{nodes} the code again and replace{'s' if asked == 1 else ''} the workers.")
