"""Encrypting and decrypting files."""

import os
from pathlib import Path

import pytest

from pool.library.encryption import decrypt_file, encrypt_file
from pool.library.errors import LibraryError
from pool.library.paths import CHUNK


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_a_file_comes_back_as_it_was(folder, grant, size):
    data = os.urandom(size)
    (folder / "a").write_bytes(data)
    encrypted = encrypt_file.func(str(folder / "a"), grant=grant)
    assert size < encrypted["encrypted_bytes"]
    back = decrypt_file.func(encrypted["output"])
    assert data == Path(back["output"]).read_bytes()


def test_a_changed_a_cut_and_a_swapped_file_are_noticed(folder, grant):
    (folder / "a").write_bytes(os.urandom(2 * CHUNK))
    path = encrypt_file.func(str(folder / "a"), grant=grant)["output"]
    whole = Path(path).read_bytes()
    head, first, second = whole[:24], whole[24 : 24 + CHUNK + 16], whole[24 + CHUNK + 16 :]
    for broken in (head + first, head + second + first, whole[:-1], whole[:100] + b"x" + whole[101:], head):
        Path(path).write_bytes(broken)
        with pytest.raises(LibraryError, match="was changed"):
            decrypt_file.func(path)


def test_an_older_secret_key_still_opens(folder, grant, settings):
    (folder / "a").write_bytes(b"x")
    path = encrypt_file.func(str(folder / "a"), grant=grant)["output"]
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert decrypt_file.func(path)["bytes"] == 1
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(LibraryError, match="another SECRET_KEY"):
        decrypt_file.func(path)


def test_a_foreign_file_is_refused(folder, grant):
    (folder / "a").write_bytes(b"hello")
    with pytest.raises(LibraryError, match="not made by encrypt_file"):
        decrypt_file.func(str(folder / "a"), grant=grant)
