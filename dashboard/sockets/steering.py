"""Orders that come over a socket: judged anew each time, carried out by the operator's verbs, answered in one message.

Runs in a thread of the consumers' desk. Beside the session and the origin of the socket, an order carries the page's
CSRF token: Django's own middleware checks it as it checks that of a form.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from dashboard.access import Grant
from dashboard.policy import Action
from dashboard.sockets import messages, rights
from dashboard.sockets.handshake import request_of
from pool.domain.errors import PoolError
from pool.logs import get_logger
from pool.store import operate
from pool.store.operate import Actor

BY_WAY_OF = "socket"
FAILED = "This did not work. Try again in a moment; the log of the web process tells why."
STALE = "The page is too old for this. Load it again."

log = get_logger(__name__)


def obey(scope: Mapping[str, Any], order: messages.Order) -> str:
    """Do what the order says, if the person behind the socket may; the answer to send."""
    action = Action(str(order.__struct_config__.tag))
    try:
        facts = _try(scope, order, action)
    except PoolError as error:
        facts = _refused(str(error))
    except Exception as error:  # noqa: BLE001  The page must have an answer.
        log.error("socket.order_failed", order=str(action), problem=f"{type(error).__name__}: {error}")
        facts = _refused(FAILED)
    return answer(order, facts)


def answer(order: messages.Order, facts: Mapping[str, Any]) -> str:
    return messages.write("answer", order.seq, {"do": order.__struct_config__.tag, **facts})


def _try(scope: Mapping[str, Any], order: messages.Order, action: Action) -> dict[str, Any]:
    if not order.csrf.isascii():
        return _refused(STALE)
    request = request_of(scope, "POST", {settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"): order.csrf})
    decision = rights.judge(request, action)
    if not isinstance(decision, Grant):
        return _refused(decision.detail)
    if not _comes_from_our_page(request):
        return _refused(STALE)
    return {"ok": True, "result": _carry_out(order, decision.actor(BY_WAY_OF))}


def _comes_from_our_page(request: HttpRequest) -> bool:
    request.session = rights.session_of(request)
    guard = CsrfViewMiddleware(_no_answer)
    guard.process_request(request)
    return guard.process_view(request, _no_answer, (), {}) is None


def _no_answer(_: HttpRequest) -> HttpResponse:
    """The view that the middleware wants to guard: there is none."""
    return HttpResponse()


def _carry_out(order: messages.Order, by: Actor) -> Any:
    match order:
        case messages.Cancel():
            return operate.cancel(order.id, by)
        case messages.Retry():
            return operate.retry(order.id, by)
        case messages.Discard():
            return operate.discard(order.id, by)
        case messages.Pause():
            return operate.pause(order.queue, by)
        case messages.Resume():
            return operate.resume(order.queue, by)
        case messages.Scale():
            return operate.scale(order.size, by)
    raise TypeError(order)


def _refused(why: str) -> dict[str, Any]:
    return {"ok": False, "error": why}
