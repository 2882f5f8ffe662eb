"""A worker's words in shared memory: what stands there can be read at any time, also when the worker is dead."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pool.domain.errors import NotReady
from pool.engine import slot as words
from pool.engine.slot import RING_JOBS, Slots, begun_jobs
from pool.store.presence import is_held

Made = Callable[[int], Slots]
JOBS = [bytes([number]) * 16 for number in range(1, 4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slots"


@pytest.fixture
def made(path: Path) -> Iterator[Made]:
    """Opens the file for so many slots, as often as one likes."""
    opened: list[Slots] = []

    def make(count: int) -> Slots:
        opened.append(Slots(path, count))
        return opened[-1]

    yield make
    while opened:
        os.close(opened.pop()._descriptor)


def test_what_one_process_writes_the_other_reads(made: Made) -> None:
    worker, node = made(4)[2], made(4)[2]
    worker.begin(7, JOBS[0], 1, 123)
    assert (7, 123) == (node.words[words.SEQ], node.words[words.STARTED])
    worker.end()
    assert 0 == node.words[words.STARTED]
    assert 0 == made(4)[1].words[words.SEQ], "slots do not overlap"


@pytest.mark.parametrize(("fraction", "kept"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (7.0, 1.0), (-1.0, 0.0)])
def test_progress_is_kept_between_nothing_and_all(made: Made, fraction: float, kept: float) -> None:
    slot = made(1)[0]
    assert (None, "") == slot.progress()
    slot.report(fraction, "words")
    assert (kept, "words") == slot.progress()


def test_long_message_is_cut_between_characters(made: Made) -> None:
    slot = made(1)[0]
    slot.report(None, "☃" * 200)
    fraction, message = slot.progress()
    assert (None, "☃" * 85) == (fraction, message)


def test_message_that_cannot_be_stored_is_cleaned(made: Made) -> None:
    slot = made(1)[0]
    slot.report(0.5, "a\0b\ud800c")
    assert (0.5, "a b?c") == slot.progress()


def test_progress_of_one_job_is_not_the_nexts(made: Made) -> None:
    slot = made(1)[0]
    slot.begin(1, JOBS[0], 1, 1)
    slot.report(0.5, "half")
    slot.begin(2, JOBS[1], 1, 2)
    assert slot.words[words.TOLD_BY] == 1
    slot.report(None, "a step")
    assert (None, "a step") == slot.progress()
    assert slot.words[words.TOLD_BY] == 2


def test_jobs_that_began_are_known_from_the_file_alone(path: Path, made: Made) -> None:
    slots = made(4)
    for number, job in enumerate(JOBS):
        slots[number].begin(number, job, number + 5, 1)
    assert {(job.hex(), epoch) for epoch, job in enumerate(JOBS, 5)} == begun_jobs(path)


def test_jobs_that_began_are_known_after_their_worker_was_replaced(path: Path, made: Made) -> None:
    slot = made(1)[0]
    for job in JOBS:
        slot.begin(1, job, 1, 1)
        slot.clear()
        assert 0 == slot.words[words.SEQ]
    assert {(job.hex(), 1) for job in JOBS} == begun_jobs(path)


def test_ring_holds_the_last_jobs(path: Path, made: Made) -> None:
    slot = made(1)[0]
    jobs = [number.to_bytes(16) for number in range(1, RING_JOBS + 100)]
    for number, job in enumerate(jobs):
        slot.begin(number, job, 1, 1)
    assert {(job.hex(), 1) for job in jobs[-RING_JOBS:]} == begun_jobs(path)


def test_file_that_is_gone_says_nothing(path: Path) -> None:
    assert begun_jobs(path) is None
    assert is_held(path) is None


def test_file_of_another_make_says_nothing(path: Path, made: Made) -> None:
    made(2)[0].begin(1, JOBS[0], 1, 1)
    os.truncate(path, path.stat().st_size - 1)
    assert begun_jobs(path) is None


def test_file_is_held_while_its_node_lives(path: Path, made: Made) -> None:
    slots = made(1)
    assert is_held(path) is False
    slots.hold()
    assert is_held(path) is True
    made(1)
    assert is_held(path) is True, "whoever else opens it changes nothing"


def test_living_workers_are_known_by_their_pids(made: Made) -> None:
    slots = made(4)
    slots[1].words[words.PID] = 123
    assert {123} == slots.pids()


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="POOL_RUN_DIR"):
        Slots(tmp_path / "missing" / "slots", 1)
