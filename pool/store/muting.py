"""The operator's verbs on alerts: mute and unmute, each with its audit entry. Used by pages, API and commands."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.store import alerts
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.events import write_action

LONGEST_S = 366 * 86400
FOR_GOOD = datetime(9999, 1, 1, tzinfo=UTC)


@again_on_conflict
def mute_alert(id: int, seconds: float | None = None, by: Actor = NOBODY) -> dict[str, Any]:
    """Let an open alert go on in silence for so long, or until it is over. Raises AlertNotFound, InvalidOption."""
    if seconds is not None and not 0 < seconds <= LONGEST_S:
        raise InvalidOption(f"seconds must be a number above 0 and up to {LONGEST_S:,}, not {seconds!r}.")
    alias = database_alias()
    until = FOR_GOOD if seconds is None else timezone.now() + timedelta(seconds=seconds)
    with transaction.atomic(using=alias):
        alert = alerts.mute(alias, id, until, by.name)
        facts = {"alert": alert["name"], "subject": alert["subject"], "until": alert["muted_until"]}
        write_action(alias, "alert.muted", by.name, by.source, **facts)
    return alert


@again_on_conflict
def unmute_alert(id: int, by: Actor = NOBODY) -> dict[str, Any]:
    """Let an open alert be told again. Raises AlertNotFound."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        alert = alerts.mute(alias, id, None, by.name)
        write_action(alias, "alert.unmuted", by.name, by.source, alert=alert["name"], subject=alert["subject"])
    return alert


__all__ = ["mute_alert", "unmute_alert"]
