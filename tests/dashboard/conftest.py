"""Fixtures of the tests of pages: people with their clients, and a past that no test hands on to the next."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from dashboard import history
from tests.dashboard.people import a_user


@pytest.fixture(autouse=True)
def past() -> Iterator[None]:
    history.forget()
    yield
    history.forget()


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    """Somebody who may look and act."""
    client.force_login(a_user("ada", "view_job", "change_job"))
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    """Somebody who may look."""
    return signed_in(a_user("vera", "view_job"))


@pytest.fixture
def outsider(db: None) -> Client:
    """Staff without a right to see jobs."""
    return signed_in(a_user("otto"))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client
