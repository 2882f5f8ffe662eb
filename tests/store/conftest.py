"""Fixtures of the store's tests: a run folder of their own, and a bell in it."""

import shutil
import tempfile
from pathlib import Path

import pytest

from pool.conf import get_config
from tests.store.bells import make_bell


@pytest.fixture
def use_run_dir(monkeypatch):
    def use(folder):
        monkeypatch.setenv("POOL_RUN_DIR", str(folder))
        get_config.cache_clear()

    yield use
    monkeypatch.undo()
    get_config.cache_clear()


@pytest.fixture
def run_dir(use_run_dir):
    folder = Path(tempfile.mkdtemp(prefix="pool-bell-"))
    use_run_dir(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bell(run_dir):
    with make_bell(run_dir, "bell-a") as sock:
        yield sock


@pytest.fixture
def analyse(database):
    """Take statistics of the jobs as they are now; nobody's plans go by them afterwards."""

    def take():
        with database.transaction():
            database.execute("ANALYZE pool_job")

    yield take
    if database.is_sqlite:
        with database.transaction():
            database.execute("ANALYZE pool_job")
            database.execute("DELETE FROM sqlite_stat1")
            database.execute("ANALYZE sqlite_schema")
