"""`pool stop`: ask the nodes to finish their jobs and leave, and wait until they are gone.

What does not end within the drain time is interrupted and given back. Under `serve` the node stays stopped.
"""

import time
from argparse import Namespace

from django.core.management.base import CommandParser

from pool.conf import get_config, run_dir
from pool.domain.config import PoolConfig
from pool.engine.serving import find_serve, hold_node
from pool.management.arguments import operator, whole_number
from pool.management.command import Error
from pool.management.output import Output
from pool.models import Node
from pool.store.presence import living_nodes
from pool.store.steer import request_stop

HELP = "Let the nodes finish their jobs and leave."
PRINTS_FACTS = True

LOOK_S = 0.1
MARGIN_S = 5.0
LONGEST_WAIT_S = 86_400


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--no-wait", action="store_true", help="come back at once")
    parser.add_argument(
        "--wait",
        type=whole_number(1, LONGEST_WAIT_S),
        metavar="SECONDS",
        help="wait so long (default: the drain time and what it takes to interrupt the rest)",
    )


def run(options: Namespace, out: Output) -> None:
    folder = run_dir()
    nodes = living_nodes()
    if serve := find_serve(folder):
        hold_node(folder)
        serve.nudge()
    if not nodes:
        out.tell({"asked": 0, "stopped": 0}, "No node is running.")
        return
    request_stop(operator())
    if options.no_wait:
        out.tell({"asked": len(nodes), "stopped": 0}, f"{count(nodes)} asked to stop.")
        return
    wait_until_gone(nodes, options.wait or patience_s(get_config()))
    out.tell({"asked": len(nodes), "stopped": len(nodes)}, f"{count(nodes)} stopped.")


def patience_s(config: PoolConfig) -> float:
    """The drain time, the stages in which the rest is ended, and a margin."""
    stages = config.flag_grace_s + config.exception_grace_s + config.term_grace_s
    return config.drain_s + stages + MARGIN_S


def wait_until_gone(nodes: list[Node], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    asked = {node.pk for node in nodes}
    while left := [node for node in living_nodes() if node.pk in asked]:
        if time.monotonic() > deadline:
            where = ", ".join(f"{node.host} (pid {node.pid})" for node in left)
            raise Error(f"Not stopped within {limit_s:g} s: {where}. It goes on stopping; see manage.py pool status.")
        time.sleep(LOOK_S)


def count(nodes: list[Node]) -> str:
    return "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
