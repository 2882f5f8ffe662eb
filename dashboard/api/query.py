"""The part of an address behind the question mark, checked. A name or value that means nothing is refused."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict

from dashboard.api.body import shown
from dashboard.api.errors import BadField
from pool.store.job_list import MOST_LISTED

Reader = Callable[[str, str], Any]


def read_query(query: QueryDict, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Read the parameters that were given, each by its reader."""
    found = {}
    for name in query:
        if name not in readers:
            known = ", ".join(readers) or "none"
            raise BadField(name[:50], f"There is no parameter {shown(name)}. Known here: {known}.")
        values = query.getlist(name)
        if len(values) > 1:
            raise BadField(name, f"{name} is given {len(values)} times.")
        if values[0]:
            found[name] = readers[name](name, values[0])
    return found


def text(name: str, value: str) -> str:
    return value


def moment(name: str, value: str) -> datetime:
    """A time with its zone. A plus sign that came as the space it means in an address is taken for what it was."""
    try:
        read = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None or not 1970 <= read.year <= 9998:
        raise BadField(name, f"{name} must be a time with its zone, as 2030-01-31T12:00:00Z.")
    return read


def whole(least: int, most: int) -> Reader:
    """The reader of a whole number within limits."""

    def read(name: str, value: str) -> int:
        if not (value.isascii() and value.isdigit()) or len(value) > 18 or not least <= int(value) <= most:
            raise BadField(name, f"{name} must be a whole number from {least} to {most}.")
        return int(value)

    return read


def switch(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise BadField(name, f"{name} must be true or false.")
    return value.lower() in ("true", "1")


PAGING: dict[str, Reader] = {"cursor": text, "limit": whole(1, MOST_LISTED)}
JOB_FILTERS: dict[str, Reader] = {
    "status": text,
    "queue": text,
    "task": text,
    "tenant": text,
    "tag": text,
    "search": text,
    "created_after": moment,
    "created_before": moment,
}
