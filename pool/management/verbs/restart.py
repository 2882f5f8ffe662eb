"""`pool restart`: load the code again and replace every worker, busy ones after their job. No job is interrupted.

`pool restart WORKER` replaces one, with the code as it is loaded.
"""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.domain.errors import NotReady
from pool.management.arguments import operator
from pool.management.output import Output
from pool.management.presence import NO_NODE
from pool.store.restart_one import restart_worker
from pool.store.steer import request_restart

HELP = "Load the code again and replace every worker, or replace one; busy ones after their job."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("worker", nargs="?", metavar="WORKER", help="only this one, as pool status names it")


def run(options: Namespace, out: Output) -> None:
    if options.worker is not None:
        _replace(options.worker, out)
        return
    asked = request_restart(operator())
    if not asked:
        raise NotReady(NO_NODE)
    nodes = "The node loads" if asked == 1 else f"{asked} nodes load"
    out.tell({"asked": asked}, f"{nodes} the code again and replace{'s' if asked == 1 else ''} the workers.")


def _replace(worker: str, out: Output) -> None:
    if not restart_worker(worker, operator()):
        raise NotReady(
            f"The node of worker {worker!a} has not answered. It may have heard all the same: see pool status."
        )
    out.tell({"worker": worker}, f"Worker {worker} leaves after its job, and another takes its place.")
