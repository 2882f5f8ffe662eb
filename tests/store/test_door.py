"""The door for users' code: what `import pool` offers."""

import uuid

import pytest

import pool
from tests.contract import tasks


@pytest.mark.parametrize("name", pool.__all__)
def test_every_name_is_there(name):
    assert callable(getattr(pool, name))
    assert name in dir(pool)


def test_any_other_name_is_not():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pool.nothing


def test_a_job_is_a_dict_and_no_job_is_none(alias, settings):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}
    result = tasks.add.enqueue(1)
    assert (result.id, f"{tasks.__name__}.add", [1]) == tuple(
        pool.get_job(result.id)[k] for k in ("id", "task", "args")
    )
    assert pool.get_job(uuid.uuid4()) is None
    assert pool.get_job("nonsense") is None
