"""Between claim and worker: who gets which job, and what becomes of those that nobody gets."""

from pool.domain.states import JobStatus, Outcome
from pool.engine.handle import MESSAGE_BYTES
from pool.engine.loss import Exit, judge_losses, split_jobs
from pool.engine.messages import RunJobs
from tests.engine.benches import Bench, at, bench, made_job

NOW = at(50.0)


def rulings(node: Bench) -> list[tuple[str, Outcome, JobStatus]]:
    return [(ended.job.id, ended.outcome, verdict.status) for ended, verdict in node.ledger.pending.rulings]


def test_free_workers_get_one_job_each_while_nothing_is_known() -> None:
    with bench() as node:
        workers = [node.add_worker() for _ in range(2)]
        assert 2 == node.dispatch.wants()
        node.dispatch.take([made_job() for _ in range(3)], NOW)
        node.dispatch.hand_out(NOW)
        assert [1, 1] == [len(worker.handle.held) for worker in workers]
        assert 1 == len(node.dispatch.ready)
        assert 0 == node.dispatch.wants()


def test_short_jobs_travel_in_batches() -> None:
    with bench() as node:
        worker = node.add_worker()
        for _ in range(50):
            node.dispatch.learn("a.task", 80.0)
        assert 20 < node.dispatch.wants() <= 256
        node.dispatch.take([made_job() for _ in range(40)], NOW)
        node.dispatch.hand_out(NOW)
        assert 40 == len(worker.handle.held)


def test_large_arguments_travel_in_many_messages_and_not_all_at_once() -> None:
    with bench() as node:
        worker = node.add_worker()
        for _ in range(50):
            node.dispatch.learn("a.task", 80.0)
        jobs = [made_job(args="[" + "1" * 2**18 + "]") for _ in range(40)]
        node.dispatch.take(list(jobs), NOW)
        node.dispatch.hand_out(NOW)
        given = len(worker.handle.held)
        assert 4 * 2**20 >= worker.handle.load_bytes > 3 * 2**20
        assert [job.id for job in jobs[given:]] == [job.id for job in node.dispatch.ready]
        node.dispatch.hand_out(NOW)
        assert given == len(worker.handle.held)
        assert 0 == node.dispatch.wants()
        node.dispatch.give_back_all(NOW)
        assert 1 >= node.dispatch.wants(), "what there is no room for is not claimed"
        orders: list[RunJobs] = []
        while sum(len(order.jobs) for order in orders) < given:
            orders += worker.main.read()
            worker.handle.main.flush()
        assert 4 < len(orders)
        assert max(sum(len(task.args) for task in order.jobs) for order in orders) <= MESSAGE_BYTES
        for seq in list(worker.handle.held):
            worker.handle.take_back(seq)
        assert 0 == worker.handle.load_bytes


def test_job_larger_than_a_seat_goes_to_empty_hands() -> None:
    with bench() as node:
        worker = node.add_worker()
        job = made_job(args="x" * 5 * 2**20)
        node.dispatch.take([job], NOW)
        node.dispatch.hand_out(NOW)
        assert {job.id} == node.roster.held_ids()
        assert worker.handle.main.unsent


def test_cancelled_job_goes_nowhere_wherever_it_was() -> None:
    """One waits here; the other comes back from a worker that had not begun it."""
    with bench() as node:
        worker = node.add_worker()
        here, there, other = made_job(), made_job(), made_job()
        node.dispatch.take([here, other], NOW)
        node.dispatch.doomed = {(here.id, here.epoch), (there.id, there.epoch)}
        node.dispatch.take_back([there])
        node.dispatch.hand_out(NOW)
        assert [other.id] == [held.job.id for held in worker.handle.held.values()]
        cancelled = (Outcome.CANCELLED, JobStatus.CANCELLED)
        assert {(here.id, *cancelled), (there.id, *cancelled)} == set(rulings(node))
        assert all(verdict.refund for _, verdict in node.ledger.pending.rulings), "no attempt is spent"


def test_job_claimed_again_after_its_cancel_was_taken_back_is_handed_out() -> None:
    with bench() as node:
        worker = node.add_worker()
        job = made_job(epoch=3)
        node.dispatch.doomed = {(job.id, 2)}
        node.dispatch.take([job], NOW)
        node.dispatch.hand_out(NOW)
        assert {job.id} == node.roster.held_ids()
        assert node.roster.holder_of(job.id, 2) is None
        assert (worker.handle, 1) == node.roster.holder_of(job.id, 3)
        assert [] == rulings(node)


def test_job_that_finds_no_seat_goes_back_unspent_after_a_while() -> None:
    with bench() as node:
        job = made_job()
        node.dispatch.take([job], NOW)
        node.dispatch.hand_out(NOW)
        node.dispatch.give_back_late(at(51.0))
        assert [] == rulings(node)
        node.dispatch.give_back_late(at(51.1))
        assert [(job.id, Outcome.INTERRUPTED, JobStatus.PENDING)] == rulings(node)
        assert node.ledger.pending.rulings[0][1].refund


def test_job_of_an_unknown_task_is_put_off_unspent() -> None:
    with bench() as node:
        node.add_worker()
        job = made_job(task="an.unknown.task")
        node.dispatch.take([job], NOW)
        [(ended, verdict)] = node.ledger.pending.rulings
        assert (JobStatus.SCHEDULED, True) == (verdict.status, verdict.refund)
        assert verdict.delay_s > 0
        assert ended.failure is not None
        assert "an.unknown.task" in ended.failure.message


def test_job_that_comes_too_late_is_not_started() -> None:
    with bench() as node:
        node.add_worker()
        late, in_time = made_job(expires_at=NOW.wall - 1), made_job(expires_at=NOW.wall + 1)
        node.dispatch.take([late, in_time], NOW)
        assert [(late.id, Outcome.ERROR, JobStatus.FAILED)] == rulings(node)
        assert [in_time] == node.dispatch.ready


def test_worker_that_is_gone_keeps_its_jobs_until_it_is_buried() -> None:
    with bench() as node:
        worker = node.add_worker()
        for sock in worker.handle.theirs:
            sock.close()
        job = made_job()
        node.dispatch.take([job], NOW)
        node.dispatch.hand_out(NOW)
        assert {job.id} == node.roster.held_ids()
        assert [] == node.dispatch.ready


# Losses ---------------------------------------------------------------------------


def test_dead_workers_jobs_are_told_apart_by_what_its_slot_says() -> None:
    with bench() as node:
        worker = node.add_worker()
        jobs = [made_job() for _ in range(3)]
        worker.handle.give([(job, 1.0) for job in jobs], 0)
        worker.begin(1, 1.0)
        begun, unbegun = split_jobs(worker.handle)
        assert ([jobs[0]], jobs[1:]) == ([held.job for held in begun], [held.job for held in unbegun])


def test_exits_are_named() -> None:
    assert ["exit code 3", "killed by SIGSEGV", "killed by signal 99"] == [
        str(Exit(3, None)),
        str(Exit(None, 11)),
        str(Exit(None, 99)),
    ]


def test_loss_is_what_happened_to_the_job() -> None:
    with bench() as node:
        handle = node.add_worker().handle
        handle.give([(made_job(), 1.0)], 0)
        held = list(handle.held.values())
        [loss] = judge_losses(handle, held, Exit(0, None), 0)
        assert (Outcome.CRASHED, True) == (loss.outcome, "exit code 0 without a result" in loss.failure.message)
        [loss] = judge_losses(handle, held, Exit(None, 9), 0)
        assert (Outcome.CRASHED, True) == (loss.outcome, "killed by SIGKILL" in loss.failure.message)
        handle.death_reason = "shutdown"
        assert Outcome.INTERRUPTED is judge_losses(handle, held, Exit(None, 9), 0)[0].outcome
        node.watch.cancel(handle, 1, 0.0)
        assert Outcome.CANCELLED is judge_losses(handle, held, Exit(None, 9), 0)[0].outcome
