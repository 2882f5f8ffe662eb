"""Hash, scan, read and write."""

import base64
import hashlib
import json
import os
import tracemalloc

import pytest

from pool.library.errors import LibraryError
from pool.library.files import hash_file, read_file, scan_directory, write_file
from pool.library.paths import CHUNK


def test_several_digests_in_one_pass(folder, grant):
    data = b"pool" * 700_000
    (folder / "a").write_bytes(data)
    result = hash_file.func(str(folder / "a"), algorithms=["sha256", "md5"], grant=grant)
    expected = {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data, usedforsecurity=False).hexdigest()}
    assert expected == result["digests"]
    assert len(data) == result["bytes"]


@pytest.mark.parametrize("algorithms", [["nope"], ["shake_128"], []])
def test_an_unknown_algorithm_is_refused_with_the_known_ones(folder, grant, algorithms):
    (folder / "a").write_bytes(b"")
    with pytest.raises(LibraryError, match="sha256"):
        hash_file.func(str(folder / "a"), algorithms=algorithms, grant=grant)


def test_a_scan_counts_by_suffix_size_and_depth(folder, grant):
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.py").write_bytes(b"x" * 10)
    (folder / "sub" / "b.PY").write_bytes(b"x" * 5000)
    (folder / "sub" / "deep" / "none").write_bytes(b"")
    (folder / "sub" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    result = scan_directory.func(str(folder), grant=grant)
    assert tuple(result[key] for key in ("files", "folders", "links", "others", "bytes")) == (3, 2, 1, 1, 5010)
    assert result["by_suffix"] == {".py": 2, "none": 1}
    assert result["by_depth"] == {"1": 1, "2": 1, "3": 1}
    assert result["by_size"] == {"up to 1 kB": 2, "up to 64 kB": 1}
    assert {"path": str(folder / "sub" / "b.PY"), "bytes": 5000} == result["largest"][0]
    assert result["complete"]


def test_a_scan_stays_above_its_depth(folder, grant):
    (folder / "one" / "two").mkdir(parents=True)
    (folder / "one" / "two" / "file").touch()
    assert scan_directory.func(str(folder), max_depth=2, grant=grant)["files"] == 0


def test_a_scan_survives_names_that_are_not_text(folder, grant):
    os.close(os.open(os.fsencode(folder) + b"/\xff.\xfe", os.O_CREAT))
    result = scan_directory.func(str(folder), grant=grant)
    assert result["files"] == 1
    json.dumps(result, ensure_ascii=False).encode()


def test_text_is_read_as_text_and_the_rest_as_base64(folder, grant):
    (folder / "text").write_text("grün")
    (folder / "nul").write_bytes(b"a\0b")
    (folder / "bytes").write_bytes(b"\xff\xfe")
    assert _data(read_file.func(str(folder / "text"), grant=grant)) == ("utf-8", "grün")
    for name, data in (("nul", b"a\0b"), ("bytes", b"\xff\xfe")):
        expected = ("base64", base64.b64encode(data).decode())
        assert _data(read_file.func(str(folder / name), grant=grant)) == expected


def test_a_part_of_a_file_says_that_it_is_one(folder, grant):
    (folder / "a").write_text("0123456789")
    result = read_file.func(str(folder / "a"), offset=2, max_bytes=3, grant=grant)
    assert (result["data"], result["complete"], result["bytes"]) == ("234", False, 10)


def test_reading_is_bounded(folder, grant):
    (folder / "a").touch()
    with pytest.raises(LibraryError, match="max_bytes"):
        read_file.func(str(folder / "a"), max_bytes=10**9, grant=grant)


@pytest.mark.parametrize("reads", [hash_file.func, read_file.func])
def test_memory_does_not_grow_with_the_file(folder, grant, reads):
    (folder / "large").touch()
    os.truncate(folder / "large", 64 * CHUNK)
    tracemalloc.start()
    try:
        assert 64 * CHUNK == reads(str(folder / "large"), grant=grant)["bytes"]
        assert tracemalloc.get_traced_memory()[1] < 4 * CHUNK
    finally:
        tracemalloc.stop()


def test_what_was_written_can_be_read_without_a_grant():
    written = write_file.func("notes/a.txt", "hello")
    assert read_file.func(written["path"])["data"] == "hello"
    assert written["name"] == "written/notes/a.txt"


def _data(result):
    return result["encoding"], result["data"]
