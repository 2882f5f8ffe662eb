"""Jobs and workers that differ, between claim and worker: streams, requirements, processes of one's own."""

import json

from pool.domain.states import JobStatus, Outcome, WorkerState
from pool.engine import slot as words
from pool.engine.messages import TaskFacts
from pool.engine.placing import lacks_key
from tests.engine.benches import Bench, at, bench, made_job

NOW = at(50.0)
GPU = json.dumps(["gpu"])


def shelved(node: Bench) -> list[tuple[str, str]]:
    rulings = node.ledger.pending.rulings
    return [(ended.job.id, verdict.lacks) for ended, verdict in rulings if verdict.status is JobStatus.BLOCKED]


def hand_out(node: Bench, *jobs: object) -> None:
    node.dispatch.take(list(jobs), NOW)  # type: ignore[arg-type]
    node.dispatch.hand_out(NOW)


def test_async_jobs_go_side_by_side_and_others_elsewhere() -> None:
    with bench(worker_kinds=["io"]) as node:
        node.tasks["an.async"] = TaskFacts("an.async", is_async=True)
        io, general = node.add_worker(kind="io", streams=8), node.add_worker()
        assert 1 + 8 == node.dispatch.wants()
        hand_out(node, *[made_job(task="an.async") for _ in range(8)], made_job())
        assert (8, 1) == (len(io.handle.held), len(general.handle.held))
        assert io.handle.holds_streams
        assert all(held.is_stream for held in io.handle.held.values())
        assert 0 == node.dispatch.wants()
        assert not node.roster.has_room()
        io.handle.take_back(1)
        assert node.roster.has_room()


def test_jobs_that_were_claimed_with_others_go_back_soon() -> None:
    with bench(worker_kinds=["io"]) as node:
        node.add_worker(kind="io", streams=8)
        node.add_worker()
        hand_out(node, *[made_job() for _ in range(20)])
        assert 19 == len(node.dispatch.ready)
        assert 0 == node.dispatch.wants(NOW.mono), "none of late was async, and the other worker is busy"
        assert 1 == node.dispatch.wants(), "when somebody rings it is tried all the same"
        node.dispatch.give_back_late(at(NOW.mono + 0.11))
        assert [] == node.dispatch.ready
        assert 1 == node.dispatch.wants(NOW.mono + 1)


def test_stream_that_is_asked_to_end_holds_up_no_other_until_it_does_not() -> None:
    with bench() as node:
        worker = node.add_worker(kind="io", streams=8)
        worker.handle.give([(made_job(timeout=None), 1.0) for _ in range(3)], 0, streams=True)
        for lane in range(3):
            worker.begin(lane + 1, 50.0, lane)
        node.watch.cancel(worker.handle, 2, 50.0)
        assert [worker.handle] == node.roster.able()
        flags = [running.lane.words[words.FLAG] >> 2 for running in worker.handle.running_jobs()]
        assert [0, 2, 0] == flags, "its own lane tells"
        worker.beat(51.5)
        node.watch.look(at(51.5))
        assert ([], ["SIGUSR1"]) == (node.roster.able(), node.done)
        node.watch.cancel(worker.handle, 3, 51.5)
        assert {2, 3} == set(worker.handle.ends)
        worker.handle.take_back(2)
        assert [worker.handle] == node.roster.able()


def test_streams_have_their_own_timeouts_and_progress() -> None:
    with bench() as node:
        worker = node.add_worker(kind="io", streams=8)
        worker.handle.give([(made_job(timeout=timeout), 1.0) for timeout in (1.0, 60.0)], 0, streams=True)
        for lane in range(2):
            worker.begin(lane + 1, 50.0, lane)
        for lane, running in enumerate(worker.handle.running_jobs()):
            running.lane.report(0.1 * (lane + 1), f"at {lane}")
        worker.beat(51.1)
        node.watch.look(at(51.1))
        assert {1} == set(worker.handle.ends)
        assert 2 == len(node.ledger.pending.begun)
        assert {(0.1, "at 0"), (0.2, "at 1")} == {
            (round(one.fraction or 0, 3), one.message) for one in node.ledger.pending.progressed.values()
        }


def test_job_that_nobody_here_can_do_is_put_aside_unspent() -> None:
    with bench() as node:
        worker = node.add_worker()
        job, plain = made_job(requires=GPU), made_job()
        hand_out(node, job, plain)
        assert [(job.id, "gpu")] == shelved(node)
        assert all(verdict.refund for _, verdict in node.ledger.pending.rulings)
        assert ({plain.id}, []) == (node.roster.held_ids(), node.dispatch.ready)
        assert worker.handle.held
        assert [] == node.dispatch.rooms(), "and nobody takes it back"


def test_job_that_finds_its_kind_busy_comes_back_when_that_has_room() -> None:
    with bench() as node:
        able = node.add_worker(offers=("gpu",))
        node.add_worker()
        first, second = made_job(requires=GPU), made_job(requires=GPU)
        hand_out(node, first, second)
        assert [(second.id, "gpu")] == shelved(node)
        assert [] == node.dispatch.rooms()
        able.handle.take_back(1)
        assert [("gpu", 1)] == node.dispatch.rooms()
        node.dispatch.learn_waiting({}, ["gpu"])
        assert [] == node.dispatch.rooms()
        node.dispatch.learn_waiting({"gpu": GPU, "tpu": json.dumps(["tpu"])}, [])
        assert [("gpu", 1)] == node.dispatch.rooms()


def test_job_of_its_own_process_gets_a_fresh_worker_which_then_goes() -> None:
    with bench() as node:
        node.tasks["alone"] = TaskFacts("alone", isolated=True)
        used, fresh = node.add_worker(), node.add_worker()
        used.slot.words[words.LAST] = 1
        hand_out(node, made_job(), made_job(task="alone"), made_job(task="alone"))
        assert 1 == len(node.dispatch.waits_alone) == len(node.dispatch.ready)
        assert (True, False) == (fresh.handle.sealed, used.handle.sealed)
        assert [used.handle] == node.roster.able()
        assert fresh.handle in node.roster.staying(), "it counts until its job has ended"
        fresh.handle.take_back(1)
        assert ("its only job", WorkerState.IDLE) == (fresh.handle.retiring, fresh.handle.state)


def test_with_every_job_alone_no_more_are_claimed_than_there_are_idle() -> None:
    with bench(isolation="process") as node:
        for _ in range(3):
            node.add_worker()
        for _ in range(50):
            node.dispatch.learn("a.task", 10.0)
        assert 3 == node.dispatch.wants()


def test_keys_under_which_jobs_wait_are_short_and_apart() -> None:
    assert "a,b" == lacks_key(frozenset({"b", "a"}))
    long = [frozenset({f"{'x' * 99}{number}" for number in range(start, 20)}) for start in (0, 1)]
    assert (100, 100) == tuple(len(lacks_key(one)) for one in long)
    assert lacks_key(long[0]) != lacks_key(long[1])


def test_suspect_of_a_crash_runs_alone() -> None:
    with bench() as node:
        node.tasks["an.async"] = TaskFacts("an.async", is_async=True)
        io = node.add_worker(kind="io", streams=8)
        fresh = node.add_worker()
        io.slot.words[words.LAST] = 7
        hand_out(node, made_job(task="an.async"), made_job(task="an.async", losses=1, interruptions=1))
        assert (1, 1, True) == (len(io.handle.held), len(fresh.handle.held), fresh.handle.sealed)


def test_cancel_that_came_first_wins_over_the_shelf() -> None:
    with bench() as node:
        job = made_job(requires=GPU)
        node.dispatch.take([job], NOW)
        node.dispatch.doomed = {(job.id, job.epoch)}
        node.dispatch.hand_out(NOW)
        [(ended, verdict)] = node.ledger.pending.rulings
        assert (Outcome.CANCELLED, JobStatus.CANCELLED) == (ended.outcome, verdict.status)
