"""The template that workers are forked from: Django and every task imported, frozen, one thread, no connection.

A process of its own, started by the node. A new worker costs a fork and shares this memory. It forks twice, so that the
worker becomes the node's own child and outlives the nursery.
"""

import gc
import inspect
import os
import signal
import socket
import sys
import threading
import time
import traceback
from functools import cached_property
from pathlib import Path
from typing import Any

import django
import msgspec
from setproctitle import setproctitle

from pool import failpoints, logs, registry
from pool.conf import get_config
from pool.domain.errors import PoolError
from pool.domain.payload import clean_text
from pool.engine import linux
from pool.engine.around import load_middleware
from pool.engine.birth import Birth
from pool.engine.kinds import load_classes
from pool.engine.messages import (
    NurseryFailed,
    NurseryOrder,
    NurseryReady,
    SpawnFailed,
    SpawnWorker,
    TaskFacts,
    WorkerSpawned,
)
from pool.engine.remains import end_remains
from pool.engine.slot import Slots, SlotsFile
from pool.engine.worker import Worker, live
from pool.store.opening import leave_pools

PACKET_BYTES = 131_072
PROBLEM_BYTES = 16_384

SWEEP_S = 1.5
"""What cannot be killed within this time is left to the next node."""


class Nursery:
    def __init__(self, control: socket.socket, node_pid: int, slots: SlotsFile) -> None:
        self.control, self.node_pid = control, node_pid
        self.file = slots
        self.decode = msgspec.msgpack.Decoder(NurseryOrder).decode
        self.tasks: dict[str, Any] = {}
        self.classes: dict[str, type[Worker]] = {}

    @cached_property
    def slots(self) -> Slots:
        """Made by the node, which may not be so far yet when its nursery is born."""
        return Slots(self.file.path, self.file.count, self.file.lanes)

    def run(self) -> None:
        """Load, freeze, then fork on demand until the node is gone; end what its jobs leave."""
        try:
            self.load()
        except PoolError as error:
            self.say(NurseryFailed(clean_text(str(error), PROBLEM_BYTES)))
            raise SystemExit(1) from None
        except BaseException:  # noqa: BLE001  a module of the project may raise anything
            self.say(NurseryFailed(clean_text(traceback.format_exc()[-PROBLEM_BYTES:], 4 * PROBLEM_BYTES)))
            raise SystemExit(1) from None
        linux.outlive_parent()
        self.say(NurseryReady([_facts(name, task) for name, task in sorted(self.tasks.items())]))
        while True:
            try:
                packet, descriptors, _, _ = socket.recv_fds(self.control, PACKET_BYTES, 2)
            except ConnectionResetError:
                packet = b""
            if not packet:
                self.sweep()
                return
            self.spawn(self.decode(packet), descriptors)

    def sweep(self) -> None:
        """The node is gone, and its workers with it. Until a second look finds nothing more."""
        if not os.path.exists(self.file.path):
            return
        deadline, died = time.monotonic() + SWEEP_S, linux.ticks()
        while time.monotonic() < deadline and end_remains(self.slots.path, self.slots.pids(), died):
            time.sleep(0.01)

    def load(self) -> None:
        failpoints.hit("on_load")
        django.setup()
        leave_pools()
        self.tasks = dict(registry.discover())
        self.config = get_config()
        self.classes = load_classes(self.config)
        load_middleware(self.config.middleware)
        logs.configure("nursery")
        from django.db import connections

        connections.close_all()
        threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        if threads:
            raise RuntimeError(
                f"Importing the tasks started threads ({', '.join(threads)}). "
                "Workers are forked, so import what starts them inside the task."
            )
        gc.collect()
        gc.disable()
        gc.freeze()

    def spawn(self, order: SpawnWorker, descriptors: list[int]) -> None:
        """Fork a worker; it lives in `live` and never comes back here."""
        failpoints.hit("on_spawn")
        inbox, outbox = os.pipe()
        try:
            middle = os.fork()
        except OSError as error:
            self.say(SpawnFailed(order.worker, f"fork failed: {error.strerror}"))
            for descriptor in (*descriptors, inbox, outbox):
                os.close(descriptor)
            return
        if middle == 0:
            self.be_middle(order, descriptors, inbox, outbox)
        os.close(outbox)
        for descriptor in descriptors:
            os.close(descriptor)
        pid = int(os.read(inbox, 20) or b"0")
        os.close(inbox)
        os.waitpid(middle, 0)
        self.say(WorkerSpawned(order.worker, pid) if pid else SpawnFailed(order.worker, "the second fork failed"))

    def be_middle(self, order: SpawnWorker, descriptors: list[int], inbox: int, outbox: int) -> None:
        """Between the two forks. Never returns."""
        try:
            middle = os.getpid()
            pid = os.fork()
            if pid:
                os.write(outbox, str(pid).encode())
                os._exit(0)
            os.close(inbox)
            os.close(outbox)
            self.control.close()
            main, side = (socket.socket(fileno=descriptor) for descriptor in descriptors)
            slot = self.slots[order.slot]
            ties = (middle, self.node_pid), slot, main, side, Path(order.output)
            what = self.tasks, self.config, self.classes[order.kind], order.rank, order.offers
            live(Birth(order.worker, *ties, *what))
        finally:
            os._exit(1)

    def say(self, fact: msgspec.Struct) -> None:
        try:
            self.control.sendall(msgspec.msgpack.encode(fact))
        except OSError:
            raise SystemExit(0) from None


def _facts(name: str, task: Any) -> TaskFacts:
    return TaskFacts(name, inspect.iscoroutinefunction(task.func), bool(task.isolated), task.kind)


def main(arguments: list[str]) -> None:
    """Arguments: control descriptor, node's pid, slot file, number of slots, lanes of each."""
    descriptor, node_pid, slots, count, lanes = arguments
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    linux.die_with(int(node_pid))
    setproctitle("pool: nursery")
    control = socket.socket(fileno=int(descriptor))
    Nursery(control, int(node_pid), SlotsFile(Path(slots), int(count), int(lanes))).run()


if __name__ == "__main__":
    main(sys.argv[1:])
