"""Schedules beside django-q2's own scheduler: both are given the same rows, and do the same with them.

django-q2's runs with a broker that only keeps what it is given. It looks at the clock itself, so that due times here
are taken from it as well.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from pool.adapters.django_q import schedules
from pool.firing import Firing
from pool.models import Job
from tests.contract import tasks
from tests.store.rows import ON_SQLITE
from tests.store.schedules import a_schedule, with_conf

COUNTED = ("next_run", "repeats", "schedule_type")

ROWS = [
    {"schedule_type": "O"},
    {"schedule_type": "O", "repeats": 1},
    {"schedule_type": "I", "minutes": 5},
    {"schedule_type": "I", "minutes": None},
    {"schedule_type": "H", "repeats": 4},
    *({"schedule_type": kind} for kind in ("D", "W", "BW", "M", "BM", "Q", "Y")),
    {"schedule_type": "D", "repeats": -5},
    {"schedule_type": "D", "repeats": 0},
    {"schedule_type": "C", "cron": "15 5 * * *"},
    {"schedule_type": "C", "cron": "30 4 1 * *", "repeats": 2},
    {"args": "1, 'two'", "kwargs": "b={'x': [1]}"},
    {"args": "[1, 2]", "kwargs": "{'b': 2}"},
    {"args": None, "kwargs": "a=1, b=2"},
    {"args": "", "kwargs": ""},
    {"kwargs": "b=3, group='g', save=False, task_name='n', timeout=9"},
    {"kwargs": "b=3, q_options={'group': 'g', 'timeout': 9}"},
    {"intended_date_kwarg": "b"},
]


class Broker:
    """Keeps what it is given."""

    list_key = "kept"

    def __init__(self):
        self.packages = []

    def enqueue(self, package):
        from django_q.signing import SignedPackage

        self.packages.append(SignedPackage.loads(package))
        return len(self.packages)


def called_by_django_q():
    """Let django-q2's scheduler look, as its own cluster would."""
    from django_q.scheduler import scheduler

    broker = Broker()
    with with_conf(CLUSTER_NAME="pool"):
        scheduler(broker)
    return [(one["args"], one["kwargs"]) for one in broker.packages]


def called_by_the_pool(alias, now):
    clerk = Firing(alias)
    clerk._fire_all(now)
    jobs = [(tuple(job.args), job.kwargs) for job in Job.objects.using(alias)]
    assert len(jobs) == clerk.jobs
    return jobs


def rows(alias):
    return list(schedules(alias).values(*COUNTED))


@ON_SQLITE
@pytest.mark.parametrize("catch_up", [True, False])
@pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(hours=50, seconds=1)])
@pytest.mark.parametrize("fields", ROWS, ids=str)
def test_it_does_what_django_q2_does(alias, settings, fields, late, catch_up):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}
    settings.DATABASE_ROUTERS = ["tests.store.schedules.ToThePool"]
    now = timezone.now()
    found = []
    for look in (called_by_django_q, lambda: called_by_the_pool(alias, now)):
        schedules(alias).all().delete()
        a_schedule(alias, next_run=now - late, **fields)
        with with_conf(CATCH_UP=catch_up, PREFIX="pool"):
            found.append((look(), rows(alias)))
    theirs, ours = found
    assert theirs == ours
