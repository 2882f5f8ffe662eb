"""What the person in front of a page may do: `{% may_act "cancel" as may_cancel %}`."""

from typing import Any

from django import template

from dashboard import access

register = template.Library()


@register.simple_tag(takes_context=True)
def may_act(context: Any, action: str) -> bool:
    """Tell whether the caller may do this."""
    return isinstance(access.decide(context["request"], action), access.Grant)
