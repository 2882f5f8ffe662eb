"""What the node tells, without a node: to whom, in which packets, and what is lost when nobody takes it."""

from typing import Any

import msgspec
import pytest

from pool.domain.events import EVENTS
from pool.domain.jobs import Ended, Failure
from pool.domain.states import JobStatus, Outcome
from pool.engine import tidings
from pool.engine.job_news import JobNews
from pool.engine.messages import ClerkOrder, Told
from pool.engine.tidings import FIRST, PACKET_BYTES, TEXT_CHARS, Tidings
from tests.engine.benches import made_job

AT = 1000.0
decode = msgspec.msgpack.Decoder(ClerkOrder).decode


class Clerk:
    """Takes packets as long as there is room."""

    def __init__(self, room: int = 10**6) -> None:
        self.room, self.packets = room, list[bytes]()

    def post(self, packet: bytes) -> bool:
        if len(self.packets) >= self.room:
            return False
        self.packets.append(packet)
        return True

    def told(self) -> list[Told]:
        return [told for packet in self.packets for told in decode(packet)]


@pytest.fixture
def rows() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def made(rows: list[tuple[str, dict[str, Any]]]) -> Tidings:
    def keep(at: float, name: str, **facts: Any) -> None:
        rows.append((name, facts))
        found.kept(at, name, facts)

    found = Tidings(keep)
    return found


def sent(made: Tidings) -> list[Told]:
    clerk = Clerk()
    if made.has_news:
        made.send(clerk)
    return clerk.told()


def test_rare_things_wait_for_the_clerk_and_the_rest_does_not(made: Tidings) -> None:
    made.tell("pool.started", AT, data={"size": 2, "preset": "default"})
    made.hint("job.started", AT, "w0", "j", {})
    assert not made.has_news
    made.listen(["pool.started", "job.started"])
    assert ["pool.started"] == [told.name for told in sent(made)]


def test_nothing_is_kept_for_a_clerk_without_listeners(made: Tidings) -> None:
    made.tell("pool.started", AT, data={"size": 2, "preset": "default"})
    made.listen([])
    made.tell("worker.stopped", AT, "w0", {"reason": "idle"})
    assert not made.has_news
    assert not made.jobs


def test_a_rare_event_is_a_row_and_told_once(made: Tidings, rows: list[tuple[str, dict[str, Any]]]) -> None:
    made.listen(EVENTS)
    made.tell("worker.exited", AT, "w0", {"how": "killed", "jobs": [], "why": ""})
    assert [("worker.exited", "warning", "w0")] == [(name, facts["level"], facts["worker"]) for name, facts in rows]
    (told,) = sent(made)
    assert ("worker.exited", AT, "warning", "w0", None) == (told.name, told.at, told.level, told.worker, told.job)
    made.tell("worker.ready", AT, "w0", {"pid": 1, "took_ms": 2.0})
    assert 1 == len(rows), "that is not rare"
    assert ["worker.ready"] == [told.name for told in sent(made)]


def test_names_that_are_not_a_nodes_are_not_listened_to(made: Tidings) -> None:
    made.listen(["job.retried", "no.such", "job.enqueued"])
    assert not made.wanted


def test_packets_are_small_and_hold_everything_in_order(made: Tidings) -> None:
    made.listen(["worker.log"])
    for number in range(500):
        made.hint("worker.log", AT, "w0", "j", {"stream": "stdout", "text": f"{number} {'x' * 1000}"})
    clerk = Clerk(room=3)
    made.send(clerk)
    assert made.has_news, "there was no room for all"
    assert max(map(len, clerk.packets)) <= PACKET_BYTES + 10
    rest = Clerk()
    made.send(rest)
    texts = [told.data["text"] for told in clerk.told() + rest.told()]
    assert [f"{number}" for number in range(500)] == [text.partition(" ")[0] for text in texts]
    assert not made.has_news


def test_long_texts_are_cut_and_strange_values_are_written(made: Tidings) -> None:
    made.listen(["worker.log"])
    made.hint("worker.log", AT, "w0", "j", {"stream": JobStatus.FAILED, "text": "ä" * 9999, "odd": object})
    (told,) = sent(made)
    assert TEXT_CHARS == len(told.data["text"])
    assert "FAILED" == told.data["stream"]


def test_what_nobody_takes_is_lost_from_the_oldest_on(made: Tidings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidings, "MOST_UNSENT", 10)
    made.listen(["worker.log"])
    for number in range(25):
        made.hint("worker.log", AT, "w0", "j", {"stream": "stdout", "text": str(number)})
    assert [str(number) for number in range(15, 25)] == [told.data["text"] for told in sent(made)]


def test_a_clerk_that_is_gone_leaves_what_waits_to_the_next(made: Tidings) -> None:
    made.listen(EVENTS)
    made.tell("worker.exited", AT, "w0", {"how": "killed", "jobs": [], "why": ""})
    made.forget()
    assert FIRST == made.wanted
    assert not made.has_news
    made.listen(["worker.exited"])
    assert ["worker.exited"] == [told.name for told in sent(made)]


# Jobs --------------------------------------------------------------------------


def names(made: Tidings, *endings: tuple[Ended, JobStatus]) -> list[str]:
    made.listen(EVENTS)
    JobNews(made).recorded(endings)
    return [told.name for told in sent(made)]


def ended(outcome: Outcome, **more: Any) -> Ended:
    facts: dict[str, Any] = {"started_at": 1001.0, "finished_at": 1002.0} | more
    return Ended(made_job(), outcome, "w0", **facts)


FAILURE = Failure("ValueError", "no")


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        (Outcome.SUCCEEDED, JobStatus.COMPLETED, ["job.started", "job.completed"]),
        (Outcome.ERROR, JobStatus.SCHEDULED, ["job.started", "job.failed"]),
        (Outcome.ERROR, JobStatus.FAILED, ["job.started", "job.failed", "job.dead"]),
        (Outcome.CRASHED, JobStatus.PENDING, ["job.started", "job.failed"]),
        (Outcome.TIMEOUT, JobStatus.SCHEDULED, ["job.started", "job.timed_out"]),
        (Outcome.TIMEOUT, JobStatus.TIMEOUT, ["job.started", "job.timed_out", "job.dead"]),
        (Outcome.CANCELLED, JobStatus.CANCELLED, ["job.started", "job.cancelled"]),
        (Outcome.ERROR, JobStatus.CANCELLED, ["job.started", "job.cancelled"]),
        (Outcome.CANCELLED, JobStatus.PENDING, ["job.started", "job.interrupted"]),
        (Outcome.INTERRUPTED, JobStatus.PENDING, ["job.started", "job.interrupted"]),
        (Outcome.SUCCEEDED, JobStatus.FAILED, ["job.started", "job.failed", "job.dead"]),
    ],
)
def test_an_end_is_told_as_the_row_has_it(
    made: Tidings, outcome: Outcome, status: JobStatus, expected: list[str]
) -> None:
    assert expected == names(made, (ended(outcome, failure=FAILURE), status))


def test_what_went_back_unbegun_is_no_end(made: Tidings) -> None:
    assert [] == names(made, (ended(Outcome.INTERRUPTED, started_at=None), JobStatus.PENDING))


def test_a_job_that_never_began_and_is_dead_was_not_started(made: Tidings) -> None:
    assert ["job.failed", "job.dead"] == names(
        made, (ended(Outcome.ERROR, started_at=None, failure=FAILURE), JobStatus.FAILED)
    )


def test_a_job_that_lasts_is_started_once(made: Tidings) -> None:
    made.listen(EVENTS)
    news, done = JobNews(made), ended(Outcome.SUCCEEDED)
    news.begun(done.job, "w0", 1001.0)
    news.said(done.job, "w0", [(1001.2, "note", "step: one\nsomething\nstep: two\n"), (1001.5, "stdout", "step: no\n")])
    news.recorded([(done, JobStatus.COMPLETED)])
    told = [(one.name, one.data.get("step")) for one in sent(made) if one.name != "worker.log"]
    steps = [("job.step_started", "one"), ("job.step_completed", "one"), ("job.step_started", "two")]
    assert [("job.started", None), *steps, ("job.step_completed", "two"), ("job.completed", None)] == told


def test_each_step_is_told_with_what_it_used(made: Tidings) -> None:
    made.listen(["job.step_completed", "job.completed"])
    done = ended(Outcome.SUCCEEDED, usage='{"input_tokens": 100, "output_tokens": 9, "cost_usd": 0.01}')
    news, said = JobNews(made), 'used: {"input_tokens": 5}\nstep: one\n'
    news.said(done.job, "w0", [(1001.2, "note", said), (1001.3, "note", "step: two\n")])
    news.said(done.job, "w0", [(1001.4, "note", 'used: {"input_tokens": 25, "output_tokens": 2}\nstep: three\n')])
    news.said(done.job, "w0", [(1001.5, "note", "used: nonsense\n")])
    news.recorded([(done, JobStatus.COMPLETED)])
    used = [(one.data.get("step"), one.data["usage"]) for one in sent(made)]
    assert [
        ("one", None),
        ("two", {"input_tokens": 25, "output_tokens": 2}),
        ("three", {"input_tokens": 70, "output_tokens": 7}),
        (None, {"input_tokens": 100, "output_tokens": 9, "cost_usd": 0.01}),
    ] == used


def test_large_results_stay_where_they_are(made: Tidings) -> None:
    made.listen(["job.completed"])
    for result in ('{"a": 1}', '"' + "x" * 9999 + '"'):
        JobNews(made).recorded([(ended(Outcome.SUCCEEDED, result=result, usage='{"tokens": 3}'), JobStatus.COMPLETED)])
    small, large = sent(made)
    assert ({"a": 1}, {"tokens": 3}) == (small.data["result"], small.data["usage"])
    assert large.data["result"] is None
