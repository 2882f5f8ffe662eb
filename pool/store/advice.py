"""What an operator should know of the PostgreSQL server before it bites: too few connections, a pooler in between.

Asked by the node when it starts and by the system checks of the database. Each answer is a sentence that says what to
do; whatever cannot be found out is passed over.
"""

from collections.abc import Sequence
from typing import Any

from pool.store.session import is_pooled

NODE_CONNECTIONS = 2
"""The node's own and its clerk's."""

WEB_CONNECTIONS = 8
"""A web process at the most: one for requests, three for what is watched, four while sockets open."""

LIMITS = """SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  - coalesce(current_setting('reserved_connections', true)::int, 0),
  (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
  (SELECT datconnlimit FROM pg_database WHERE datname = current_database())"""

SIZES = """SELECT wanted FROM pool_node
WHERE state IN ('STARTING', 'RUNNING', 'DRAINING') AND last_beat > now() - interval '1 minute'"""

POOLER = (
    "The database is reached through a pooler. If that lends connections for one transaction, set "
    "DISABLE_SERVER_SIDE_CURSORS to True in DATABASES, as Django asks; docs/databases.md tells more."
)


def advice(raw: Any, pools_transactions: bool, workers: Sequence[int]) -> list[str]:
    """Say what to do, for nodes of so many workers, over a connection of psycopg that is open."""
    if pools_transactions:
        # What counts then is the pooler's limit, which it does not tell.
        return []
    sentence = POOLER if is_pooled(raw) else scarcity(_limit(raw), workers)
    return [sentence] if sentence else []


def other_sizes(raw: Any) -> list[int]:
    """How many workers each node has that runs already."""
    return [wanted for (wanted,) in raw.execute(SIZES).fetchall()]


def scarcity(limit: int, workers: Sequence[int]) -> str:
    """Hold what nodes of so many workers and one web process may need against the limit; empty when it is enough."""
    needed = WEB_CONNECTIONS + sum(NODE_CONNECTIONS + size for size in workers)
    if needed <= limit:
        return ""
    nodes = "1 node" if len(workers) == 1 else f"{len(workers)} nodes"
    return (
        f"PostgreSQL lets in {limit} connections, and {nodes} with {sum(workers)} workers and a web process may need "
        f"{needed}: raise its max_connections, run fewer workers, or put a pooler in between."
    )


def _limit(raw: Any) -> int:
    """Connections that this user may have to this database; -1 is no limit of its own."""
    whole, *own = raw.execute(LIMITS).fetchone()
    return min([whole, *(limit for limit in own if limit >= 0)])
