"""Who works here and what each worker holds: bookkeeping, with workers that are only their sockets."""

from pool.domain.states import WorkerState
from pool.engine.handle import End, Outcome
from pool.engine.messages import Leave, RunJobs
from tests.engine.benches import SLOTS, at, bench, made_job


def test_lowest_free_slot_is_taken_and_comes_back() -> None:
    with bench() as node:
        workers = [node.add_worker() for _ in range(SLOTS)]
        assert list(range(SLOTS)) == [worker.handle.index for worker in workers]
        assert node.roster.free_slot() is None
        for index in (5, 2):
            node.roster.remove(workers[index].handle)
            workers[index].handle.close()
        assert 2 == node.roster.free_slot()


def test_worker_may_be_given_jobs_only_when_nothing_speaks_against_it() -> None:
    with bench() as node:
        worker = node.add_worker().handle
        assert [worker] == node.roster.able()
        for state in (WorkerState.STARTING, WorkerState.UNHEALTHY, WorkerState.TERMINATING):
            worker.state = state
            assert [] == node.roster.able()
        worker.state = WorkerState.BUSY
        worker.retiring = "scaled down"
        assert [] == node.roster.able() == node.roster.staying()
        worker.retiring = ""
        worker.ends = {1: End(1, Outcome.TIMEOUT, 0.0)}
        assert [] == node.roster.able()
        worker.ends, worker.held_up_by = {}, 1
        assert [] == node.roster.able()
        assert [worker] == node.roster.staying()


def test_handed_out_jobs_are_held_until_they_are_taken_back() -> None:
    with bench() as node:
        worker = node.add_worker()
        handle, jobs = worker.handle, [made_job() for _ in range(3)]
        handle.give([(job, 100.0) for job in jobs], 5)
        assert (WorkerState.BUSY, 300.0) == (handle.state, handle.load_us)
        assert {job.id for job in jobs} == node.roster.held_ids()
        assert (handle, 2) == node.roster.holder_of(jobs[1].id, jobs[1].epoch)
        [order] = worker.main.read()
        assert isinstance(order, RunJobs)
        assert [(1, jobs[0].id), (2, jobs[1].id), (3, jobs[2].id)] == [(task.seq, task.id) for task in order.jobs]
        assert [jobs[1], None] == [getattr(handle.take_back(2), "job", None), handle.take_back(2)]
        for seq in (1, 3):
            handle.take_back(seq)
        assert (WorkerState.IDLE, 0.0, []) == (handle.state, handle.load_us, node.roster.holding())


def test_end_under_way_is_over_when_its_job_is() -> None:
    with bench() as node:
        handle = node.add_worker().handle
        handle.give([(made_job(), 1.0), (made_job(), 1.0)], 0)
        handle.ends, handle.held_up_by = {1: End(1, Outcome.CANCELLED, 0.0)}, 1
        handle.take_back(2)
        assert ({1}, 1) == (set(handle.ends), handle.held_up_by)
        handle.take_back(1)
        assert ({}, 0) == (handle.ends, handle.held_up_by)


def test_running_job_is_what_the_slot_says_and_the_node_knows() -> None:
    with bench() as node:
        worker = node.add_worker()
        handle = worker.handle
        assert handle.running() is None
        handle.give([(made_job(), 1.0)], 0)
        worker.begin(1, 2.0)
        assert (1, 2_000_000_000, handle.slot) == handle.running()
        handle.take_back(1)
        assert handle.running() is None, "its ending was heard"
        worker.slot.end()
        assert handle.running() is None


def test_leaving_worker_is_told_so() -> None:
    with bench() as node:
        worker = node.add_worker()
        worker.handle.leave()
        assert [Leave()] == worker.main.read()
        assert (WorkerState.TERMINATING, []) == (worker.handle.state, node.roster.staying())
        assert not node.roster.has_idle()
        node.watch.look(at(0))
