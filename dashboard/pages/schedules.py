"""Schedules: an honest page for what this version does not do, and what to use meanwhile."""

from django.http import HttpRequest, HttpResponse

from dashboard.pages.frame import page, show


@page
def all_schedules(request: HttpRequest) -> HttpResponse:
    return show(request, "schedules", {})
