"""Rows of schedules in a site with nodes, written and read by its side process."""

from collections import Counter
from datetime import UTC, datetime, timedelta


def make_due(task: str, number: int, in_s: float, within_s: float) -> None:
    """So many schedules, numbered, whose times lie within so many seconds."""
    from django_q.models import Schedule

    first = datetime.now(UTC) + timedelta(seconds=in_s)
    times = [first + timedelta(seconds=one * within_s / number) for one in range(number)]
    Schedule.objects.bulk_create(
        Schedule(func=task, args=str(one), schedule_type=Schedule.DAILY, next_run=times[one]) for one in range(number)
    )


def make(task: str) -> None:
    """One that runs once, now, without arguments."""
    from django_q.models import Schedule

    Schedule.objects.create(func=task)


def fired() -> Counter[int]:
    """How many jobs there are of each number."""
    from pool.models import Job

    return Counter(args[0] for args in Job.objects.values_list("args", flat=True))


def unfinished() -> int:
    from pool.models import Job

    return Job.objects.exclude(status="COMPLETED").count()


def results() -> list[tuple[str, str, object]]:
    from pool.models import Job

    return list(Job.objects.order_by("id").values_list("task", "status", "result"))


def remove() -> None:
    from django_q.models import Schedule

    Schedule.objects.all().delete()
