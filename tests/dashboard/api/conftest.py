"""Fixtures of the API's tests: the tasks of the contract tests are known, and a superuser's token is at hand."""

from typing import Any

import pytest
from django.core.cache import cache

from tests.contract import tasks
from tests.dashboard.people import Api


@pytest.fixture(autouse=True)
def _known_tasks(settings: Any) -> None:
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """Rates are counted in the cache, which outlives a test."""
    cache.clear()


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("ada")


@pytest.fixture
def api(ada: Any) -> Api:
    return Api.of(ada)
