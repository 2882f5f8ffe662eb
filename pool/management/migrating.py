"""Bring the databases up to date, for `serve`. Another process may be doing the same: the hosts of one pool start their
`serve` together, or somebody runs `migrate` by hand. Django plans what to do and then does it without asking again, so
one of them fails over what the other has just made; it looks again and finds less to do.
"""

import time

from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

from pool.conf import database_alias
from pool.store.opening import open_connection, require_shared

TRIES, PAUSE_S = 10, 0.3


def migrate(out: OutputWrapper) -> None:
    """Migrate the project's database, and the pool's where that is another one."""
    require_shared(database_alias())
    for alias in dict.fromkeys([DEFAULT_DB_ALIAS, database_alias()]):
        open_connection(alias)
        migrate_one(alias, out)


def migrate_one(alias: str, out: OutputWrapper) -> None:
    for left in reversed(range(TRIES)):
        try:
            # The checks that matter have run; those of other apps load every page, and `serve` stays for long.
            call_command("migrate", database=alias, interactive=False, verbosity=0, skip_checks=True, stdout=out)
            return
        except (DatabaseError, InterfaceError):
            if not left:
                raise
        connections[alias].close()
        time.sleep(PAUSE_S)
