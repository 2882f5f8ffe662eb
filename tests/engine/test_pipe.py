"""Frames over a socket: whole messages whatever the pieces they come in, and a broken peer is noticed."""

import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from pool.engine import messages
from pool.engine.messages import (
    Fact,
    JobDone,
    JobFailed,
    JobTold,
    Order,
    Recalled,
    RunJobs,
    SideFact,
    Task,
    WorkerReady,
)
from pool.engine.pipe import HEADER, BrokenFrame, Closed, Pipe

DONE = JobDone(7, 1, 2, 3, '"☃"')
LARGE = JobDone(8, 1, 2, 3, "x" * 3_000_000)


@pytest.fixture
def ends() -> Iterator[tuple[Pipe[Any], Pipe[Any]]]:
    """The node's end, which never blocks, and a worker's, which does not either here: a test must not hang."""
    ours, theirs = socket.socketpair()
    node: Pipe[Any] = Pipe(ours, Fact, blocking=False)
    worker: Pipe[Any] = Pipe(theirs, Order, blocking=False)
    yield node, worker
    node.close()
    worker.close()


def frame(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(len(body)) + body


def test_messages_arrive_in_order(ends: tuple[Pipe[Any], Pipe[Any]]) -> None:
    node, worker = ends
    for message in (WorkerReady(3), DONE, Recalled([4, 5])):
        worker.send(message)
    assert [WorkerReady(3), DONE, Recalled([4, 5])] == node.read()
    assert [] == node.read()


def test_message_in_pieces_arrives_when_it_is_whole(ends: tuple[Pipe[Any], Pipe[Any]]) -> None:
    node, worker = ends
    for piece in frame(DONE)[:-1]:
        worker.sock.send(bytes([piece]))
        assert [] == node.read()
    worker.sock.send(frame(DONE)[-1:] + frame(WorkerReady(3))[:5])
    assert [DONE] == node.read()
    worker.sock.send(frame(WorkerReady(3))[5:])
    assert [WorkerReady(3)] == node.read()


def test_large_message_waits_in_the_sender_until_the_receiver_takes_it(ends: tuple[Pipe[Any], Pipe[Any]]) -> None:
    node, worker = ends
    worker.send(LARGE)
    assert worker.unsent
    worker.send(DONE)
    found: list[Any] = []
    while len(found) < 2:
        found += node.read()
        worker.flush()
    assert [LARGE, DONE] == found
    assert not worker.unsent


@pytest.mark.parametrize("cut", [1, 3, 4, 5, -1])
def test_half_a_message_before_the_end_counts_as_nothing(ends: tuple[Pipe[Any], Pipe[Any]], cut: int) -> None:
    node, worker = ends
    worker.sock.send(frame(WorkerReady(3)) + frame(DONE)[:cut])
    worker.close()
    assert [WorkerReady(3)] == node.drain()
    assert [] == node.drain()
    with pytest.raises(Closed):
        node.read()


def test_whole_messages_before_the_end_are_heard(ends: tuple[Pipe[Any], Pipe[Any]]) -> None:
    node, worker = ends
    worker.send(DONE)
    worker.close()
    assert [DONE] == node.drain()


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xff", HEADER.pack(3) + b"\xc1\xc1\xc1", HEADER.pack(2) + b"{}"])
def test_what_is_no_message_is_refused(ends: tuple[Pipe[Any], Pipe[Any]], junk: bytes) -> None:
    node, worker = ends
    worker.sock.send(junk)
    with pytest.raises(BrokenFrame):
        node.read()


def test_sending_to_nobody_says_so(ends: tuple[Pipe[Any], Pipe[Any]]) -> None:
    node, worker = ends
    worker.close()
    with pytest.raises(Closed):
        node.send(DONE)


def test_waiting_end_reads_what_is_there_without_waiting() -> None:
    ours, theirs = socket.socketpair()
    waiting: Pipe[Any] = Pipe(ours, Fact, blocking=True)
    assert [] == waiting.read_now()
    theirs.send(frame(DONE) + frame(DONE)[:3])
    assert [DONE] == waiting.read_now()
    theirs.close()
    with pytest.raises(Closed):
        waiting.read_now()
    waiting.close()


# Messages -------------------------------------------------------------------------

TASK = Task(1, "id", "a.task", "[]", "{}", "default", 1, 4, 1000.0, 2)

TASK_FACTS = messages.TaskFacts("a.task", is_async=True)

EXAMPLES: list[tuple[Any, list[Any]]] = [
    (messages.Order, [RunJobs([TASK]), messages.Leave()]),
    (
        Fact,
        [
            WorkerReady(1),
            DONE,
            JobFailed(1, 2, 3, 4, "error", "ValueError", "why", "where", True, False),
            JobTold(1, [(1.5, "stdout", "text")], None),
            messages.WorkerTainted("why"),
            Recalled([1]),
        ],
    ),
    (messages.SideOrder, [messages.Poke(), messages.Recall(), messages.DumpStack(1), messages.FreeMemory()]),
    (SideFact, [Recalled([]), messages.StackDumped(1, "text"), messages.JobSaid("id", 2, [(1.5, "log", "text")])]),
    (messages.NurseryOrder, [messages.SpawnWorker("w", 1, "path")]),
    (
        messages.NurseryFact,
        [
            messages.NurseryReady([TASK_FACTS]),
            messages.NurseryFailed("why"),
            messages.WorkerSpawned("w", 1),
            messages.SpawnFailed("w", "why"),
        ],
    ),
    (messages.ClerkFact, [messages.ClerkSaw({1: 2}), messages.ClerkListens(["job.started"])]),
    (messages.Told, [messages.Told("job.started", 1.5, "info", "w", "id", {"attempt": 1})]),
]


@pytest.mark.parametrize(("union", "examples"), EXAMPLES)
def test_every_message_comes_out_as_it_went_in(union: Any, examples: list[Any]) -> None:
    decode = msgspec.msgpack.Decoder(union).decode
    assert examples == [decode(msgspec.msgpack.encode(example)) for example in examples]


def test_every_message_has_an_example() -> None:
    defined = {
        value
        for value in vars(messages).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct
    }
    assert defined == {type(example) for _, examples in EXAMPLES for example in examples} | {Task, messages.TaskFacts}
