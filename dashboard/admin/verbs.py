"""An operator's verb as an action of Django admin: asked for leave, confirmed on a page of its own, written down.

The action is offered to those who may, asked for again when it is confirmed, and carried out by the store.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from dashboard import access
from dashboard.policy import Action
from pool.store.operate import Actor

SURFACE = "admin"
MOST_AT_ONCE = 1000
"""Rows that one action changes."""
SHOWN = 20

Do = Callable[[Sequence[str], Actor], str]


@dataclass(frozen=True, slots=True)
class Verb:
    """What is done with the chosen rows, and how it is asked."""

    action: Action
    label: str
    """For the list of actions: "Cancel the chosen jobs"."""
    question: str
    """For the page that asks: what will happen."""
    do: Do
    """Does it with the keys of the rows, and says what came of it."""


def may(request: HttpRequest, action: Action) -> bool:
    return isinstance(access.decide(request, action), access.Grant)


def as_action(verb: Verb) -> Callable[..., TemplateResponse | None]:
    """Make the function that Django admin calls with the chosen rows."""

    def act(model_admin: Any, request: HttpRequest, chosen: QuerySet[Any]) -> TemplateResponse | None:
        decision = access.decide(request, verb.action)
        if isinstance(decision, access.Refusal):
            raise PermissionDenied(decision.detail)
        if "keys" not in request.POST:
            return _ask(model_admin, request, chosen, verb)
        keys = request.POST["keys"].splitlines()[:MOST_AT_ONCE]
        messages.success(request, verb.do(keys, decision.actor(SURFACE)))
        return None

    act.__name__ = verb.action.value
    act.short_description = verb.label  # type: ignore[attr-defined]
    act.allowed_permissions = (verb.action.value,)  # type: ignore[attr-defined]
    return act


def _ask(model_admin: Any, request: HttpRequest, chosen: QuerySet[Any], verb: Verb) -> TemplateResponse:
    # The list shows no order of its own for an action, and of a million rows only the first are taken.
    keys = [str(key) for key in chosen.order_by("-pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1]]
    taken = keys[:MOST_AT_ONCE]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": verb.label,
        "opts": model_admin.model._meta,
        "verb": verb,
        "rows": model_admin.rows_of(taken[:SHOWN]),
        "count": len(taken),
        "more": len(taken) - len(taken[:SHOWN]),
        "is_cut": len(keys) > len(taken),
        # One field for all: Django takes a thousand fields at most.
        "keys": "\n".join(taken),
        "checkbox": ACTION_CHECKBOX_NAME,
        "first": taken[0] if taken else "",
    }
    return TemplateResponse(request, "dashboard/admin_confirm.html", context)
