"""`pool start`: a node in the background. Under `serve` it starts the node that `pool stop` has stopped.

It comes back when the node is ready for jobs, or tells why it is not.
"""

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from django.core.management.base import CommandParser

from pool.conf import get_config, run_dir
from pool.engine.detached import LOG_NAME, start_detached
from pool.engine.folder_lock import NodeLock
from pool.engine.launch import require_schema
from pool.engine.serving import Serving, find_serve, free_node
from pool.management.arguments import add_workers, operator
from pool.management.command import Error
from pool.management.output import Output
from pool.management.presence import is_ready, staying_nodes
from pool.models import Node
from pool.store.steer import scale, wanted_size

HELP = "Start a node in the background, and wait until it is ready."
PRINTS_FACTS = True

LOOK_S = 0.1
BOOT_S = 30.0
"""For loading the project; the workers' own time comes on top."""
LOG_BYTES = 4096


def add_arguments(parser: CommandParser) -> None:
    add_workers(parser)


def run(options: Namespace, out: Output) -> None:
    folder = run_dir()
    require_schema(get_config().database)
    if running := staying_nodes(folder):
        tell(out, running[0], started=False)
        return
    serve = find_serve(folder)
    node = free(serve, folder, options.workers) if serve else start(folder, options.workers)
    tell(out, node, started=True)


def start(folder: Path, workers: int | None) -> Node:
    """Start a node of its own."""
    lock = NodeLock(folder)
    lock.take()
    process = start_detached(workers, folder, lock)
    lock.close()

    def ended() -> str:
        return last_line(folder / LOG_NAME) if process.poll() is not None else ""

    try:
        return wait_until_ready(folder, ended)
    except Error:
        leave_nothing(process)
        raise


def free(serve: Serving, folder: Path, workers: int | None) -> Node:
    """Let `serve` start its node."""
    free_node(folder)
    serve.nudge()
    node = wait_until_ready(folder, str)
    if workers and workers != wanted_size():
        scale(workers, operator())
    return node


def wait_until_ready(folder: Path, ended: Callable[[], str]) -> Node:
    """Wait until a node of this folder is ready; an Error says why there is none."""
    limit_s = BOOT_S + get_config().start_timeout_s
    deadline = time.monotonic() + limit_s
    problem = ""
    while time.monotonic() < deadline:
        if why := ended():
            raise Error(why)
        for node in staying_nodes(folder):
            if is_ready(node):
                return node
            problem = node.problem
        if problem:
            raise Error(f"The node cannot work. {problem}")
        time.sleep(LOOK_S)
    raise Error(f"The node is not ready after {limit_s:g} s. Its log tells more.")


def leave_nothing(process: Popen[bytes]) -> None:
    """A start that failed leaves no half a node behind."""
    if process.poll() is None:
        process.terminate()
        process.wait()


def last_line(log: Path) -> str:
    """The node's last words."""
    text = log.read_bytes()[-LOG_BYTES:].decode(errors="replace").strip()
    line = text.splitlines()[-1] if text else "The node ended without a word."
    return f"{line.removeprefix('Error: ')} (see {log})"


def tell(out: Output, node: Node, *, started: bool) -> None:
    facts = {"node": node.pk, "pid": node.pid, "workers": node.wanted, "started": started}
    said = f"The node runs, with {node.wanted} workers (pid {node.pid})."
    out.tell(facts, said if started else f"A node runs already, with {node.wanted} workers (pid {node.pid}).")
