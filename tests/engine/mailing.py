"""Django's mail in a test: by EMAIL_ settings, and from Django 6.1 on by MAILERS."""

from typing import Any

import django
from django.core import mail

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def send_by(settings: Any, backend: str, **options: Any) -> list[Any]:
    """Let mail go this way; the outbox of the one that keeps it in memory."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    else:
        settings.EMAIL_BACKEND = backend
        for name, value in options.items():
            setattr(settings, f"EMAIL_{name.upper()}", value)
    mail.outbox = []
    return mail.outbox
