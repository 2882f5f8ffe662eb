"""A task that asks a web server. Async: many of them share the connections of one io worker.

A job's arguments may come from outside, so it reaches only the hosts that POOL["library_hosts"] names, by default none.
Redirects are reported and not followed, and the answer is read up to a limit.
"""

from typing import Any
from urllib.parse import urlsplit

from pool import task
from pool.conf import get_config
from pool.library.errors import LibraryError, RequestRefused
from pool.library.extra import load

MAX_BYTES = 512 * 1024
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
PORTS = {"http": 80, "https": 443}


@task(kind="FILE_IO", timeout=60, max_attempts=3, takes_context=True)
async def network_request(
    context: Any,
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    max_bytes: int = 64 * 1024,
) -> dict[str, Any]:
    """Send a request to an allowed host and give status, type and the beginning of the answer."""
    if method not in METHODS:
        raise LibraryError(f"method must be one of {', '.join(METHODS)}, not {method!r:.30}.")
    if not 0 < max_bytes <= MAX_BYTES:
        raise LibraryError(f"max_bytes must be from 1 to {MAX_BYTES}, not {max_bytes!r}.")
    require_allowed(url)
    httpx = load("httpx")
    try:
        async with (
            context.worker.http.async_client() as client,
            client.stream(method, url, headers=headers, content=body) as answer,
        ):
            data = await _read(answer, max_bytes)
            text = data.decode(answer.encoding or "utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
            return {
                "url": url,
                "status": answer.status_code,
                "type": answer.headers.get("content-type", ""),
                "location": answer.headers.get("location"),
                "bytes": len(data),
                "complete": len(data) < max_bytes,
                "text": text,
            }
    except httpx.InvalidURL as error:
        raise RequestRefused(f"{url!r:.200} is not a URL: {error}.") from error


def require_allowed(url: str) -> None:
    """Raise RequestRefused unless the URL leads to a host that the project has named."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except (ValueError, AttributeError, TypeError) as error:
        raise RequestRefused(f"{url!r:.200} is not a URL.") from error
    host = (parts.hostname or "").lower()
    allowed = {_with_port(name, port) for name in get_config().library_hosts}
    if parts.scheme not in PORTS or not host or f"{host}:{port}" not in allowed:
        raise RequestRefused(
            f"Built-in tasks may not send requests to {host or url!r:.200}: name it in POOL['library_hosts']."
        )


def _with_port(name: str, port: int) -> str:
    """A host without a port stands for the usual ones."""
    if name.rpartition(":")[2].isdigit():
        return name.lower()
    return f"{name.lower()}:{port if port in PORTS.values() else 0}"


async def _read(answer: Any, most: int) -> bytes:
    data = bytearray()
    async for chunk in answer.aiter_bytes():
        data += chunk
        if len(data) >= most:
            break
    return bytes(data[:most])
