"""Waiting on sockets: also for room in one that is full, and only as long as something waits for it."""

import socket
from types import SimpleNamespace
from typing import Any

from pool.engine.ears import Ears
from pool.engine.links import Links
from pool.engine.messages import JobDone
from pool.engine.tidings import Tidings
from tests.engine.benches import bench

LARGE = JobDone(8, 1, 2, 3, "x" * 3_000_000)


def test_large_order_goes_out_as_fast_as_it_is_taken() -> None:
    """The loop wakes when there is room: no rest is waited out, and none is cut short for a full socket."""
    ears = Ears()
    nobody: Any = SimpleNamespace()
    hearing: Any = SimpleNamespace(ledger=SimpleNamespace(tidings=Tidings(lambda *_: None)))
    with bench() as node:
        worker = node.add_worker()
        links = Links(ears, node.roster, nobody, hearing, nobody, nobody)
        links.connect(worker.handle)
        worker.handle.main.send(LARGE)
        assert worker.handle.main.unsent
        ears.listen(0.01)
        links.flush()
        assert worker.handle.main.unsent, "nobody has read"
        taken = 0
        while worker.handle.main.unsent:
            taken += len(worker.main.sock.recv(2**20))
            ears.listen(60)
            links.flush()
        assert taken > 1_000_000
        ears.listen(0)
        worker.handle.main.send(LARGE)
        worker.handle.close()
        links.flush()
        assert not worker.handle.main.unsent
    ears.close()


def test_descriptor_that_is_not_watched_may_be_full() -> None:
    ears = Ears()
    ours, theirs = socket.socketpair()
    ears.expect_room(ours.fileno(), True)
    assert not ears.watches(ours.fileno())
    ours.close()
    theirs.close()
    ears.close()
