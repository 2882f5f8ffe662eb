"""The description of the API: for programs (OpenAPI), and for people who try it out in the browser (Swagger UI).

drf-spectacular's settings belong to the project, so that ours are laid over them while the description is made, once in
each process.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path, reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import schema
from dashboard.api.endpoint import Endpoint, needing
from dashboard.pages.frame import page, plain_page
from dashboard.policy import Action

SWAGGER = "drf_spectacular_sidecar"

OURS: dict[str, Any] = {
    "TITLE": "Pool",
    "VERSION": "1",
    "DESCRIPTION": (
        "Submit background jobs, watch them and steer the pool that runs them. Besides what is listed here, "
        "`GET jobs/{id}/events` streams a job's events (server-sent events): start, step, progress, log, complete, "
        "error, cancelled; with `Last-Event-ID` on from that event."
    ),
    "PREPROCESSING_HOOKS": [],
    "POSTPROCESSING_HOOKS": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "APPEND_COMPONENTS": {},
    "SECURITY": [],
    "SERVERS": [],
    "TAGS": [],
}


class Schema(Endpoint):
    """The description itself."""

    needs = needing(GET=Action.READ)

    @schema.described("schema", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Describe the API, as OpenAPI."""
        return Response(description(reverse("dashboard:api:jobs").removesuffix("jobs")))


class TokenOrSessionScheme(OpenApiAuthenticationExtension):
    """How callers show who they are, as the description says it."""

    target_class = "dashboard.api.endpoint.TokenOrSession"
    name = ["token", "session"]  # noqa: RUF012  Declared so by the base class.

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        cookie = {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
        return [{"type": "http", "scheme": "bearer"}, cookie]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Either of the two."""
        return [{"token": []}, {"session": []}]


@cache
def description(root: str) -> dict[str, Any]:
    """Describe the addresses below this one."""
    patterns = import_module("dashboard.api.urls").endpoints
    with patched_settings({**OURS, "SCHEMA_PATH_PREFIX": re.escape(root)}):
        generator = SchemaGenerator(patterns=[path(root.lstrip("/"), include(patterns))])
        made: dict[str, Any] = generator.get_schema(request=None, public=True)
    return made


@page
def docs(request: HttpRequest) -> HttpResponse:
    """Show the description as a page on which requests can be tried out."""
    if not apps.is_installed(SWAGGER):
        text = f"Add {SWAGGER!r} to INSTALLED_APPS, which holds the page's scripts."
        return plain_page(request, 404, "The page of the API is not installed", text)
    header = settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-")
    context = {"schema": reverse("dashboard:api:schema"), "csrf_header": header}
    return render(request, "dashboard/api_docs.html", context)
