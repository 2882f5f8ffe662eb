"""What is done with an open alert: nobody is told of it any more, or it is told again."""

from django.http import HttpRequest
from django.urls import reverse

from dashboard.actions.answers import Said
from dashboard.actions.deed import deed
from dashboard.actions.fields import read_whole
from dashboard.policy import Action
from pool.store.muting import mute_alert, unmute_alert
from pool.store.operate import Actor


@deed(Action.MUTE)
def mute(request: HttpRequest, by: Actor, alert: int) -> Said:
    seconds = read_whole(request.POST.get("seconds"), "number of seconds")
    muted = mute_alert(alert, seconds, by)
    return Said(f"Nobody is told of this any more: {muted['message']}", undo=reverse("dashboard:unmute", args=[alert]))


@deed(Action.MUTE)
def unmute(request: HttpRequest, by: Actor, alert: int) -> Said:
    told = unmute_alert(alert, by)
    return Said(f"This is told again: {told['message']}", undo=reverse("dashboard:mute", args=[alert]))
