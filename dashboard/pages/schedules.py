"""Schedules: what runs again and again, when next, how punctual it was; and what people do with one."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse

from dashboard.actions.answers import Said, switched
from dashboard.actions.deed import deed
from dashboard.pages.frame import page, show
from dashboard.policy import Action
from pool.adapters import django_q
from pool.domain.errors import NoSchedules
from pool.domain.schedules import ScheduleStatus
from pool.schedules import MOST_LISTED, Listed, listed, run_now
from pool.store import schedules
from pool.store.operate import Actor

LATE_S = 5.0
"""A run that began so much after its time is worth a word."""
NOTHING = Listed([], has_more=False, has_others=False)


@page
def all_schedules(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("search", "").strip()[:100]
    try:
        part, absent = listed(search, soonest=True), ""
    except NoSchedules as error:
        part, absent = NOTHING, str(error)
    context = {
        "rows": [_row(request, one) for one in part.rows],
        "has_more": part.has_more,
        "has_others": part.has_others,
        "most": MOST_LISTED,
        "search": search,
        "absent": absent,
        "cluster": django_q.CLUSTER,
        "schedule_zone": "" if absent else django_q.zone(),
        "new": "" if absent else _admin(request, "add"),
    }
    return show(request, "schedules", context)


@deed(Action.PAUSE)
def pause_schedule(request: HttpRequest, by: Actor, schedule: int) -> Said:
    name, back = _name(schedule), reverse("dashboard:resume-schedule", args=[schedule])
    changed = schedules.pause(schedule, by)
    return switched(changed, f"Schedule {name} is paused.", f"Schedule {name} was paused already.", back)


@deed(Action.RESUME)
def resume_schedule(request: HttpRequest, by: Actor, schedule: int) -> Said:
    name, back = _name(schedule), reverse("dashboard:pause-schedule", args=[schedule])
    changed = schedules.resume(schedule, by)
    return switched(changed, f"Schedule {name} goes on.", f"Schedule {name} was not paused.", back)


@deed(Action.RUN)
def run_schedule(request: HttpRequest, by: Actor, schedule: int) -> Said:
    name, job = _name(schedule), run_now(schedule, by)
    return Said(f"Enqueued {name} once more.", undo=reverse("dashboard:cancel", args=[job]))


def _name(schedule: int) -> str:
    return schedules.named(schedules.find(schedule))


def _row(request: HttpRequest, one: dict[str, Any]) -> dict[str, Any]:
    delay = one["last_delay"]
    return {
        **one,
        "later": one["next_runs"][1:],
        "delay": delay if delay is not None and delay >= LATE_S else None,
        "can_pause": one["status"] in (ScheduleStatus.ACTIVE, ScheduleStatus.LATE),
        "jobs": f"{reverse('dashboard:jobs')}?{urlencode({'task': one['task']})}",
        "edit": _admin(request, "change", one["id"]),
    }


def _admin(request: HttpRequest, verb: str, *args: int) -> str:
    """Where Django admin lets this person do it; empty when it does not."""
    user: Any = request.user
    if not user.has_perm(f"{django_q.APP}.{verb}_schedule"):
        return ""
    try:
        return reverse(f"admin:{django_q.APP}_schedule_{verb}", args=args)
    except NoReverseMatch:
        return ""
