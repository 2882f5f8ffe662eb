"""Tasks that pack and unpack files with zstandard. They run in a worker.

Both stream from file to file below the output folder. A packed file carries its length, so that a cut one is noticed.
"""

import hashlib
from pathlib import Path
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.extra import load
from pool.library.paths import CHUNK, chunks, output_for, readable_file, replacing, shown

SUFFIX = ".zst"
MAX_UNPACKED = 1 << 32
LEVELS = range(1, 20)


@task(kind="COMPRESSION", timeout=600, max_attempts=2)
def compress_file(
    path: str, *, level: int = 3, folder: str = "compressed", verify: bool = True, grant: str = ""
) -> dict[str, Any]:
    """Pack a file into the output folder, unpack it again in memory and compare, and tell the ratio."""
    if level not in LEVELS:
        raise LibraryError(f"level must be from {LEVELS[0]} to {LEVELS[-1]}, not {level!r}.")
    zstandard = load("zstandard")
    source = readable_file(path, grant)
    target = output_for(source, folder, SUFFIX)
    try:
        size, digest = _pack(zstandard, source, target, level)
    except zstandard.ZstdError as error:
        raise LibraryError(f"{shown(path)} changed while it was read: {error}.") from error
    if verify and _unpack(zstandard, target, None, MAX_UNPACKED) != (size, digest):
        target.unlink(missing_ok=True)
        raise LibraryError(f"{shown(path)} did not come out of its packed form as it went in.")
    packed = target.stat().st_size
    return {
        "path": shown(source),
        "output": shown(target),
        "bytes": size,
        "packed_bytes": packed,
        "ratio": round(size / packed, 3),
        "sha256": digest,
        "verified": verify,
    }


@task(kind="COMPRESSION", timeout=600, max_attempts=2)
def decompress_file(
    path: str, *, folder: str = "decompressed", max_bytes: int = 1 << 30, grant: str = ""
) -> dict[str, Any]:
    """Unpack a zstandard file into the output folder, up to a limit of bytes."""
    zstandard = load("zstandard")
    source = readable_file(path, grant)
    target = output_for(source.with_suffix("") if source.suffix == SUFFIX else source, folder, "")
    size, digest = _unpack(zstandard, source, target, min(max_bytes, MAX_UNPACKED))
    return {"path": shown(source), "output": shown(target), "bytes": size, "sha256": digest}


@task(kind="COMPRESSION", timeout=600, max_attempts=2)
def verify_compressed(path: str, *, sha256: str = "", grant: str = "") -> dict[str, Any]:
    """Unpack a zstandard file to nowhere and compare its digest, if one is given."""
    zstandard = load("zstandard")
    source = readable_file(path, grant)
    size, digest = _unpack(zstandard, source, None, MAX_UNPACKED)
    if sha256 and sha256 != digest:
        raise LibraryError(f"{shown(path)} holds other bytes than expected: its digest is {digest}.")
    return {"path": shown(source), "bytes": size, "sha256": digest}


def _pack(zstandard: Any, source: Path, target: Path, level: int) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = source.stat().st_size
    packer = zstandard.ZstdCompressor(level=level, write_checksum=True)
    with (
        source.open("rb") as reading,
        replacing(target) as writing,
        packer.stream_writer(writing, size=size, closefd=False) as packing,
    ):
        for chunk in chunks(reading):
            digest.update(chunk)
            packing.write(chunk)
    return size, digest.hexdigest()


def _unpack(zstandard: Any, source: Path, target: Path | None, max_bytes: int) -> tuple[int, str]:
    """Unpack to a file or to nowhere, and return length and digest."""
    if target is None:
        return _unpack_into(zstandard, source, None, max_bytes)
    with replacing(target) as writing:
        return _unpack_into(zstandard, source, writing, max_bytes)


def _unpack_into(zstandard: Any, source: Path, writing: Any, max_bytes: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    try:
        with source.open("rb") as reading:
            expected = zstandard.frame_content_size(reading.read(18))
            reading.seek(0)
            unpacking = zstandard.ZstdDecompressor().stream_reader(reading)
            while chunk := unpacking.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if size > max_bytes:
                    raise LibraryError(f"{shown(source)} unpacks to more than {max_bytes} bytes.")
                if writing:
                    writing.write(chunk)
    except zstandard.ZstdError as error:
        raise LibraryError(f"{shown(source)} is not a whole zstandard file.") from error
    # The reader ends in silence when the file was cut, so the length in its head has to decide.
    if expected not in (-1, size):
        raise LibraryError(f"{shown(source)} is cut: {size} of {expected} bytes are left.")
    return size, digest.hexdigest()
