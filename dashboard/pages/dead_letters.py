"""Dead letters, by what they died of: retried or discarded one by one or a whole group at once."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard.pages.frame import page, show
from dashboard.pages.jobs import row
from pool.store.dead_letters import MOST_LOOKED_AT, dead_groups, dead_jobs

JOBS_SHOWN = 100


@page
def dead_letters(request: HttpRequest) -> HttpResponse:
    """Show all groups, or with `task` in the address the jobs of one."""
    now = timezone.now()
    found = dead_groups()
    task, error = request.GET.get("task"), request.GET.get("error", "")
    context = {
        "groups": found.groups,
        "is_whole": found.is_whole,
        "most": MOST_LOOKED_AT,
        "chosen": next((group for group in found.groups if (group.task, group.error) == (task, error)), None),
        "is_asked": task is not None,
        "rows": [] if task is None else [row(job, now) for job in dead_jobs(task, error, JOBS_SHOWN)],
    }
    return show(request, "dead-letters", context)
