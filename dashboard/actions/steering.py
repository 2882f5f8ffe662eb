"""What is done with queues, the pool and its nodes: pause, resume, tune, scale, restart and check."""

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse

from dashboard.actions.answers import Said, switched
from dashboard.actions.deed import deed
from dashboard.actions.fields import read_number, read_whole
from dashboard.policy import Action
from pool.domain.errors import InvalidOption, NotPossible
from pool.domain.tuning import QUEUE_KNOBS
from pool.domain.wording import counted
from pool.store import operate, tune
from pool.store.health import check_health
from pool.store.operate import Actor


@deed(Action.PAUSE)
def pause_queue(request: HttpRequest, by: Actor) -> Said:
    queue = request.POST.get("queue", "")
    changed, back = operate.pause(queue, by), reverse("dashboard:resume")
    return switched(changed, f"Queue {queue} is paused.", f"Queue {queue} was paused already.", back, queue=queue)


@deed(Action.RESUME)
def resume_queue(request: HttpRequest, by: Actor) -> Said:
    queue = request.POST.get("queue", "")
    changed, back = operate.resume(queue, by), reverse("dashboard:pause")
    return switched(changed, f"Queue {queue} is open again.", f"Queue {queue} was open already.", back, queue=queue)


@deed(Action.TUNE)
def tune_queue(request: HttpRequest, by: Actor) -> Said:
    queue = request.POST.get("queue", "")
    changes = {name: read_number(request.POST[name], name) for name in QUEUE_KNOBS if name in request.POST}
    changed = tune.tune_queue(queue, changes, by)
    if not changed:
        return Said(f"Queue {queue} is as it was.", messages.WARNING)
    before = {name: "" if was is None else was for name, (was, _) in changed.items()}
    fields = {"queue": queue, **before}
    return Said(f"The limits of queue {queue} are changed.", undo=reverse("dashboard:tune"), undo_fields=fields)


@deed(Action.SCALE)
def scale_pool(request: HttpRequest, by: Actor) -> Said:
    before = operate.wanted_size()
    if request.POST.get("size") == operate.AUTO:
        operate.follow_load(by)
        return Said("The number of workers follows the load.")
    step = read_whole(request.POST.get("step"), "step")
    size = read_whole(request.POST.get("size"), "number of workers") if step is None else before + step
    if size is None:
        raise InvalidOption("Say how many workers there should be.")
    operate.scale(size, by)
    undo = reverse("dashboard:scale") if before and before != size else ""
    text = f"Scaling to {counted(size, 'worker', 'workers')}."
    return Said(text, undo=undo, undo_fields={"size": before})


@deed(Action.RESTART)
def restart_workers(request: HttpRequest, by: Actor) -> Said:
    asked = operate.request_restart(by, request.POST.get("node", ""))
    if not asked:
        raise NotPossible("No such node is running.")
    return Said("Every worker will be replaced, busy ones after their job.")


@deed(Action.CHECK)
def check_workers(request: HttpRequest, by: Actor) -> Said:
    asked = check_health(by, wait_s=0.0)["checked"]
    if not asked:
        raise NotPossible("No worker is running.")
    workers = counted(asked, "worker", "workers")
    return Said(f"Asked {workers} for a sign of life. Each shows its last beat here.")
