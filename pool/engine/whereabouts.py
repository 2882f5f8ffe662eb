"""Where running jobs are just now. Somebody rings for it by the job's id; the answer becomes a piece of the job's log.

Part of the node's loop. A worker that holds the interpreter cannot answer, and that is told instead.
"""

from contextlib import suppress

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


class Whereabouts:
    def __init__(self, roster: Roster, ledger: Ledger) -> None:
        self.roster, self.ledger = roster, ledger
        self._open: dict[tuple[str, int], float] = {}
        """When each was asked for, by worker and number."""

    def ask(self, job: str, now: Now) -> None:
        """Ask the worker that executes the job, its id without hyphens; nobody when it does not run here."""
        for handle in self.roster.holding():
            for running in handle.running_jobs():
                if handle.held[running.seq].job.id.replace("-", "") == job:
                    self._ask(handle, running.seq, now)

    def _ask(self, handle: Handle, seq: int, now: Now) -> None:
        if (handle.worker, seq) not in self._open:
            self._open[handle.worker, seq] = now.mono
            with suppress(Closed):
                handle.side.send(DumpStack(seq))

    def answered(self, handle: Handle, seq: int, text: str, wall: float) -> None:
        """The worker said where the job is; nothing when it ended meanwhile."""
        self._open.pop((handle.worker, seq), None)
        held = handle.held.get(seq)
        if held is not None and text:
            self.ledger.pending.say([Said(held.job.id, held.job.epoch, wall, STACK, text)])

    def look(self, now: Now) -> None:
        """Whoever was asked and says nothing."""
        for (worker, seq), asked_at in list(self._open.items()):
            handle = self.roster.get(worker)
            if handle is None:
                del self._open[worker, seq]
            elif now.mono - asked_at > ANSWER_S:
                self.answered(handle, seq, SILENT, now.wall)
