"""What a task with `takes_context=True` gets as its first argument. Lives in the worker, for one attempt."""

import json
import math
import operator
import uuid
from numbers import Number
from typing import Any

from pool.domain.config import PoolConfig
from pool.domain.cost import left_of, priced
from pool.domain.errors import JobCancelled, JobTimeout
from pool.domain.notes import NOTE, step_note
from pool.engine import slot as words
from pool.engine.capture import Capture
from pool.engine.equipment import Equipment
from pool.engine.messages import Task
from pool.engine.slot import Lane

TIMEOUT_KIND, CANCEL_KIND = 1, 2


class JobContext:
    """The running job's view of itself: who it is, how far it is, whether it should stop."""

    def __init__(
        self, order: Task, lane: Lane, capture: Capture, task_result: Any, worker: Equipment | None = None
    ) -> None:
        self.job = str(uuid.UUID(order.id))
        self.attempt = order.attempt
        self.task_result = task_result
        self.usage: dict[str, float] = {}
        self._noted: dict[str, float] = {}
        """What of it stands in the log."""
        self.worker = worker or Equipment()
        """What the worker has ready for its jobs: buffers, a cache, connections, files."""
        self._order, self._lane, self._capture = order, lane, capture

    def progress(self, fraction: float | None, message: str = "") -> None:
        """Say how far the job is, from 0 to 1, and what it does now. Costs no message: call it as often as you like."""
        self._lane.report(fraction, message)

    def step(self, name: str) -> None:
        """Begin a named step; it stands in the job's log.

        Raises JobCancelled or JobTimeout when the job should end.
        """
        used = left_of(self.usage, self._noted) if self.usage != self._noted else None
        self._noted = dict(self.usage)
        self._capture.add(NOTE, step_note(name, used))
        self._lane.report(None, name)
        self.check_cancelled()

    def log(self, text: str) -> None:
        """Add a line to the job's log."""
        self._capture.add(NOTE, f"{text}\n")

    def add_usage(self, **amounts: float) -> None:
        """Add to what the job has used, for example input_tokens=120, output_tokens=30."""
        for name, amount in amounts.items():
            self.usage[name] = self.usage.get(name, 0) + _plain(name, amount)

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to end: cancelled by somebody, or past its timeout."""
        return self._lane.words[words.FLAG] >> 2 == self._order.seq

    @property
    def draining(self) -> bool:
        """Whether the node wants to stop: a long job may save its state and return."""
        return self._lane.is_draining

    def check_cancelled(self) -> None:
        """Raise JobCancelled or JobTimeout if the job was asked to end."""
        if self.cancelled:
            raise interruption(self._lane.words[words.FLAG] & 3)

    def usage_json(self, config: PoolConfig) -> str | None:
        """The usage with its cost, for the row; None when nothing was used."""
        if not self.usage:
            return None
        return json.dumps(priced(self.usage, config.cost_per_million_input, config.cost_per_million_output))


def _plain(name: str, amount: Any) -> float:
    """A number that can be stored, whatever library it comes from."""
    try:
        if isinstance(amount, Number) and name.isprintable():
            number: Any = amount
            plain = operator.index(number) if hasattr(number, "__index__") else float(number)
            if math.isfinite(plain):
                return plain
    except (TypeError, OverflowError):
        pass
    raise ValueError(f"add_usage takes finite numbers by name: {name!a} cannot be {amount!r:.60}.")


def interruption(kind: int) -> JobTimeout | JobCancelled:
    return JobTimeout() if kind == TIMEOUT_KIND else JobCancelled()
