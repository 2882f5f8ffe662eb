"""Built-in tasks over a worker's memory: its cache, shared blocks, sums by group."""

from types import SimpleNamespace

import pytest

from pool.engine.equipment import Equipment
from pool.library.errors import LibraryError
from pool.library.memory import cache_get, cache_set, data_aggregation, shared_memory_create, shared_memory_read


@pytest.fixture
def context():
    equipment = Equipment("test-library")
    yield SimpleNamespace(worker=equipment)
    equipment.close()


def test_what_is_set_is_found(context):
    assert {"key": "k", "found": False, "value": None} == cache_get.func(context, "k")
    value = {"a": [1, None]}
    assert {"key": "k", "entries": 1} == cache_set.func(context, "k", value)
    value["a"].append(2)
    assert {"key": "k", "found": True, "value": {"a": [1, None]}} == cache_get.func(context, "k")


def test_both_go_to_one_worker():
    assert cache_get.affinity == cache_set.affinity != ""


def test_shared_block_is_read_by_its_name(context):
    made = shared_memory_create.func(context, "hello ☃")
    assert ("hello ☃", made["bytes"]) == tuple(
        shared_memory_read.func(context, made["name"])[key] for key in ("text", "bytes")
    )
    assert 4096 == shared_memory_create.func(context, size=4096)["bytes"]


@pytest.mark.parametrize("size", [0, -1, 10**12])
def test_block_of_no_size_is_refused(context, size):
    with pytest.raises(LibraryError, match="Give a text"):
        shared_memory_create.func(context, size=size)


@pytest.mark.parametrize("name", ["none", "/etc/passwd", "pool-none"])
def test_block_that_is_not_there_is_told(context, name):
    with pytest.raises(LibraryError, match="no shared block"):
        shared_memory_read.func(context, name)


@pytest.mark.parametrize("key", ["", "x" * 201, 5])
def test_odd_keys_are_refused(context, key):
    with pytest.raises(LibraryError, match="key must be"):
        cache_get.func(context, key)


def test_rows_are_summed_by_group():
    rows = [{"city": "a", "n": 1}, {"city": "a", "n": 3}, {"city": "b", "n": 2.5}, {"city": "b", "n": "x"}, {}]
    found = data_aggregation.func(rows, by="city", value="n")
    assert (5, 2) == (found["rows"], found["left_out"])
    assert {"count": 2, "sum": 4.0, "mean": 2.0, "min": 1.0, "max": 3.0}.items() <= found["groups"]["a"].items()
    assert 2**0.5 == pytest.approx(found["groups"]["a"]["std"])
    assert 1 == found["groups"]["b"]["count"]
