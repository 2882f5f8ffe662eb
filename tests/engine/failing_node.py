"""Run a node that raises when a file exists: `python -m tests.engine.failing_node WORKERS FILE`."""

import os
import sys

import django


def main() -> int:
    django.setup()
    from pool.engine import launch
    from pool.engine.clock import Now
    from pool.engine.node import Node

    class FailingNode(Node):
        def staff(self, now: Now) -> None:
            if os.path.exists(sys.argv[2]):
                raise RuntimeError("the node itself is broken")
            super().staff(now)

    launch.Node = FailingNode  # type: ignore[misc]
    return launch.run_node(int(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
