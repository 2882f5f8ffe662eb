"""The processes of a chaos run: `python -m tests.chaos.program HARNESS_PID`, then `node WORKERS`, `web DESCRIPTOR`,
or a role with its number, seed and rate.

Each dies with the harness. A node is `pool run` without the command around it; the web is that of `serve`, on a socket
that the harness listens on, so that its address stays while processes come and go.
"""

import sys

import django

from pool.engine import linux


def main(arguments: list[str]) -> int:
    harness, what, *rest = arguments
    linux.die_with(int(harness))
    if what == "web":
        from pool.engine import web

        web.main([harness, rest[0], "127.0.0.1"])
        return 0
    django.setup()
    if what == "node":
        return run_node(int(rest[0]))
    from setproctitle import setproctitle

    from tests.chaos import actors

    setproctitle(f"chaos: {what}")
    actors.live(what, int(rest[0]), rest[1], float(rest[2]))
    return 0


def run_node(workers: int) -> int:
    from pool.conf import run_dir
    from pool.domain.errors import PoolError
    from pool.engine.folder_lock import NodeLock
    from pool.engine.launch import run_node

    try:
        lock = NodeLock(run_dir())
        lock.take()
        return run_node(workers, lock)
    except PoolError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
