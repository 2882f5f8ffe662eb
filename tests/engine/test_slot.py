"""A worker's words in shared memory: what stands there can be read at any time, also when the worker is dead."""

from pathlib import Path

import pytest

from pool.domain.errors import NotReady
from pool.engine import slot as words
from pool.engine.slot import RING_JOBS, Slots, begun_jobs
from pool.store.presence import is_held

JOBS = [bytes([number]) * 16 for number in range(1, 4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slots"


def test_what_one_process_writes_the_other_reads(path: Path) -> None:
    worker, node = Slots(path, 4)[2], Slots(path, 4)[2]
    worker.begin(7, JOBS[0], 123)
    assert (7, 123) == (node.words[words.SEQ], node.words[words.STARTED])
    worker.end()
    assert 0 == node.words[words.STARTED]
    assert 0 == Slots(path, 4)[1].words[words.SEQ], "slots do not overlap"


@pytest.mark.parametrize(("fraction", "kept"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (7.0, 1.0), (-1.0, 0.0)])
def test_progress_is_kept_between_nothing_and_all(path: Path, fraction: float, kept: float) -> None:
    slot = Slots(path, 1)[0]
    assert (None, "") == slot.progress()
    slot.report(fraction, "words")
    assert (kept, "words") == slot.progress()


def test_long_message_is_cut_between_characters(path: Path) -> None:
    slot = Slots(path, 1)[0]
    slot.report(None, "☃" * 200)
    fraction, message = slot.progress()
    assert (None, "☃" * 85) == (fraction, message)


def test_message_that_cannot_be_stored_is_cleaned(path: Path) -> None:
    slot = Slots(path, 1)[0]
    slot.report(0.5, "a\0b\ud800c")
    assert (0.5, "a b?c") == slot.progress()


def test_progress_of_one_job_is_not_the_nexts(path: Path) -> None:
    slot = Slots(path, 1)[0]
    slot.begin(1, JOBS[0], 1)
    slot.report(0.5, "half")
    slot.begin(2, JOBS[1], 2)
    assert slot.words[words.TOLD_BY] == 1
    slot.report(None, "a step")
    assert (None, "a step") == slot.progress()
    assert slot.words[words.TOLD_BY] == 2


def test_jobs_that_began_are_known_from_the_file_alone(path: Path) -> None:
    slots = Slots(path, 4)
    for number, job in enumerate(JOBS):
        slots[number].begin(number, job, 1)
    assert {job.hex() for job in JOBS} == begun_jobs(path)
    slots[0].clear()
    assert {job.hex() for job in JOBS[1:]} == begun_jobs(path)


def test_ring_holds_the_last_jobs(path: Path) -> None:
    slot = Slots(path, 1)[0]
    jobs = [number.to_bytes(16) for number in range(1, RING_JOBS + 100)]
    for number, job in enumerate(jobs):
        slot.begin(number, job, 1)
    assert {job.hex() for job in jobs[-RING_JOBS:]} == begun_jobs(path)


def test_file_that_is_gone_says_nothing(path: Path) -> None:
    assert begun_jobs(path) is None
    assert is_held(path) is None


def test_file_is_held_while_its_node_lives(path: Path) -> None:
    slots = Slots(path, 1)
    assert is_held(path) is False
    slots.hold()
    assert is_held(path) is True
    Slots(path, 1)
    assert is_held(path) is True, "whoever else opens it changes nothing"


def test_living_workers_are_known_by_their_pids(path: Path) -> None:
    slots = Slots(path, 4)
    slots[1].words[words.PID] = 123
    assert {123} == slots.pids()


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="POOL_RUN_DIR"):
        Slots(tmp_path / "missing" / "slots", 1)
