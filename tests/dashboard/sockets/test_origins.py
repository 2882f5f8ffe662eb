"""Which page may open a socket: the full origin counts."""

import pytest

from dashboard.origins import Origin, is_own
from dashboard.sockets.handshake import request_of


@pytest.fixture(autouse=True)
def _hosts(settings):
    settings.ALLOWED_HOSTS = ["pool.example", ".local.example", "127.0.0.1", "[::1]"]


def opened(host, origin, scheme="ws", **headers):
    """A handshake as daphne hands it on."""
    known = {"host": host, "origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in known.items() if value is not None]
    return request_of({"path": "/ws/metrics/", "query_string": b"", "headers": raw, "scheme": scheme})


OWN = [
    ("pool.example", "http://pool.example"),
    ("pool.example:80", "http://pool.example"),
    ("pool.example", "http://pool.example:80"),
    ("pool.example:8000", "http://pool.example:8000"),
    ("POOL.example:8000", "http://pool.EXAMPLE:8000"),
    ("pool.example", "HTTP://POOL.EXAMPLE"),
    ("a.local.example", "http://a.local.example"),
    ("127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("[::1]:8000", "http://[::1]:8000"),
    ("[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000"),
]

FOREIGN = [
    ("pool.example", None),
    ("pool.example", ""),
    ("pool.example", "null"),
    ("pool.example", "NULL"),
    ("pool.example", "https://pool.example"),
    ("pool.example", "http://pool.example:8000"),
    ("pool.example:8000", "http://pool.example"),
    ("pool.example:8000", "http://pool.example:8001"),
    ("pool.example", "http://evil.example"),
    ("pool.example", "http://sub.pool.example"),
    ("pool.example", "http://pool.example.evil.example"),
    ("pool.example", "http://pool.example."),
    ("pool.example", "http://pool.example@evil.example"),
    ("pool.example", "http://evil.example/pool.example"),
    ("pool.example", "http://pool.example/"),
    ("pool.example", "http://pool.example?"),
    ("pool.example", "http://pool.example http://evil.example"),
    ("pool.example", "http://evil.example,http://pool.example"),
    ("pool.example", "http://pool.example:"),
    ("pool.example", "http://pool.example:80:80"),
    ("pool.example", "pool.example"),
    ("pool.example", "//pool.example"),
    ("pool.example", "ws://pool.example"),
    ("pool.example", "file://pool.example"),
    ("pool.example", "http://poöl.example"),
    ("[::1]:8000", "http://[::2]:8000"),
    ("[::1]:8000", "http://[::1"),
    ("[::1]:8000", "http://[nonsense]:8000"),
    ("127.0.0.1:8000", "http://localhost:8000"),
    ("evil.example", "http://evil.example"),
    (None, "http://pool.example"),
    ("pool.example/x", "http://pool.example"),
]


@pytest.mark.parametrize(("host", "origin"), OWN)
def test_our_own_page_may(host, origin):
    assert is_own(opened(host, origin))


@pytest.mark.parametrize(("host", "origin"), FOREIGN)
def test_no_other_page_may(host, origin):
    assert not is_own(opened(host, origin))


def test_over_tls_only_the_secure_page_may():
    assert is_own(opened("pool.example", "https://pool.example", "wss"))
    assert not is_own(opened("pool.example", "http://pool.example", "wss"))


def test_a_proxy_that_is_trusted_tells_the_scheme(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert is_own(opened("pool.example", "https://pool.example", x_forwarded_proto="https"))
    assert not is_own(opened("pool.example", "https://pool.example"))


def test_a_proxy_that_is_trusted_tells_the_host(settings):
    assert not is_own(opened("127.0.0.1:8000", "http://pool.example", x_forwarded_host="pool.example"))
    settings.USE_X_FORWARDED_HOST = True
    assert is_own(opened("127.0.0.1:8000", "http://pool.example", x_forwarded_host="pool.example"))


@pytest.mark.parametrize(
    ("trusted", "origin", "may"),
    [
        ("https://outer.example", "https://outer.example", True),
        ("https://outer.example", "https://outer.example:443", True),
        ("https://outer.example", "http://outer.example", False),
        ("https://outer.example", "https://sub.outer.example", False),
        ("https://*.outer.example", "https://sub.outer.example", True),
        ("https://*.outer.example", "https://outer.example", True),
        ("https://*.outer.example", "https://evil-outer.example", False),
        ("https://*.outer.example", "https://sub.outer.example:8443", False),
        ("https://*.outer.example:8443", "https://sub.outer.example:8443", True),
    ],
)
def test_an_outer_address_has_to_be_named(settings, trusted, origin, may):
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    assert may is is_own(opened("127.0.0.1:8000", origin))


def test_origins_are_compared_in_one_spelling():
    assert Origin("https", "[::1]", 443) == Origin.parse("HTTPS://[0::1]")
