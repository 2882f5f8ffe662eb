"""The node's links to its workers and helpers: which descriptor belongs to whom, and what happens when it speaks."""

from functools import partial
from typing import Any

from pool.engine.children import Helper
from pool.engine.clock import Now
from pool.engine.ears import Ears
from pool.engine.handle import Handle
from pool.engine.hearing import Hearing
from pool.engine.loss import Exit, collect_exit
from pool.engine.messages import NODE_IS_KNOWN, ClerkFact, ClerkListens, ClerkSaw
from pool.engine.pipe import BrokenFrame, Closed, Pipe
from pool.engine.reporting import Reporting
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing
from pool.engine.undertaker import Undertaker
from pool.logs import get_logger

log = get_logger(__name__)

CLERK_PAUSE_S = 2.0
"""Before a clerk that died, or could not be started, is replaced."""

LAST_WORDS_S = 2.0
"""What the clerk's listeners have for the last events of a node that leaves."""

CLERK_SILENT_S = 60.0
"""A clerk that told nothing for so long hangs."""


class Links:
    def __init__(
        self,
        ears: Ears,
        roster: Roster,
        staffing: Staffing,
        hearing: Hearing,
        undertaker: Undertaker,
        reporting: Reporting,
    ) -> None:
        self.ears, self.roster, self.staffing = ears, roster, staffing
        self.hearing, self.undertaker, self.reporting = hearing, undertaker, reporting
        self.tidings = hearing.ledger.tidings
        self.clerk: Helper | None = None
        self.first_clerk: Helper | None = None
        self.clerk_due = self.clerk_heard = 0.0
        self.death_seen = False
        self._full: set[Pipe[Any]] = set()

    def connect(self, handle: Handle) -> None:
        """Listen to a worker that was just asked for."""
        self.ears.watch(handle.main.fileno(), lambda now: self._hear_main(handle, now))
        self.ears.watch(handle.side.fileno(), lambda now: self._hear_side(handle, now))
        handle.main.when_full = handle.side.when_full = self._wait_for_room

    def open_helpers(self, now: Now) -> None:
        """Start the nursery and the clerk, or start them again when their time has come."""
        if self.staffing.nursery is None and now.mono >= self.staffing.loads.next_start():
            try:
                self._open_nursery(now)
            except OSError as error:
                self.staffing.nursery_failed_to_start(now.mono, error)
        if self.clerk is None and now.mono >= self.clerk_due:
            try:
                self._open_clerk(now)
            except OSError as error:
                log.error("clerk.start_failed", problem=str(error))
                self.clerk_due = now.mono + CLERK_PAUSE_S
        elif self.clerk is not None and now.mono - self.clerk_heard > CLERK_SILENT_S:
            log.error("clerk.silent", limit_s=CLERK_SILENT_S)
            self.clerk_heard = now.mono
            self.clerk.end()

    def flush(self) -> None:
        """Send orders that a worker's socket did not take at once, and what the clerk's listeners want to know."""
        if self.tidings.has_news and self.clerk is not None:
            self.tidings.send(self.clerk)
        for pipe in list(self._full):
            try:
                pipe.flush()
            except Closed:
                pipe.unsent.clear()
            if not pipe.unsent:
                self._full.discard(pipe)
                self.ears.expect_room(pipe.fileno(), False)

    def close(self) -> None:
        """Leave nobody behind, not even who is frozen."""
        if self.clerk is not None:
            if self.tidings.has_news:
                self.tidings.send(self.clerk)
                self.clerk.finish(LAST_WORDS_S)
            self.clerk.end()
        # Where workers are left, so may be programs that their jobs started: the nursery ends those, then itself.
        if self.staffing.nursery is not None and not len(self.roster):
            self.staffing.nursery.end()
        for handle in self.roster:
            handle.kill("node ends")

    def _open_nursery(self, now: Now) -> None:
        nursery = self.staffing.open_nursery(now.mono)
        self.ears.watch(nursery.sock.fileno(), self._hear_nursery)
        self.ears.watch(nursery.pidfd, self._nursery_ended)

    def _open_clerk(self, now: Now) -> None:
        clerk, self.first_clerk = self.first_clerk, None
        if clerk is None:
            clerk = Helper.start("pool.engine.clerk", ClerkFact, [self.undertaker.me.id], setup=True)
        clerk.post(NODE_IS_KNOWN)
        self.clerk = clerk
        self.clerk_heard = now.mono
        self.undertaker.other_children = {clerk.pid}
        self.ears.watch(clerk.sock.fileno(), self._hear_clerk)
        self.ears.watch(clerk.pidfd, self._clerk_ended)

    def _wait_for_room(self, pipe: Pipe[Any]) -> None:
        self._full.add(pipe)
        self.ears.expect_room(pipe.fileno(), True)

    def _hear_main(self, handle: Handle, now: Now) -> None:
        try:
            self.hearing.facts(handle, handle.main.read(), now)
        except Closed:
            self.ears.forget(handle.main.fileno())
            if handle.pidfd < 0:
                self._bury(handle, now)
            else:
                self._watch_life(handle)
        except BrokenFrame as error:
            handle.kill(f"it sent {error}")

    def _hear_side(self, handle: Handle, _now: Now) -> None:
        try:
            self.hearing.side_facts(handle, handle.side.read())
        except Closed:
            self.ears.forget(handle.side.fileno())
        except BrokenFrame as error:
            handle.kill(f"it sent {error}")

    def _hear_nursery(self, _now: Now) -> None:
        self.staffing.hear_nursery()
        self._watch_lives()
        self._turn_from(self.staffing.nursery)

    def _watch_lives(self) -> None:
        """A worker's end shows at its process descriptor, known once its pid is."""
        for handle in self.roster:
            self._watch_life(handle)

    def _watch_life(self, handle: Handle) -> None:
        if handle.pidfd >= 0 and not self.ears.watches(handle.pidfd):
            self.ears.watch(handle.pidfd, lambda now: self._bury(handle, now))

    def _nursery_ended(self, now: Now) -> None:
        nursery = self.staffing.nursery
        if nursery is not None:
            self._hear_nursery(now)
            self.staffing.close_nursery(now.mono, self._reap(nursery))

    def _hear_clerk(self, now: Now) -> None:
        if self.clerk is not None:
            self.clerk_heard = now.mono
            for fact in self.clerk.read():
                if isinstance(fact, ClerkSaw):
                    self.reporting.pss, self.reporting.log_problem = fact.pss, fact.log_problem
                elif isinstance(fact, ClerkListens):
                    self.tidings.listen(fact.names)
            self._turn_from(self.clerk)

    def _clerk_ended(self, now: Now) -> None:
        if self.clerk is not None:
            log.warning("clerk.ended")
            self._reap(self.clerk)
            self.clerk.close()
            self.clerk = None
            self.tidings.forget()
            self.clerk_due = now.mono + CLERK_PAUSE_S

    def _bury(self, handle: Handle, now: Now) -> None:
        for descriptor in (handle.main.fileno(), handle.side.fileno(), handle.pidfd):
            self.ears.forget(descriptor)
        self.undertaker.bury(handle, now, partial(self.reporting.last_row, handle, now))
        self.death_seen = True

    def _turn_from(self, helper: Helper | None) -> None:
        """A socket at its end would be heard again and again until the process is quite dead."""
        if helper is not None and helper.is_silent:
            self.ears.forget(helper.sock.fileno())

    def _reap(self, helper: Helper) -> Exit:
        self.ears.forget(helper.sock.fileno())
        self.ears.forget(helper.pidfd)
        how = collect_exit(helper.pidfd)
        log.debug("helper.ended", pid=helper.pid, how=str(how))
        return how
