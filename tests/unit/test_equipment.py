"""What a worker has ready for its jobs: lent, given back, bounded, and of nobody else when it is given back."""

import asyncio
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.engine.equipment import Buffers, Cache, Equipment, Files, Http, SharedBlocks
from pool.engine.equipment.shared import FOLDER, remove_blocks

KB, MB = 2**10, 2**20


class TestBuffers:
    def test_smallest_that_fits_is_lent_and_comes_back_empty(self):
        buffers = Buffers({KB: 2, 10 * KB: 1})
        with buffers.borrow(100) as small, buffers.borrow(5 * KB) as large:
            assert (100, 5 * KB) == (len(small), len(large))
            assert {KB: 1, 10 * KB: 0} == buffers.free()
            small[:], large[:] = b"x" * 100, b"y" * 5 * KB
        assert {KB: 2, 10 * KB: 1} == buffers.free()
        for size in (KB, 10 * KB):
            with buffers.borrow(size) as view:
                assert not any(view)

    def test_who_finds_none_free_gets_memory_all_the_same(self):
        buffers = Buffers({KB: 1})
        with buffers.borrow(KB), buffers.borrow(KB) as second, buffers.borrow(100 * KB) as third:
            assert (KB, 100 * KB, 2) == (len(second), len(third), buffers.missed)
        with Buffers().borrow(10) as view:
            assert bytes(10) == bytes(view)

    def test_pages_go_back_and_the_buffers_stay(self):
        buffers = Buffers({KB: 4})
        buffers.trim()
        with buffers.borrow(KB) as view:
            view[:] = b"z" * KB
            buffers.trim()
            assert b"z" * KB == bytes(view), "what is lent is left alone"

    @given(st.lists(st.integers(1, 30 * KB), max_size=20))
    def test_whatever_is_borrowed_comes_back(self, sizes):
        buffers = Buffers({KB: 3, 10 * KB: 3})
        for size in sizes:
            with buffers.borrow(size) as view:
                assert size == len(view)
                view[:] = b"\xff" * size
        assert {KB: 3, 10 * KB: 3} == buffers.free()


class TestCache:
    def test_keeps_until_it_is_deleted_or_there_is_too_much(self):
        cache = Cache(entries=3)
        for number in range(3):
            cache.set(number, str(number))
        assert "0" == cache.get(0)
        cache.set(3, "3")
        assert (["0", None, "2", "3"], 3) == ([cache.get(number) for number in range(4)], len(cache))
        assert [True, False] == [cache.delete(2), cache.delete(2)]
        assert ("else", 4, 2) == (cache.get(2, "else"), cache.hits, cache.misses)

    def test_forgets_with_time(self):
        cache = Cache(kept_s=0)
        cache.set("a", 1)
        assert None is cache.get("a")

    def test_a_workers_own_keeps_a_thousand_values_for_five_minutes(self):
        cache = Equipment().cache
        for number in range(1001):
            cache.set(number, number)
        assert (1000, None, 1000) == (len(cache), cache.get(0), cache.get(1000))
        now = cache._values.timer()
        cache._values.expire(now + 290)
        assert 1000 == len(cache)
        cache._values.expire(now + 300)
        assert 0 == len(cache)

    def test_half_of_it_goes_when_memory_is_short(self):
        cache = Cache()
        for number in range(100):
            cache.set(number, number)
        cache.trim()
        assert (50, 99) == (len(cache), cache.get(99))


class TestFiles:
    def test_file_stays_open_until_it_changes(self, tmp_path):
        path, files = tmp_path / "a", Files()
        path.write_bytes(b"0123456789")
        assert [b"0123", b"456789"] == [files.read(path, 4), files.read(path, 100, 4)]
        assert 1 == files.opened
        other = tmp_path / "b"
        other.write_bytes(b"another")
        other.replace(path)
        assert (b"another", 2, 1) == (files.read(path, 100), files.opened, len(files))
        files.close()
        assert 0 == len(files)

    def test_no_more_than_so_many_and_none_under_a_readers_hand(self, tmp_path):
        files, paths = Files(handles=2), [tmp_path / str(number) for number in range(4)]
        for number, path in enumerate(paths):
            path.write_text(str(number))
        with files.reading(paths[0]) as first:
            for path in paths[1:]:
                files.read(path, 1)
            assert (2, b"0") == (len(files), os.pread(first, 1, 0))
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(first)
        files.close()

    @pytest.mark.parametrize(("size", "asked_for"), [(0, 0), (10, 1), (4 * MB, 32), (11 * MB, 80)])
    def test_beginning_is_fetched_ahead_in_small_pieces(self, tmp_path, monkeypatch, size, asked_for):
        asked, advise = [], os.posix_fadvise
        monkeypatch.setattr(os, "posix_fadvise", lambda *what: asked.append(what) or advise(*what))
        path, files = tmp_path / "a", Files()
        path.touch()
        os.truncate(path, size)
        with files.reading(path) as descriptor:
            pieces = [(descriptor, number * 128 * KB, 128 * KB, os.POSIX_FADV_WILLNEED) for number in range(asked_for)]
            assert pieces == asked
        files.close()

    def test_no_more_of_a_large_file_is_in_memory_than_was_asked_for(self, tmp_path):
        path, files = tmp_path / "large", Files()
        path.touch()
        os.truncate(path, 64 * MB)
        tracemalloc.start()
        try:
            assert KB == len(files.read(path, KB, 32 * MB))
            assert tracemalloc.get_traced_memory()[1] < MB
        finally:
            tracemalloc.stop()
            files.close()

    def test_missing_file_is_the_jobs_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            Files().read(tmp_path / "none", 1)


class TestSharedBlocks:
    def test_block_is_opened_by_name_and_goes_with_its_owner(self):
        blocks = SharedBlocks(f"test{os.getpid()}")
        name = blocks.create(b"content")
        with blocks.attach(name) as view:
            assert b"content" == bytes(view)
        assert (FOLDER / name).exists()
        blocks.close()
        assert not (FOLDER / name).exists()

    def test_python_opens_it_as_its_own(self):
        blocks = SharedBlocks(f"test{os.getpid()}")
        try:
            name = blocks.create(b"content")
            # Its tracker is a process: looked at in one of its own.
            opened = f"block = SharedMemory({name!r}); print(bytes(block.buf)[:7])"
            code = f"from multiprocessing.shared_memory import SharedMemory; {opened}"
            said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
            assert "b'content'" in said.stdout, said.stderr
        finally:
            remove_blocks(f"test{os.getpid()}")

    def test_oldest_go_when_there_is_too_much(self):
        blocks = SharedBlocks(f"test{os.getpid()}", most_bytes=100)
        names = [blocks.create(b"x" * 40) for _ in range(3)]
        assert [False, True, True] == [(FOLDER / name).exists() for name in names]
        with pytest.raises(ValueError, match="from 1 to 100 bytes"):
            blocks.create(b"x" * 101)
        blocks.close()

    @pytest.mark.parametrize("name", ["../etc/passwd", "pool-../x", "other", "pool-a/b"])
    def test_no_other_file_is_opened(self, name):
        with pytest.raises((ValueError, FileNotFoundError)):
            SharedBlocks("x").attach(name).__enter__()

    def test_what_a_dead_owner_left_is_removed(self):
        blocks = SharedBlocks(f"dead{os.getpid()}-w1")
        name = blocks.create(b"content")
        remove_blocks(f"dead{os.getpid()}")
        assert not (FOLDER / name).exists()
        remove_blocks(f"dead{os.getpid()}")


class TestEquipment:
    def test_nothing_is_made_before_it_is_used(self):
        equipment = Equipment("x", "memory", ("a", "b"))
        assert (frozenset("ab"), set()) == (equipment.capabilities, {"cache", "files", "http"} & set(vars(equipment)))
        equipment.trim()
        equipment.close()
        assert equipment.cache is equipment.cache

    def test_clients_keep_no_cookies_and_cannot_be_changed(self):
        http = Http(10)
        client = http.client()
        assert not hasattr(client, "headers")
        with pytest.raises(AttributeError):
            client.cookies = {}
        assert [] == list(http._client.cookies.jar)
        http.close()

    def test_async_client_lives_with_its_loop(self):
        http = Http(10)

        async def use():
            async with http.async_client() as client:
                return client

        assert asyncio.run(use()) is not None
        assert http._async_client is None
        assert not Path("/nowhere").exists()
