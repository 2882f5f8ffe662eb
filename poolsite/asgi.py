"""The site as daphne serves it: static files in front, then Django; and the sockets. Runs in the web process."""

import os
from wsgiref.headers import Headers

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.asgi import get_asgi_application
from servestatic import ServeStaticASGI

MAX_AGE_S = 60


def forbid_guessing(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"


def with_static_files(application: object) -> ServeStaticASGI:
    """Serve the files of all apps from where they are: nothing has to be collected first."""
    front = ServeStaticASGI(
        application,
        autorefresh=settings.DEBUG,
        max_age=0 if settings.DEBUG else MAX_AGE_S,
        allow_all_origins=False,
        add_headers_function=forbid_guessing,
    )
    folders = dict.fromkeys(storage.location for finder in get_finders() for _, storage in finder.list(None))
    for folder in reversed(folders):
        front.add_files(folder, prefix=settings.STATIC_URL)
    return front


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poolsite.settings")
pages = get_asgi_application()

from dashboard.routing import websockets  # noqa: E402  Django is set up by now.

application = ProtocolTypeRouter({"http": with_static_files(pages), "websocket": websockets})
