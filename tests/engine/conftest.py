"""Fixtures of the engine's tests: a site with a running node for a whole module, and sites for one test."""

from collections.abc import Iterator

import pytest

from tests.engine import leaks
from tests.engine.engine_site import EngineSite

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """After every test there is as much of everything as before it."""
    before = leaks.own()
    yield
    leaks.wait_until_as_before(before)


@pytest.fixture(scope="module")
def running() -> Iterator[EngineSite]:
    """A site whose node keeps running for all tests of the module."""
    with EngineSite() as site:
        site.start_node(workers=2)
        leaks.settle(site)
        yield site


@pytest.fixture(scope="module", params=DATABASES)
def running_on_both(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    """The same, once on each database."""
    with EngineSite(request.param) as site:
        site.start_node(workers=2)
        leaks.settle(site)
        yield site


@pytest.fixture(scope="session")
def sites() -> Iterator[dict[str, EngineSite]]:
    """One site per database for the whole run, made when a test first wants it."""
    made: dict[str, EngineSite] = {}
    yield made
    for site in made.values():
        site.close()


def fresh(sites: dict[str, EngineSite], database: str, **variables: str) -> Iterator[EngineSite]:
    """The site of a database, empty; made with these variables when there is none yet."""
    if database not in sites:
        sites[database] = EngineSite(database, **variables)
    yield sites[database]
    sites[database].reset()


@pytest.fixture
def site(sites: dict[str, EngineSite]) -> Iterator[EngineSite]:
    """A site for the test alone, on SQLite: no process runs, no row is there."""
    yield from fresh(sites, "sqlite")


@pytest.fixture(params=DATABASES)
def site_on_both(request: pytest.FixtureRequest, sites: dict[str, EngineSite]) -> Iterator[EngineSite]:
    """The same, once on each database."""
    yield from fresh(sites, request.param)
