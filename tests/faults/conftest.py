"""Sites as the engine's tests have them, with tasks of these tests' own, and the same look at what is left over."""

from collections.abc import Iterator

import pytest

from tests.engine.conftest import DATABASES, fresh, leaves_nothing, sites
from tests.engine.engine_site import EngineSite

__all__ = ["leaves_nothing", "sites"]

MODULES = {"POOL_TASK_MODULES": "tests.engine.tasks,tests.faults.worker_tasks"}


@pytest.fixture
def site(sites: dict[str, EngineSite]) -> Iterator[EngineSite]:
    """A site for the test alone, on SQLite: no process runs, no row is there."""
    yield from fresh(sites, "sqlite", **MODULES)


@pytest.fixture(params=DATABASES)
def site_on_both(request: pytest.FixtureRequest, sites: dict[str, EngineSite]) -> Iterator[EngineSite]:
    """The same, once on each database."""
    yield from fresh(sites, request.param, **MODULES)


@pytest.fixture
def on_postgres(sites: dict[str, EngineSite]) -> Iterator[EngineSite]:
    """The same, on PostgreSQL."""
    yield from fresh(sites, "postgresql", **MODULES)
