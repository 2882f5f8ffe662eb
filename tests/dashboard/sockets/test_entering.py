"""Who gets in at a real daphne: refused before the socket is accepted."""

import json

import pytest

from tests.dashboard.sockets.web import ACCEPTED, FORBIDDEN, METRICS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ADDRESSES = (METRICS, "/ws/jobs/00000000-0000-7000-8000-000000000000/")


@pytest.mark.parametrize("path", ADDRESSES)
def test_staff_from_our_own_page_get_in(web, session, path):
    assert ACCEPTED == web.status_of(path, **web.let_in(session))


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("cookie", [None, "", "sessionid=", "sessionid=nonsense", "sessionid=%00", "other=x"])
def test_a_stranger_does_not(web, path, cookie):
    assert FORBIDDEN == web.status_of(path, Origin=web.origin, Cookie=cookie)


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_user_who_is_not_staff_does_not(web, sign_in, path):
    session = sign_in(is_staff=False, superuser=False, rights=("view_job", "change_job"))
    assert FORBIDDEN == web.status_of(path, **web.let_in(session))


def test_staff_without_the_right_to_view_do_not(web, sign_in):
    assert FORBIDDEN == web.status_of(**web.let_in(sign_in(superuser=False)))
    assert ACCEPTED == web.status_of(**web.let_in(sign_in(superuser=False, rights=("view_job",))))


def origins(port):
    yield from (None, "null", "", "http://evil.example", "http://127.0.0.1", f"https://127.0.0.1:{port}")
    yield from (f"http://127.0.0.1:{port + 1}", f"http://localhost:{port}", f"http://[::1]:{port}")
    yield from (f"http://127.0.0.1.evil.example:{port}", f"http://x@127.0.0.1:{port}", f"ws://127.0.0.1:{port}")


def test_another_page_does_not(web, session):
    answers = {origin: web.status_of(Origin=origin, Cookie=f"sessionid={session}") for origin in origins(web.port)}
    # An origin that is no origin at all is refused by daphne itself.
    assert {} == {origin: status for origin, status in answers.items() if status not in (FORBIDDEN, 400)}
    assert FORBIDDEN == answers[None] == answers["null"] == answers["http://evil.example"]


def test_our_own_page_gets_in_by_every_name_of_the_host(web, session):
    for host in (f"localhost:{web.port}", f"LOCALHOST:{web.port}", f"[::1]:{web.port}"):
        headers = {"Host": host, "Origin": f"http://{host.lower()}", "Cookie": f"sessionid={session}"}
        assert ACCEPTED == web.status_of(**headers), host


def test_a_host_that_is_not_ours_does_not(web, session):
    headers = {"Host": "evil.example", "Origin": "http://evil.example", "Cookie": f"sessionid={session}"}
    assert FORBIDDEN == web.status_of(**headers)


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/metrics", "/ws/metrics/x", "/ws/jobs/", "/ws/jobs/nonsense/", "/x"])
def test_there_is_nothing_elsewhere(web, session, path):
    assert FORBIDDEN == web.status_of(path, **web.let_in(session))


def test_the_address_may_hold_nonsense(web, session):
    for query in ("?since=x", "?since=-1", "?since=" + "9" * 30, "?log=%00", "?%ff=%fe", "?since=1&since=2"):
        with web.page(session, METRICS + query) as page:
            assert "snapshot" == page.next()["type"]
    assert FORBIDDEN == web.status_of(METRICS + "?" + "&".join(["a"] * 2000), **web.let_in(session))


def test_without_a_node_the_figures_come_all_the_same(web, session):
    with web.page(session) as page:
        first, second = page.next(), page.next(5.0)
    assert second["data"]["timestamp"] > first["data"]["timestamp"]


def test_a_user_may_have_ten_sockets(web, sign_in):
    ada, ben = sign_in(), sign_in()
    pages = [web.page(ada) for _ in range(10)]
    opened = [page.__enter__() for page in pages]
    try:
        assert all(page.next()["type"] == "snapshot" for page in opened)
        with web.page(ada) as one_more:
            assert 4429 == one_more.close_code()
        with web.page(ben) as other:
            assert "snapshot" == other.next()["type"]
    finally:
        for page in pages:
            page.__exit__(None, None, None)
    with web.page(ada) as again:
        assert "snapshot" == again.next()["type"]


def test_nothing_of_all_this_was_an_error_in_the_log(web):
    said = web.process.said()
    assert "Traceback" not in said, said
    assert "ERROR" not in said, said


def test_the_message_has_the_shape_that_was_promised(web, session):
    with web.page(session) as page:
        message = json.loads(page.text())
    assert (1, "snapshot", int) == (message["v"], message["type"], type(message["seq"]))
    assert {"timestamp", "pool", "tasks", "performance", "resources", "queue", "health", "live"} == set(message["data"])
    assert {"at", "lanes", "running", "events"} == set(message["data"]["live"])
