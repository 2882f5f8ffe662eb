"""Run a node that rests for long after every turn: `python -m tests.engine.resting_node WORKERS`."""

import sys

import django

REST_S = 2.0


def main() -> int:
    django.setup()
    from pool.engine import agenda, launch

    agenda.rest_after = lambda _rest_s, *, met_others: REST_S
    return launch.run_node(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
