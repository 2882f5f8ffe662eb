"""Alerts over the API: seen and muted; and what is done about workers by hand: a check, and another in place of one."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers as s
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import schema
from dashboard.api.body import has_body, read_object
from dashboard.api.endpoint import Endpoint, needing
from dashboard.api.errors import BadField
from dashboard.api.lists import whole_list
from dashboard.api.query import switch
from dashboard.policy import Action
from pool.conf import database_alias
from pool.domain.errors import AlertNotFound
from pool.domain.health import Level, Status
from pool.store import alerts
from pool.store.health import check_health, health_summary
from pool.store.muting import LONGEST_S, mute_alert, unmute_alert
from pool.store.restart_one import restart_worker

SMALL_BYTES = 1 << 12
LONGEST_WAIT_S = 10
LARGEST_ID = 2**63 - 1


class Alert(s.Serializer):
    id = s.IntegerField()
    name = s.CharField()
    subject = s.CharField(help_text="Queue, worker or job that it is about, where there can be several of its name.")
    level = s.ChoiceField(list(Level))
    message = s.CharField()
    opened_at = s.DateTimeField()
    clear_since = schema.nullable(s.DateTimeField, help_text="Since when no look has found it; null: it lasts.")
    resolved_at = schema.nullable(s.DateTimeField)
    muted = s.BooleanField()
    muted_until = schema.nullable(s.DateTimeField)
    muted_by = schema.nullable(s.CharField)


class Mute(s.Serializer):
    seconds = schema.optional(s.FloatField, allow_null=True, max_value=LONGEST_S, help_text="null: until it is over.")


class Health(s.Serializer):
    timestamp = s.DateTimeField()
    status = s.ChoiceField(list(Status))
    monitoring = s.BooleanField(help_text="Workers are asked for signs of life all the time.")
    capacity = schema.nullable(s.FloatField, help_text="Healthy workers of those wanted, 0 to 1.")
    workers = s.DictField(help_text="total, healthy, unhealthy")
    alerts = s.ListField(child=s.DictField())


class Checked(Health):
    checked = s.IntegerField(help_text="Workers that were asked.")
    silent = s.ListField(child=s.CharField(), help_text="Those that have not answered yet.")


class CheckOrder(s.Serializer):
    wait = schema.optional(s.FloatField, min_value=0, max_value=LONGEST_WAIT_S, help_text="Seconds for the answers.")


class Alerts(Endpoint):
    """What is wrong."""

    needs = needing(GET=Action.READ)
    parameters = {"resolved": switch}  # noqa: RUF012

    @schema.described("alerts_list", responses=schema.listed(Alert))
    def get(self, request: Request) -> Response:
        """List the open alerts, the newest first; with `resolved` the last hundred that are over."""
        return whole_list(alerts.listed(database_alias(), timezone.now(), **self.given))


class MuteAlert(Endpoint):
    """An alert that shall go on in silence."""

    needs = needing(POST=Action.MUTE)

    @schema.described("alerts_mute", request=Mute, responses={200: Alert, **schema.UNKNOWN, **schema.WRONG})
    def post(self, request: Request, alert_id: str) -> Response:
        """Tell nobody of this alert for so many seconds, or until it is over."""
        seconds = _number(_body(request), "seconds", LONGEST_S)
        if seconds == 0:
            raise BadField("seconds", "seconds must be above 0.")
        try:
            return Response(mute_alert(_id(alert_id), seconds, self.actor()))
        except AlertNotFound as error:
            raise NotFound(str(error)) from None


class UnmuteAlert(Endpoint):
    """An alert that shall be told again."""

    needs = needing(POST=Action.MUTE)

    @schema.described("alerts_unmute", request=None, responses={200: Alert, **schema.UNKNOWN})
    def post(self, request: Request, alert_id: str) -> Response:
        """Tell of this alert again."""
        try:
            return Response(unmute_alert(_id(alert_id), self.actor()))
        except AlertNotFound as error:
            raise NotFound(str(error)) from None


class HealthSummary(Endpoint):
    """How the pool is."""

    needs = needing(GET=Action.READ)

    @schema.described("health", responses=Health)
    def get(self, request: Request) -> Response:
        """Give the status of the pool, its capacity and its alerts."""
        return Response(health_summary())


class Restarted(s.Serializer):
    worker = s.CharField()
    heard = s.BooleanField(help_text="Its node was seen to let it go, within the time that was waited.")


class CheckWorkers(Endpoint):
    """A look at the workers by hand."""

    needs = needing(POST=Action.CHECK)

    @schema.described("workers_check", request=CheckOrder, responses={200: Checked, **schema.WRONG})
    def post(self, request: Request) -> Response:
        """Ask every worker for a sign of life; with `wait` the answer comes when they have answered, or not in time."""
        return Response(check_health(self.actor(), _number(_body(request), "wait", LONGEST_WAIT_S) or 0.0))


class RestartWorker(Endpoint):
    """Another worker in place of one."""

    needs = needing(POST=Action.RESTART)

    @schema.described("workers_restart", request=CheckOrder, responses={202: Restarted, **schema.UNKNOWN})
    def post(self, request: Request, worker_id: str) -> Response:
        """Let a worker go after its job, and another take its place; `wait` for its node to be seen to do it."""
        wait_s = _number(_body(request), "wait", LONGEST_WAIT_S) or 0.0
        heard = restart_worker(worker_id, self.actor(), wait_s)
        return Response({"worker": worker_id, "heard": heard}, status=status.HTTP_202_ACCEPTED)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_ID):
        raise NotFound(f"There is no open alert {text[:50]!a}.")
    return int(text)


def _body(request: Request) -> dict[str, Any]:
    return read_object(request._request, SMALL_BYTES) if has_body(request._request) else {}


def _number(body: dict[str, Any], name: str, most: float) -> float | None:
    for field in body:
        if field != name:
            raise BadField(field[:50], f"Only {name} is read here.")
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadField(name, f"{name} must be a number from 0 to {most:,}.")
    return float(value)
