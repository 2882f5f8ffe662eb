"""A receiver of alerts: a real HTTP server that writes down what it gets, and answers as the test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/alerts"
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        """Statuses of the next answers; after them it is 200."""
        self.silent = threading.Event()
        """While it is set nobody is answered."""
        self.released = threading.Event()

    def take(self, handler: BaseHTTPRequestHandler) -> int:
        if self.silent.is_set():
            self.released.wait(10)
        body = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.got.append(json.loads(body))
            self.headers.append(dict(handler.headers))
        return status

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(one["state"], one["name"]) for one in self.got]


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = made.take(self)
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", made.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
