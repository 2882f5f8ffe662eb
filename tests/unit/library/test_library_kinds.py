"""Computing tasks for compute workers, and the folder scan for io workers."""

import asyncio
import hashlib
from types import SimpleNamespace

import pytest

from pool.engine.equipment import Equipment
from pool.library.computation import crypto_hash, data_transform, inference
from pool.library.errors import LibraryError, PathRefused
from pool.library.files import scan_directory
from pool.library.trees import scan_tree

CONTEXT = SimpleNamespace(worker=Equipment())


def test_hash_is_the_one_that_the_standard_says():
    found = crypto_hash.func("password", rounds=1000, salt="salt")
    assert hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1000).hex() == found["digest"]


@pytest.mark.parametrize("wrong", [{"algorithm": "rot13"}, {"rounds": 0}, {"rounds": 10**9}])
def test_odd_hashes_are_refused(wrong):
    with pytest.raises(LibraryError):
        crypto_hash.func("x", **wrong)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["sort"], [1, 2, 3, 4]),
        (["reverse"], [2, 4, 1, 3]),
        (["cumulate"], [3, 4, 8, 10]),
        (["difference"], [0, -2, 3, -2]),
        (["square", "sort"], [1, 4, 9, 16]),
        (["unit"], [2 / 3, 0, 1, 1 / 3]),
    ],
)
def test_numbers_are_changed_step_by_step(steps, expected):
    assert expected == pytest.approx(data_transform.func(CONTEXT, [3, 1, 4, 2], steps=steps))


def test_standard_numbers_have_no_mean_and_unit_spread():
    found = data_transform.func(CONTEXT, [1, 2, 3, 4, 5])
    assert (0, 1) == (pytest.approx(sum(found), abs=1e-12), pytest.approx(sum(x * x for x in found) / 5))
    assert [0, 0] == data_transform.func(CONTEXT, [7, 7])


@pytest.mark.parametrize(("values", "steps"), [([], ["sort"]), (["a"], ["sort"]), ([1], ["fold"]), ([1] * 100_001, [])])
def test_odd_numbers_and_steps_are_refused(values, steps):
    with pytest.raises(LibraryError):
        data_transform.func(CONTEXT, values, steps=steps)


def test_network_answers_the_same_to_the_same_question():
    found = inference.func([0.1, -0.4, 2.0])
    assert found == inference.func([0.1, -0.4, 2.0])
    assert (10, 1) == (len(found["chances"]), pytest.approx(sum(found["chances"]), abs=1e-4))
    assert found["chances"][found["best"]] == max(found["chances"])


@pytest.mark.parametrize("wrong", [{"layers": []}, {"layers": [0]}, {"layers": [5000]}, {"layers": [2] * 21}])
def test_odd_networks_are_refused(wrong):
    with pytest.raises(LibraryError):
        inference.func([1.0], **wrong)


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_parallel_scan_finds_what_the_other_finds(folder, grant, depth):
    for number in range(5):
        inner = folder / f"d{number}" / "inner"
        inner.mkdir(parents=True)
        (inner / "a.txt").write_text("x" * number)
        (folder / f"d{number}" / "b.py").write_text("y")
    (folder / "c.md").write_text("z" * 10)
    (folder / "link").symlink_to(folder / "d0")
    found = asyncio.run(scan_tree.func(str(folder), grant=grant, max_depth=depth, parallel=2))
    assert scan_directory.func(str(folder), grant=grant, max_depth=depth) == found


def test_parallel_scan_goes_nowhere_else(tmp_path):
    with pytest.raises(PathRefused):
        asyncio.run(scan_tree.func(str(tmp_path)))
    with pytest.raises(LibraryError, match="parallel"):
        asyncio.run(scan_tree.func(str(tmp_path), parallel=0))
