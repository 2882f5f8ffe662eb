"""Fixtures of the tests with real processes."""

from collections.abc import Iterator

import pytest

from tests.acceptance.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A site on SQLite, gone with all its processes after the test."""
    with Site() as made:
        yield made
