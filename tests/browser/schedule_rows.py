"""Schedules of every standing on the site, made in a process that has its Django set up."""

from datetime import UTC, datetime, timedelta


def make(texts: list[str]) -> None:
    """One each that runs, rests, has ended, is late, and says every text."""
    from django_q.models import Schedule

    from pool.store.schedules import pause

    now = datetime.now(UTC)
    soon, returns = now + timedelta(hours=5), "tests.zoo.tasks.returns"
    daily = {"schedule_type": Schedule.DAILY, "next_run": soon}
    Schedule.objects.create(name="nightly import", func=returns, repeats=30, **daily)
    Schedule.objects.create(name="every quarter of an hour", func=returns, schedule_type="C", cron="*/15 * * * *")
    Schedule.objects.create(name="over", func=returns, repeats=0, **daily)
    Schedule.objects.create(name="late", func="shop.tasks.gone", schedule_type="H", next_run=now - timedelta(hours=1))
    pause(Schedule.objects.create(name="resting", func=returns, **daily).pk)
    for text in texts:
        Schedule.objects.create(name=text[:100], func=text[:250], args=text, kwargs=text, **daily)
    # Just now, so that it has a last run.
    Schedule.objects.create(name="just now", func=returns, schedule_type="H", next_run=now)
