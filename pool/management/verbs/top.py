"""`pool top`: the figures of the overview live in the terminal, with keys to cancel, pause and scale.

Where stdout is no terminal, and with --once, it prints one picture as plain tables and ends.
"""

import re
import sys
from argparse import ArgumentTypeError, Namespace
from functools import partial

from django.core.management.base import CommandParser
from django.db import connections

from pool.management.arguments import operator
from pool.management.output import Output
from pool.store.status import pool_status

HELP = "Watch the pool live in the terminal; cancel, pause and scale by keys."
PRINTS_FACTS = True

LEAST_S, USUAL_S, MOST_S = 0.5, 1.0, 60.0


def seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not LEAST_S <= float(text) <= MOST_S:
        raise ArgumentTypeError(f"must be seconds from {LEAST_S:g} to {MOST_S:g}, not {text[:50]!r}")
    return float(text)


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--once", action="store_true", help="print one picture as plain tables and end")
    parser.add_argument(
        "--interval",
        type=seconds,
        default=USUAL_S,
        metavar="SECONDS",
        help=f"look so often, {LEAST_S:g} to {MOST_S:g} (default: {USUAL_S:g})",
    )


def run(options: Namespace, out: Output) -> None:
    if out.as_json:
        out.facts(pool_status())
        return
    # What draws is loaded by this verb alone.
    from pool.management.top.deeds import carry_out
    from pool.management.top.loop import Top
    from pool.management.top.plain import show
    from pool.management.top.reading import Look
    from pool.management.top.screen import Screen

    look = Look()
    first = look()
    screen = None if options.once or not is_live(out) else Screen(sys.stdin, out.stdout, colour=out.colour)
    if screen is None or screen.is_dumb:
        show(first, out)
        return
    connections.close_all()
    Top(screen, first, look, partial(carry_out, by=operator()), options.interval).run()


def is_live(out: Output) -> bool:
    """Whether there is a terminal to draw on and to hear keys from."""
    return sys.stdin is not None and sys.stdin.isatty() and out.stdout.isatty()
