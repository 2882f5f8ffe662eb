"""A folder of input that the tasks may read, and a site folder of their own to write to."""

from pathlib import Path

import pytest

from pool.library import paths


@pytest.fixture(autouse=True)
def site(tmp_path, settings):
    settings.BASE_DIR = tmp_path / "site"
    return settings.BASE_DIR


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "input"
    made.mkdir()
    return made


@pytest.fixture
def grant(folder) -> str:
    return paths.grant(folder)
