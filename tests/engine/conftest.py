"""Fixtures of the engine's tests: a site with a running node for a whole module, and sites of a test's own."""

from collections.abc import Iterator

import pytest

from tests.engine.engine_site import EngineSite

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def running() -> Iterator[EngineSite]:
    """A site whose node keeps running for all tests of the module."""
    with EngineSite() as site:
        site.start_node(workers=2)
        yield site


@pytest.fixture(scope="module", params=DATABASES)
def running_on_both(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    """The same, once on each database."""
    with EngineSite(request.param) as site:
        site.start_node(workers=2)
        yield site


@pytest.fixture
def site() -> Iterator[EngineSite]:
    """A site of the test's own, on SQLite."""
    with EngineSite() as made:
        yield made


@pytest.fixture(params=DATABASES)
def site_on_both(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    """A site of the test's own, once on each database."""
    with EngineSite(request.param) as made:
        yield made
