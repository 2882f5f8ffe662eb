"""`pool scale N`, `+N` or `-N`: how many workers the pool shall have.

When it shrinks, idle workers go first, and busy ones after their job.
"""

import re
from argparse import ArgumentTypeError, Namespace
from dataclasses import dataclass

from django.core.management.base import CommandParser

from pool.domain.config import WORKER_CEILING
from pool.domain.errors import NotReady
from pool.management.arguments import operator
from pool.management.output import Output
from pool.management.presence import NO_NODE
from pool.store.operate import scale, wanted_size

HELP = "Change the number of workers: to N, by +N or by -N."
PRINTS_FACTS = True


@dataclass(frozen=True, slots=True)
class Size:
    """What was asked for: a number of workers, or a change of it."""

    amount: int
    relative: bool

    def of(self, present: int) -> int:
        return present + self.amount if self.relative else self.amount


def size(text: str) -> Size:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ArgumentTypeError(f"must be a whole number from 1 to {WORKER_CEILING}, or +N or -N, not {text[:50]!r}")
    return Size(int(text), relative=text[0] in "+-")


def add_arguments(parser: CommandParser) -> None:
    range_of = f"1 to {WORKER_CEILING}, or a change such as +2 or -1"
    parser.add_argument("size", type=size, metavar="N|+N|-N", help=range_of)


def run(options: Namespace, out: Output) -> None:
    before = wanted_size()
    if options.size.relative and not before:
        raise NotReady(NO_NODE)
    wanted = scale(options.size.of(before), operator())
    out.tell({"before": before, "size": wanted}, f"{wanted} workers are wanted now, {before} before.")
