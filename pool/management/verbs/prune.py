"""`pool prune`: delete at once what is past its retention. The clerk of every node does the same every minute."""

import math
from argparse import Namespace

from django.core.management.base import CommandParser

from pool.conf import get_config
from pool.management.output import Output
from pool.store.database import Database
from pool.store.prune import prune
from pool.store.snapshots import prune_snapshots

HELP = "Delete finished jobs, events and snapshots that are past their retention."
PRINTS_FACTS = True

LOCK_WAIT_MS = 20_000


def add_arguments(parser: CommandParser) -> None:
    """It takes none: the retention is a matter of the settings."""


def run(options: Namespace, out: Output) -> None:
    removed = prune_all()
    jobs = "job was" if removed == 1 else "jobs were"
    out.tell({"removed": removed}, f"{removed:,} {jobs} removed.")


def prune_all() -> int:
    config = get_config()
    db = Database(config.database, LOCK_WAIT_MS)
    try:
        total = prune(db, db.wall(), config, go_s=math.inf)
        prune_snapshots(db, db.wall(), config)
    finally:
        db.close()
    return total
