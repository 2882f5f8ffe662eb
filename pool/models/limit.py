"""Limits and shares: of tenants, of keys that jobs carry, and who holds a key that must be unique."""

from typing import ClassVar

from django.db import models


class Tenant(models.Model):
    """Somebody whose jobs share the pool with those of others. A row is needed only for other values than these."""

    name = models.CharField(max_length=100, primary_key=True)
    weight = models.FloatField(db_default=1.0, help_text="Turns it gets for each turn of a tenant of weight 1.")
    max_waiting = models.IntegerField(null=True, blank=True, help_text="Most jobs it may have waiting; empty: any.")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class KeyRate(models.Model):
    """The token bucket of one limit key, at the last claim that took from it."""

    key = models.CharField(max_length=100, primary_key=True)
    tokens = models.FloatField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class UniqueKey(models.Model):
    """Which job holds a unique key. Held until the job leaves the states of its scope, or until a time."""

    key = models.CharField(max_length=200, primary_key=True)
    job = models.UUIDField()
    scope = models.CharField(max_length=8, help_text="waiting, running or period.")
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["job"], name="pool_unique_job")]

    def __str__(self) -> str:
        return self.key
