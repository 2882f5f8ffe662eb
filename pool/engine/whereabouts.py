"""Where running jobs are just now. Somebody rings for it by the job's id; the answer becomes a piece of the job's log.

Part of the node's loop. A worker that holds the interpreter cannot answer, and that is told instead.
"""

from contextlib import suppress
from dataclasses import dataclass

from pool.domain.states import STACK
from pool.engine.clock import Now
from pool.engine.handle import Handle
from pool.engine.ledger import Ledger
from pool.engine.messages import DumpStack
from pool.engine.pipe import Closed
from pool.engine.roster import Roster
from pool.store.running import Said

ANSWER_S = 0.5
SILENT = "The worker does not answer: code outside of Python, such as a C extension, holds the interpreter."


@dataclass(frozen=True, slots=True)
class Question:
    seq: int
    asked_at: float


class Whereabouts:
    def __init__(self, roster: Roster, ledger: Ledger) -> None:
        self.roster, self.ledger = roster, ledger
        self._open: dict[str, Question] = {}
        """By worker."""

    def ask(self, job: str, now: Now) -> None:
        """Ask the worker that executes the job, its id without hyphens; nobody when it does not run here."""
        for handle in self.roster.holding():
            running = handle.running()
            if running is None or handle.held[running[0]].job.id.replace("-", "") != job:
                continue
            if handle.worker not in self._open:
                self._open[handle.worker] = Question(running[0], now.mono)
                with suppress(Closed):
                    handle.side.send(DumpStack(running[0]))

    def answered(self, handle: Handle, seq: int, text: str, wall: float) -> None:
        """The worker said where the job is; nothing when it ended meanwhile."""
        self._open.pop(handle.worker, None)
        held = handle.held.get(seq)
        if held is not None and text:
            self.ledger.pending.say([Said(held.job.id, held.job.epoch, wall, STACK, text)])

    def look(self, now: Now) -> None:
        """Whoever was asked and says nothing."""
        for worker, question in list(self._open.items()):
            handle = self.roster.get(worker)
            if handle is None:
                del self._open[worker]
            elif now.mono - question.asked_at > ANSWER_S:
                self.answered(handle, question.seq, SILENT, now.wall)
