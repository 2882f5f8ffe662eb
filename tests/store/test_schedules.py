"""Schedules on both databases: fired once each, whoever looks; paused, resumed, caught up with, late."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connections

from pool import firing
from pool import schedules as listing
from pool.domain.errors import InvalidSchedule, NoSchedules, ScheduleNotFound
from pool.domain.states import JobStatus
from pool.firing import Firing
from pool.models import PoolEvent, ScheduleState
from pool.store import schedules as store
from pool.store.actor import Actor
from tests.contract import tasks
from tests.store.schedules import ADD, a_schedule, at, jobs, with_conf

NOON = at("2026-11-22 12:00")
ADA = Actor("ada", "test")


@pytest.fixture(autouse=True)
def _schedules(alias, settings):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}
    settings.DATABASE_ROUTERS = ["tests.store.schedules.ToThePool"]
    from django_q.models import Schedule

    Schedule.objects.using(alias).all().delete()


def look(alias, now=NOON):
    """What one clerk fires at a look."""
    clerk = Firing(alias)
    clerk.look(now.timestamp())
    return clerk.jobs


def row_of(alias, row):
    return store.django_q.schedules(alias).get(pk=row.pk)


def state_of(alias, row):
    return ScheduleState.objects.using(alias).get(pk=row.pk)


def events(alias):
    return list(PoolEvent.objects.using(alias).order_by("id").values_list("name", flat=True))


def test_a_schedule_fires_when_its_time_has_come_and_goes_on(alias):
    row = a_schedule(alias, name="nightly", kwargs="b=2", next_run=NOON)
    assert 0 == look(alias, NOON - timedelta(milliseconds=1))
    assert 1 == look(alias, NOON + timedelta(seconds=1))
    assert 0 == look(alias, NOON + timedelta(seconds=2))
    (job,) = jobs(alias)
    assert (ADD, [1], {"b": 2}, JobStatus.PENDING) == (job.task, job.args, job.kwargs, job.status)
    assert "schedule nightly" == job.created_by
    after = row_of(alias, row)
    assert (NOON + timedelta(days=1), -1, job.pk.hex) == (after.next_run, after.repeats, after.task)
    state = state_of(alias, row)
    assert (NOON, NOON + timedelta(seconds=1), job.pk) == (state.last_due_at, state.last_fired_at, state.last_job)
    assert 0 == state.missed


def test_the_task_is_told_the_time_it_was_meant_for(alias):
    a_schedule(alias, intended_date_kwarg="b", next_run=NOON)
    look(alias, NOON + timedelta(seconds=30))
    assert [{"b": "2026-11-22T12:00:00+00:00"}] == [job.kwargs for job in jobs(alias)]


def test_repeats_are_counted_and_a_schedule_without_any_left_rests(alias):
    row = a_schedule(alias, schedule_type="H", repeats=2, next_run=NOON)
    assert [1, 1, 0] == [look(alias, NOON + timedelta(hours=hours)) for hours in range(3)]
    assert 0 == row_of(alias, row).repeats
    assert ["FINISHED"] == [one["status"] for one in listing.listed().rows]


def test_one_that_runs_once_goes_and_leaves_nothing_unless_it_is_to_be_kept(alias):
    once = a_schedule(alias, schedule_type="O", next_run=NOON)
    kept = a_schedule(alias, schedule_type="O", repeats=1, next_run=NOON)
    assert 2 == look(alias)
    assert 0 == look(alias, NOON + timedelta(days=400))
    assert [kept.pk] == [row.pk for row in store.django_q.schedules(alias)]
    assert 0 == row_of(alias, kept).repeats
    assert not ScheduleState.objects.using(alias).filter(pk=once.pk).exists()


def test_runs_whose_time_has_passed_are_made_good_one_by_one(alias):
    row = a_schedule(alias, schedule_type="H", intended_date_kwarg="b", next_run=NOON - timedelta(hours=5))
    assert 6 == look(alias)
    assert [f"2026-11-22T{hour:02}:00:00+00:00" for hour in range(7, 13)] == [job.kwargs["b"] for job in jobs(alias)]
    assert NOON + timedelta(hours=1) == row_of(alias, row).next_run
    assert 0 == state_of(alias, row).missed


def test_a_long_past_is_made_good_in_parts(alias, monkeypatch):
    monkeypatch.setattr(firing, "MOST_PASSES", 3)
    a_schedule(alias, schedule_type="I", minutes=1, next_run=NOON - timedelta(minutes=6))
    clerk = Firing(alias)
    assert firing.LEAST_LOOK_S == clerk.look(NOON.timestamp())
    assert 3 == clerk.jobs
    clerk.look(NOON.timestamp())
    clerk.look(NOON.timestamp())
    assert 7 == clerk.jobs == len(jobs(alias))


@pytest.mark.parametrize(
    ("fields", "missed"),
    [
        ({"schedule_type": "H"}, 5),
        ({"schedule_type": "I", "minutes": 7}, 43),
        ({"schedule_type": "C", "cron": "*/30 * * * *"}, 11),
    ],
)
def test_without_catching_up_what_was_missed_is_counted_and_told(alias, fields, missed):
    due = NOON - timedelta(hours=5, minutes=2)
    row = a_schedule(alias, next_run=due, **fields)
    with with_conf(CATCH_UP=False):
        assert 1 == look(alias)
        assert 0 == look(alias)
    assert missed == state_of(alias, row).missed
    assert NOON < row_of(alias, row).next_run <= NOON + timedelta(hours=1)
    (told,) = PoolEvent.objects.using(alias).values("name", "level", "data")
    assert ("schedule.missed", "warning", missed) == (told["name"], told["level"], told["data"]["runs"])
    assert missed == listing.shown(row.pk)["missed"]


def test_a_cron_line_is_never_made_good(alias):
    row = a_schedule(alias, schedule_type="C", cron="0 * * * *", next_run=NOON - timedelta(hours=5))
    assert 1 == look(alias)
    assert NOON + timedelta(hours=1) == row_of(alias, row).next_run
    assert 5 == state_of(alias, row).missed


# Whose they are ----------------------------------------------------------------


def test_only_schedules_of_the_pool_are_fired(alias):
    ours = a_schedule(alias, next_run=NOON)
    nobodys = a_schedule(alias, next_run=NOON, cluster=None)
    other = a_schedule(alias, next_run=NOON, cluster="reports")
    with with_conf(PREFIX="default"):
        assert [ours.pk] == [one["id"] for one in listing.listed().rows]
        assert listing.listed().has_others
        assert 1 == look(alias)
        with pytest.raises(ScheduleNotFound):
            store.find(nobodys.pk)
    # The cluster of the project that Q_CLUSTER names takes those that name none, as with django-q2.
    with with_conf(PREFIX="pool"):
        assert 1 == look(alias)
    assert NOON == store.django_q.strangers(alias).get(pk=other.pk).next_run


def test_without_django_q2_there_is_one_clear_sentence(alias, settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
    assert not Firing(alias).has_schedules
    assert [] == store.late(alias, NOON.timestamp())
    with pytest.raises(NoSchedules, match=r'add "django_q" to INSTALLED_APPS, and run manage\.py migrate'):
        listing.listed()


def test_before_its_tables_are_made_there_is_a_sentence_too(alias, monkeypatch):
    from django_q.models import Schedule

    monkeypatch.setattr(store.django_q, "_migrated", set())
    monkeypatch.setattr(Schedule._meta, "db_table", "django_q_to_come")
    assert firing.LOOK_S == Firing(alias).look(NOON.timestamp())
    assert [] == store.late(alias, NOON.timestamp())
    with pytest.raises(NoSchedules, match=r"run manage\.py migrate"):
        listing.listed()


def test_schedules_in_another_database_are_not_fired(alias, settings):
    settings.DATABASE_ROUTERS = []
    assert not Firing(alias).has_schedules
    with pytest.raises(NoSchedules, match="Route the app 'django_q'"):
        listing.listed()


# Once each ---------------------------------------------------------------------


def looks_of(alias, clerks, now):
    """So many clerks look at once, each with a connection of its own; what each fired."""
    start, fired, problems = threading.Barrier(clerks), [], []

    def run():
        try:
            start.wait(5)
            fired.append(look(alias, now))
        except Exception as error:  # noqa: BLE001  shown by the test
            problems.append(error)
        finally:
            connections[alias].close()

    threads = [threading.Thread(target=run) for _ in range(clerks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [] == problems
    return fired


def test_a_thousand_schedules_due_in_one_second_fire_once_each_with_two_clerks(alias):
    for number in range(1000):
        due = NOON + timedelta(milliseconds=number)
        row = {"args": str(number), "next_run": due}
        a_schedule(alias, **row) if number % 10 else a_schedule(alias, schedule_type="O", **row)
    fired = looks_of(alias, 2, NOON + timedelta(seconds=1))
    assert 1000 == sum(fired)
    assert Counter({number: 1 for number in range(1000)}) == Counter(job.args[0] for job in jobs(alias))
    assert 900 == ScheduleState.objects.using(alias).count() == store.django_q.schedules(alias).count()


def test_runs_that_are_made_good_come_once_each_with_three_clerks(alias):
    for _ in range(10):
        a_schedule(alias, schedule_type="I", minutes=1, next_run=NOON - timedelta(minutes=9))
    fired = []
    while any(store.due(alias, NOON)):
        # Who meets rows that another fires just now leaves the rest for the next look.
        fired += looks_of(alias, 3, NOON)
        assert len(fired) <= 300, "each round fires at least one"
    assert 100 == sum(fired) == len(jobs(alias))


def test_a_row_that_somebody_changes_meanwhile_is_left_for_the_next_look(alias):
    row = a_schedule(alias, next_run=NOON)
    ready = Firing(alias)._ready(next(iter(store.due(alias, NOON))), NOON)
    store.django_q.schedules(alias).filter(pk=row.pk).update(args="2")
    assert [] == store.fire(alias, [run for run, _ in ready], NOON)
    assert 1 == look(alias)
    assert [[2]] == [job.args for job in jobs(alias)]


def test_a_schedule_that_was_paused_meanwhile_is_not_fired(alias):
    row = a_schedule(alias, next_run=NOON)
    ready = Firing(alias)._ready(next(iter(store.due(alias, NOON))), NOON)
    assert store.pause(row.pk, ADA)
    assert [] == store.fire(alias, [run for run, _ in ready], NOON)
    assert [] == jobs(alias)


# Trouble -----------------------------------------------------------------------

WRONG = [
    {"func": "os.system", "args": "'true'"},
    {"args": "1 +"},
    {"args": "{1, 2}"},
    {"kwargs": "b=print"},
    {"hook": "shop.hooks.tell"},
    {"kwargs": "q_options={'nonsense': 1}"},
    {"schedule_type": "C", "cron": "99 * * * *"},
    {"schedule_type": "X"},
]


@pytest.mark.parametrize("fields", WRONG)
def test_one_that_cannot_be_run_stays_due_says_why_and_holds_up_nobody(alias, fields):
    bad = a_schedule(alias, next_run=NOON - timedelta(hours=1), **fields)
    good = a_schedule(alias, next_run=NOON)
    assert 1 == look(alias)
    assert [good.pk] == [state.pk for state in ScheduleState.objects.using(alias).all()]
    assert NOON - timedelta(hours=1) == row_of(alias, bad).next_run
    assert listing.shown(bad.pk)["problem"].endswith(".")
    assert listing.shown(good.pk)["problem"] is None
    assert "LATE" == listing.shown(bad.pk)["status"]
    if "schedule_type" not in fields:
        with pytest.raises(InvalidSchedule):
            listing.run_now(bad.pk, ADA)


def test_a_full_queue_takes_the_job_when_it_has_room(alias, settings):
    settings.POOL = {**settings.POOL, "max_waiting": 1}
    first, second = (a_schedule(alias, next_run=NOON - timedelta(minutes=minutes)) for minutes in (2, 1))
    assert 1 == look(alias)
    assert (first.next_run + timedelta(days=1), second.next_run) == (
        row_of(alias, first).next_run,
        row_of(alias, second).next_run,
    )


def test_what_is_overdue_is_told_until_it_was_fired(alias):
    row = a_schedule(alias, name="nightly", next_run=NOON)
    paused = a_schedule(alias, next_run=NOON - timedelta(days=1))
    store.pause(paused.pk)
    late_by = store.LATE_AFTER_S + 1
    assert [] == store.late(alias, NOON.timestamp() + late_by - 2)
    now = NOON.timestamp() + late_by
    assert [(row.pk, "nightly", NOON.timestamp(), late_by)] == store.late(alias, now)
    look(alias, NOON + timedelta(seconds=late_by))
    assert [] == store.late(alias, now)
    assert late_by == listing.shown(row.pk)["last_delay"]


# What an operator does ---------------------------------------------------------


def test_a_paused_schedule_leaves_out_what_passes_meanwhile(alias):
    row = a_schedule(alias, name="nightly", schedule_type="H", next_run=NOON)
    assert store.pause(row.pk, ADA)
    assert not store.pause(row.pk, ADA)
    assert 0 == look(alias, NOON + timedelta(hours=5))
    assert ("PAUSED", "ada") == tuple(listing.shown(row.pk)[key] for key in ("status", "paused_by"))
    assert store.resume(row.pk, ADA, NOON + timedelta(hours=5, minutes=1))
    assert not store.resume(row.pk, ADA)
    assert NOON + timedelta(hours=6) == row_of(alias, row).next_run
    assert 0 == state_of(alias, row).missed
    assert 1 == look(alias, NOON + timedelta(hours=6))
    assert ["schedule.paused", "schedule.resumed"] == events(alias)


def test_one_that_was_to_run_once_runs_when_it_is_resumed(alias):
    row = a_schedule(alias, schedule_type="O", next_run=NOON)
    store.pause(row.pk)
    assert 0 == look(alias, NOON + timedelta(hours=1))
    store.resume(row.pk)
    assert 1 == look(alias, NOON + timedelta(hours=1))


def test_run_now_leaves_the_rhythm_alone(alias):
    row = a_schedule(alias, repeats=3, intended_date_kwarg="b", next_run=NOON + timedelta(days=300))
    store.pause(row.pk)
    id = listing.run_now(row.pk, ADA)
    (job,) = jobs(alias)
    assert (id, ADD) == (job.pk, job.task)
    after = row_of(alias, row)
    assert (row.next_run, 3) == (after.next_run, after.repeats)
    assert (str(id), "PENDING") == tuple(listing.shown(row.pk)[key] for key in ("last_job", "last_status"))
    assert ["schedule.paused", "schedule.run"] == events(alias)


@pytest.mark.parametrize("id", ["0", "-1", "x", "", "1e3", "²", 2**40, "9" * 30])
def test_a_schedule_that_there_is_not_is_not_found(alias, id):
    for verb in (store.find, store.pause, store.resume, listing.run_now, listing.shown):
        with pytest.raises(ScheduleNotFound):
            verb(id)


def test_options_of_the_pool_ride_along(alias):
    options = "q_options={'priority': 'high', 'queue_name': 'mail', 'timeout': 5, 'group': 'x', 'unique_key': 'one'}"
    a_schedule(alias, kwargs=options, next_run=NOON)
    a_schedule(alias, kwargs=options, next_run=NOON)
    assert 2 == look(alias)
    (job,) = jobs(alias)
    assert (50, "mail", 5.0, {}) == (job.priority, job.queue, job.timeout, job.kwargs)
    assert [job.pk, job.pk] == [state.last_job for state in ScheduleState.objects.using(alias).all()]


def test_the_list_is_searched_and_the_soonest_come_first(alias):
    late = a_schedule(alias, name="b", next_run=NOON)
    over = a_schedule(alias, name="a", next_run=NOON - timedelta(days=1), repeats=0)
    soon = a_schedule(alias, name="Zebra", next_run=NOON - timedelta(days=1))
    assert [soon.pk, late.pk, over.pk] == [one["id"] for one in listing.listed(soonest=True).rows]
    assert [late.pk, over.pk, soon.pk] == [one["id"] for one in listing.listed().rows]
    part = listing.listed(after=1, limit=1)
    assert ([over.pk], True) == ([one["id"] for one in part.rows], part.has_more)
    found = listing.listed(search="zeb")
    assert ([soon.pk], False) == ([one["id"] for one in found.rows], found.has_more)


def test_what_was_noted_of_deleted_schedules_goes(alias):
    row = a_schedule(alias, next_run=NOON)
    look(alias)
    store.django_q.schedules(alias).all().delete()
    Firing(alias).forget_deleted()
    assert not ScheduleState.objects.using(alias).filter(pk=row.pk).exists()
