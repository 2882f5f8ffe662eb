"""The database is locked while people watch: nothing new comes, but pings are answered, and closes go on."""

import time

import pytest

from tests.acceptance.site import Site, wait_for
from tests.dashboard.sockets import stage
from tests.dashboard.sockets.web import ACCEPTED, Web

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TABLES = "pool_poolsnapshot, pool_tally, pool_job, django_session, auth_user"


@pytest.fixture
def site():
    with Site("postgresql") as site:
        yield site


def test_a_locked_database_holds_up_nobody(site):
    import psycopg

    silent, watching, leaving = (site.do(stage.sign_in, name) for name in ("silent", "watching", "leaving"))
    web = Web(site)
    with web.page(silent) as one, web.page(watching) as other, web.page(leaving) as third:
        one.hear(), other.next(), third.next()
        url = site.environment["DATABASE_URL"]
        with psycopg.connect(url) as connection:
            connection.execute(f"LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE")
            locked_at = time.monotonic()
            for _ in range(5):
                assert other.answers_ping()
            # Handshakes that wait hold up nobody either, and are refused in the end.
            with web.raw(**web.let_in(watching)) as (status, _):
                assert ACCEPTED != status
            assert other.answers_ping()
            assert 4408 == one.code_after(lambda: one.text(20.0))
            assert time.monotonic() - locked_at < 20
            third.connection.close()
        # When it is free again, all goes on.
        wait_for(lambda: other.next(20.0)["type"] == "snapshot", 30, "the feed to go on")
    assert "Traceback" not in web.process.said(), web.process.said()
