"""Looks at what runs, by reading slots: marks jobs that last as RUNNING, carries progress, ends what must end.

Called by the node's loop some times a second while anything runs. It asks no worker and waits for none.
"""

import signal

from pool.domain.config import PoolConfig
from pool.domain.ids import spelled
from pool.domain.stages import Graces, Stage, due_stage, next_stage_at
from pool.domain.states import SILENT, Outcome, WorkerState
from pool.engine import slot as words
from pool.engine.clock import Now
from pool.engine.context import CANCEL_KIND, TIMEOUT_KIND
from pool.engine.handle import End, Handle, Held
from pool.engine.ledger import Ledger
from pool.engine.messages import Poke, Recall
from pool.engine.pipe import Closed
from pool.engine.roster import Roster
from pool.engine.slot import Lane, Running
from pool.logs import get_logger
from pool.store.running import Begun, Progressed

log = get_logger(__name__)

BEGUN_AFTER_S = 0.1
"""A job that runs this long gets its RUNNING status."""
HELD_UP_S = 0.02
"""A job that runs this much longer than its worker's other jobs were expected to gives them back."""
RECALL_S = 1.0
"""And this long if nobody else is free to take them."""
IDLE_BEATS = 2.5
"""An idle worker is asked for a sign of life this many times less often than a busy one."""
BUSY_IN_C = 6
"""A silent worker whose CPU time advances is busy in C code that holds the interpreter: it gets this much longer."""


class Watch:
    def __init__(self, roster: Roster, ledger: Ledger, config: PoolConfig) -> None:
        self.roster, self.ledger, self.config = roster, ledger, config
        self.graces = Graces(config.flag_grace_s, config.exception_grace_s, config.term_grace_s)

    def look(self, now: Now) -> None:
        """One round over all workers."""
        someone_idle = self.roster.has_idle()
        for handle in self.roster:
            running = handle.running_jobs()
            for one in running:
                self._look_at_job(handle, one, now, someone_idle)
            for end in list(handle.ends.values()):
                self._advance(handle, end, now.mono)
            self._look_at_worker(handle, now, busy=bool(running))

    def ask_all(self) -> None:
        """Somebody wants to know at once who lives: with the next look every worker is asked."""
        for handle in self.roster:
            if not handle.poke_unanswered:
                handle.poked_at = float("-inf")

    def cancel(self, handle: Handle, seq: int, now: float) -> None:
        """End the running job with this number because somebody cancelled it."""
        self._begin_end(handle, seq, Outcome.CANCELLED, now)

    def interrupt_all(self) -> None:
        """The node has waited long enough: what still runs is cut short, not failed."""
        for handle in self.roster.holding():
            handle.kill("shutdown")

    def next_deadline(self) -> float | None:
        """Monotonic time of the next stage of any end under way."""
        times = [
            at
            for handle in self.roster
            for end in handle.ends.values()
            if (at := next_stage_at(end.asked_at, end.stage, self.graces)) is not None
        ]
        return min(times, default=None)

    def _look_at_job(self, handle: Handle, running: Running, now: Now, someone_idle: bool) -> None:
        seq, held = running.seq, handle.held[running.seq]
        run_s = now.mono - running.started / 1e9
        if not held.begun and run_s >= BEGUN_AFTER_S:
            held.begun = True
            began = Begun(held.job.id, held.job.epoch, handle.worker, now.wall_of(running.started))
            self.ledger.pending.begin(began)
            if self.ledger.tidings.jobs:
                self.ledger.news.begun(held.job, handle.worker, began.started_at)
        if held.begun and running.lane.words[words.TOLD_BY] == seq:
            self._carry_progress(handle, held, running.lane, now)
        if not held.is_stream:
            self._recall(handle, seq, run_s, someone_idle)
        timeout = held.job.timeout
        if timeout is not None and run_s >= timeout:
            self._begin_end(handle, seq, Outcome.TIMEOUT, now.mono)

    def _carry_progress(self, handle: Handle, held: Held, lane: Lane, now: Now) -> None:
        revision = lane.words[words.REVISION]
        if revision != held.told:
            held.told = revision
            fraction, message = lane.progress()
            self.ledger.pending.progress(Progressed(held.job.id, held.job.epoch, fraction, message))
            if self.ledger.tidings.jobs:
                self.ledger.news.progressed(held.job, handle.worker, now.wall, fraction, message)

    def _recall(self, handle: Handle, seq: int, run_s: float, someone_idle: bool) -> None:
        """Nothing is handed out behind a job that takes much longer than expected, and what stands there goes back."""
        if run_s < HELD_UP_S + handle.load_us / 1e6:
            return
        handle.held_up_by = seq
        if len(handle.held) > 1 and handle.recalled_for != seq and (someone_idle or run_s >= RECALL_S):
            handle.recalled_for = seq
            _send(handle, Recall())

    def _begin_end(self, handle: Handle, seq: int, outcome: Outcome, now: float) -> None:
        held = handle.held[seq]
        if seq in handle.ends or (handle.ends and not held.is_stream):
            return
        # A task had its whole timeout to look at the clock: the exception comes at once, the flag says why.
        asked_at = now - self.graces.flag_s if outcome is Outcome.TIMEOUT else now
        end = handle.ends[seq] = End(seq, outcome, asked_at)
        log.info("job.ending", worker=handle.worker, reason=str(outcome), job=spelled(held.job.id))
        if not held.is_stream:
            _send(handle, Recall())
        self._advance(handle, end, now)

    def _advance(self, handle: Handle, end: End, now: float) -> None:
        due = due_stage(end.asked_at, now, self.graces)
        while end.stage < due:
            end.stage = Stage(end.stage + 1)
            self._apply(handle, end)

    def _apply(self, handle: Handle, end: End) -> None:
        kind = TIMEOUT_KIND if end.outcome is Outcome.TIMEOUT else CANCEL_KIND
        mark = end.seq << 2 | kind
        running = next((one for one in handle.running_jobs() if one.seq == end.seq), None)
        if running is None and handle.holds_streams:
            # Its ending is on the way, and its lane may be another's by now.
            return
        lane = handle.slot if running is None else running.lane
        if end.stage is Stage.FLAG:
            lane.words[words.FLAG] = mark
        elif end.stage is Stage.EXCEPTION:
            lane.words[words.INTERRUPT] = mark
            handle.signal(signal.SIGUSR1)
        elif running is None:
            # It ended a moment ago and its ending is on the way: a signal would hit the job after it.
            return
        elif end.stage is Stage.TERM:
            handle.signal(signal.SIGTERM)
        elif end.stage is Stage.KILL:
            handle.kill(f"asked to end ({end.outcome}), it did not")

    def _look_at_worker(self, handle: Handle, moment: Now, *, busy: bool) -> None:
        config, now = self.config, moment.mono
        if handle.state is WorkerState.STARTING:
            if now - handle.born_at > config.start_timeout_s:
                handle.kill(f"not ready after {config.start_timeout_s:g} s")
            return
        self._hear_beat(handle, moment.wall)
        every = config.beat_s if busy else config.beat_s * IDLE_BEATS
        if not handle.poke_unanswered and now - handle.poked_at >= every:
            handle.poked_at, handle.poke_unanswered = now, True
            _send(handle, Poke())
        if handle.poke_unanswered and config.health_checks:
            self._judge_silence(handle, now - handle.poked_at, moment.wall)

    def _hear_beat(self, handle: Handle, wall: float) -> None:
        beat = handle.slot.words[words.BEAT] / 1e9
        if beat > handle.beat_at:
            handle.beat_at = beat
        if not handle.poke_unanswered or handle.beat_at < handle.poked_at:
            return
        handle.poke_unanswered = False
        if handle.state is WorkerState.UNHEALTHY:
            handle.state = WorkerState.BUSY if handle.held else WorkerState.IDLE
        if "worker.heartbeat" in self.ledger.tidings.wanted:
            facts = {"state": str(handle.state), "rss": handle.rss, "cpu": handle.cpu}
            self.ledger.tidings.hint("worker.heartbeat", wall, handle.worker, None, facts)

    def _judge_silence(self, handle: Handle, silent_s: float, wall: float) -> None:
        if silent_s < self.config.unhealthy_after_s:
            return
        if handle.state in (WorkerState.IDLE, WorkerState.BUSY):
            handle.state = WorkerState.UNHEALTHY
            self.ledger.tidings.tell("worker.unhealthy", wall, handle.worker, {"silent_s": round(silent_s, 1)})
        patience = BUSY_IN_C if handle.cpu else 1
        if silent_s >= self.config.replace_after_s * patience:
            if not handle.death_reason:
                self.ledger.tidings.tell("worker.zombie", wall, handle.worker, {"silent_s": round(silent_s, 1)})
            handle.kill(f"{SILENT} for {silent_s:.0f} s")


def _send(handle: Handle, order: Poke | Recall) -> None:
    try:
        handle.side.send(order)
    except Closed:
        # Its death is on the way through the pidfd.
        return
