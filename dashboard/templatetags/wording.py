"""The words of `dashboard.wording` as filters: `{% load wording %}`."""

from datetime import datetime

from django import template
from django.utils import timezone

from dashboard import wording

register = template.Library()

for word in (wording.number, wording.rate, wording.milliseconds, wording.age, wording.size, wording.percent):
    register.filter(word.__name__, word)


@register.filter
def ago(at: datetime | None) -> str:
    """Write how long ago it was."""
    if at is None:
        return wording.UNKNOWN
    return wording.age(max((timezone.now() - at).total_seconds(), 0.0))


@register.filter
def known(value: object) -> object:
    """Write an en dash for what is not known or empty."""
    return wording.UNKNOWN if value is None or value == "" else value
