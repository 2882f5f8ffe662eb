"""Start a node in this process, after making sure that it can work: database, schema, run folder."""

import gc
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from pool import logs
from pool.conf import get_config, run_dir
from pool.domain.config import PoolConfig
from pool.domain.errors import NotReady
from pool.engine import linux
from pool.engine.first_helpers import fork_helpers
from pool.engine.folder_lock import NodeLock
from pool.engine.kin import new_identity
from pool.engine.node import Node
from pool.engine.parts import slots_file
from pool.store.advice import advice, other_sizes
from pool.store.nodes import KeptSize
from pool.store.opening import leave_pools, open_connection, require_shared

COLLECT_AFTER = (100_000, 50, 50)
"""Objects, and collections of the younger generation, before the next one."""

log = logs.get_logger(__name__)


def require_schema(alias: str) -> None:
    """Raise NotReady with the sentence to act on when the pool's tables are missing or older than the code."""
    connection = connections[alias]
    require_shared(alias)
    try:
        open_connection(alias)
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan([key for key in executor.loader.graph.leaf_nodes() if key[0] == "pool"])
    except (DatabaseError, InterfaceError) as error:
        raise NotReady(f"The database {alias!r} cannot be used: {' '.join(str(error).split())}") from error
    finally:
        with suppress(DatabaseError, InterfaceError):
            connection.close()
    if missing:
        names = [f"{migration.app_label}.{migration.name}" for migration, _ in missing]
        lacking = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing"
        raise NotReady(f"The database is not migrated ({lacking}). Run: manage.py migrate")


def warn_of_server(config: PoolConfig, workers: int) -> None:
    """Log what the operator of a PostgreSQL server should know now rather than when it bites."""
    connection: Any = connections[config.database]
    if connection.vendor != "postgresql":
        return
    try:
        with connection.wrap_database_errors:
            open_connection(config.database)
            raw = connection.connection
            flagged = bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
            for sentence in advice(raw, flagged, [max(workers, config.max_workers), *other_sizes(raw)]):
                log.warning("database.advice", problem=sentence)
    except (DatabaseError, InterfaceError):
        # The node will tell, when it is still so.
        return
    finally:
        with suppress(DatabaseError, InterfaceError):
            connection.close()


def spare_the_collector() -> None:
    """Look for rings of garbage only among what is new, and with each report: the loop makes rows by the thousand."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def new_node(workers: int | None = None, lock: NodeLock | None = None, kept: KeptSize | None = None) -> Node:
    """Make sure that a node can work here, and make it; `kept` is the size of the one before it.

    Raises NotReady, InvalidConfig.
    """
    config = get_config()
    logs.configure("node")
    leave_pools()
    linux.raise_file_limit()
    me = new_identity(run_dir())
    first = fork_helpers(slots_file(me, config), me.id, lock)
    require_schema(config.database)
    warn_of_server(config, workers or config.workers)
    spare_the_collector()
    node = Node(config, me, workers or config.workers, kept)
    node.lock, node.staffing.first_nursery, node.links.first_clerk = lock, first.nursery, first.clerk
    return node


def run_node(workers: int | None = None, lock: NodeLock | None = None) -> int:
    """Run a node until it is told to leave; its exit code. It lets go of the lock as soon as another may start."""
    return new_node(workers, lock).run()
