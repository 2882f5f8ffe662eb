"""The body of a request, read strictly: JSON that means one thing only, within a limit of size.

Python's reader would take duplicate keys (the last one wins), NaN and Infinity. What the values mean is judged by those
who use them.
"""

import json
import re
from typing import Any, NoReturn

from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType

from dashboard.api.errors import BadField, TooLarge

JSON = "application/json"
SHOWN = 60
HOPELESS_DEPTH = 600
"""Deeper than any setting allows, and not so deep that Python could not read it."""
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:]')


def read_json(request: HttpRequest, most_bytes: int) -> Any:
    """Read and decode the body."""
    require_json(request)
    text = _decoded(_read(request, most_bytes))
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadField("", f"The body is not valid JSON: {error.msg} at {place}.") from None
    except RecursionError:
        field = _deepest_field(text)
        raise BadField(field, f"{field or 'The body'} is nested too deep.") from None
    except ValueError:
        raise BadField("", "The body holds an integer with more digits than can be read.") from None


def read_object(request: HttpRequest, most_bytes: int) -> dict[str, Any]:
    """Read a body that must be an object."""
    body = read_json(request, most_bytes)
    if not isinstance(body, dict):
        raise BadField("", "The body must be a JSON object.")
    return body


def require_json(request: HttpRequest) -> None:
    """Refuse other content before anything is read of it."""
    if request.content_type != JSON:
        raise UnsupportedMediaType(request.content_type or "", f"Send the body as Content-Type: {JSON}.")


def has_body(request: HttpRequest) -> bool:
    return request.META.get("CONTENT_LENGTH") not in (None, "", "0")


def shown(name: str) -> str:
    """A name from outside as a message shows it: short, and in characters that harm nothing."""
    return ascii(name[:SHOWN])


def _read(request: HttpRequest, most_bytes: int) -> bytes:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    # A client that sends in chunks declares nothing, so that what comes is measured as well.
    if not declared.isdigit() or int(declared) > most_bytes:
        raise TooLarge(_too_large(most_bytes))
    raw = request.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise TooLarge(_too_large(most_bytes))
    return raw


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadField("", f"The body is not UTF-8: byte {error.start} cannot be decoded.") from None


def _deepest_field(text: str) -> str:
    """Find the key of the outermost object whose value was too deep to be read."""
    depth, field, last = 0, "", ""
    for match in TOKEN.finditer(text):
        token = match.group()
        if token == ":" and depth == 1:
            field = last
        elif token[0] == '"':
            last = token[1:-1] if depth == 1 else last
        elif token != ":":
            depth += 1 if token in "[{" else -1
        if depth > HOPELESS_DEPTH:
            break
    return field[:SHOWN]


def _too_large(most_bytes: int) -> str:
    return f"The body is longer than {most_bytes} bytes, which is the most that is read here."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadField(name[:SHOWN], f"The key {shown(name)} stands twice in an object.")
            seen.add(name)
    return found


def _constant(text: str) -> NoReturn:
    raise BadField("", f"The body holds {text}, which is not JSON.")
