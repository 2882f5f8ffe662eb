"""Bearer tokens: made once, found by their text, bound to what their user may do."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from pool.domain.errors import InvalidOption
from pool.models import ApiToken
from pool.store import tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("ada")


def test_token_is_found_by_its_text_which_is_stored_nowhere(ada: Any) -> None:
    row, text = tokens.create_token(ada, "laptop")
    assert tokens.find_token(text) == row
    assert row.scopes == list(tokens.SCOPES)
    assert row.expiry is None
    stored = ApiToken.objects.values().get()
    assert text not in [str(value) for value in stored.values()]


@pytest.mark.parametrize("text", ["", "x", "ü" * 20, "x" * 10_000, "\x00"])
def test_text_that_is_no_token_finds_nothing(ada: Any, text: str) -> None:
    tokens.create_token(ada)
    assert tokens.find_token(text) is None


def test_changed_text_finds_nothing(ada: Any) -> None:
    _, text = tokens.create_token(ada)
    assert tokens.find_token(text[:-1] + ("0" if text[-1] != "0" else "1")) is None


def test_expired_token_finds_nothing(ada: Any) -> None:
    _, text = tokens.create_token(ada, ttl=timedelta(hours=1))
    assert tokens.find_token(text) is not None
    assert tokens.find_token(text, timezone.now() + timedelta(hours=2)) is None


def test_deleted_token_and_inactive_user_find_nothing(ada: Any) -> None:
    row, text = tokens.create_token(ada)
    ada.is_active = False
    ada.save()
    assert tokens.find_token(text) is None
    ada.is_active = True
    ada.save()
    row.delete()
    assert tokens.find_token(text) is None


def with_rights(user: Any, *rights: str) -> Any:
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return type(user).objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("rights", "scopes"),
    [
        ((), ()),
        (("view_node",), ()),
        (("view_job",), ("read",)),
        (("add_job",), ("submit",)),
        (("view_job", "add_job"), ("read", "submit")),
        # As in Django admin, who may change may also see.
        (("change_job",), ("read", "operate")),
    ],
)
def test_scopes_follow_the_rights_of_staff(
    django_user_model: Any, rights: tuple[str, ...], scopes: tuple[str, ...]
) -> None:
    staff = with_rights(django_user_model.objects.create_user("ben", is_staff=True), *rights)
    assert tokens.allowed_scopes(staff) == scopes
    other = with_rights(django_user_model.objects.create_user("eve"), *rights)
    assert tokens.allowed_scopes(other) == ()


def test_token_carries_all_scopes_or_those_named(django_user_model: Any) -> None:
    user = with_rights(django_user_model.objects.create_user("ben", is_staff=True), "view_job", "add_job")
    assert tokens.create_token(user)[0].scopes == ["read", "submit"]
    assert tokens.create_token(user, scopes=["read"])[0].scopes == ["read"]


def test_token_never_carries_more_than_its_user_may(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("ben", is_staff=True)
    with pytest.raises(InvalidOption, match="ben may not operate"):
        tokens.create_token(user, scopes=["operate"])
    with pytest.raises(InvalidOption, match="There is no scope 'all'"):
        tokens.create_token(user, scopes=["all"])


def test_user_without_rights_gets_no_token(django_user_model: Any) -> None:
    with pytest.raises(InvalidOption, match="has no right"):
        tokens.create_token(django_user_model.objects.create_user("ben"))


def test_use_is_noted_at_most_once_a_minute(ada: Any) -> None:
    row, _ = tokens.create_token(ada)
    start = timezone.now()
    for seconds, noted in ((0, 0), (30, 0), (61, 61)):
        row.refresh_from_db()
        tokens.note_use(row, start + timedelta(seconds=seconds))
        row.refresh_from_db()
        assert row.last_used_at == start + timedelta(seconds=noted)
