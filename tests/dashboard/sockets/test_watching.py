"""What viewers get at a real daphne: the same text for all, at their own pace, and nothing is read for nobody."""

import json
import time
from datetime import datetime

import pytest

from tests.acceptance.site import wait_for
from tests.dashboard.sockets import stage
from tests.dashboard.sockets.web import Web

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module", autouse=True)
def _node(live_site):
    """One that writes a snapshot every second."""
    live_site.start_node(1)


def taken_at(message):
    at = message["data"]["live"]["at"]
    return datetime.fromisoformat(at).timestamp() if at else 0.0


def text_of(page, is_it):
    """The first message of which this is true, to the letter."""
    while True:
        text = page.text()
        message = json.loads(text)
        if is_it(message):
            return text
        page.say(type="ack", seq=message["seq"])


def test_a_snapshot_comes_as_soon_as_it_is_written(web, session, write_snapshot):
    ages = []
    with web.page(session) as page:
        page.next()
        for _ in range(5):
            written = write_snapshot()
            page.next_where(lambda message, at=written: taken_at(message) >= at)
            ages.append(time.time() - written)
    # One look of the feed and a moment; a machine under load may take longer once.
    assert sorted(ages)[2] < 1.0


def test_two_viewers_get_the_same_text(web, sign_in, write_snapshot):
    with web.page(sign_in()) as one, web.page(sign_in()) as other:
        one.next(), other.next()
        written = write_snapshot()
        texts = [text_of(page, lambda message: taken_at(message) >= written) for page in (one, other)]
    assert texts[0] == texts[1]


def test_numbers_rise_by_one(web, session):
    with web.page(session) as page:
        seqs = [page.next()["seq"] for _ in range(3)]
    assert [seqs[0], seqs[0] + 1, seqs[0] + 2] == seqs


def test_whoever_does_not_acknowledge_gets_no_second_message(web, session, write_snapshot):
    with web.page(session) as page:
        first = page.hear()
        write_snapshot()
        assert page.hears_nothing(3.0)
        page.say(type="ack", seq=first["seq"] + 1)
        page.say(type="ack", seq=0)
        assert page.hears_nothing(1.0)
        page.say(type="ack", seq=first["seq"])
        # What came meanwhile was replaced by the newest.
        assert page.next()["seq"] > first["seq"] + 1


def test_a_gap_is_refilled(web, sign_in):
    with web.page(sign_in()) as watching, web.page(sign_in()) as page:
        seen = [watching.next()["seq"] for _ in range(4)]
        page.next_where(lambda message: message["seq"] >= seen[-1])
        page.say(type="since", seq=seen[0])
        again = [page.next()["seq"] for _ in range(3)]
    assert seen[1:] == again


def test_a_page_that_comes_back_is_told_what_it_missed(web, sign_in):
    with web.page(sign_in()) as watching:
        seen = [watching.next()["seq"] for _ in range(3)]
        with web.page(sign_in(), f"/ws/metrics/?since={seen[0]}") as page:
            assert seen[1:] == [page.next()["seq"], page.next()["seq"]]


def test_a_gap_too_old_to_be_refilled_is_answered_with_the_newest(web, sign_in):
    with web.page(sign_in()) as page:
        newest = page.next()["seq"]
        page.say(type="since", seq=1)
        assert page.next()["seq"] >= newest


def test_pings_are_answered(web, session):
    with web.page(session) as page:
        assert page.answers_ping()


def test_the_feed_stops_with_the_last_viewer(web, sign_in):
    wait_for(lambda: web.database_files() == 0, 10, "the feed to stop")
    threads = web.threads()
    with web.page(sign_in()) as one:
        one.next()
        assert web.database_files() > 0
        with web.page(sign_in()) as other:
            other.next()
        assert one.next(5.0)
        # Another look for rights, so that its thread is there too.
        wait_for(lambda: web.threads() > threads, 10, "the feed's threads")
    wait_for(lambda: web.database_files() == 0, 10, "the feed to let go of the database")
    wait_for(lambda: web.threads() <= threads, 10, "the feed's threads to end")


def test_the_feed_starts_again(web, sign_in, live_site):
    before = live_site.do(stage.write_snapshot)
    with web.page(sign_in()) as page:
        first = page.next()["seq"]
    wait_for(lambda: web.database_files() == 0, 10, "the feed to stop")
    with web.page(sign_in()) as page:
        message = page.next()
        assert message["seq"] > first
        assert datetime.fromisoformat(message["data"]["timestamp"]).timestamp() > before


def test_the_web_process_leaves_at_once_however_many_watch(live_site, sign_in):
    web = Web(live_site)
    with web.page(sign_in()) as one, web.page(sign_in()) as other:
        one.next(), other.next()
        began = time.monotonic()
        web.process.stop()
        assert time.monotonic() - began < 5.0
    assert "Traceback" not in web.process.said(), web.process.said()


def test_nothing_of_all_this_was_an_error_in_the_log(web):
    said = web.process.said()
    assert "Traceback" not in said, said
    assert "feed.failed" not in said, said
