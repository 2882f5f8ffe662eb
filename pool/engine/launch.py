"""Start a node in this process, after making sure that it can work: database, schema, run folder."""

import gc
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from pool import logs
from pool.conf import get_config, run_dir
from pool.domain.errors import NotReady
from pool.engine import linux
from pool.engine.node import Node

COLLECT_AFTER = (100_000, 50, 50)
"""Objects, and collections of the younger generation, before the next one."""

log = logs.get_logger(__name__)


def require_schema(alias: str) -> None:
    """Raise NotReady with the sentence to act on when the pool's tables are missing or older than the code."""
    connection = connections[alias]
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan([key for key in executor.loader.graph.leaf_nodes() if key[0] == "pool"])
    except (DatabaseError, InterfaceError) as error:
        raise NotReady(f"The database {alias!r} cannot be used: {' '.join(str(error).split())}") from error
    finally:
        with suppress(DatabaseError, InterfaceError):
            connection.close()
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing)
        raise NotReady(f"The database is not migrated ({names} is missing). Run: manage.py migrate")


def spare_the_collector() -> None:
    """Look for rings of garbage rarely, and only among what is new: the loop makes none, and rows by the thousand."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def new_node(workers: int | None = None) -> Node:
    """Make sure that a node can work here, and make it. Raises NotReady, InvalidConfig."""
    config = get_config()
    logs.configure("node")
    require_schema(config.database)
    linux.raise_file_limit()
    spare_the_collector()
    return Node(config, run_dir(), workers or config.workers)


def run_node(workers: int | None = None) -> int:
    """Run a node until it is told to leave; its exit code."""
    return new_node(workers).run()
