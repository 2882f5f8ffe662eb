"""What a job prints and logs: kept in order, by stream, cleaned, and never more than so much."""

import logging
import threading

import pytest
from msgspec.msgpack import encode

from pool.domain.notes import step_note
from pool.domain.setting import JOB_FRAME_BYTES, JOB_LOG_BYTES
from pool.engine.capture import PARCEL_BYTES, Capture, JobLogHandler, Stream, parcels
from pool.engine.messages import JobTold

LIMIT = 1000


@pytest.fixture
def capture() -> Capture:
    made = Capture(LIMIT)
    made.start()
    return made


def said(capture: Capture) -> list[tuple[str, str]]:
    return [(stream, text) for _, stream, text in capture.take()]


def test_pieces_of_one_stream_become_one(capture: Capture) -> None:
    print("one", "two", file=Stream("stdout", capture, 1))
    print("three", file=Stream("stdout", capture, 1))
    print("four", file=Stream("stderr", capture, 2))
    assert [("stdout", "one two\nthree\n"), ("stderr", "four\n")] == said(capture)
    assert [] == said(capture)


def test_each_step_has_a_time_of_its_own(capture: Capture) -> None:
    for note in ("step: one\n", "said in it\n", "step: two\n", "step: three\n"):
        capture.add("note", note)
    pieces = capture.take()
    assert ["step: one\nsaid in it\n", "step: two\n", "step: three\n"] == [text for _, _, text in pieces]
    times = [at for at, _, _ in pieces]
    assert times == sorted(times), "how long a step took is told by these"


def test_what_a_step_used_and_the_next_step_stay_in_one_piece(capture: Capture) -> None:
    """Who hears of the one hears of the other, wherever it is cut off."""
    capture.add("note", "said in the first\n")
    capture.add("note", step_note("two", {"tokens": 5}))
    capture.add("note", "said in it\n")
    first, second = said(capture)
    assert ("note", "said in the first\n") == first
    assert ("note", 'used: {"tokens": 5}\nstep: two\nsaid in it\n') == second


def test_bytes_are_taken_as_text(capture: Capture) -> None:
    Stream("stdout", capture, 1).buffer.write(b"a\xffb")
    assert [("stdout", "a\ufffdb")] == said(capture)


@pytest.mark.parametrize("sizes", [[LIMIT + 1], [300] * 5, [1] * (LIMIT + 1)])
def test_what_is_too_much_is_cut_once_with_a_mark(capture: Capture, sizes: list[int]) -> None:
    for size in sizes:
        capture.add("stdout", "x" * size)
    text = "".join(text for _, text in said(capture))
    assert text.startswith("x" * LIMIT)
    assert text[LIMIT:] == f"… the rest was cut: the job's output is longer than {LIMIT} bytes.\n"
    capture.add("stdout", "more")
    assert [] == said(capture)


def test_limit_counts_the_whole_attempt(capture: Capture) -> None:
    capture.add("stdout", "x" * (LIMIT - 1))
    said(capture)
    capture.add("stdout", "yyy")
    assert [("stdout", f"y… the rest was cut: the job's output is longer than {LIMIT} bytes.\n")] == said(capture)


def test_limit_counts_bytes_and_cuts_no_character_in_two() -> None:
    capture = Capture(10)
    capture.start()
    capture.add("stdout", "\N{SNOWMAN}" * 10)
    ((_, text),) = said(capture)
    assert "\N{SNOWMAN}" * 3 == text.partition("…")[0]


@pytest.mark.parametrize("times", [1, 20_000], ids=["one piece", "many pieces"])
def test_all_that_may_be_kept_fits_into_frames(times: int) -> None:
    capture = Capture(JOB_LOG_BYTES)
    capture.start()
    for _ in range(times):
        capture.add("stdout", "\N{PILE OF POO}" * (JOB_LOG_BYTES // times))
        capture.add("stderr", "\0")
    sizes = [len(encode(JobTold(1, parcel))) for parcel in parcels(capture.close())]
    assert JOB_LOG_BYTES < sum(sizes)
    assert (JOB_FRAME_BYTES if times == 1 else PARCEL_BYTES) >= max(sizes)


def test_next_job_has_all_the_room_again(capture: Capture) -> None:
    capture.add("stdout", "x" * 2 * LIMIT)
    capture.start()
    capture.add("stdout", "fresh")
    assert [("stdout", "fresh")] == said(capture)


def test_what_cannot_be_stored_is_cleaned(capture: Capture) -> None:
    capture.add("stdout", "a\0b\ud800c")
    assert [("stdout", "a\ufffdb\ufffdc")] == said(capture)


def test_nothing_comes_in_after_the_end(capture: Capture) -> None:
    capture.add("stdout", "in time")
    assert ["in time"] == [text for _, _, text in capture.close()]
    capture.add("stdout", "late")
    assert [] == capture.close()


def test_nothing_is_kept_with_a_limit_of_nothing() -> None:
    capture = Capture(0)
    capture.start()
    capture.add("stdout", "text")
    assert "text" not in "".join(text for _, text in said(capture))


def test_many_threads_lose_nothing(capture: Capture) -> None:
    def write() -> None:
        for _ in range(100):
            capture.add("stdout", "x")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 800 == sum(len(text) for _, text in said(capture))


def test_log_lines_carry_level_name_and_traceback(capture: Capture) -> None:
    logger = logging.Logger("zoo")
    logger.addHandler(JobLogHandler(capture))
    logger.debug("too fine")
    logger.info("value %s", 1)
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("failed")
    (_, first), (_, second) = said(capture)
    assert "INFO zoo: value 1\n" == first
    assert second.startswith("ERROR zoo: failed\nTraceback")
    assert second.endswith("ValueError: broken\n")
