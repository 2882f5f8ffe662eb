"""The ways on which alerts leave: a webhook and mail. Each tells or raises Undelivered; neither says where to.

Addresses come from the project's settings alone. The webhook's address and its header may be secret, so no error
repeats them; a redirect is an error, for the header is meant for one receiver.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Protocol

from django.core.mail import send_mail

from pool.domain.config import PoolConfig
from pool.engine import letters
from pool.engine.letters import Letter

LIMIT_S = 5.0
HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.UnknownHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)


class Undelivered(Exception):
    """Nobody can be told now. The text says why, and holds no address."""


class Channel(Protocol):
    name: str

    def tell(self, told: Sequence[Letter], pool: str, now: float) -> list[Letter]:
        """Tell of these; those that were told before something went wrong. Raises Undelivered when none was."""


class Webhook:
    name = "webhook"

    def __init__(self, url: str, header: str = "", limit_s: float = LIMIT_S) -> None:
        self._url, self._limit_s = url, limit_s
        self._headers = {"Content-Type": "application/json", "User-Agent": "pool-alerts"}
        if header:
            name, _, value = header.partition(":")
            self._headers[name.strip()] = value.strip()
        # Without the handlers for files, FTP and redirects that the usual one has.
        self._opener = urllib.request.OpenerDirector()
        for handler in HANDLERS:
            self._opener.add_handler(handler())

    def tell(self, told: Sequence[Letter], pool: str, now: float) -> list[Letter]:
        done: list[Letter] = []
        for letter in told:
            try:
                self._post(letters.payload(letter, pool, now))
            except Undelivered:
                if not done:
                    raise
                break
            done.append(letter)
        return done

    def _post(self, body: bytes) -> None:
        try:
            request = urllib.request.Request(self._url, body, self._headers, method="POST")
            with self._opener.open(request, timeout=self._limit_s):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise Undelivered(f"It answered with {error.code}.") from None
        except urllib.error.URLError as error:
            raise Undelivered(_reason(error.reason)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Undelivered(_reason(error)) from None


class Mail:
    name = "mail"

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = list(addresses)

    def tell(self, told: Sequence[Letter], pool: str, now: float) -> list[Letter]:
        subject, text = letters.mail(told, pool)
        try:
            send_mail(subject, text, None, self._addresses)
        except Exception as error:  # noqa: BLE001  a mail backend of the project may raise anything
            raise Undelivered(_reason(error)) from None
        return list(told)


def channels(config: PoolConfig) -> list[Channel]:
    """The ways that the settings name."""
    found: list[Channel] = []
    if config.alert_webhook:
        found.append(Webhook(config.alert_webhook, config.alert_webhook_header))
    if config.alert_mail:
        found.append(Mail(config.alert_mail))
    return found


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, OSError) and error.strerror and not isinstance(error, urllib.error.URLError):
        return f"{error.strerror}."
    return "It cannot be reached." if isinstance(error, str) else f"{type(error).__name__}."
