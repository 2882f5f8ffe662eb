"""What all addresses of the API share: who may call them, what they take and answer, how errors look.

Everything is set here and not in the project's REST_FRAMEWORK, which may say what it likes about the project's own API.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import DEFAULTS, IMPORT_STRINGS, APISettings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from dashboard import access
from dashboard.api.body import has_body, require_json
from dashboard.api.errors import Refused
from dashboard.api.query import Reader, read_query
from dashboard.browser import NOTHING, send_policy
from dashboard.policy import Action
from dashboard.problems import CHALLENGE
from pool.store.operate import Actor

SURFACE = "api"


class TokenOrSession(BaseAuthentication):
    """Who calls: the holder of a bearer token, or else somebody with a session, whose changes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, access.Caller] | None:
        caller = access.identify(request._request)
        if isinstance(caller, access.Refusal):
            raise Refused(caller)
        if caller.token is None:
            if caller.user is None or not caller.user.is_authenticated:
                return None
            _require_csrf(request._request)
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class MayAct(BasePermission):
    """Whether they may do what the address and method stand for."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth or access.Caller(None)
        decision = access.decide(caller, view.wanted)
        if isinstance(decision, access.Refusal):
            raise Refused(decision)
        view.grant = decision
        return True


class OnlyJson(BaseContentNegotiation):
    """Whatever a client says it accepts: there is one form of answer."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class PlainJson(JSONRenderer):
    """JSON without what the project may have set for its own."""

    compact = True
    ensure_ascii = False
    strict = True


def needing(**actions: Action) -> Mapping[str, Action]:
    """The action that each method stands for."""
    return MappingProxyType(actions)


class Endpoint(APIView):
    """An address. Subclasses name the action that each of their methods stands for."""

    needs: ClassVar[Mapping[str, Action]] = needing()
    parameters: ClassVar[Mapping[str, Reader]] = MappingProxyType({})
    """What may stand behind the question mark, and how it is read."""
    http_method_names = ("get", "head", "post", "patch", "delete")

    authentication_classes = (TokenOrSession,)
    permission_classes = (MayAct,)
    throttle_classes: tuple[type[BaseThrottle], ...] = ()
    parser_classes = (JSONParser,)
    renderer_classes = (PlainJson,)
    content_negotiation_class = OnlyJson
    versioning_class = None
    metadata_class = None
    schema = AutoSchema()
    settings = APISettings({"EXCEPTION_HANDLER": "dashboard.api.errors.answer"}, DEFAULTS, IMPORT_STRINGS)

    grant: access.Grant
    given: dict[str, Any]

    @property
    def wanted(self) -> Action:
        """What the caller wants to do."""
        method = str(self.request.method)
        return self.needs["GET" if method == "HEAD" else method]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a method before the caller is asked who they are: which ones there are is no secret."""
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)
        self.given = read_query(request.query_params, self.parameters)

    def actor(self) -> Actor:
        """Who it is, for the audit."""
        return self.grant.actor(SURFACE)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Nothing of an answer may be kept, and a browser that shows it may load nothing."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return send_policy(answer, NOTHING)


def _require_csrf(request: HttpRequest) -> None:
    # Looking for the token in a form would read the body, whatever its size.
    if has_body(request):
        require_json(request)
    check = CSRFCheck(_nothing)
    check.process_request(request)
    reason = check.process_view(request, None, (), {})
    if reason:
        raise Refused(access.Refusal(403, f"{reason} Send the CSRF token in the header X-CSRFToken, or use a token."))


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
