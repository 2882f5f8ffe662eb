"""PostgreSQL restarted again and again under load: how soon jobs are claimed once it accepts connections.

The nodes and those who submit stay the same processes all the time: nobody restarts anything by hand.
"""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.acceptance.processes import wait_for
from tests.chaos import kinds
from tests.chaos.books import Book
from tests.chaos.report import NODE_FAILED, Report
from tests.chaos.run import Run, start_tree
from tests.chaos.site import ChaosSite
from tests.engine import reads

PROBES = "probes"
"""A paused queue. Opening it by one statement makes a job claimable at a known moment."""

PROBE = f"{kinds.MODULE}.instant"
LOOK_S = 0.002
CLAIM_LIMIT_S = 60.0

LEASE_S = 30.0
"""As users have it: a node whose database is gone for longer ends itself."""


def restart_postgres(
    times: int = 10,
    pause_s: float = 3.0,
    seed: int | None = None,
    rate: float = 250.0,
    mode: str = "immediate",
    say: Callable[[str], None] = print,
) -> Report:
    """Restart the server so many times, with a pause of full load between. Times are in the report's timings."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    report = Report("postgresql", seed, times * pause_s, 2, 4, False)
    began = time.monotonic()
    with (
        ChaosSite("postgresql", POOL_LEASE_S=str(LEASE_S)) as site,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        run = Run(site, start_tree(site, listening, report, rate), report, say)
        book = Book(site.folder, "probes")
        before = [process.pid for process in run.tree.process_of("node")]
        for number in range(times):
            time.sleep(pause_s)
            report.timings[f"restart {number + 1}, first claim s"] = took = _restart(site, book, mode)
            say(f"restart {number + 1}: first claim {took:.2f} s after the server accepted connections")
        run.heal()
        if before != [process.pid for process in run.tree.process_of("node")]:
            report.violate(NODE_FAILED, "a node had to be started again")
        run.judge()
        run.stop()
    report.took_s = time.monotonic() - began
    return report


def _restart(site: ChaosSite, book: Book, mode: str) -> float:
    """Seconds from the first connection that the new server accepts until a job that was not held yet is claimed."""
    assert site.server is not None
    job = _submit_probe(site, book)
    old = _born(site)
    thread = threading.Thread(target=site.server.restart, args=(mode,))
    thread.start()
    connection = wait_for(lambda: _connect_to_new(site, old), 60, "the server to accept connections")
    accepted = time.monotonic()
    connection.execute("UPDATE pool_queue SET paused = false WHERE name = %s", (PROBES,))
    until = accepted + CLAIM_LIMIT_S
    while not connection.execute("SELECT epoch FROM pool_job WHERE id = %s::uuid", (job,)).fetchone()[0]:
        if time.monotonic() > until:
            said = "\n".join(process.said()[-3000:] for process in site.processes)
            raise AssertionError(f"No claim within {CLAIM_LIMIT_S:g} s.\n{said}")
        time.sleep(LOOK_S)
    took = time.monotonic() - accepted
    connection.close()
    thread.join()
    site.do(reads.reconnect)
    return took


def _submit_probe(site: ChaosSite, book: Book) -> str:
    site.do(reads.reconnect)
    site.do(reads.operate, "pause", PROBES)
    key = f"probe-{time.monotonic_ns()}"
    book.write("intend", key=key, kinds=["instant"])
    jobs = site.enqueue_many(PROBE, [([key], {})], {"queue_name": PROBES, "priority": 100})
    book.write("acknowledged", key=key, jobs=jobs)
    return jobs[0]


def _connect_to_new(site: ChaosSite, old: Any) -> Any:
    """A connection to a server that was born after the old one; None as long as there is none."""
    import psycopg

    try:
        connection = psycopg.connect(site.environment["DATABASE_URL"], autocommit=True, connect_timeout=2)
        if connection.execute("SELECT pg_postmaster_start_time()").fetchone() != old:
            return connection
        connection.close()
    except psycopg.Error:
        return None
    return None


def _born(site: ChaosSite) -> Any:
    import psycopg

    with psycopg.connect(site.environment["DATABASE_URL"]) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()
