"""Tasks that encrypt and decrypt files for this project's own eyes. They run in a worker.

The key is derived from SECRET_KEY and a random salt in each file, so that no key ever stands in a job. A file is a
row of AES-GCM chunks; the number of a chunk and whether it is the last are part of its nonce, so that chunks which are
cut off, swapped or changed are noticed. After SECRET_KEY was changed, SECRET_KEY_FALLBACKS are tried.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from pool import task
from pool.library.errors import LibraryError
from pool.library.extra import load
from pool.library.paths import CHUNK, output_for, readable_file, replacing, shown

MAGIC = b"POOLENC1"
SALT_BYTES = 16
TAG_BYTES = 16
SUFFIX = ".enc"
PURPOSE = b"pool.library.encryption"


@task(kind="ENCRYPTION", timeout=600, max_attempts=2)
def encrypt_file(path: str, *, folder: str = "encrypted", grant: str = "") -> dict[str, Any]:
    """Encrypt a file into the output folder."""
    source = readable_file(path, grant)
    target = output_for(source, folder, SUFFIX)
    salt = os.urandom(SALT_BYTES)
    cipher = _cipher(settings.SECRET_KEY, salt)
    size = 0
    with source.open("rb") as reading, replacing(target) as writing:
        writing.write(MAGIC + salt)
        for nonce, chunk in _numbered(reading, CHUNK):
            size += len(chunk)
            writing.write(cipher.encrypt(nonce, chunk, MAGIC))
    return {"path": shown(source), "output": shown(target), "bytes": size, "encrypted_bytes": target.stat().st_size}


@task(kind="ENCRYPTION", timeout=600, max_attempts=2)
def decrypt_file(path: str, *, folder: str = "decrypted", grant: str = "") -> dict[str, Any]:
    """Decrypt a file that `encrypt_file` made into the output folder."""
    source = readable_file(path, grant)
    target = output_for(source.with_suffix("") if source.suffix == SUFFIX else source, folder, "")
    with source.open("rb") as reading:
        if reading.read(len(MAGIC)) != MAGIC:
            raise LibraryError(f"{shown(path)} was not made by encrypt_file.")
        salt = reading.read(SALT_BYTES)
        begin = reading.tell()
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            reading.seek(begin)
            size = _decrypt(reading, target, _cipher(secret, salt))
            if size is not None:
                return {"path": shown(source), "output": shown(target), "bytes": size}
    raise LibraryError(f"{shown(path)} was changed, or encrypted under another SECRET_KEY.")


def _decrypt(reading: BinaryIO, target: Path, cipher: Any) -> int | None:
    """Decrypt to the target; None, and no file, when a chunk does not fit the key."""
    invalid = load("cryptography.exceptions").InvalidTag
    size = 0
    try:
        with replacing(target) as writing:
            for nonce, chunk in _numbered(reading, CHUNK + TAG_BYTES):
                size += writing.write(cipher.decrypt(nonce, chunk, MAGIC))
    except invalid:
        return None
    return size


def _cipher(secret: str | bytes, salt: bytes) -> Any:
    hashes = load("cryptography.hazmat.primitives.hashes")
    hkdf = load("cryptography.hazmat.primitives.kdf.hkdf").HKDF
    raw = secret.encode() if isinstance(secret, str) else secret
    key = hkdf(algorithm=hashes.SHA256(), length=32, salt=salt, info=PURPOSE).derive(raw)
    return load("cryptography.hazmat.primitives.ciphers.aead").AESGCM(key)


def _numbered(reading: BinaryIO, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Read chunks with their nonces: eleven bytes of number, one that marks the last. An empty file is one chunk."""
    number, chunk = 0, reading.read(size)
    while True:
        following = reading.read(size)
        yield number.to_bytes(11, "big") + (b"\0" if following else b"\1"), chunk
        if not following:
            return
        number, chunk = number + 1, following
