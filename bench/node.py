"""A node of a bench site: `pool run` without the command around it, in a fresh interpreter that dies with the bench."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

from pool.engine import linux


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("--profile")
    parser.add_argument("--turns", help="a file for the times at which the loop's turns began")
    options = parser.parse_args(arguments)
    linux.die_with(options.bench)
    django.setup()
    from pool.engine.launch import run_node

    if options.turns:
        return with_turns(options.turns, lambda: run_node(options.workers))
    if not options.profile:
        return run_node(options.workers)
    import cProfile

    profile = cProfile.Profile()
    code: int = profile.runcall(run_node, options.workers)
    profile.dump_stats(options.profile)
    return code


def with_turns(path: str, run: Callable[[], int]) -> int:
    """Run a node and write down when each turn of its loop began, on the clock that all processes share."""
    from pool.engine.node import Node

    begun: list[int] = []
    turn = Node.turn

    def counted(node: Node) -> None:
        begun.append(time.monotonic_ns())
        turn(node)

    Node.turn = counted  # type: ignore[method-assign]
    try:
        return run()
    finally:
        Path(path).write_text("\n".join(map(str, begun)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
