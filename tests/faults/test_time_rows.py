"""Rows and the clock: what a clock that was wrong leaves behind, daylight saving, and times at the edges."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from pool.conf import get_config
from pool.domain.config import PoolConfig
from pool.domain.retry import Backoff
from pool.domain.states import JobStatus, NodeState
from pool.engine.clock import Clock
from pool.models import Job, Node, PoolSnapshot
from pool.store import snapshots
from pool.store.claim import claim, meet_queues
from pool.store.database import ClockReading, Database
from pool.store.deltas import Deltas
from pool.store.promote import bring_forward, next_due
from pool.store.prune import prune
from pool.store.rescue import held_by
from tests.store.rows import NODE, NOW, enqueue, moment, promote_all, put, row, statuses

S = JobStatus
HOUR_S, DAY_S = 3600.0, 86_400.0
BERLIN = ZoneInfo("Europe/Berlin")


# A clock that is set -------------------------------------------------------------


def write_second(database: Database, at: float, data: dict[str, int]) -> None:
    with database.transaction():
        snapshots.write_snapshot(database, "n1", at, {"deltas": data, "seconds": 1.0}, {})


def ends_of(alias: str, span: int) -> list[float]:
    rows = PoolSnapshot.objects.using(alias).filter(span=span).order_by("at")
    return [at.timestamp() for at in rows.values_list("at", flat=True)]


def test_figures_of_a_time_that_is_still_to_come_are_no_news(alias: str, database: Database) -> None:
    now = timezone.now()
    Node.objects.using(alias).create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    for after_s, number in ((HOUR_S, 1), (-1.0, 2)):
        write_second(database, now.timestamp() + after_s, {"completed": number})
    assert [{"completed": 2}] == [node.data["deltas"] for node in snapshots.latest(alias, now)]


def test_minutes_are_made_again_at_once_after_the_clock_was_set_back(alias: str, database: Database) -> None:
    for at in (NOW + DAY_S, NOW):
        for second in range(1, 61):
            write_second(database, at + second, {"completed": 1})
    assert snapshots.roll_up(database, NOW + DAY_S + 70) >= 2
    write_second(database, NOW + 61, {"completed": 1})
    before = ends_of(alias, snapshots.MINUTE)
    for second in range(62, 121):
        write_second(database, NOW + second, {"completed": 1})
    assert snapshots.roll_up(database, NOW + 130) == 1
    assert set(ends_of(alias, snapshots.MINUTE)) - set(before) == {NOW + 120}


def test_seconds_stay_until_they_are_minutes_also_after_the_clock_was_set_back(alias: str, database: Database) -> None:
    """A minute that is still to come says nothing of the seconds before it."""
    snapshots._write(database, snapshots.MINUTE, NOW + DAY_S, "", {}, {})
    write_second(database, NOW, {"completed": 1})
    assert snapshots.prune_snapshots(database, NOW + 2 * HOUR_S, PoolConfig()) == 0


def test_a_pause_is_shortened_by_what_the_clock_was_set_back_and_an_appointment_is_not(
    alias: str, database: Database
) -> None:
    pause = put(alias, S.SCHEDULED, epoch=2, attempts=2, run_at=moment(NOW + 30.25))
    appointment = put(alias, S.SCHEDULED, run_at=moment(NOW + 30.25))
    with database.transaction():
        assert bring_forward(database, HOUR_S) == 1
    assert row(alias, pause)["run_at"] == moment(NOW + 30.25 - HOUR_S)
    assert row(alias, appointment)["run_at"] == moment(NOW + 30.25)
    assert next_due(database) == pytest.approx(NOW + 30.25 - HOUR_S, abs=0.001)
    assert promote_all(database, NOW - HOUR_S + 31) == 1
    assert [S.PENDING, S.SCHEDULED] == statuses(alias, [pause, appointment])


def reading(clock: Clock, wrong_s: float, took_s: float = 0.002) -> ClockReading:
    """What a database tells whose clock differs from ours by so much."""
    mono, wall = clock.now()
    return ClockReading(mono - took_s, wall + wrong_s, mono)


def test_the_clock_of_the_database_counts_where_it_differs() -> None:
    clock = Clock()
    own = clock.now().wall
    clock.compare(reading(clock, 50.0))
    assert clock.now().wall - own == pytest.approx(50.0, abs=0.1)
    assert clock.set_back_s == 0.0


def test_a_clock_that_agrees_is_taken_as_it_is() -> None:
    """Else the times of one host would differ by as long as the database takes to answer."""
    clock = Clock()
    clock.compare(reading(clock, -0.04))
    before = datetime.now(UTC).timestamp()
    assert before <= clock.now().wall + 0.001
    assert clock.now().wall <= datetime.now(UTC).timestamp() + 0.001


def test_a_clock_that_was_set_back_says_by_how_much_until_somebody_heard() -> None:
    clock = Clock()
    for wrong_s in (100.0, -3.0, 5.0, -HOUR_S):
        clock.compare(reading(clock, wrong_s))
    assert clock.set_back_s == pytest.approx(HOUR_S + 3.0, abs=0.1)


# Daylight saving -----------------------------------------------------------------


def test_an_hour_that_comes_twice_and_one_that_never_comes_keep_their_order(alias: str, database: Database) -> None:
    """Times are compared and stored as moments, whatever the clocks on the wall showed."""
    last_sunday = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    skipped = datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)
    first, again = last_sunday, last_sunday.replace(fold=1)
    times = [skipped, first, again]
    ids = [enqueue(alias, created_at=moment(0), run_at=at)[0] for at in times]
    stored = [row(alias, id)["run_at"] for id in ids]
    assert stored == [at.astimezone(UTC) for at in times]
    assert stored[2] - stored[1] == timedelta(hours=1)
    assert skipped.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert promote_all(database, stored[1].timestamp()) == 2
    assert [S.PENDING, S.PENDING, S.SCHEDULED] == statuses(alias, ids)


def test_a_time_zone_of_the_process_changes_nothing(alias: str, database: Database) -> None:
    with timezone.override(BERLIN):
        (id,) = enqueue(alias, run_at=datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), created_at=moment(0))
        assert Job.objects.using(alias).get(pk=id).run_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        assert next_due(database) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp()


# The edges -----------------------------------------------------------------------


EDGES = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC),
    datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


@pytest.mark.parametrize("at", EDGES, ids=lambda at: str(at.year))
def test_times_at_the_edges_are_kept_promoted_and_claimed(alias: str, database: Database, at: datetime) -> None:
    ids = enqueue(alias, 1, run_at=at, created_at=moment(-1.0), expires_at=at)
    assert row(alias, ids[0])["run_at"] == row(alias, ids[0])["expires_at"] == at
    assert next_due(database) == pytest.approx(at.timestamp(), abs=0.001)
    assert promote_all(database, at.timestamp() - 1) == 0
    # A float tells the year 9998 to within some microseconds.
    assert promote_all(database, at.timestamp() + 0.001) == 1
    with database.transaction():
        meet_queues(database)
        (job,) = claim(database, "node-1", 10, Deltas())
    assert job.run_at == job.expires_at == pytest.approx(at.timestamp(), abs=0.001)


@pytest.mark.parametrize("fraction", [0.0, 0.000_001, 0.999_4, 0.999_6, 0.999_999])
def test_no_fraction_of_a_second_is_rounded_up_to_the_next(alias: str, database: Database, fraction: float) -> None:
    at = moment(NOW) + timedelta(seconds=fraction)
    job = put(alias, S.SCHEDULED, run_at=at)
    assert next_due(database) == pytest.approx(NOW + fraction, abs=0.000_002)
    assert promote_all(database, NOW + 1) == 1
    with database.transaction():
        meet_queues(database)
        (claimed,) = claim(database, NODE, 10, Deltas())
    assert claimed.run_at == pytest.approx(NOW + fraction, abs=0.000_002)
    Job.objects.using(alias).filter(pk=job).update(status=S.RUNNING, started_at=at)
    (lease,) = held_by(database, NODE)
    assert lease.started_at == pytest.approx(NOW + fraction, abs=0.000_002)


@pytest.mark.parametrize("failures", [1, 1000, 10**6, 10**300])
def test_no_number_of_failures_is_too_many(failures: int) -> None:
    for backoff in (Backoff(), Backoff(86_400, 100, 30 * 86_400, 1.0), Backoff(0.0, 100.0, 1.0, 0.0)):
        assert 0.0 <= backoff.delay_s(failures) <= backoff.cap_s * (1 + backoff.jitter)


def test_pruning_at_any_time_takes_only_what_has_ended(alias: str, database: Database) -> None:
    """A clock before 1970 or in the year 9000 is wrong, and pruning goes by it all the same."""
    ended, waiting = put(alias, S.COMPLETED), put(alias, S.PENDING)
    assert prune(database, 1.0, get_config()) == 0
    assert prune(database, datetime(9000, 1, 1, tzinfo=UTC).timestamp(), get_config()) == 1
    assert [S.PENDING] == statuses(alias, [waiting])
    assert not Job.objects.using(alias).filter(pk=ended).exists()
