"""Parts of a node without a node: workers that are two socket pairs and a slot, and play what the test writes down."""

import mmap
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pool.domain.config import PoolConfig
from pool.domain.ids import new_id
from pool.domain.jobs import ClaimedJob
from pool.domain.kinds import GENERAL, offers_of
from pool.domain.retry import Backoff
from pool.domain.states import WorkerState
from pool.engine import slot as words
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.handle import Handle
from pool.engine.ledger import Ledger
from pool.engine.messages import Order, SideOrder, TaskFacts
from pool.engine.pipe import Pipe
from pool.engine.roster import Roster
from pool.engine.slot import Layout, Slot
from pool.engine.watch import Watch

SLOTS = 8
LAYOUT = Layout(lanes=8)


def made_job(**changes: Any) -> ClaimedJob:
    """A job as the claim returns it."""
    facts: dict[str, Any] = {
        "id": str(new_id()),
        "task": "a.task",
        "queue": "default",
        "args": "[]",
        "kwargs": "{}",
        "epoch": 1,
        "attempts": 1,
        "attempts_base": 0,
        "interruptions": 0,
        "losses": 0,
        "max_attempts": 4,
        "timeout": None,
        "backoff": None,
        "priority": 0,
        "rank": 0,
        "run_at": 1000.0,
        "created_at": 1000.0,
        "expires_at": None,
    }
    return ClaimedJob(**(facts | changes))


class ScriptedHandle(Handle):
    """A handle without a process: what would be done to one is noted."""

    def __init__(self, worker: str, index: int, slot: Slot, now: float, done: list[str], *kind: Any) -> None:
        super().__init__(worker, index, slot, now, *kind)
        self.done = done

    def signal(self, number: int) -> None:
        self.done.append(signal.Signals(number).name)

    def kill(self, reason: str) -> None:
        self.done.append(f"kill: {reason}")


class ScriptedWorker:
    """The other end of a handle: hears orders, and does to its slot what a worker would do."""

    def __init__(self, handle: Handle) -> None:
        self.handle, self.slot = handle, handle.slot
        self.main: Pipe[Any] = Pipe(handle.theirs[0], Order, blocking=False)
        self.side: Pipe[Any] = Pipe(handle.theirs[1], SideOrder, blocking=False)

    def begin(self, seq: int, now: float, lane: int = 0) -> None:
        job = self.handle.held[seq].job
        place = self.slot.further[lane - 1] if lane else None
        self.slot.begin(seq, bytes.fromhex(job.id.replace("-", "")), job.epoch, int(now * 1e9), place)

    def beat(self, now: float) -> None:
        self.slot.words[words.BEAT] = int(now * 1e9)


class Bench:
    """Roster, ledger, dispatch and watch of a node, and the workers that the test adds."""

    def __init__(self, **settings: Any) -> None:
        self.config = PoolConfig.from_mapping(settings)
        self.memory = mmap.mmap(-1, SLOTS * LAYOUT.slot_bytes)
        self.roster = Roster(SLOTS)
        self.ledger = Ledger(None, "node", Backoff(), [])  # type: ignore[arg-type]  # nothing here is written
        self.tasks: dict[str, TaskFacts] = {}
        self.dispatch = Dispatch(self.roster, self.ledger, self.config, self.facts)
        self.watch = Watch(self.roster, self.ledger, self.config)
        self.done: list[str] = []
        """Signals that were sent to workers, and why they were killed."""

    def facts(self, task: str) -> TaskFacts | None:
        """Every task is known but one."""
        return None if task == "an.unknown.task" else self.tasks.get(task, TaskFacts(task))

    def add_worker(
        self, now: float = 0.0, kind: str = GENERAL, streams: int = 1, offers: tuple[str, ...] = ()
    ) -> ScriptedWorker:
        """A worker that is ready for jobs."""
        index = self.roster.free_slot()
        assert index is not None
        slot = Slot(self.memory, index, LAYOUT)
        handle = ScriptedHandle(f"w{index}", index, slot, now, self.done, kind, offers_of(kind, offers), streams)
        handle.state = WorkerState.IDLE
        self.roster.add(handle)
        return ScriptedWorker(handle)

    def close(self) -> None:
        for handle in self.roster:
            handle.close()


@contextmanager
def bench(**settings: Any) -> Iterator[Bench]:
    made = Bench(**settings)
    try:
        yield made
    finally:
        made.close()


def at(seconds: float) -> Now:
    """A moment: monotonic seconds, and the wall clock a thousand ahead."""
    return Now(seconds, seconds + 1000)
