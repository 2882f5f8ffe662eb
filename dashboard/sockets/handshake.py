"""The handshake of a socket as one of Django's requests, so that its own rules for hosts, cookies and CSRF apply."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest

SCHEMES = {"ws": "http", "wss": "https"}
NOT_OURS = (b"authorization", b"content-length", b"content-type")
"""A socket is for people with a session; a bearer token opens none."""


def request_of(scope: Mapping[str, Any], method: str = "GET", headers: Mapping[str, str] | None = None) -> ASGIRequest:
    """Make a request of the handshake, with further headers. Raises ValueError for one that cannot be read."""
    known = [(name, value) for name, value in scope.get("headers", []) if name.lower() not in NOT_OURS]
    more = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    scheme = SCHEMES.get(scope.get("scheme") or "ws", "http")
    return ASGIRequest(
        {**scope, "type": "http", "method": method, "scheme": scheme, "headers": known + more}, BytesIO()
    )
