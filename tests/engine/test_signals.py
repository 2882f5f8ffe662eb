"""The pool's events as Django signals: sent in the clerk for what its node does, and harmed by no receiver."""

from collections.abc import Iterator

import pytest

from pool.domain.events import EVENTS
from tests.engine.engine_site import EngineSite, helper_pid, kill, worker_pids
from tests.engine.listening.site import Listening

ENVELOPE = {"type", "at", "job", "node", "worker", "data", "level", "text"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def listening(request: pytest.FixtureRequest) -> Iterator[Listening]:
    with Listening(request.param) as site:
        site.start_heard_node()
        yield site


def test_what_happened_before_the_clerk_was_there_is_told_as_well(listening: Listening) -> None:
    for name in ("node.started", "worker.started", "worker.ready", "pool.started"):
        assert 1 == len(listening.heard(name)), name


def test_the_life_of_a_job_is_told_in_order(listening: Listening) -> None:
    job = listening.enqueue("adds", 1, b=2)
    done = listening.wait_until_heard("job.completed", job)
    assert ["job.claimed", "job.started", "job.completed"] == listening.names(job)
    assert "COMPLETED" == listening.job(job)["status"], "it is told when it is so"
    data = done["data"]
    assert ("tests.zoo.tasks.adds", "default", 1, 3) == tuple(data[n] for n in ("task", "queue", "attempt", "result"))
    assert data["ms"] >= 0
    assert data["wait_ms"] >= 0
    assert done["worker"]


def test_failures_say_whether_there_will_be_another_try(listening: Listening) -> None:
    job = listening.enqueue("fails_until", listening.path("tries"), successes_at=2)
    listening.wait_until_heard("job.completed", job)
    (failed,) = listening.heard("job.failed", job)
    assert failed["data"]["will_retry"] is True
    assert [] == listening.heard("job.dead", job)
    dead = listening.enqueue("raises", "no way")
    listening.wait_until_heard("job.dead", dead)
    (failed,) = listening.heard("job.failed", dead)
    (told,) = listening.heard("job.dead", dead)
    assert ("tests.zoo.tasks.raises", "builtins.ValueError", "no way") == tuple(
        told["data"][name] for name in ("task", "error", "message")
    )
    assert (False, "builtins.ValueError", "no way") == tuple(
        failed["data"][name] for name in ("will_retry", "error", "message")
    )


def test_steps_progress_and_output_are_told_while_they_happen(listening: Listening) -> None:
    job = listening.enqueue("progresses", listening.path("go"))
    listening.wait_until_heard("job.progress", job)
    assert [] == listening.heard("job.completed", job)
    first = listening.heard("job.progress", job)[0]["data"]
    assert (0.25, "a quarter") == (first["fraction"], first["message"])
    listening.touch("go")
    listening.wait_until_heard("job.completed", job)
    told = listening.enqueue("tells", "my line")
    listening.wait_until_heard("job.completed", told)
    lines = "".join(one["data"]["text"] for one in listening.heard("worker.log", told))
    assert "my line" in lines
    started = listening.heard("job.step_started", told)
    ended = listening.heard("job.step_completed", told)
    assert len(started) == len(ended)
    assert [one["data"]["step"] for one in started] == [one["data"]["step"] for one in ended]


def test_a_cancelled_and_a_timed_out_job_are_told_as_what_they_are(listening: Listening) -> None:
    job = listening.enqueue("sleeps", 30)
    listening.wait_until_heard("job.started", job)
    listening.pool("cancel", job)
    listening.wait_until_heard("job.cancelled", job)
    late = listening.enqueue("sleeps", 30, options={"timeout": 0.2, "max_attempts": 1})
    listening.wait_until_heard("job.timed_out", late)
    listening.wait_until_heard("job.dead", late)


def test_a_receiver_that_fails_is_logged_once_and_harms_nobody(listening: Listening) -> None:
    for _ in range(3):
        job = listening.enqueue("raises", "again")
        listening.wait_until_heard("job.failed", job)
    said = listening.processes[0].said()
    assert 1 == said.count("Error calling breaks"), said
    assert "RuntimeError" in said


def test_every_event_is_on_the_list_with_its_fields(listening: Listening) -> None:
    listening.wait_until_heard("metrics.tick")
    for one in listening.heard():
        event = EVENTS[one["type"]]
        assert set(one) == ENVELOPE
        assert event.is_told, event.name
        assert set(one["data"]) <= set(event.fields), event.name
        assert one["node"]


def test_workers_and_the_clerk_may_die_meanwhile() -> None:
    with Listening("sqlite") as site:
        node = site.start_heard_node()
        kill(worker_pids(node)[0])
        assert "killed" in site.wait_until_heard("worker.exited")["text"]
        assert [one["data"]["how"] for one in site.events("worker.exited")], "it is a row as well"
        clerk = helper_pid(node, "clerk")
        assert clerk is not None
        kill(clerk)
        site.wait_until(lambda: helper_pid(node, "clerk") not in (None, clerk), "another clerk")
        before = len(site.heard("worker.heartbeat"))
        site.wait_until(lambda: len(site.heard("worker.heartbeat")) > before, "the new clerk to be told")
        job = site.enqueue("returns", 1)
        site.wait_until_heard("job.completed", job)
        assert 0 == node.stop()
        assert site.heard("pool.stopped"), "the last word is heard"


def test_without_listeners_nothing_is_told(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    job = site.enqueue("returns", 1)
    site.wait_for_job(job)
    assert 0 == node.stop()
    assert "events.lost" not in node.said()
