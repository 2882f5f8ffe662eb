"""Run a node that waits for nobody long: `python -m tests.engine.hasty_node WORKERS`."""

import sys

import django


def main() -> int:
    django.setup()
    from pool.engine import launch, leaving, node

    node.TURN_STATEMENT_MS = 300
    leaving.GIVE_UP_S = 0.5
    return launch.run_node(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
