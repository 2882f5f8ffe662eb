"""`pool demo [FOLDER]`: real work over the files of a folder, with a progress bar, and what came out of it."""

import sys
from argparse import Namespace

from django.core.management.base import CommandParser
from rich.console import Console

from pool.management.arguments import whole_number
from pool.management.output import Output

HELP = "Put real jobs over the files of a folder through the pool and tell what came out."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    from pool.library.demo.run import LIMIT, MOST

    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="default: Python's own standard library")
    limit = whole_number(1, MOST)
    parser.add_argument("--limit", type=limit, default=LIMIT, metavar="N", help=f"at most N jobs (default: {LIMIT})")


def run(options: Namespace, out: Output) -> int:
    from pool.library.demo import run_demo

    console = Console(file=out.stdout if out.stdout is not sys.__stdout__ else sys.stdout, no_color=not out.colour)
    return run_demo(options.folder, limit=options.limit, console=console, as_json=out.as_json)
