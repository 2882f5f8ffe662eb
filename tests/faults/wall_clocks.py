"""A wall clock that a test sets while processes run by it; their monotonic clock goes on as it is.

Where there is a C compiler, that of a process and of all it starts is set below Python. Without one a node sets the
clock that it reads itself: `python -m tests.faults.wall_clocks WORKERS FILE`.
"""

import mmap
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import django

from tests.settings import TEST_DIR

COMPILER = shutil.which("cc")
SOURCE = Path(__file__).with_name("wall_clock.c")
NUMBER = struct.Struct("d")


class WallClock:
    """Set by a file that holds by how many seconds it is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(NUMBER.pack(0.0))

    def jump(self, seconds: float) -> None:
        """Be wrong by so many seconds from now on."""
        with open(self.path, "r+b") as file, mmap.mmap(file.fileno(), NUMBER.size) as memory:
            memory[:] = NUMBER.pack(seconds)

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which a process has this clock."""
        return {"LD_PRELOAD": library(), "WRONG_WALL_CLOCK": str(self.path)}


@cache
def library() -> str:
    """Compile it, once in a run."""
    made = Path(TEST_DIR) / "wall_clock.so"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O1", "-o", made, SOURCE, "-ldl", "-lm"], check=True)
    return str(made)


def wrong_time(path: str) -> Callable[[], float]:
    real = time.time
    with open(path, "rb") as file:
        memory = mmap.mmap(file.fileno(), NUMBER.size, access=mmap.ACCESS_READ)
    return lambda: real() + float(NUMBER.unpack(memory[:])[0])


def main() -> int:
    time.time = wrong_time(sys.argv[2])
    django.setup()
    from pool.engine.launch import run_node

    return run_node(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
