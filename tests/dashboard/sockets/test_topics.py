"""What a viewer is told next, wherever it is."""

import asyncio
import json
from uuid import uuid4

import pytest

from dashboard.feed import Feed
from dashboard.sockets.rights import Ticket
from dashboard.sockets.topics import SNAPSHOTS_KEPT, JobTopic, Place, PoolTopic
from dashboard.sockets.viewer import Viewer
from pool.store import watched
from pool.store.watched import JobNews


@pytest.fixture
def pool():
    return PoolTopic("group")


@pytest.fixture
def job():
    return JobTopic("group")


def add(topic, count):
    for number in range(count):
        topic.add({"number": number})


def drained(topic, place):
    """Numbers of all messages that a viewer gets who acknowledges each."""
    found = []
    while (message := topic.next_for(place)) is not None:
        found.append(message[0])
    return found


def news(*pieces, is_cut=False, **job):
    return JobNews(
        uuid4(), job, [], [{"id": piece, "stream": "stdout", "text": str(piece)} for piece in pieces], is_cut
    )


def told(topic, place):
    message = topic.next_for(place)
    return None if message is None else json.loads(message[1])["data"]


def pieces(data):
    return [piece["id"] for piece in data["log"]]


class TestPool:
    def test_nothing_is_told_before_there_is_something(self, pool):
        assert pool.is_empty
        assert pool.next_for(Place()) is None

    def test_whoever_comes_gets_the_newest(self, pool):
        add(pool, 3)
        assert [pool.seq] == drained(pool, Place())

    def test_numbers_rise_by_one_and_stand_in_the_message(self, pool):
        place, seen = Place(), []
        for _ in range(3):
            add(pool, 1)
            seq, text = pool.next_for(place)
            assert {"v": 1, "type": "snapshot", "seq": seq, "data": {"number": 0}} == json.loads(text)
            seen.append(seq)
        assert [seen[0], seen[0] + 1, seen[0] + 2] == seen

    def test_all_get_the_same_text(self, pool):
        add(pool, 1)
        assert pool.next_for(Place())[1] is pool.next_for(Place())[1]

    def test_who_falls_behind_gets_the_newest_only(self, pool):
        add(pool, 1)
        place = Place()
        drained(pool, place)
        add(pool, 5)
        assert [pool.seq] == drained(pool, place)

    def test_a_gap_is_refilled(self, pool):
        add(pool, 10)
        place = Place()
        drained(pool, place)
        pool.seek(place, pool.seq - 4, None)
        assert [pool.seq - 3, pool.seq - 2, pool.seq - 1, pool.seq] == drained(pool, place)
        add(pool, 2)
        assert [pool.seq] == drained(pool, place)

    def test_what_comes_during_a_refill_comes_after_it(self, pool):
        add(pool, 5)
        place = Place()
        pool.seek(place, pool.seq - 2, None)
        first = pool.next_for(place)[0]
        add(pool, 1)
        assert [first, pool.seq - 1, pool.seq] == [first, *drained(pool, place)]

    def test_a_gap_longer_than_what_is_kept_is_skipped(self, pool):
        add(pool, 1)
        old = pool.seq - 1
        add(pool, SNAPSHOTS_KEPT)
        place = Place()
        pool.seek(place, old, None)
        assert [pool.seq] == drained(pool, place)

    def test_a_whole_buffer_is_refilled(self, pool):
        add(pool, SNAPSHOTS_KEPT + 10)
        place = Place()
        pool.seek(place, pool.seq - SNAPSHOTS_KEPT, None)
        assert SNAPSHOTS_KEPT == len(drained(pool, place))

    def test_a_refill_that_is_overtaken_goes_on_with_the_oldest(self, pool):
        add(pool, SNAPSHOTS_KEPT)
        place = Place()
        pool.seek(place, pool.seq - SNAPSHOTS_KEPT, None)
        pool.next_for(place)
        add(pool, 3 * SNAPSHOTS_KEPT)
        assert list(range(pool.seq - SNAPSHOTS_KEPT + 1, pool.seq + 1)) == drained(pool, place)

    def test_who_has_the_newest_has_missed_nothing(self, pool):
        add(pool, 3)
        place = Place()
        pool.seek(place, pool.seq, None)
        assert [] == drained(pool, place)

    @pytest.mark.parametrize("seq", [0, 1, 2**53])
    def test_a_number_that_was_never_given_gets_the_newest(self, pool, seq):
        add(pool, 3)
        place = Place()
        pool.seek(place, seq, None)
        assert [pool.seq] == drained(pool, place)

    def test_a_later_feed_gives_higher_numbers(self, pool):
        add(pool, 3)
        assert PoolTopic("group").seq >= pool.seq - 3


class TestJob:
    def test_whoever_comes_gets_the_job_and_its_whole_log(self, job):
        job.add(news(3, 5, status="RUNNING"))
        data = told(job, Place())
        assert {"status": "RUNNING"} == data["job"]
        assert ([3, 5], 0, 5) == (pieces(data), data["log_after"], data["log_cursor"])

    def test_figures_for_programs_stay_out_of_the_log(self, job):
        text = 'used: {"tokens": 5}\nstep: two\n'
        job.add(JobNews(uuid4(), {}, [], [{"id": 1, "stream": "note", "text": text}]))
        assert ["step: two\n"] == [piece["text"] for piece in told(job, Place())["log"]]

    def test_the_log_goes_on_where_it_stood(self, job):
        place = Place()
        job.add(news(3, 5))
        told(job, place)
        job.add(news(7))
        job.add(news(8))
        data = told(job, place)
        assert ([7, 8], 5, 8) == (pieces(data), data["log_after"], data["log_cursor"])

    def test_a_page_that_has_some_gets_the_rest(self, job):
        job.add(news(3, 5, 7))
        assert [7] == pieces(told(job, Place(log=5)))

    def test_a_page_may_ask_again(self, job):
        place = Place()
        job.add(news(3, 5))
        told(job, place)
        assert told(job, place) is None
        job.seek(place, 0, 3)
        assert [5] == pieces(told(job, place))
        job.seek(place, 0, None)
        assert [] == pieces(told(job, place))

    def test_a_cut_log_says_where_it_begins(self, job):
        job.add(news(13, 15, is_cut=True))
        data = told(job, Place())
        assert ([13, 15], 12) == (pieces(data), data["log_after"])

    def test_more_log_than_is_kept_is_cut(self, job, monkeypatch):
        monkeypatch.setattr("dashboard.sockets.topics.MOST_PIECES", 3)
        job = JobTopic("group")
        job.add(news(1, 2))
        job.add(news(3, 4))
        data = told(job, Place())
        assert ([2, 3, 4], 1) == (pieces(data), data["log_after"])

    def test_pieces_that_come_twice_are_told_once(self, job):
        place = Place()
        job.add(news(3, 5))
        told(job, place)
        job.add(news(3, 5, 7))
        assert [7] == pieces(told(job, place))
        assert [3, 5, 7] == pieces(told(job, Place()))

    def test_viewers_who_are_equally_far_get_the_same_text(self, job):
        job.add(news(3, 5))
        assert job.next_for(Place())[1] is job.next_for(Place())[1]

    def test_a_page_that_claims_to_have_more_than_there_is_gets_the_next(self, job):
        job.add(news(3))
        place = Place(log=999)
        assert [] == pieces(told(job, place))
        job.add(news(4))
        assert [4] == pieces(told(job, place))

    def test_few_texts_are_kept(self, job):
        job.add(news(*range(1, 101)))
        for after in range(100):
            told(job, Place(log=after))
        assert len(job._texts) < 10


def test_as_many_pieces_are_kept_as_are_read():
    assert watched.MOST_PIECES == JobTopic("group")._pieces.maxlen


async def unheard(message):
    """The socket of somebody to whom nothing is told yet."""


async def joined(feed, key):
    """A viewer of this job, or of the pool."""
    viewer = Viewer(key, Ticket("session", 1), await feed.layer.new_channel(), Place(), unheard)
    await feed.join(viewer)
    return viewer


def test_a_job_is_dropped_with_its_last_viewer_while_others_watch_something_else():
    async def watch():
        feed, job, other = Feed(), uuid4(), uuid4()
        viewers = [await joined(feed, key) for key in (job, job, other, None)]
        await feed.leave(viewers[0])
        assert {job, other} == feed._wants().jobs
        await feed.leave(viewers[1])
        assert {other} == feed._wants().jobs
        assert feed._wants().pool
        assert {f"job.{other.hex}", "pool"} == set(feed.layer.groups)
        await feed.leave(viewers[3])
        assert (False, {other}) == (feed._wants().pool, feed._wants().jobs)
        await feed.leave(viewers[2])

    asyncio.run(watch())
