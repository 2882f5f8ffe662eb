"""The plan of the monkey, the ledger and the books: what a run rests on."""

import itertools
import json
import os
from pathlib import Path
from random import Random

import pytest

from tests.chaos import books, kinds, ledger
from tests.chaos.plan import DATABASE, TROUBLE, deeds

JOB = "01890000-0000-7000-8000-000000000001"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ledger.FOLDER, str(tmp_path))
    return tmp_path


def test_a_seed_gives_the_same_plan_again() -> None:
    first, again, other = (list(itertools.islice(deeds(seed, "postgresql"), 500)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize("database", list(TROUBLE))
def test_every_kind_of_member_is_hit_and_every_trouble_made(database: str) -> None:
    plan = list(itertools.islice(deeds(1, database, serve=True), 5000))
    assert {"worker", "nursery", "clerk", "node", "web", "submitter", "serve", DATABASE} <= {deed.who for deed in plan}
    assert set(TROUBLE[database]) == {deed.what for deed in plan if deed.who == DATABASE}
    assert all(0.05 <= deed.after_s <= 0.5 for deed in plan)


def test_attempts_are_written_as_they_went(folder: Path) -> None:
    with ledger.attempt(JOB, 1):
        pass
    with pytest.raises(ValueError, match="boom"), ledger.attempt(JOB, 2):
        raise ValueError("boom")
    found = ledger.read(folder)
    assert [("begin", 1), ("end", 1), ("begin", 2), ("cut", 2)] == [(one.what, one.attempt) for one in found]
    assert {(JOB.replace("-", ""), os.getpid(), False)} == {(one.job, one.pid, one.overlaps) for one in found}
    assert sorted(one.at_ns for one in found) == [one.at_ns for one in found]


def test_an_attempt_beside_another_of_the_same_job_is_seen(folder: Path) -> None:
    other = JOB.replace("1", "2")
    with ledger.attempt(JOB, 1), ledger.attempt(other, 1), ledger.attempt(JOB, 2):
        pass
    with ledger.attempt(JOB, 3):
        pass
    begins = [(one.attempt, one.overlaps) for one in ledger.read(folder) if one.what == "begin"]
    assert [(1, False), (1, False), (2, True), (3, False)] == begins


def test_a_torn_ledger_is_no_evidence(folder: Path) -> None:
    with ledger.attempt(JOB, 1):
        pass
    with (folder / ledger.LEDGER).open("ab") as file:
        file.write(b"begin")
    with pytest.raises(ValueError, match="torn"):
        ledger.read(folder)


def test_what_was_cut_off_in_a_book_was_not_acknowledged(tmp_path: Path) -> None:
    book = books.Book(tmp_path, "submitter1")
    book.write("intend", key="one", kinds=["instant"])
    book.write("intend", key="two", kinds=["instant"] * 2)
    book.write("acknowledged", key="two", jobs=[JOB, JOB])
    book.write("intend", key="back", kinds=["brief"])
    book.write("withdrawn", key="back", count=1)
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(json.dumps({"do": "acknowledged", "at": 1, "key": "one", "jobs": [JOB]}).encode())
    found = books.read(tmp_path).submitted
    assert ["one", "two.0", "two.1", "back"] == list(found)
    assert [None, JOB.replace("-", ""), JOB.replace("-", ""), None] == [one.job for one in found.values()]
    assert [False, False, False, True] == [one.withdrawn for one in found.values()]


def test_every_kind_names_a_task_that_takes_its_arguments() -> None:
    from tests.chaos import tasks

    for kind in kinds.KINDS:
        function = getattr(tasks, kind.task).func
        assert function.__code__.co_argcount == 2 + len(kind.arguments(Random(1))), kind
