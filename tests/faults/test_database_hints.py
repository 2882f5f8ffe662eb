"""Every hint is lost: jobs and orders are found by the poll. And whatever is enqueued, a hint is a word."""

from collections.abc import Iterator

import pytest

from pool.store import doorbell
from pool.store.database import Database
from pool.store.doorbell import CHANNEL
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite
from tests.store.rows import enqueue

LARGEST = 262_144
POLL_S = 0.4
MARGIN_S = 2.0


def lose_hints() -> None:
    """From here on the process rings and notifies nobody."""
    doorbell.ring_here = lambda *_: False  # type: ignore[assignment]
    doorbell._notify = lambda *_: None  # type: ignore[assignment]


@pytest.fixture(params=["sqlite", "postgresql"])
def deaf(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    with EngineSite(request.param, POOL_FLAG_GRACE_S="0.1", POOL_POLL_S=str(POLL_S)) as site:
        site.do(lose_hints)
        yield site


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_without_any_hint_jobs_and_orders_wait_for_the_poll_and_no_longer(deaf: EngineSite) -> None:
    site = deaf
    node = site.start_node(workers=2)
    job = site.enqueue("returns")
    assert "COMPLETED" == site.wait_for_job(job, limit_s=POLL_S + MARGIN_S)["status"]
    running = site.enqueue("waits_for", site.path("never"), site.path("started"))
    site.wait_for_file(site.path("started"), limit_s=POLL_S + MARGIN_S)
    site.do(reads.operate, "cancel", running)
    assert "CANCELLED" == site.wait_for_job(running, limit_s=POLL_S + MARGIN_S)["status"]
    site.do(reads.operate, "pause", "default")
    waiting = site.enqueue(TASKS + "usually_short")
    site.do(reads.operate, "resume", "default")
    assert "COMPLETED" == site.wait_for_job(waiting, limit_s=POLL_S + MARGIN_S)["status"]
    site.do(reads.operate, "scale", 1)
    site.wait_for_pids(node, 1, limit_s=POLL_S + MARGIN_S)


def test_hints_tell_no_more_than_that_there_is_something(
    postgres_alias: str, django_db_blocker: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses a notification of 8,000 bytes, and with it the transaction that sends it."""
    monkeypatch.setattr(doorbell, "_notified_at", {})
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        listening = Database(postgres_alias)
        listening.raw.execute(f"LISTEN {CHANNEL}")
        enqueue(postgres_alias, 20, args=f'["{"x" * (LARGEST - 4)}"]')
        enqueue(postgres_alias, 5000)
        doorbell.ring(postgres_alias, "control")
        heard = []
        for notice in listening.raw.notifies(timeout=10):
            heard.append(notice.payload)
            if notice.payload == "control":
                break
        listening.close()
    assert {"jobs", "control"} == set(heard)
