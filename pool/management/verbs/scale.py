"""`pool scale N`, `+N` or `-N`: how many workers the pool shall have. `pool scale auto`: as many as the load asks for.

When it shrinks, idle workers go first, and busy ones after their job. A size set here stays for `scale_hold_s`.
"""

import re
from argparse import ArgumentTypeError, Namespace
from dataclasses import dataclass

from django.core.management.base import CommandParser

from pool.conf import get_config
from pool.domain.config import WORKER_CEILING
from pool.domain.errors import NotPossible, NotReady
from pool.domain.wording import age
from pool.management.arguments import operator
from pool.management.output import Output
from pool.management.presence import NO_NODE
from pool.store.steer import AUTO, follow_load, hold_s, scale, wanted_size

HELP = "Change the number of workers: to N, by +N or by -N; auto lets it follow the load again."
PRINTS_FACTS = True


@dataclass(frozen=True, slots=True)
class Size:
    """What was asked for: a number of workers, or a change of it."""

    amount: int
    relative: bool

    def of(self, present: int) -> int:
        return present + self.amount if self.relative else self.amount


def size(text: str) -> Size | None:
    """What was asked for; None when the load shall say."""
    if text == AUTO:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ArgumentTypeError(
            f"must be a whole number from 1 to {WORKER_CEILING}, or +N or -N, or {AUTO}, not {text[:50]!r}"
        )
    return Size(int(text), relative=text[0] in "+-")


def add_arguments(parser: CommandParser) -> None:
    range_of = f"1 to {WORKER_CEILING}, or a change such as +2 or -1, or {AUTO}"
    parser.add_argument("size", type=size, metavar=f"N|+N|-N|{AUTO}", help=range_of)


def run(options: Namespace, out: Output) -> None:
    before = wanted_size()
    if options.size is None:
        _follow_load(before, out)
        return
    if options.size.relative and not before:
        raise NotReady(NO_NODE)
    wanted = scale(options.size.of(before), operator())
    held_s = hold_s()
    stays = f" It stays so for {age(held_s)}, then the load says." if held_s else ""
    told = {"before": before, "size": wanted, "held_s": held_s}
    out.tell(told, f"{wanted} workers are wanted now, {before} before.{stays}")


def _follow_load(before: int, out: Output) -> None:
    if not before:
        raise NotReady(NO_NODE)
    if not get_config().autoscaling:
        raise NotPossible("Only people change the number of workers here: the setting POOL['autoscaling'] is off.")
    released = follow_load(operator())
    said = "The number of workers follows the load again." if released else "It follows the load: nobody holds a size."
    out.tell({"size": before, "released": released}, said)
