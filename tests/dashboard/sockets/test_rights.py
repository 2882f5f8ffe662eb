"""Who may watch, and until when: asked for all viewers at once."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.utils import timezone

from dashboard.sockets.handshake import request_of
from dashboard.sockets.messages import Close
from dashboard.sockets.rights import Ticket, admit, ended

pytestmark = pytest.mark.django_db


def make_session(user, **changes):
    store = import_module(django_settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = django_settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.update(changes)
    store.save()
    return store.session_key


def staff(name="ada", **fields):
    return get_user_model().objects.create_user(name, password="x", is_staff=True, **fields)


def may_view():
    return Permission.objects.get(codename="view_job")


def opened(session):
    headers = [(b"host", b"localhost"), (b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={session}".encode())]
    return request_of({"path": "/ws/metrics/", "query_string": b"", "headers": headers})


@pytest.fixture
def ada():
    return staff(is_superuser=True)


@pytest.fixture
def ticket(ada):
    return Ticket(make_session(ada), ada.pk)


class TestAdmission:
    def test_staff_with_a_session_may(self, ada, ticket):
        assert ticket == admit(opened(ticket.session))

    @pytest.mark.parametrize("session", ["", "nonsense", "x" * 32, "x" * 5000, "%00", "a'b"])
    def test_without_a_session_nobody_may(self, ada, session):
        assert admit(opened(session)) is None

    def test_a_user_who_is_not_staff_may_not(self):
        ben = get_user_model().objects.create_user("ben")
        assert admit(opened(make_session(ben))) is None

    def test_staff_need_the_right_to_view_jobs(self):
        ben = staff("ben")
        session = make_session(ben)
        assert admit(opened(session)) is None
        ben.user_permissions.add(may_view())
        assert Ticket(session, ben.pk) == admit(opened(session))

    def test_a_session_of_a_backend_that_is_not_in_use_counts_for_nothing(self, ada):
        assert admit(opened(make_session(ada, **{BACKEND_SESSION_KEY: "gone.Backend"}))) is None

    @pytest.mark.parametrize("seal", ["", "wrong", None])
    def test_a_session_with_another_seal_counts_for_nothing(self, ada, seal):
        assert admit(opened(make_session(ada, **{HASH_SESSION_KEY: seal}))) is None

    @pytest.mark.parametrize("user", ["", "x", None, "99999999", [1]])
    def test_a_session_of_nobody_counts_for_nothing(self, ada, user):
        assert admit(opened(make_session(ada, **{SESSION_KEY: user}))) is None

    def test_a_bearer_token_opens_no_socket(self, ada):
        from pool.store.tokens import create_token

        _, text = create_token(ada)
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {text}".encode())]
        assert admit(request_of({"path": "/ws/metrics/", "query_string": b"", "headers": headers})) is None

    def test_looking_at_a_session_does_not_change_it(self, ada, ticket, settings):
        before = Session.objects.values().get()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new one"
        # Signed with the retired key, so neither the seal nor the session is thrown away.
        admit(opened(ticket.session))
        assert before == Session.objects.values().get()


class TestGoingOn:
    def test_nothing_has_ended(self, ticket):
        assert {} == ended({ticket})

    def test_nobody_is_nothing_to_ask(self):
        assert {} == ended(set())

    def test_logged_out(self, ticket):
        Session.objects.all().delete()
        assert {ticket: Close.SIGNED_OUT} == ended({ticket})

    def test_expired(self, ticket):
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
        assert {ticket: Close.SIGNED_OUT} == ended({ticket})

    def test_deactivated(self, ticket):
        get_user_model().objects.update(is_active=False)
        assert {ticket: Close.SIGNED_OUT} == ended({ticket})

    def test_deleted(self, ticket):
        get_user_model().objects.all().delete()
        assert {ticket: Close.SIGNED_OUT} == ended({ticket})

    def test_password_changed(self, ada, ticket):
        ada.set_password("another")
        ada.save()
        assert {ticket: Close.SIGNED_OUT} == ended({ticket})

    def test_another_user_in_the_session(self, ticket):
        other = Ticket(ticket.session, staff("ben").pk)
        assert {other: Close.SIGNED_OUT} == ended({ticket, other})

    def test_no_longer_staff(self, ticket):
        get_user_model().objects.update(is_staff=False)
        assert {ticket: Close.FORBIDDEN} == ended({ticket})

    def test_the_right_taken_away(self):
        ben = staff("ben")
        ben.user_permissions.add(may_view())
        ticket = Ticket(make_session(ben), ben.pk)
        assert {} == ended({ticket})
        ben.user_permissions.clear()
        assert {ticket: Close.FORBIDDEN} == ended({ticket})

    def test_the_right_through_a_group(self):
        ben, group = staff("ben"), Group.objects.create(name="operators")
        group.permissions.add(may_view())
        ben.groups.add(group)
        ticket = Ticket(make_session(ben), ben.pk)
        assert {} == ended({ticket})
        ben.groups.clear()
        assert {ticket: Close.FORBIDDEN} == ended({ticket})

    def test_the_right_from_a_backend_of_the_project(self, settings):
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, f"{__name__}.EverybodyMay"]
        ben = staff("ben")
        ticket = Ticket(make_session(ben), ben.pk)
        assert {} == ended({ticket})

    def test_a_hundred_viewers_are_three_statements(self, django_assert_num_queries):
        tickets = set()
        for number in range(100):
            user = staff(f"user{number}")
            user.user_permissions.add(may_view())
            tickets.add(Ticket(make_session(user), user.pk))
        with django_assert_num_queries(3):
            assert {} == ended(tickets)

    @pytest.mark.parametrize("engine", ["cached_db", "cache", "signed_cookies", "file"])
    def test_other_kinds_of_sessions(self, ada, engine, settings, tmp_path):
        settings.SESSION_ENGINE, settings.SESSION_FILE_PATH = (
            f"django.contrib.sessions.backends.{engine}",
            str(tmp_path),
        )
        session = make_session(ada)
        ticket = Ticket(session, ada.pk)
        assert ticket == admit(opened(session))
        assert {} == ended({ticket})
        import_module(settings.SESSION_ENGINE).SessionStore(session).delete()
        if engine != "signed_cookies":  # Such a session is nowhere but in the cookie, and lasts until it expires.
            assert {ticket: Close.SIGNED_OUT} == ended({ticket})


class EverybodyMay:
    def authenticate(self, request, **credentials):
        return None

    def has_perm(self, user, permission, obj=None):
        return permission == "pool.view_job"
