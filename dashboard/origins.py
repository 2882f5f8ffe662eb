"""Whose page opens a socket: the full origin (scheme, host and port) must be our own, or one that the project trusts.

Asked before a socket is accepted. Our own origin is the address the handshake came to, by Django's own rules: host
names of ALLOWED_HOSTS, USE_X_FORWARDED_HOST and SECURE_PROXY_SSL_HEADER behind a proxy. Where a proxy changes the
address, the outer one stands in CSRF_TRUSTED_ORIGINS, as for forms.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import Self

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
DEFAULT_PORTS = {"http": 80, "https": 443}
ANY_SUBDOMAIN = "*."


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an origin as a browser sends it; None for everything else, such as `null` or one with a path."""
        found = ORIGIN.fullmatch(text.lower()) if text.isascii() else None
        if found is None:
            return None
        scheme, host, port = found.groups()
        try:
            host = f"[{IPv6Address(host[1:-1])}]" if host.startswith("[") else host
        except ValueError:
            return None
        return cls(scheme, host, int(port or DEFAULT_PORTS[scheme]))


def is_own(request: HttpRequest) -> bool:
    """Tell whether the page that opens this socket is ours."""
    origin = Origin.parse(request.headers.get("Origin", ""))
    try:
        address = request.get_host()
    except DisallowedHost:
        return False
    if origin is None:
        return False
    own = Origin.parse(f"{'https' if request.is_secure() else 'http'}://{address}")
    return origin == own or is_trusted(origin, settings.CSRF_TRUSTED_ORIGINS)


def is_trusted(origin: Origin, trusted: Iterable[str]) -> bool:
    return any(_matches(origin, pattern) for pattern in trusted)


def _matches(origin: Origin, pattern: str) -> bool:
    scheme, _, address = pattern.partition("://")
    one = Origin.parse(f"{scheme}://{address.removeprefix(ANY_SUBDOMAIN)}")
    if one is None:
        return False
    if address.startswith(ANY_SUBDOMAIN) and origin.host.endswith(f".{one.host}"):
        return replace(origin, host=one.host) == one
    return origin == one
