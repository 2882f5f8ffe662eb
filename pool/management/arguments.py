"""Arguments that several verbs take, and who it is that gives the order."""

import getpass
import re
from argparse import ArgumentTypeError
from collections.abc import Callable

from django.core.management.base import CommandParser

from pool.domain.config import WORKER_CEILING
from pool.store.actor import Actor

SOURCE = "command"


def operator() -> Actor:
    """The user of this shell, for the record of who did what."""
    try:
        return Actor(getpass.getuser()[:150], SOURCE)
    except (KeyError, OSError):
        # A container may run under a user id that has no name.
        return Actor("", SOURCE)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number within limits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text[:50]!r}")
        return int(text)

    return read


def add_workers(parser: CommandParser) -> None:
    parser.add_argument(
        "--workers",
        type=whole_number(1, WORKER_CEILING),
        metavar="N",
        help=f"workers at the start, 1 to {WORKER_CEILING} (default: the setting POOL['workers'])",
    )


def add_job(parser: CommandParser) -> None:
    parser.add_argument("job", metavar="ID", help="id of the job")


def add_queue(parser: CommandParser) -> None:
    parser.add_argument("queue", metavar="QUEUE", help="name of the queue")
