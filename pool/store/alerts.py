"""Alerts as rows: opened and resolved by whichever clerk looks first, told by the one that could mark them as told.

Several nodes have several clerks. Each change is one guarded statement, so that doing it twice changes nothing and
nobody is told twice. Each opening and each end is an event as well, in the same transaction.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from pool.domain.alerting import Changes, Open, Seen, Told
from pool.domain.errors import AlertNotFound
from pool.domain.figures import KeptAlert
from pool.domain.health import Alert, Level
from pool.models import AlertRecord
from pool.store.events import write_fact

UNTOLD_END = Q(resolved_at__isnull=False, told_at__isnull=False, resolution_told_at__isnull=True)
MOST_LISTED = 200
SUBJECT_CHARS = 120
EVENT_LEVEL = {Level.NOTICE: "info", Level.WARNING: "warning", Level.CRITICAL: "error"}


def known(alias: str) -> list[Open]:
    """Alerts that are open, and those whose end nobody was told of yet."""
    rows = AlertRecord.objects.using(alias).filter(Q(resolved_at__isnull=True) | UNTOLD_END).order_by("id")
    return [_open(row) for row in rows]


def kept(alias: str, now: datetime) -> list[KeptAlert]:
    """What is open, for the figures of the pool."""
    return [
        KeptAlert(
            Alert(row.name, Level(row.level), row.message, row.subject),
            row.pk,
            row.opened_at.isoformat(),
            row.muted_until is not None and row.muted_until > now,
            is_clear=row.clear_since is not None,
        )
        for row in _opened(alias).order_by("id")
    ]


def listed(alias: str, now: datetime, *, resolved: bool = False, limit: int = 100) -> list[dict[str, Any]]:
    """List the open alerts, the newest first, or with `resolved` those that are over."""
    rows = AlertRecord.objects.using(alias).filter(resolved_at__isnull=not resolved).order_by("-opened_at", "-id")
    return [_as_dict(row, now) for row in rows[: max(1, min(limit, MOST_LISTED))]]


def keep(alias: str, changes: Changes, now: float) -> Changes:
    """Write what changed since the last look, and say what of it was news: what another clerk wrote stays its own."""
    at, news = _at(now), Changes()
    for seen in changes.opened:
        if _open_one(alias, seen, at):
            news.opened.append(seen)
    for alert, seen in changes.changed:
        _opened(alias).filter(pk=alert.id).update(level=seen.level, message=seen.message)
    for alert in changes.cleared:
        _as_known(alias, alert).update(clear_since=at)
    for alert in changes.back:
        _as_known(alias, alert).update(clear_since=None)
    for alert in changes.resolved:
        if _resolve_one(alias, alert, at):
            news.resolved.append(alert)
    return news


def take_to_tell(alias: str, what: Told, alert: Open, now: float) -> bool:
    """Mark an alert as told; False when another clerk is telling it. Whoever gets True must tell, or give it back."""
    rows = AlertRecord.objects.using(alias).filter(pk=alert.id)
    if what is Told.RESOLVED:
        return bool(rows.filter(UNTOLD_END).update(resolution_told_at=_at(now)))
    before = Q(told_at__isnull=True) if alert.told_at is None else Q(told_at=_at(alert.told_at))
    return bool(rows.filter(before).update(told_at=_at(now)))


def give_back(alias: str, what: Told, alert: Open) -> None:
    """It could not be told: somebody will try again."""
    rows = AlertRecord.objects.using(alias).filter(pk=alert.id)
    if what is Told.RESOLVED:
        rows.update(resolution_told_at=None)
    else:
        rows.update(told_at=None if alert.told_at is None else _at(alert.told_at))


def mute(alias: str, id: int, until: datetime | None, by: str) -> dict[str, Any]:
    """Let an alert go on in silence until then, or no longer. Raises AlertNotFound."""
    rows = _opened(alias).filter(pk=id)
    if not rows.update(muted_until=until, muted_by=by if until is not None else ""):
        raise AlertNotFound(f"There is no open alert {id}.")
    return _as_dict(AlertRecord.objects.using(alias).get(pk=id), datetime.now(UTC))


def _opened(alias: str) -> QuerySet[AlertRecord]:
    return AlertRecord.objects.using(alias).filter(resolved_at__isnull=True)


def _as_known(alias: str, alert: Open) -> QuerySet[AlertRecord]:
    """The open alert, unless another clerk saw it come or go meanwhile: that is the truth now."""
    since = None if alert.clear_since is None else _at(alert.clear_since)
    clear = Q(clear_since__isnull=True) if since is None else Q(clear_since=since)
    return _opened(alias).filter(clear, pk=alert.id)


def _open_one(alias: str, seen: Seen, at: datetime) -> bool:
    fields = {"name": seen.name, "subject": seen.subject[:SUBJECT_CHARS], "level": seen.level, "message": seen.message}
    try:
        with transaction.atomic(using=alias):
            AlertRecord.objects.using(alias).create(**fields, opened_at=at)
            write_fact(alias, "alert.opened", level=EVENT_LEVEL[Level(seen.level)], **facts_of(seen))
    except IntegrityError:
        # Another clerk has opened it: at most one of a name and subject is open.
        return False
    return True


def _resolve_one(alias: str, alert: Open, at: datetime) -> bool:
    # Whoever muted it wants to hear nothing of its end either.
    silent = {"resolution_told_at": at} if alert.is_muted(at.timestamp()) else {}
    with transaction.atomic(using=alias):
        if not _as_known(alias, alert).update(resolved_at=at, **silent):
            return False
        write_fact(alias, "alert.resolved", **facts_of(alert))
    return True


def facts_of(alert: Seen | Open) -> dict[str, str]:
    """What the events of an alert tell of it."""
    message = alert.message.rstrip(".")
    return {"alert": alert.name, "subject": alert.subject, "severity": alert.level, "message": message}


def _open(row: AlertRecord) -> Open:
    return Open(
        id=row.pk,
        name=row.name,
        subject=row.subject,
        level=row.level,
        message=row.message,
        opened_at=row.opened_at.timestamp(),
        told_at=_seconds(row.told_at),
        resolved_at=_seconds(row.resolved_at),
        muted_until=_seconds(row.muted_until),
        clear_since=_seconds(row.clear_since),
    )


def _as_dict(row: AlertRecord, now: datetime) -> dict[str, Any]:
    muted = row.muted_until is not None and row.muted_until > now
    return {
        "id": row.pk,
        "name": row.name,
        "subject": row.subject,
        "level": row.level,
        "message": row.message,
        "opened_at": row.opened_at.isoformat(),
        "clear_since": row.clear_since and row.clear_since.isoformat(),
        "resolved_at": row.resolved_at and row.resolved_at.isoformat(),
        "muted": muted,
        "muted_until": row.muted_until.isoformat() if muted and row.muted_until else None,
        "muted_by": row.muted_by or None,
    }


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
