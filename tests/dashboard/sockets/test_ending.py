"""Open sockets of people who may watch no longer: closed within five seconds, and told nothing after that."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosed

from tests.dashboard.sockets import stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

AT_ONCE_S = 5.0

SIGNED_OUT, FORBIDDEN = 4401, 4403

ENDINGS = {
    "logged-out": (SIGNED_OUT, lambda site, name, session: site.do(stage.sign_out, session)),
    "expired": (SIGNED_OUT, lambda site, name, session: site.do(stage.expire, session)),
    "deactivated": (SIGNED_OUT, lambda site, name, session: site.do(stage.change_user, name, is_active=False)),
    "password-changed": (SIGNED_OUT, lambda site, name, session: site.do(stage.change_password, name)),
    "no-longer-staff": (FORBIDDEN, lambda site, name, session: site.do(stage.change_user, name, is_staff=False)),
    "right-taken": (FORBIDDEN, lambda site, name, session: site.do(stage.take_rights, name)),
}
JOB_PAGE, STAYS = "on-a-job-page", "stays"


@dataclass
class End:
    code: int | None
    last_heard_s: float
    """After the right had ended."""
    closed_s: float


@pytest.fixture(scope="module")
def ends(web, live_site) -> dict[str, End]:
    """Everybody has a page open when their rights end, all in the same moment."""
    names = [*ENDINGS, JOB_PAGE, STAYS]
    job = live_site.do(stage.running_job)
    sessions = {name: live_site.do(stage.sign_in, name, superuser=False, rights=("view_job",)) for name in names}
    paths = {name: f"/ws/jobs/{job}/" if name == JOB_PAGE else "/ws/metrics/" for name in names}
    with ExitStack() as stack, ThreadPoolExecutor(len(names)) as threads:
        pages = {name: stack.enter_context(web.page(sessions[name], paths[name])) for name in names}
        for page in pages.values():
            page.next()
        for name, (_, end) in ENDINGS.items():
            end(live_site, name, sessions[name])
        live_site.do(stage.sign_out, sessions[JOB_PAGE])
        ended_at = time.monotonic()
        watching = {name: threads.submit(watch, page, ended_at) for name, page in pages.items()}
        return {name: future.result() for name, future in watching.items()}


def watch(page, ended_at) -> End:
    """Read and acknowledge until the socket is closed, or for longer than it may stay open."""
    heard_at = ended_at
    with suppress(ConnectionClosed, TimeoutError):
        while time.monotonic() - ended_at < AT_ONCE_S + 1:
            page.next(AT_ONCE_S + 1)
            heard_at = time.monotonic()
    return End(page.connection.close_code, heard_at - ended_at, time.monotonic() - ended_at)


@pytest.mark.parametrize("how", ENDINGS)
def test_the_socket_is_closed_in_time(ends, how):
    assert ENDINGS[how][0] == ends[how].code
    assert ends[how].last_heard_s < AT_ONCE_S
    assert ends[how].closed_s < AT_ONCE_S + 1


def test_a_job_page_is_closed_too(ends):
    assert SIGNED_OUT == ends[JOB_PAGE].code


def test_others_go_on(ends):
    assert ends[STAYS].code is None
    assert ends[STAYS].last_heard_s > AT_ONCE_S - 2.5


def test_an_order_is_refused_at_once(web, live_site, sign_in):
    session = sign_in("hurried")
    with web.page(session, csrf="a" * 32) as page:
        page.next()
        live_site.do(stage.sign_out, session)
        assert not page.order(type="pause", queue="mail", csrf="a" * 32)["ok"]
    assert not live_site.do(stage.is_paused, "mail")


def test_nothing_of_all_this_was_an_error_in_the_log(web, ends):
    said = web.process.said()
    assert "Traceback" not in said, said
