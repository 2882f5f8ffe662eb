"""`manage.py pool schedule`: what it prints, does and refuses."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Schedule

from pool.models import Job, PoolEvent
from tests.store.test_commands import ADD, pool, tasks

__all__ = ["pool", "tasks"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tasks")]

BAD_USAGE = [
    ("pause",),
    ("add",),
    ("sing", "1"),
    ("add", ADD),
    ("add", ADD, "--every", "0"),
    ("add", ADD, "--every", "fortnight"),
    ("add", ADD, "--every", "99999"),
    ("add", ADD, "--cron", "0 3 * * *", "--every", "daily"),
    ("add", ADD, "[", "--every", "5"),
    ("add", ADD, "--every", "5", "--repeats", "0"),
]
FAILS = [
    ("show", "99"),
    ("pause", "nobody"),
    ("add", "os.system", '["true"]', "--every", "5"),
    ("add", ADD, "--cron", "99 * * * *"),
    ("add", ADD, "--name", "x" * 101, "--every", "5"),
]


@pytest.mark.parametrize("arguments", BAD_USAGE, ids=" ".join)
def test_a_wrong_command_line_is_told_in_one_line(pool, arguments):
    done = pool("schedule", *arguments)
    assert 2 == done.code
    assert done.sentence
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("arguments", FAILS, ids=" ".join)
def test_what_cannot_be_done_is_told_in_one_line(pool, arguments):
    done = pool("schedule", *arguments)
    assert 1 == done.code
    assert done.sentence
    assert not Schedule.objects.exists()


def test_a_schedule_is_made_looked_at_and_removed(pool):
    facts = pool(
        "schedule", "add", ADD, '{"args": [1], "kwargs": {"b": [2]}}', "--cron", "0 3 * * *", "--name", "n", "--json"
    ).facts
    row = Schedule.objects.get()
    assert (row.pk, "n", "cron 0 3 * * *", None) == tuple(facts[key] for key in ("id", "name", "rhythm", "repeats"))
    assert ("pool", "(1,)", "{'b': [2]}") == (row.cluster, row.args, row.kwargs)
    assert row.next_run > timezone.now()
    assert facts == pool("schedule", "show", "n", "--json").facts
    assert "cron 0 3 * * *" in pool("schedule").out
    assert 0 == pool("schedule", "remove", row.pk).code
    assert "No schedules yet." in pool("schedule", "list").out
    names = list(PoolEvent.objects.order_by("id").values_list("name", flat=True))
    assert ["schedule.added", "schedule.removed"] == names


@pytest.mark.parametrize(
    ("arguments", "kind", "minutes"),
    [(("--every", "90"), "I", 90), (("--every", "weekly"), "W", None), (("--at", "2030-01-31T12:00Z"), "O", None)],
)
def test_its_rhythm_is_said_in_one_word(pool, arguments, kind, minutes):
    assert 0 == pool("schedule", "add", ADD, "[1]", *arguments, "--repeats", 3).code
    row = Schedule.objects.get()
    assert (kind, minutes, 3) == (row.schedule_type, row.minutes, row.repeats)


def test_a_schedule_is_paused_resumed_and_run(pool):
    row = Schedule.objects.create(func=ADD, args="1", next_run=timezone.now() + timedelta(days=1), schedule_type="D")
    assert f"Schedule {row.pk} is paused." in pool("schedule", "pause", row.pk).out
    assert f"Schedule {row.pk} was paused already." in pool("schedule", "pause", row.pk).out
    (listed,) = pool("schedule", "list", "--json").facts["results"]
    assert "PAUSED" == listed["status"]
    job = pool("schedule", "run-now", row.pk, "--json").facts["job"]
    assert job == str(Job.objects.get().pk)
    assert (True, "ACTIVE") == tuple(
        pool("schedule", "resume", row.pk, "--json").facts[key] for key in ("changed", "status")
    )


def test_without_django_q2_it_says_what_to_do(pool, settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
    for arguments in ((), ("pause", "1"), ("add", ADD, "--every", "5")):
        done = pool("schedule", *arguments)
        assert (1, True) == (done.code, 'add "django_q" to INSTALLED_APPS' in done.sentence)
