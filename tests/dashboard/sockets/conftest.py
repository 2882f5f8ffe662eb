"""One site with its daphne for all tests of a module."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.site import Site
from tests.dashboard.sockets import stage
from tests.dashboard.sockets.web import Web

_numbers = itertools.count()


@pytest.fixture(scope="module")
def live_site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def web(live_site: Site) -> Web:
    return Web(live_site)


@pytest.fixture
def sign_in(live_site: Site) -> Callable[..., str]:
    """Sign somebody in, by default a new superuser; the session's key."""

    def sign_in(name: str = "", **fields: object) -> str:
        key: str = live_site.do(stage.sign_in, name or f"user{next(_numbers)}", **fields)
        return key

    return sign_in


@pytest.fixture
def session(sign_in: Callable[..., str]) -> str:
    return sign_in()


@pytest.fixture
def write_snapshot(live_site: Site) -> Callable[..., float]:
    """Be a node for a moment."""
    return lambda *args: live_site.do(stage.write_snapshot, *args)
