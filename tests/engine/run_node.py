"""Run a node in this process: `python -m tests.engine.run_node WORKERS`, with the site in the environment.

The engine alone, without the commands around it. A node that is not allowed to start says why in one line.
"""

import sys

import django

from pool.domain.errors import PoolError


def main() -> int:
    django.setup()
    from pool.engine.launch import run_node

    try:
        return run_node(int(sys.argv[1]))
    except PoolError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
