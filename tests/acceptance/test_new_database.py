"""Several processes open a database that none of them has ever seen: each finds it as it is, none finds it locked."""

import gc
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections

from pool.store.opening import open_connection
from tests.acceptance.site import Site

# Django leaves a connection that could not be set up to the garbage collector.
pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")]

ALIAS = "new_file"
PROCESSES, FILES = 2, 60


@pytest.fixture
def holder(tmp_path, django_db_blocker):
    """Somebody who writes to a new file, the moment after making it. Our alias is that of the same file."""
    path = tmp_path / "new.sqlite3"
    connections.settings[ALIAS] = connections.settings["default"] | {"NAME": path}
    with closing(sqlite3.connect(path, isolation_level=None)) as made, django_db_blocker.unblock():
        made.execute("BEGIN IMMEDIATE")
        yield made
        connections[ALIAS].close()
    del connections.settings[ALIAS], connections[ALIAS]
    gc.collect()


def let_go_after(monkeypatch: pytest.MonkeyPatch, holder: sqlite3.Connection, number: int) -> list[str]:
    """Let the holder go after so many tries; what they came to."""
    ensure = connections[ALIAS].ensure_connection
    refused: list[str] = []

    def tried() -> None:
        if len(refused) == number and holder.in_transaction:
            holder.execute("ROLLBACK")
        try:
            ensure()
        except OperationalError as error:
            refused.append(str(error))
            raise

    monkeypatch.setattr(connections[ALIAS], "ensure_connection", tried)
    return refused


def test_a_new_file_that_somebody_writes_to_is_opened_once_it_is_free(holder, monkeypatch):
    refused = let_go_after(monkeypatch, holder, 3)
    open_connection(ALIAS)
    assert ["database is locked"] * 3 == refused
    with connections[ALIAS].cursor() as cursor:
        assert [("wal",)] == cursor.execute("PRAGMA journal_mode").fetchall()


def test_the_wait_for_a_new_file_has_an_end(holder):
    with pytest.raises(OperationalError, match="locked"):
        open_connection(ALIAS, limit_s=0.05)


def test_what_is_no_lock_is_told_at_once(holder, tmp_path):
    connections[ALIAS].settings_dict["NAME"] = tmp_path / "no folder" / "new.sqlite3"
    with pytest.raises(OperationalError, match="unable to open"):
        open_connection(ALIAS, limit_s=3600)


@pytest.mark.slow
def test_many_processes_that_open_a_new_file_at_once_all_say_what_to_run():
    with Site(migrated=False) as site:
        said = site.do(all_at_once, site.folder, PROCESSES, FILES)
    assert PROCESSES * FILES == len(said)
    assert {"Run: manage.py migrate"} == {line.partition(". ")[2] for line in said}, set(said)


# In the side process, which has Django set up --------------------------------------


def all_at_once(folder: Path, processes: int, files: int) -> list[str]:
    """Let several processes require the schema of a new file at the same moment, file by file; what each said."""
    fork: Any = multiprocessing.get_context("fork")
    barrier, answers = fork.Barrier(processes), fork.SimpleQueue()
    started = [fork.Process(target=require_in, args=(folder, files, barrier.wait, answers)) for _ in range(processes)]
    for process in started:
        process.start()
    said = [answers.get() for _ in range(processes * files)]
    for process in started:
        process.join()
    return said


def require_in(folder: Path, files: int, wait: Callable[[float], Any], answers: Any) -> None:
    from pool.domain.errors import NotReady
    from pool.engine.launch import require_schema

    for number in range(files):
        connections["default"].settings_dict["NAME"] = folder / f"{number}.sqlite3"
        wait(30.0)
        try:
            require_schema("default")
        except NotReady as error:
            answers.put(str(error))
    os._exit(0)
