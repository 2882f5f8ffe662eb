"""A pooler that lends connections for one transaction, between pool and PostgreSQL: what works, and what is told."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS
from tests.faults.disks import MODULES
from tests.faults.pooler import POOL_SIZE, PooledSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

USES = "tests.faults.database_tasks.uses_the_database"
NAMES = {"POOL_TASK_MODULES": MODULES}
SETTINGS = ("lock_timeout", "statement_timeout", "enable_seqscan", "enable_hashjoin", "plan_cache_mode")
ADVICE = "set DISABLE_SERVER_SIDE_CURSORS to True"


@pytest.fixture(params=[True, False], ids=["told", "untold"])
def pooled(request: pytest.FixtureRequest) -> Iterator[PooledSite]:
    """A site that knows of its pooler by its settings, and one that has to find out."""
    with PooledSite(is_told=request.param, **NAMES) as site:
        yield site


TOLD = pytest.mark.parametrize("pooled", [True], ids=["told"], indirect=True)


def settings_of_all(site: PooledSite) -> set[tuple[str, ...]]:
    """The settings that the connections of the pooler have, each lent at the same time to somebody else."""
    opened = [psycopg.connect(site.environment["DATABASE_URL"].partition("?")[0]) for _ in range(POOL_SIZE)]
    found = {tuple(one.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS) for one in opened}  # type: ignore[index]
    for one in opened:
        one.close()
    return found


def settings_of_one(url: str) -> tuple[str, ...]:
    with psycopg.connect(url) as straight:
        return tuple(straight.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS)  # type: ignore[index]


def test_everything_works_and_no_setting_is_left_behind(pooled: PooledSite) -> None:
    site = pooled
    node = site.start_node(workers=2)
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger)], {})] * 300)
    jobs += site.enqueue_many(USES, [([str(site.ledger)], {})] * 20)
    long = site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"))
    site.wait_for_status(long, "RUNNING")
    failing = site.enqueue("raises", options={"max_attempts": 2})
    assert "requested" == site.do(reads.operate, "cancel", long)
    assert "CANCELLED" == site.wait_for_job(long)["status"]
    assert "FAILED" == site.wait_for_job(failing)["status"]
    assert {"COMPLETED": 320, "CANCELLED": 1, "FAILED": 1} == site.wait_until_ended()
    assert sorted(jobs) == sorted(line.job for line in site.lines() if line.what == "end")
    recount = site.recount()
    assert recount.kept == recount.counted
    assert {settings_of_one(site.straight)} == settings_of_all(site)
    assert ("is reached through a pooler" in node.said()) != site.is_told
    assert "database.failed" not in node.said()
    assert 0 == node.stop()


def test_the_checks_tell_of_a_pooler_that_nobody_told_of(pooled: PooledSite) -> None:
    done = pooled.manage("check", "--database", "default")
    assert 0 == done.returncode
    assert pooled.is_told != (ADVICE in done.stdout + done.stderr)


@TOLD
def test_the_poll_stands_behind_notifications_that_do_not_come_through(pooled: PooledSite) -> None:
    """Who enqueues is on another host: no doorbell of this one rings."""
    site = pooled
    site.start_node(workers=1, POOL_RUN_DIR=str(site.folder / "r2"))
    job = site.enqueue("returns")
    assert "COMPLETED" == site.wait_for_job(job, limit_s=5)["status"]


@TOLD
def test_a_pooler_that_is_restarted_is_a_database_that_is_back(pooled: PooledSite) -> None:
    site = pooled
    node = site.start_node(workers=2)
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.01], {})] * 200)
    site.wait_until(lambda: len(site.lines()) > 20, "some jobs to run")
    assert site.bouncer is not None
    site.bouncer.restart()
    site.do(reads.reconnect)
    assert {"COMPLETED": 200} == site.wait_until_ended()
    assert set(jobs) == {line.job for line in site.lines() if line.what == "end"}
    assert node.exit_code() is None


def test_a_pooler_that_lends_for_a_session_changes_nothing() -> None:
    with PooledSite("session", is_told=False, **NAMES) as site:
        site.start_node(workers=1)
        site.enqueue_many(TASKS + "notes", [([str(site.ledger)], {})] * 50)
        assert {"COMPLETED": 50} == site.wait_until_ended()


@TOLD
def test_a_node_may_go_straight_while_others_go_through_the_pooler(pooled: PooledSite) -> None:
    """What is advised: a node hears notifications then, and needs few connections."""
    site = pooled
    node = site.start_node(workers=1, DATABASE_URL=site.straight)
    site.enqueue_many(TASKS + "notes", [([str(site.ledger)], {})] * 50)
    assert {"COMPLETED": 50} == site.wait_until_ended()
    assert "is reached through a pooler" not in node.said()
