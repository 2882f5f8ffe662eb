"""The thread of `pool top` that talks to the database, with looks and orders that are given."""

from queue import Queue

from pool.management.top.aside import Aside, Broken
from pool.management.top.minute import Minute
from pool.management.top.orders import PauseQueue, Said, ScaleBy
from pool.management.top.reading import Reading
from tests.unit.top_sight import status

LIMIT_S = 10.0


def started(look, carry_out=lambda order: Said(str(order)), interval_s=60.0):
    """An aside, and what becomes true whenever it has something to tell."""
    woken = Queue()
    aside = Aside(look, carry_out, lambda: woken.put(True), interval_s)
    aside.start()
    return aside, woken


def look():
    return Reading(status(), Minute(), 0.0)


def test_it_looks_once_an_interval():
    aside, woken = started(look, interval_s=0.01)
    assert woken.get(timeout=LIMIT_S)
    assert woken.get(timeout=LIMIT_S)
    aside.end()
    assert {Reading} == {type(news) for news in aside.news()}
    assert [] == aside.news()


def test_after_an_order_it_looks_at_once():
    aside, woken = started(look)
    aside.order(ScaleBy(1))
    assert all(woken.get(timeout=LIMIT_S) for _ in range(2))
    assert [Said, Reading] == [type(news) for news in aside.news()]
    aside.end()


def test_what_was_ordered_is_done_before_it_ends():
    done = []
    aside, _ = started(look, lambda order: done.append(order) or Said("done"))
    for order in (ScaleBy(1), PauseQueue("mail")):
        aside.order(order)
    aside.end()
    assert [ScaleBy(1), PauseQueue("mail")] == done


def test_a_bug_in_the_thread_is_told():
    def broken():
        raise KeyError("live")

    aside, woken = started(broken, interval_s=0.01)
    assert woken.get(timeout=LIMIT_S)
    (news,) = aside.news()
    assert isinstance(news, Broken)
    assert isinstance(news.error, KeyError)
    aside.end()
