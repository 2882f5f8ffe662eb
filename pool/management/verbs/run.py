"""`pool run`: a node in the foreground, until SIGTERM, Ctrl-C or `pool stop`. A second signal shortens the stop."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.conf import run_dir
from pool.engine.folder_lock import NodeLock
from pool.management.arguments import add_workers
from pool.management.command import FAILED
from pool.management.output import Output

HELP = "Run a node in the foreground. SIGTERM and Ctrl-C drain it, a second one hurries, SIGHUP loads the code again."
PRINTS_FACTS = False


def add_arguments(parser: CommandParser) -> None:
    add_workers(parser)


def run(options: Namespace, out: Output) -> int:
    from pool.engine.launch import run_node

    lock = NodeLock(run_dir())
    lock.take()
    return FAILED if run_node(options.workers, lock) else 0
