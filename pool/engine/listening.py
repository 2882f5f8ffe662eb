"""The web's listening socket, made by `serve` before anything else: a port in use is known at once, and a web process
that is replaced loses no connection, because they wait in the socket's backlog."""

import errno
import socket

from pool.domain.errors import NotReady

BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; NotReady says why it cannot be."""
    found = _resolve(host, port)
    family, kind, protocol, _, address = found
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise NotReady(_why(error, host, port)) from error
    return sock


def address_of(sock: socket.socket, host: str) -> str:
    """The URL people open."""
    port = sock.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)
    if ":" in shown and not shown.startswith("["):
        shown = f"[{shown}]"
    return f"http://{shown}:{port}/"


def is_loopback(sock: socket.socket) -> bool:
    """Whether only this machine reaches it."""
    address = str(sock.getsockname()[0])
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]:
    name = host.strip("[]")
    try:
        found = socket.getaddrinfo(name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise NotReady(f"The host {host[:100]!r} is not known here: give --host an address of this machine.") from error
    return min(found, key=lambda one: one[0] != socket.AF_INET)


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use. Stop what listens there, or choose another with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: give --host one that is, or 0.0.0.0 for all."
    if error.errno == errno.EACCES:
        return f"You may not listen on port {port}: choose one above 1023 with --port."
    return f"Nobody can listen on port {port} of {host}: {error.strerror}."
