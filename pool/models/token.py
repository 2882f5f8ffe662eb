"""Bearer tokens of the API: only their hash is stored, they are shown once."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):
    """knox's token with scopes and last use. An expired or deleted token ends its rights at once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pool_tokens")
    name = models.CharField(max_length=100, db_default="", blank=True)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created"]

    def __str__(self) -> str:
        return f"{self.token_key}… of {self.user}"
