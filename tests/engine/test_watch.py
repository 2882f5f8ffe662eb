"""What the node does about what it sees in the slots, second by second. Time is what the test says it is."""

import pytest

from pool.domain.states import WorkerState
from pool.engine import slot as words
from pool.engine.context import CANCEL_KIND, TIMEOUT_KIND
from pool.engine.messages import Poke, Recall
from tests.engine.benches import Bench, ScriptedWorker, at, bench, made_job

START = 100.0


def busy(node: Bench, **job: object) -> ScriptedWorker:
    """A worker that executes a job since START, and has just beaten."""
    worker = node.add_worker(START)
    worker.handle.give([(made_job(**job), 100.0)], 0)
    worker.begin(1, START)
    return worker


def test_job_that_lasts_is_marked_as_running_once() -> None:
    with bench() as node:
        worker = busy(node)
        node.watch.look(at(START + 0.05))
        assert [] == node.ledger.pending.begun
        for later in (0.1, 0.2):
            node.watch.look(at(START + later))
        [begun] = node.ledger.pending.begun
        assert (worker.handle.worker, START + 1000) == (begun.worker, begun.started_at)


def test_progress_is_carried_when_it_changes_and_only_the_running_jobs() -> None:
    with bench() as node:
        worker = busy(node)
        worker.slot.words[words.SEQ] = 0
        worker.slot.report(0.9, "of the job before")
        worker.begin(1, START)
        node.watch.look(at(START + 1))
        assert {} == node.ledger.pending.progressed
        worker.slot.report(0.5, "half")
        for later in (1.1, 1.2):
            node.watch.look(at(START + later))
        assert [(0.5, "half")] == [(one.fraction, one.message) for one in node.ledger.pending.progressed.values()]


def test_timeout_goes_through_its_stages() -> None:
    """The task had its whole timeout to end: the exception comes at once."""
    with bench() as node:
        worker = busy(node, timeout=10.0)
        node.watch.look(at(START + 9.9))
        assert (0, []) == (worker.slot.words[words.FLAG], node.done)
        node.watch.look(at(START + 10))
        mark = 1 << 2 | TIMEOUT_KIND
        assert (mark, mark) == (worker.slot.words[words.FLAG], worker.slot.words[words.INTERRUPT])
        assert ["SIGUSR1"] == node.done
        assert START + 14 == pytest.approx(node.watch.next_deadline())
        node.watch.look(at(START + 13.9))
        assert ["SIGUSR1"] == node.done
        node.watch.look(at(START + 14.1))
        assert ["SIGUSR1", "SIGTERM"] == node.done
        node.watch.look(at(START + 19.1))
        assert ["SIGUSR1", "SIGTERM", "kill: asked to end (timeout), it did not"] == node.done


def test_cancel_shows_the_flag_first() -> None:
    with bench() as node:
        worker = busy(node)
        node.watch.cancel(worker.handle, 1, START)
        assert (1 << 2 | CANCEL_KIND, 0, []) == (
            worker.slot.words[words.FLAG],
            worker.slot.words[words.INTERRUPT],
            node.done,
        )
        node.watch.look(at(START + 1))
        assert ["SIGUSR1"] == node.done
        node.watch.look(at(START + 10))
        assert ["SIGUSR1", "SIGTERM", "kill: asked to end (cancelled), it did not"] == node.done


def test_second_cancel_begins_nothing_anew() -> None:
    with bench() as node:
        worker = busy(node)
        for later in (0.0, 0.5, 0.9):
            node.watch.cancel(worker.handle, 1, START + later)
        node.watch.look(at(START + 1))
        assert ["SIGUSR1"] == node.done


def test_end_stops_when_the_job_has_ended() -> None:
    with bench() as node:
        worker = busy(node, timeout=1.0)
        node.watch.look(at(START + 1))
        worker.slot.end()
        worker.handle.take_back(1)
        node.watch.look(at(START + 60))
        assert ["SIGUSR1"] == [one for one in node.done if not one.startswith("kill: no sign")]
        assert node.watch.next_deadline() is None


def test_job_that_began_a_moment_ago_is_never_hit_for_the_one_before() -> None:
    """The ending of the first is still on its way when its time is up."""
    with bench() as node:
        worker = node.add_worker(START)
        worker.handle.give([(made_job(timeout=1.0), 100.0), (made_job(), 100.0)], 0)
        worker.begin(1, START)
        node.watch.look(at(START + 1))
        worker.slot.end()
        worker.begin(2, START + 4)
        for later in (5.1, 12):
            worker.beat(START + later)
            node.watch.look(at(START + later))
        assert ["SIGUSR1"] == [one for one in node.done if not one.startswith("kill: no sign")]


def test_start_of_one_job_is_never_taken_for_anothers() -> None:
    """The first ran for long; the second has begun an instant ago and has a short timeout."""
    with bench() as node:
        worker = node.add_worker(START)
        worker.handle.give([(made_job(), 100.0), (made_job(timeout=1.0), 100.0)], 0)
        worker.begin(1, START)
        node.watch.look(at(START + 30))
        worker.slot.end()
        worker.handle.take_back(1)
        node.watch.look(at(START + 30.05))
        worker.begin(2, START + 30.1)
        node.watch.look(at(START + 31))
        assert [] == [one for one in node.done if not one.startswith("kill: no sign")]
        node.watch.look(at(START + 31.1))
        assert "SIGUSR1" in node.done


# Held up --------------------------------------------------------------------------


def recalls(worker: ScriptedWorker) -> int:
    return sum(isinstance(order, Recall) for order in worker.side.read())


def test_jobs_behind_a_long_one_are_recalled_once_when_somebody_is_free() -> None:
    with bench() as node:
        worker = node.add_worker(START)
        node.add_worker(START)
        worker.handle.give([(made_job(), 100.0), (made_job(), 100.0)], 0)
        worker.begin(1, START)
        node.watch.look(at(START + 0.01))
        assert 0 == recalls(worker)
        for later in (0.05, 0.1, 0.5):
            node.watch.look(at(START + later))
        assert 1 == recalls(worker)
        assert worker.handle not in node.roster.able(), "nothing more is handed out behind it"


def test_jobs_behind_a_long_one_wait_a_second_when_nobody_is_free() -> None:
    with bench() as node:
        worker = node.add_worker(START)
        worker.handle.give([(made_job(), 100.0), (made_job(), 100.0)], 0)
        worker.begin(1, START)
        node.watch.look(at(START + 0.9))
        assert 0 == recalls(worker)
        assert [] == node.roster.able()
        node.watch.look(at(START + 1))
        assert 1 == recalls(worker)


# Signs of life --------------------------------------------------------------------


def test_busy_worker_is_asked_for_a_sign_of_life_every_second() -> None:
    with bench() as node:
        worker = busy(node)
        node.watch.look(at(START + 0.9))
        assert [] == worker.side.read()
        node.watch.look(at(START + 1))
        assert [Poke()] == worker.side.read()
        worker.beat(START + 1.01)
        node.watch.look(at(START + 1.05))
        node.watch.look(at(START + 2.1))
        assert [Poke()] == worker.side.read()


def test_silent_worker_is_unhealthy_then_replaced() -> None:
    with bench() as node:
        worker = busy(node)
        handle = worker.handle
        node.watch.look(at(START + 1))
        node.watch.look(at(START + 5.9))
        assert WorkerState.BUSY is handle.state
        node.watch.look(at(START + 6))
        assert (WorkerState.UNHEALTHY, []) == (handle.state, node.done)
        node.watch.look(at(START + 11))
        assert ["kill: no sign of life for 10 s"] == node.done


def test_worker_that_beats_again_is_healthy_again() -> None:
    with bench() as node:
        worker = busy(node)
        node.watch.look(at(START + 1))
        node.watch.look(at(START + 7))
        worker.beat(START + 7.5)
        node.watch.look(at(START + 8))
        assert (WorkerState.BUSY, []) == (worker.handle.state, node.done)


def test_worker_busy_in_c_gets_longer() -> None:
    """It holds the interpreter and cannot answer, but its CPU time advances."""
    with bench() as node:
        worker = busy(node)
        worker.handle.cpu = 0.9
        node.watch.look(at(START + 1))
        node.watch.look(at(START + 60))
        assert (WorkerState.UNHEALTHY, []) == (worker.handle.state, node.done)
        node.watch.look(at(START + 61))
        assert ["kill: no sign of life for 60 s"] == node.done


def test_worker_that_is_never_ready_is_given_up() -> None:
    with bench(start_timeout_s=3.0) as node:
        worker = node.add_worker(START)
        worker.handle.state = WorkerState.STARTING
        node.watch.look(at(START + 3))
        assert [] == node.done
        node.watch.look(at(START + 3.1))
        assert ["kill: not ready after 3 s"] == node.done


def test_shutdown_cuts_short_what_holds_jobs() -> None:
    with bench() as node:
        busy(node)
        node.add_worker(START)
        node.watch.interrupt_all()
        assert ["kill: shutdown"] == node.done
