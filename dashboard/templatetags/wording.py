"""Figures, times and states as the pages write them, in the words of `pool.domain.wording`: `{% load wording %}`."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dashboard import marks
from pool.domain import wording
from pool.models import Job

register = template.Library()

PART = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")\s*:\s*|"(?:[^"\\]|\\.)*"?|(?P<comma>,)\s*|[\[\]{}]|[^",\[\]{}]+', re.DOTALL
)
"""What arguments written as JSON are made of. A string may be cut off."""


def _of_template(word: Callable[[Any], str]) -> Callable[[Any], str]:
    """What a template does not find comes as an empty text: it is not known."""

    @wraps(word)
    def written(value: Any) -> str:
        return word(None if value == "" else value)

    return written


for word in (wording.number, wording.rate, wording.milliseconds, wording.age, wording.size, wording.percent):
    register.filter(word.__name__, _of_template(word))


@register.filter
def known(value: object) -> object:
    """Write an en dash for what is not known or empty."""
    return wording.UNKNOWN if value is None or value == "" else value


@register.filter
def short_id(value: object) -> str:
    """Write the end of an id: its beginning is the time, which neighbours share."""
    return str(value).replace("-", "")[-8:]


@register.filter
def tries(job: Job) -> str:
    """Of its attempts, those a job has used: not those of before a retry by hand, nor those we interrupted."""
    used = job.attempts - job.attempts_base - job.interruptions
    return f"{wording.number(used)} of {wording.number(job.max_attempts)}"


@register.filter
def short_node(value: object) -> str:
    """Write the beginning of a node's id, as the log does."""
    return str(value)[:12] if value else wording.UNKNOWN


@register.filter
@_of_template
def duration(seconds: float | None) -> str:
    """Write how long something may last, to the second."""
    return wording.milliseconds(None if seconds is None else seconds * 1000)


@register.filter
def short_task(name: str) -> str:
    """Leave out the part of a dotted name that every task has."""
    return ".".join(part for part in name.split(".") if part != "tasks") or name


@register.filter
def short_error(name: str) -> str:
    """The name of an exception without its module."""
    return name.rpartition(".")[2]


@register.filter
def as_json(value: object) -> str:
    """Write a value as indented JSON, in letters people can read."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def as_call(text: str) -> str:
    """Write the JSON of arguments, or its beginning, as it would stand in a call: `4711, "a", width=800`."""
    written, depth = "", 0
    for found in PART.finditer(text):
        part, is_key = found[0], bool(found["key"])
        depth += (part in "[{") - (part in "]}")
        if depth == 0 and is_key:
            part = f"{json.loads(found['key'])}="
        elif found["comma"] or is_key:
            part = ", " if found["comma"] else f"{found['key']}: "
        written += part
    return written


@register.filter
def with_code(text: str) -> SafeString:
    """A text in which backticks mark what is typed."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", [(format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in enumerate(parts)]
    )


@register.filter
def plural(count: int | None, words: str) -> str:
    """`{{ jobs|plural:"job,jobs" }}`: the number and its word."""
    one, many = words.split(",")
    return wording.counted(count, one, many)


@register.filter
def whole_percent(fraction: float) -> str:
    """How far something is. It reads 100 % when it is done, not before."""
    return f"{int(min(max(fraction, 0.0), 1.0) * 100)} %"


@register.filter
def per_hundred(fraction: float | None) -> str:
    """A fraction as the number of a bar that is 100 long."""
    return "0" if fraction is None else f"{min(max(fraction, 0.0), 1.0) * 100:.1f}"


@register.simple_tag
def moment(value: datetime | str | None, style: str = "ago") -> SafeString | str:
    """Write a time: "ago" or "for" in words, "clock" or "full" in digits. Scripts put it into the reader's own zone."""
    at = datetime.fromisoformat(value) if isinstance(value, str) and value else value
    if not isinstance(at, datetime):
        return wording.UNKNOWN
    local = timezone.localtime(at)
    full = local.strftime("%Y-%m-%d %H:%M:%S")
    seconds = (timezone.now() - at).total_seconds()
    styles = {
        "ago": lambda: _ago(seconds),
        "for": lambda: wording.age(max(seconds, 0.0)),
        "clock": lambda: local.strftime("%H:%M:%S"),
        "full": lambda: full,
    }
    text = '<time datetime="{}" title="{} {}" data-time="{}">{}</time>'
    return format_html(text, at.isoformat(), full, local.tzname(), style, styles[style]())


def _ago(seconds: float) -> str:
    if seconds < 0:
        return f"in {wording.age(-seconds)}"
    return "now" if seconds < 1 else f"{wording.age(seconds)} ago"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a sign of the page's sprite."""
    return marks.icon(name)


@register.simple_tag
def chip(state: str, text: str = "") -> SafeString:
    """Write a state: mark, word and colour together, the same everywhere."""
    return marks.chip(state, text)


@register.simple_tag
def sparkline(values: list[float | None]) -> SafeString:
    """Draw a series small, without axes."""
    return marks.sparkline(values)


@register.simple_tag
def lane(states: list[str | None]) -> SafeString:
    """Draw what a worker did, second by second."""
    return marks.lane(states)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The query of this address with some parts changed or, with None, left out."""
    asked = context["request"].GET.copy()
    for name, value in changes.items():
        asked.pop(name, None)
        if value not in (None, ""):
            asked[name] = value
    return f"?{asked.urlencode()}" if asked else "?"
