"""Orders over a socket: with the page's token and the person's rights, audited, and refused otherwise."""

import pytest

from tests.acceptance.site import Site
from tests.dashboard.sockets import stage
from tests.dashboard.sockets.web import Web

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CSRF = "k" * 32


@pytest.fixture
def page(web, sign_in):
    with web.page(sign_in(), csrf=CSRF) as page:
        page.next()
        yield page


def test_a_queue_is_paused_and_resumed(live_site, page):
    assert {"seq": 5, "do": "pause", "ok": True, "result": True} == page.order(
        type="pause", queue="a", csrf=CSRF, seq=5
    )
    assert live_site.do(stage.is_paused, "a")
    assert page.order(type="pause", queue="a", csrf=CSRF)["result"] is False
    assert page.order(type="resume", queue="a", csrf=CSRF)["ok"]
    assert not live_site.do(stage.is_paused, "a")


def test_it_is_audited_who_did_it_and_from_where(web, live_site, sign_in):
    with web.page(sign_in("grace"), csrf=CSRF) as page:
        page.order(type="pause", queue="audited", csrf=CSRF)
    assert ("queue.paused", "grace", "socket 127.0.0.1") == live_site.do(stage.audit)[-1]


def test_jobs_are_cancelled_retried_and_discarded(live_site, page):
    job = live_site.do(stage.running_job, status="PENDING", started_at=None)
    assert "cancelled" == page.order(type="cancel", id=job, csrf=CSRF)["result"]
    assert "finished" == page.order(type="cancel", id=job, csrf=CSRF)["result"]
    assert page.order(type="retry", id=job, csrf=CSRF)["ok"]
    assert "PENDING" == live_site.job(job)["status"]
    dead = live_site.do(stage.running_job, status="FAILED")
    assert page.order(type="discard", id=dead, csrf=CSRF)["ok"]


def test_what_cannot_be_done_is_told_in_a_sentence(page):
    for order in (
        {"type": "cancel", "id": "nonsense"},
        {"type": "cancel"},
        {"type": "retry", "id": "00000000-0000-7000-8000-000000000000"},
        {"type": "pause", "queue": ""},
        {"type": "pause", "queue": "a\0b"},
        {"type": "cancel", "id": "\0"},
        {"type": "scale", "size": 0},
        {"type": "scale", "size": 2},
    ):
        answer = page.order(**order, csrf=CSRF)
        assert not answer["ok"]
        assert answer["error"]
        assert "result" not in answer


@pytest.mark.parametrize("token", ["", "x", "j" * 32, CSRF[:-1], "é" * 10, "日本", "a\r\nX: y", CSRF * 2])
def test_without_the_token_of_the_page_nothing_is_done(live_site, page, token):
    assert not page.order(type="pause", queue="b", csrf=token)["ok"]
    assert not live_site.do(stage.is_paused, "b")


def test_without_the_cookie_beside_it_nothing_is_done(web, live_site, session):
    with web.page(session) as page:
        assert not page.order(type="pause", queue="c", csrf=CSRF)["ok"]
    assert not live_site.do(stage.is_paused, "c")


def test_who_may_only_look_may_only_look(web, live_site, sign_in):
    with web.page(sign_in(superuser=False, rights=("view_job",)), csrf=CSRF) as page:
        answer = page.order(type="pause", queue="d", csrf=CSRF)
        assert not answer["ok"]
        assert "snapshot" == page.next()["type"]
    assert not live_site.do(stage.is_paused, "d")


def test_a_right_that_is_given_counts_at_once(web, live_site, sign_in):
    session = sign_in("promoted", superuser=False, rights=("view_job",))
    with web.page(session, csrf=CSRF) as page:
        assert not page.order(type="pause", queue="e", csrf=CSRF)["ok"]
        sign_in("promoted", superuser=False, rights=("view_job", "change_job"))
        assert page.order(type="pause", queue="e", csrf=CSRF)["ok"]


def test_nothing_of_all_this_was_an_error_in_the_log(web):
    assert "Traceback" not in web.process.said(), web.process.said()


def test_a_token_kept_in_the_session_counts_too(tmp_path):
    settings = tmp_path / "sessions_settings.py"
    settings.write_text("from poolsite.settings import *\nCSRF_USE_SESSIONS = True\n")
    variables = {"DJANGO_SETTINGS_MODULE": "sessions_settings"}
    with Site(PYTHONPATH=str(tmp_path)) as site:
        session = site.do(stage.sign_in, "ada")
        site.do(stage.keep_csrf, session, CSRF)
        web = Web(site, extra_path=str(tmp_path), **variables)
        with web.page(session) as page:
            assert not page.order(type="pause", queue="a", csrf="j" * 32)["ok"]
            assert page.order(type="pause", queue="a", csrf=CSRF)["ok"]
