"""A program in the environment of a peer: `python -m bench.peers.inside.program MODULE VERB ...`.

`prepare` sets the peer up; `submit SEED RATE poison|good` submits jobs until it is told to end, poison among them or
not, and writes down what was acknowledged; `outcomes` prints what the peer knows of all jobs, as JSON.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from bench.peers.inside import jobs
from tests.chaos import ledger
from tests.chaos.books import Book

LATE_S = 1.0
"""A submitter that was held up makes up for no more than this."""


def main(arguments: list[str]) -> int:
    module, verb, *rest = arguments
    peer = importlib.import_module(module)
    if verb == "prepare":
        peer.prepare()
    elif verb == "submit":
        submit(peer, Random(rest[0]), float(rest[1]), poison=rest[2] == "poison")
    else:
        print(json.dumps(peer.outcomes()))
    return 0


def submit(peer: Any, random: Random, rate: float, *, poison: bool) -> None:
    """For ever, so many jobs a second."""
    book = Book(Path(os.environ[ledger.FOLDER]), "submitter")
    due = time.monotonic()
    while True:
        due = max(due, time.monotonic() - LATE_S) + random.expovariate(rate)
        time.sleep(max(due - time.monotonic(), 0.0))
        kind, arguments = jobs.choose(random, poison)
        key = UUID(int=random.getrandbits(128), version=4).hex
        book.write("intend", key=key, kinds=[kind])
        try:
            peer.submit(kind, key, *arguments)
        except Exception as error:  # noqa: BLE001  the error is what is written down
            book.write("error", what="submit", error=f"{type(error).__name__}: {error}")
        else:
            book.write("acknowledged", key=key, jobs=[key])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
