"""A worker that ran several jobs is dead: which of them is to blame, and what becomes of the others."""

import pytest

from pool.domain.jobs import ClaimedJob
from pool.domain.stages import Stage
from pool.domain.states import JobStatus, Outcome
from pool.domain.verdict import Ended, judge
from pool.engine import slot as words
from pool.engine.handle import End
from pool.engine.loss import Exit, Loss, judge_losses, split_jobs
from pool.engine.placing import is_suspect
from tests.engine.benches import Bench, ScriptedWorker, bench, made_job

SEGV, KILL, TERM = Exit(None, 11), Exit(None, 9), Exit(None, 15)
NOW_NS = 100_000_000_000
LONG_AGO = NOW_NS - 5_000_000_000
INTERRUPTED, CRASHED = Outcome.INTERRUPTED, Outcome.CRASHED


def side_by_side(node: Bench, count: int = 4) -> ScriptedWorker:
    """A worker with so many jobs at work, of which it holds one more."""
    worker = node.add_worker(kind="io", streams=8)
    worker.handle.give([(made_job(), 1.0) for _ in range(count + 1)], 0, streams=True)
    for lane in range(count):
        worker.begin(lane + 1, 1.0, lane)
    return worker


def losses(worker: ScriptedWorker, how: Exit) -> list[Loss]:
    begun, _ = split_jobs(worker.handle)
    return judge_losses(worker.handle, begun, how, NOW_NS)


def told(found: list[Loss]) -> list[tuple[Outcome, bool]]:
    return [(loss.outcome, loss.suspect) for loss in found]


def test_slot_tells_which_had_begun() -> None:
    with bench() as node:
        worker = side_by_side(node)
        begun, unbegun = split_jobs(worker.handle)
        assert ([1, 2, 3, 4], [5]) == ([held.seq for held in begun], [held.seq for held in unbegun])
        assert [1, 2, 3, 4] == [running.seq for running in worker.handle.running_jobs()]


def test_only_job_is_to_blame_whatever_it_was() -> None:
    for how in (SEGV, KILL, Exit(3, None)):
        with bench() as node:
            assert [(CRASHED, False)] == told(losses(side_by_side(node, 1), how))


@pytest.mark.parametrize("how", [SEGV, Exit(7, None)])
def test_job_whose_step_it_was_is_to_blame(how: Exit) -> None:
    with bench() as node:
        worker = side_by_side(node)
        worker.slot.words[words.STEP] = 3
        assert [INTERRUPTED, INTERRUPTED, CRASHED, INTERRUPTED] == [loss.outcome for loss in losses(worker, how)]
        assert not any(loss.suspect for loss in losses(worker, how))


@pytest.mark.parametrize(("step", "threads", "how"), [(0, 0, SEGV), (3, 1, SEGV), (3, 0, KILL), (3, 0, TERM)])
def test_without_proof_all_are_suspects_and_none_is_burnt(step: int, threads: int, how: Exit) -> None:
    """Nobody was at work, or a thread was as well, or it came from outside."""
    with bench() as node:
        worker = side_by_side(node)
        worker.slot.words[words.STEP], worker.slot.words[words.THREADS] = step, threads
        found = losses(worker, how)
        assert [(INTERRUPTED, True)] * 4 == told(found)
        verdict = judge(ended(found[0]), None)  # type: ignore[arg-type]
        assert (JobStatus.PENDING, True, True) == (verdict.status, verdict.interrupted, verdict.lost)


def test_worker_killed_for_its_silence_has_suspects() -> None:
    with bench() as node:
        worker = side_by_side(node)
        worker.slot.words[words.STEP] = 3
        worker.handle.death_reason = "no sign of life for 10 s"
        assert [(INTERRUPTED, True)] * 4 == told(losses(worker, KILL))


@pytest.mark.parametrize(("outcome", "how"), [(Outcome.TIMEOUT, TERM), (Outcome.CANCELLED, KILL)])
def test_job_that_was_asked_to_end_has_ended_and_its_neighbours_go_on(outcome: Outcome, how: Exit) -> None:
    with bench() as node:
        worker = side_by_side(node)
        worker.handle.ends[2] = End(2, outcome, 0.0, Stage.TERM)
        expected = [(INTERRUPTED, False), (outcome, False), (INTERRUPTED, False), (INTERRUPTED, False)]
        assert expected == told(losses(worker, how))


def test_job_that_held_up_the_loop_is_suspected_and_who_waited_for_it_not_burnt() -> None:
    """The third has kept the second from ending in time."""
    with bench() as node:
        worker = side_by_side(node)
        worker.handle.ends[2] = End(2, Outcome.TIMEOUT, 0.0, Stage.TERM)
        worker.slot.words[words.STEP], worker.slot.words[words.STEP_AT] = 3, LONG_AGO
        expected = [(INTERRUPTED, False), (INTERRUPTED, False), (INTERRUPTED, True), (INTERRUPTED, False)]
        assert expected == told(losses(worker, TERM))
        worker.slot.words[words.STEP_AT] = NOW_NS
        assert Outcome.TIMEOUT is losses(worker, TERM)[1].outcome, "a step of a moment holds nobody up"


def test_cancelled_job_is_cancelled_whoever_held_it_up() -> None:
    with bench() as node:
        worker = side_by_side(node)
        worker.handle.ends[2] = End(2, Outcome.CANCELLED, 0.0, Stage.KILL)
        worker.slot.words[words.STEP], worker.slot.words[words.STEP_AT] = 3, LONG_AGO
        assert Outcome.CANCELLED is losses(worker, KILL)[1].outcome


def test_stopping_node_interrupts_all() -> None:
    with bench() as node:
        worker = side_by_side(node)
        worker.handle.death_reason = "shutdown"
        assert [(INTERRUPTED, False)] * 4 == told(losses(worker, KILL))


@pytest.mark.parametrize(
    ("lost", "interrupted", "suspect"), [(0, 5, False), (1, 0, False), (1, 1, True), (2, 0, True), (0, 0, False)]
)
def test_suspects_are_known_by_their_row(lost: int, interrupted: int, suspect: bool) -> None:
    """A job that its node took with it is none, nor one that a stop cut short."""
    assert suspect is is_suspect(made_job(losses=lost, interruptions=interrupted))


def ended(loss: Loss) -> Ended:
    job: ClaimedJob = loss.held.job
    return Ended(job, loss.outcome, "w0", 1.0, 2.0, failure=loss.failure, suspect=loss.suspect)
