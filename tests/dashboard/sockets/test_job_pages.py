"""One job watched live: state, progress, attempts and log as they change; and a real one from beginning to end."""

import json

import pytest

from tests.dashboard.sockets import stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def texts(message):
    return [piece["text"] for piece in message["data"]["log"]]


def lanes(message):
    return sorted((lane["job"] for lane in message["data"]["live"]["lanes"]), key=str)


def path(job, query=""):
    return f"/ws/jobs/{job}/{query}"


@pytest.fixture
def job(live_site):
    return live_site.do(stage.running_job)


def test_everything_is_told_at_first(web, live_site, session, job):
    live_site.do(stage.say, job, "a", "b")
    with web.page(session, path(job)) as page:
        message = page.next()
    assert (1, "job") == (message["v"], message["type"])
    data = message["data"]
    assert {"job", "attempts", "log", "log_after", "log_cursor"} == set(data)
    assert (job, "RUNNING") == (data["job"]["id"], data["job"]["status"])
    assert (["a", "b"], 0, data["log"][-1]["id"]) == (texts(message), data["log_after"], data["log_cursor"])


def test_changes_are_told_and_the_log_goes_on(web, live_site, session, job):
    live_site.do(stage.say, job, "a")
    with web.page(session, path(job)) as page:
        cursor = page.next()["data"]["log_cursor"]
        live_site.do(stage.change_job, job, progress=0.5, progress_message="half")
        message = page.next_where(lambda message: message["data"]["job"]["progress"] == 0.5)
        assert ([], cursor) == (texts(message), message["data"]["log_after"])
        live_site.do(stage.say, job, "b", "c")
        heard = []
        while len(heard) < 2:
            heard += texts(page.next())
        assert ["b", "c"] == heard


def test_a_page_that_shows_some_of_the_log_gets_the_rest(web, live_site, session, job):
    live_site.do(stage.say, job, "a", "b", "c")
    with web.page(session, path(job)) as page:
        first = page.next()["data"]["log"]
    with web.page(session, path(job, f"?log={first[1]['id']}")) as page:
        message = page.next()
        assert ["c"] == texts(message)
        page.say(type="since", seq=message["seq"], log=first[0]["id"])
        assert ["b", "c"] == texts(page.next())


def test_who_is_slow_gets_all_of_the_log_at_once(web, live_site, sign_in, job):
    with web.page(sign_in(), path(job)) as quick, web.page(sign_in(), path(job)) as slow:
        quick.next()
        first = slow.hear()
        heard = []
        for text in "abc":
            live_site.do(stage.say, job, text)
            while heard[-1:] != [text]:
                heard += texts(quick.next())
        assert list("abc") == heard
        slow.say(type="ack", seq=first["seq"])
        assert list("abc") == texts(slow.next())


def test_a_job_that_is_not_there_closes_the_socket(web, session):
    with web.page(session, path("00000000-0000-7000-8000-000000000000")) as page:
        assert 4404 == page.close_code()


def test_a_job_that_is_pruned_closes_the_socket(web, live_site, session, job):
    with web.page(session, path(job)) as page:
        page.next()
        live_site.do(stage.delete_job, job)
        assert 4404 == page.close_code()


def test_while_nothing_happens_a_beat_says_so(web, session, job):
    with web.page(session, path(job)) as page:
        first = page.next()
        beat, another = json.loads(page.text()), json.loads(page.text())
    assert ("beat", first["seq"]) == (beat["type"], beat["seq"])
    assert another["data"]["at"] > beat["data"]["at"]


def test_who_has_not_acknowledged_hears_no_beat(web, session, job):
    with web.page(session, path(job)) as page:
        page.hear()
        assert page.hears_nothing(3.0)


def test_a_real_job_from_its_start_to_its_end(web, live_site, session, tmp_path):
    node = live_site.start_node(2)
    go = tmp_path / "go"
    job = live_site.enqueue("progresses", str(go))
    with web.page(session, path(job)) as page:
        message = page.next_where(lambda message: message["data"]["job"]["progress"])
        assert ("RUNNING", 0.25, "a quarter") == tuple(
            message["data"]["job"][key] for key in ("status", "progress", "progress_message")
        )
        with web.page(session) as overview:
            message = overview.next_where(lambda message: lanes(message) != [None, None])
            assert [job, None] == lanes(message)
            assert job in [one["id"] for one in message["data"]["live"]["running"]]
        go.touch()
        message = page.next_where(lambda message: message["data"]["job"]["status"] == "COMPLETED")
        assert "done" == message["data"]["job"]["result"]
    assert 0 == node.stop()


def test_nothing_of_all_this_was_an_error_in_the_log(web):
    said = web.process.said()
    assert "Traceback" not in said, said
    assert "feed.failed" not in said, said
