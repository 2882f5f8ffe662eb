"""The operator's verbs over queues and tenants: set weights and limits, and say who did it.

Used by commands, pages, admin and API through Django's own connection, as `pool.store.operate`. What changes holds from
the next claim on, and in enqueuing processes within a second.
"""

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction

from pool.conf import database_alias
from pool.domain.errors import NotPossible
from pool.domain.naming import check_name
from pool.domain.tuning import QUEUE_KNOBS, TENANT_KNOBS, Knob, read_changes
from pool.models import KeyRate, Queue, Tenant
from pool.store import standing
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.doorbell import ring
from pool.store.events import write_action

Changes = dict[str, list[Any]]
"""By name: what it was, and what it is."""


def tune_queue(name: str, changes: Mapping[str, Any], by: Actor = NOBODY) -> Changes:
    """Set limits and weight of a queue, which need not have jobs yet; what changed. Raises InvalidOption."""
    check_name("queue", name)
    return _tune(Queue, name, "queue", QUEUE_KNOBS, changes, by)


def tune_tenant(name: str, changes: Mapping[str, Any], by: Actor = NOBODY) -> Changes:
    """Set limit and weight of a tenant; what changed. Raises InvalidOption."""
    check_name("tenant", name)
    return _tune(Tenant, name, "tenant", TENANT_KNOBS, changes, by)


@again_on_conflict
def remove_tenant(name: str, by: Actor = NOBODY) -> None:
    """Forget what was set for a tenant: it is as any other again. Raises NotPossible."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        if not Tenant.objects.using(alias).filter(name=name).delete()[0]:
            raise NotPossible(f"Nothing is set for tenant {name!r}.")
        write_action(alias, "tenant.removed", by.name, by.source, tenant=name)
        transaction.on_commit(standing.forget, using=alias)


@again_on_conflict
def refill_key(key: str, by: Actor = NOBODY) -> None:
    """Let the jobs of a limit key start as after a rest. Raises NotPossible."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        if not KeyRate.objects.using(alias).filter(key=key).delete()[0]:
            raise NotPossible(f"Nothing is known of the starts of key {key!r}.")
        write_action(alias, "key.refilled", by.name, by.source, key=key)


@again_on_conflict
def _tune(
    model: type[models.Model], name: str, kind: str, knobs: Mapping[str, Knob], changes: Mapping[str, Any], by: Actor
) -> Changes:
    alias, wanted = database_alias(), read_changes(changes, knobs)
    rows = model._default_manager.using(alias)
    with transaction.atomic(using=alias):
        row, _ = rows.get_or_create(name=name)
        changed = {knob: [getattr(row, knob), value] for knob, value in wanted.items() if getattr(row, knob) != value}
        if not changed:
            return {}
        fields: dict[str, Any] = {knob: value for knob, (_, value) in changed.items()}
        if {"rate", "burst"} & set(changed):
            # Another bucket, which nobody has taken from.
            fields |= {"tokens": 0.0, "tokens_at": None}
        rows.filter(name=name).update(**fields)
        write_action(alias, f"{kind}.tuned", by.name, by.source, **{kind: name}, changes=changed, what=_told(changed))
        transaction.on_commit(lambda: _tell(alias), using=alias)
    return changed


def _tell(alias: str) -> None:
    standing.forget()
    ring(alias, "jobs")


def _told(changed: Changes) -> str:
    return ", ".join(f"{name} {_worded(before)} → {_worded(after)}" for name, (before, after) in changed.items())


def _worded(value: Any) -> str:
    return "none" if value is None else f"{value:,.10g}"


__all__ = ["refill_key", "remove_tenant", "tune_queue", "tune_tenant"]
