"""Kinds of callers, as the tests of who may do what know them."""

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from pool.store.tokens import create_token

VIEW_ALL = tuple(
    f"view_{model}"
    for model in (
        "job",
        "attempt",
        "joblog",
        "queue",
        "tally",
        "node",
        "workersnapshot",
        "poolsnapshot",
        "poolevent",
        "apitoken",
        "tenant",
        "keyrate",
        "jobdependency",
        "batch",
        "batchchange",
        "uniquekey",
        "schedulestate",
        "alertrecord",
    )
)


def a_user(name: str, *rights: str, is_staff: bool = True) -> Any:
    """A user with these rights of Django on jobs."""
    user = get_user_model().objects.create_user(name, is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="pool", codename__in=rights))
    return user


class Api:
    """A client of the API: by a token, or by whatever the client has."""

    def __init__(self, token: str = "", client: Client | None = None, address: str = "127.0.0.1") -> None:
        self.client = client or Client(REMOTE_ADDR=address)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def of(cls, user: Any, *scopes: str, name: str = "laptop") -> "Api":
        return cls(create_token(user, name, scopes or None)[1])

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/api/v1/{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, content_type: str = "application/json", **more: Any) -> Any:
        raw = body if isinstance(body, (str, bytes)) else "" if body is None else json.dumps(body)
        return self.client.post(f"/api/v1/{path}", raw, content_type=content_type, headers=self.headers, **more)


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The problem details, which every error must be answered with."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body
