"""Addresses of the sockets. In a project of your own, in its asgi.py after Django was set up:

    application = ProtocolTypeRouter({"http": django_application, "websocket": dashboard.routing.websockets})

or, beside other sockets, `URLRouter([*websocket_urlpatterns, ...])`.
"""

from channels.routing import URLRouter
from django.urls import path, re_path

from dashboard import consumers

websocket_urlpatterns = [
    path("ws/metrics/", consumers.metrics),  # type: ignore[arg-type]
    path("ws/jobs/<str:job>/", consumers.job),  # type: ignore[arg-type]
]

# Without the last one, an address that is not there would be an error in the log for everybody who tries it.
websockets = URLRouter([*websocket_urlpatterns, re_path("", consumers.nowhere)])  # type: ignore[arg-type]
