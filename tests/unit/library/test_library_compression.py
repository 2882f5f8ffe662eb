"""Packing and unpacking with zstandard."""

import hashlib
import os
from pathlib import Path

import pytest

from pool.library.compression import compress_file, decompress_file, verify_compressed
from pool.library.errors import LibraryError
from pool.library.paths import writable


def test_a_file_comes_back_as_it_was(folder, grant):
    data = b"the same line again\n" * 200_000
    (folder / "a.log").write_bytes(data)
    packed = compress_file.func(str(folder / "a.log"), grant=grant)
    assert packed["verified"]
    assert packed["ratio"] > 10
    assert hashlib.sha256(data).hexdigest() == packed["sha256"]
    back = decompress_file.func(packed["output"])
    assert data == Path(back["output"]).read_bytes()
    assert packed["sha256"] == verify_compressed.func(packed["output"], sha256=packed["sha256"])["sha256"]


def test_an_empty_file_can_be_packed(folder, grant):
    (folder / "empty").touch()
    packed = compress_file.func(str(folder / "empty"), grant=grant)
    assert decompress_file.func(packed["output"])["bytes"] == 0


def test_packing_twice_replaces_the_result(folder, grant):
    (folder / "a").write_bytes(b"x" * 1000)
    first = compress_file.func(str(folder / "a"), grant=grant)
    assert first == compress_file.func(str(folder / "a"), grant=grant)


@pytest.mark.parametrize("keep", [4, 30, -100])
def test_a_cut_file_is_noticed(folder, grant, keep):
    (folder / "a").write_bytes(os.urandom(300_000))
    packed = compress_file.func(str(folder / "a"), grant=grant)
    whole = Path(packed["output"]).read_bytes()
    cut = writable("cut.zst")
    cut.write_bytes(whole[:keep])
    with pytest.raises(LibraryError, match=r"is cut|not a whole"):
        verify_compressed.func(str(cut))


def test_a_file_that_is_not_packed_is_refused(folder, grant):
    (folder / "a.zst").write_bytes(b"no zstandard at all, but long enough to look at")
    with pytest.raises(LibraryError, match="not a whole zstandard file"):
        decompress_file.func(str(folder / "a.zst"), grant=grant)


def test_unpacking_stops_at_its_limit_and_leaves_nothing(folder, grant):
    (folder / "bomb").write_bytes(bytes(5_000_000))
    packed = compress_file.func(str(folder / "bomb"), grant=grant)
    with pytest.raises(LibraryError, match="more than 1000 bytes"):
        decompress_file.func(packed["output"], max_bytes=1000)
    assert not [name for _, _, names in os.walk(writable("decompressed/x").parent) for name in names]


def test_another_digest_than_expected_is_an_error(folder, grant):
    (folder / "a").write_bytes(b"x")
    packed = compress_file.func(str(folder / "a"), grant=grant)
    with pytest.raises(LibraryError, match="other bytes"):
        verify_compressed.func(packed["output"], sha256="0" * 64)


@pytest.mark.parametrize("level", [0, 99, "3"])
def test_a_wrong_level_is_refused(folder, grant, level):
    with pytest.raises(LibraryError, match="level must be"):
        compress_file.func(str(folder / "a"), level=level, grant=grant)
