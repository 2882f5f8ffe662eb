"""The web process: daphne over the project's ASGI application, on a socket that `serve` listens on. Runs no job.

A process of its own, started by `pool.engine.kept`; it ends when `serve` is gone.
"""

import gc
import importlib
import logging
from contextlib import suppress
from typing import Any

from pool.engine import linux

LOOPBACK = (".localhost", "127.0.0.1", "[::1]")
EVERYBODY = ("", "0.0.0.0", "[::]")

WEBSOCKET_BYTES = 65_536
"""Longest message that a websocket may send us; pages send orders of a few hundred bytes."""


def main(arguments: list[str]) -> None:
    """Arguments: pid of `serve`, descriptor of the socket, the host it was bound to by name."""
    parent, descriptor, host = arguments
    linux.die_with(int(parent))
    # Twisted's event loop has to be chosen before anything of the project imports another one.
    server: Any = importlib.import_module("daphne.server")
    import django
    from setproctitle import setproctitle

    from pool import logs

    setproctitle("pool: web")
    django.setup()
    let_in(host)
    served = application()
    spare_the_collector()
    # Django sets logging up once more when it makes its application.
    logs.configure("web")
    if server.logger.level == logging.NOTSET:
        server.logger.setLevel(logging.WARNING)
    # Daphne offers no other place to say how requests are received.
    server.HTTPFactory = importlib.import_module("pool.engine.web_requests").BoundedFactory
    endpoint = f"fd:fileno={int(descriptor)}"
    server.Server(
        served,
        endpoints=[endpoint],
        action_logger=access_log(),
        server_name="",
        websocket_max_message_size=WEBSOCKET_BYTES,
        websocket_max_frame_size=WEBSOCKET_BYTES,
    ).run()


def spare_the_collector() -> None:
    """Load the views now and look for rings of garbage only among what is new: a look at all takes 100 ms."""
    from django.urls import get_resolver

    # What is wrong with them is told by the first request.
    with suppress(Exception):
        get_resolver().url_patterns  # noqa: B018  the look loads them
    gc.collect()
    gc.freeze()


def let_in(host: str) -> None:
    """Whoever names a host to bind to wants it to be reached by that name."""
    from django.conf import settings

    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    # With DEBUG an empty list means this machine to Django, and must not lose that.
    known = settings.ALLOWED_HOSTS or (LOOPBACK if settings.DEBUG else ())
    if name not in EVERYBODY and name not in known:
        settings.ALLOWED_HOSTS = [*known, name]


def application() -> Any:
    """The project's ASGI application, or plain Django where it names none."""
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.utils.module_loading import import_string

    path = getattr(settings, "ASGI_APPLICATION", None)
    served = import_string(path) if path else get_asgi_application()
    if settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

        # As Django's own server does it while one develops.
        return ASGIStaticFilesHandler(served)
    return served


def access_log() -> Any:
    """With DEBUG, a line for each request."""
    from django.conf import settings

    from pool.logs import get_logger

    log = get_logger(__name__)

    def told(protocol: str, action: str, details: dict[str, Any]) -> None:
        if protocol == "http" and action == "complete":
            took_ms = round(details["time_taken"] * 1000, 1)
            log.info("request", method=details["method"], path=details["path"], status=details["status"], ms=took_ms)

    return told if settings.DEBUG else None
