"""A task over a large folder: its parts are scanned at the same time. Async, so that many share one io worker.

What is waited for is the disk, or the server behind it: several folders at a time keep it busy.
"""

import asyncio
from pathlib import Path
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.files import Scan, scan_below, scan_folder
from pool.library.paths import readable_folder

MOST_PARALLEL = 64


@task(kind="FILE_IO", timeout=600, max_attempts=2)
async def scan_tree(path: str, *, parallel: int = 8, max_depth: int = 50, grant: str = "") -> dict[str, Any]:
    """Count what lies below a folder, as `scan_directory` does, with so many of its folders at a time."""
    if not 0 < parallel <= MOST_PARALLEL:
        raise LibraryError(f"parallel must be from 1 to {MOST_PARALLEL}, not {parallel!r}.")
    root = await asyncio.to_thread(readable_folder, path, grant)
    whole, room = Scan(), asyncio.Semaphore(parallel)
    folders = await asyncio.to_thread(scan_folder, whole, root, 1)

    async def scan(folder: Path) -> tuple[Scan, bool]:
        async with room:
            part = Scan()
            return part, await asyncio.to_thread(scan_below, part, folder, 2, max_depth)

    complete = True
    for part, is_all in await asyncio.gather(*(scan(folder) for folder in folders if max_depth > 1)):
        whole.add(part)
        complete = complete and is_all
    return whole.report(root, complete=complete)
