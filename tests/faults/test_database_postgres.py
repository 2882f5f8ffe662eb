"""PostgreSQL taken away under load: restarted, its connections cut, too few of them. Nobody restarts a process."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.core.checks import Tags, run_checks
from django.db import connections

from pool.store import advice
from tests import postgres
from tests.acceptance.processes import wait_for
from tests.chaos.site import ChaosSite
from tests.chaos.trouble import BACKENDS
from tests.engine import reads
from tests.engine.engine_site import EngineSite
from tests.faults.disks import MODULES
from tests.store.rows import ON_POSTGRES

NOTES = "tests.engine.tasks.notes"
CLAIM_S = 5.0
"""After the server accepts connections, the first job must have been claimed by then."""

CUTS = 30


@pytest.fixture(scope="module")
def own_server() -> Iterator[ChaosSite]:
    """A site with a server of its own, which may be restarted."""
    never = {"POOL_RECYCLE_THRESHOLD": "0", "POOL_MAX_JOBS_PER_WORKER": "0"}
    with ChaosSite("postgresql", POOL_TASK_MODULES=MODULES, POOL_LEASE_S="30", **never) as site:
        yield site


@pytest.fixture
def site(own_server: ChaosSite) -> Iterator[ChaosSite]:
    yield own_server
    own_server.reset()


def under_load(site: EngineSite, job_s: float, count: int) -> list[str]:
    jobs = site.enqueue_many(NOTES, [([str(site.ledger), job_s], {})] * count)
    site.wait_until(lambda: len(site.lines()) > 20, "some jobs to run")
    return jobs


def check_all(site: EngineSite, jobs: list[str]) -> None:
    """Every job is completed and on record once; what ran again was given back before."""
    assert {"COMPLETED": len(jobs)} == site.wait_until_ended()
    ended = Counter(line.job for line in site.lines() if line.what == "end")
    assert set(jobs) == set(ended)
    spent = site.do(reads.spent)
    assert not [job for job, times in ended.items() if times > spent[job][0]]
    assert site.do(reads.successes_per_job) <= 1
    recount = site.recount()
    assert recount.kept == recount.counted


@contextmanager
def meanwhile(do: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=do)
    thread.start()
    yield
    thread.join(60)


# The server goes --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_connections_cut_again_and_again_cost_nothing(site: ChaosSite) -> None:
    """Of the node, of its clerk, of workers: whichever the server has."""
    node = site.start_node(workers=2)
    workers = site.wait_for_pids(node, 2)
    jobs = under_load(site, 0.005, 800)
    with psycopg.connect(site.environment["DATABASE_URL"], autocommit=True) as somebody:
        for turn in range(CUTS):
            done = len(site.lines())
            pids = [pid for (pid,) in somebody.execute(BACKENDS)]
            if pids:
                somebody.execute("SELECT pg_terminate_backend(%s)", (pids[turn % len(pids)],))
            wait_for(lambda done=done: len(site.lines()) > done or is_over(somebody), what="the next job")
    site.do(reads.reconnect)
    check_all(site, jobs)
    assert node.exit_code() is None
    assert workers == site.wait_for_pids(node, 2)
    assert node.said().count("database.failed") < CUTS


def is_over(somebody: psycopg.Connection) -> bool:
    found = somebody.execute("SELECT 1 FROM pool_job WHERE status IN ('PENDING', 'ASSIGNED', 'RUNNING') LIMIT 1")
    return found.fetchone() is None


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_server_restarted_under_load_is_used_again_at_once(site: ChaosSite, mode: str) -> None:
    assert site.server is not None
    node = site.start_node(workers=2)
    workers = site.wait_for_pids(node, 2)
    jobs = under_load(site, 0.005, 800)
    site.server.restart(mode)
    accepted = wait_for(lambda: accepting_since(site), 30, "the server to accept connections")
    claims = claims_of(site)
    wait_for(lambda: claims_of(site) > claims, CLAIM_S, "the first claim", node.said)
    assert time.monotonic() - accepted < CLAIM_S
    site.do(reads.reconnect)
    check_all(site, jobs)
    assert node.exit_code() is None
    assert workers == site.wait_for_pids(node, 2)
    assert "database.recovered" in node.said()
    assert node.said().count("database.failed") <= 10


def accepting_since(site: EngineSite) -> float | None:
    try:
        psycopg.connect(site.environment["DATABASE_URL"]).close()
    except psycopg.OperationalError:
        return None
    return time.monotonic()


def claims_of(site: EngineSite) -> int:
    with psycopg.connect(site.environment["DATABASE_URL"]) as connection:
        (claims,) = connection.execute("SELECT coalesce(sum(epoch), 0) FROM pool_job").fetchone()  # type: ignore[misc]
    return int(claims)


# Connections --------------------------------------------------------------------------


def test_budget_counts_nodes_workers_and_the_web() -> None:
    assert "" == advice.scarcity(97, [8])
    assert "" == advice.scarcity(18, [8])
    assert "17 connections, and 1 node with 8 workers and a web process may need 18: raise" in advice.scarcity(17, [8])
    assert "97 connections, and 3 nodes with 96 workers" in advice.scarcity(97, [32, 32, 32])


@contextmanager
def limited(alias: str, connections_allowed: int) -> Iterator[None]:
    """Let the server give this database so few connections."""
    name = connections[alias].settings_dict["NAME"]
    postgres.start().execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT {connections_allowed}')
    yield
    postgres.start().execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')


@ON_POSTGRES
def test_the_checks_of_the_database_tell_of_too_few_connections(alias: str) -> None:
    assert [] == run_checks(databases=[alias], tags=[Tags.database])
    with limited(alias, 6):
        (warning,) = run_checks(databases=[alias], tags=[Tags.database])
    assert "pool.W005" == warning.id
    assert "PostgreSQL lets in 6 connections" in warning.msg
    assert [] == run_checks(databases=["default"], tags=[Tags.database]), "another database"


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_node_tells_when_it_starts_that_connections_may_not_be_enough() -> None:
    with EngineSite("postgresql") as site:
        name = site.environment["DATABASE_URL"].partition("?")[0].rpartition("/")[2]
        postgres.start().execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 24')
        first = site.start_node(workers=8)
        assert "database.advice" not in first.said()
        second = site.start_node(workers=4)
        second.wait_until_said("database.advice")
        assert "PostgreSQL lets in 24 connections, and 2 nodes with 16 workers" in second.said()
        assert second.exit_code() is None
