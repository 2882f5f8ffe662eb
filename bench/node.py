"""A node of a bench site: `pool run` without the command around it, in a fresh interpreter that dies with the bench."""

import argparse
import sys

import django

from pool.engine import linux


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("--profile")
    options = parser.parse_args(arguments)
    linux.die_with(options.bench)
    django.setup()
    from pool.engine.launch import run_node

    if not options.profile:
        return run_node(options.workers)
    import cProfile

    profile = cProfile.Profile()
    code: int = profile.runcall(run_node, options.workers)
    profile.dump_stats(options.profile)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
