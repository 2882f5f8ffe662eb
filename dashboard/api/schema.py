"""How an address of the API is described in its schema: what a method does, takes and answers, and how it refuses.

It describes; what is checked is checked elsewhere. What is taken and answered stands in `job_shapes` and `pool_shapes`,
or beside the only endpoint that has it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers as s

from pool.domain.states import JobStatus
from pool.store.job_list import MOST_LISTED


def described(operation: str, **facts: Any) -> Callable[[Any], Any]:
    """Describe what a method of an endpoint does."""

    def mark(method: Any) -> Any:
        # Without it drf-spectacular builds on the project's own class, which need not be one that it knows.
        method.schema = AutoSchema
        return extend_schema(operation_id=operation, **facts)(method)

    return mark


def nullable(kind: type[s.Field], **more: Any) -> s.Field:
    return kind(allow_null=True, **more)


def optional(kind: type[s.Field], **more: Any) -> s.Field:
    return kind(required=False, **more)


class Problem(s.Serializer):
    """What went wrong and what to do (RFC 9457)."""

    type = s.CharField()
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    field = optional(s.CharField, help_text="What in the request is wrong.")


@cache
def listed(shape: type[s.Serializer]) -> s.Serializer:
    """A page of these."""
    address = {"allow_null": True, "help_text": "Address of the page."}
    pages = {name: s.URLField(**address) for name in ("next", "previous")}
    return inline_serializer(f"{shape.__name__}List", {"results": shape(many=True), **pages})


def _parameter(name: str, kind: Any = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, **more)


JOB_LIST = [
    _parameter("status", enum=[str(status) for status in JobStatus]),
    _parameter("queue"),
    _parameter("task", description="Dotted name."),
    _parameter("tenant"),
    _parameter("tag"),
    _parameter("search", description="An id, its end, or a part of a task's name."),
    _parameter("created_after", OpenApiTypes.DATETIME),
    _parameter("created_before", OpenApiTypes.DATETIME),
    _parameter("cursor", description="Where the page begins: as `next` and `previous` say."),
    _parameter("limit", int, description=f"1 to {MOST_LISTED}."),
]
CHILD_LIST = [_parameter("after", int, description="Place in the list."), _parameter("limit", int)]
LOG_LIST = [_parameter("after", int, description="Id of a piece."), _parameter("limit", int)]
NODE_LIST = [_parameter("ended", bool)]
SCHEDULE_LIST = [_parameter("search", description="A part of its name, or of its task's."), *CHILD_LIST]

_PROBLEM = OpenApiResponse(Problem, description="What went wrong.")
WRONG = {400: _PROBLEM, 413: _PROBLEM, 415: _PROBLEM, 429: _PROBLEM}
UNKNOWN = {404: _PROBLEM}
FINISHED = {404: _PROBLEM, 409: _PROBLEM}
