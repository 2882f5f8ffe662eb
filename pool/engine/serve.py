"""`manage.py serve`: keeps two processes alive, the web and the node. Runs as an ordinary process or as PID 1.

One thread, one loop, no database connection: it notes signals, reaps, starts again what died, and at the end stops the
node first, so that the pages show how it drains, and then the web. It adopts what its children leave behind and ends
it; both children end when this process is killed. With DEBUG it looks for changed code once a second.
"""

import os
import select
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from pool.domain.config import PoolConfig
from pool.engine import linux
from pool.engine.kept import Kept
from pool.engine.loss import Exit
from pool.engine.reload import SourceWatch
from pool.engine.served import ASKED_EXIT
from pool.engine.serving import NUDGE, free_node, hold_node, is_held
from pool.engine.signals import Signals
from pool.logs import get_logger

log = get_logger(__name__)

LONGEST_REST_S = 5.0
SOURCES_S = 1.0
WEB_STOP_S = 5.0
"""A web process that was told to end gets this long."""

NODE_STOP_S = 30.0
"""Beyond its drain time; the node itself needs less, or it hangs."""


class ServeSignals(Signals):
    """The node's signals, and two more: a child ended, somebody set the mark."""

    def __init__(self) -> None:
        hang_up = signal.getsignal(signal.SIGHUP)
        super().__init__()
        if hang_up is signal.SIG_IGN or os.isatty(0):
            # Under nohup it goes on; in a terminal that is closed it ends.
            signal.signal(signal.SIGHUP, signal.SIG_IGN if hang_up is signal.SIG_IGN else self._stop)
        for number in (signal.SIGCHLD, NUDGE):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """Waking the loop is all it is for."""


class Serve:
    def __init__(
        self,
        sock: socket.socket,
        host: str,
        workers: int,
        config: PoolConfig,
        folder: Path,
        sources: SourceWatch | None,
    ) -> None:
        self.sock, self.config, self.folder, self.sources = sock, config, folder, sources
        web = (str(sock.fileno()), host)
        self.web = Kept("web", "pool.engine.web", lambda: web, [sock.fileno()])
        self.node = Kept("node", "pool.engine.served", lambda: (str(workers), str(self.node.last_pid)))
        self.stops_seen = 0
        self.stopping_since: float | None = None
        self.web_due = 0.0
        self.sources_due = 0.0

    def run(self) -> int:
        """Until told to leave; the exit code."""
        linux.become_subreaper()
        self.signals = ServeSignals()
        free_node(self.folder)
        while not self.done:
            self.turn()
        self.end_strays()
        log.info("serve.stopped")
        return 0

    @property
    def done(self) -> bool:
        return self.stopping_since is not None and not self.node.pid and not self.web.pid

    def turn(self) -> None:
        """One turn: reap, obey, and start what shall run and does not."""
        self.reap(time.monotonic())
        self.obey(time.monotonic())
        if self.stopping_since is None:
            self.keep(time.monotonic())
        else:
            self.stop(time.monotonic())
        self.hurry_web(time.monotonic())
        if not self.done:
            self.rest(time.monotonic())

    def reap(self, now: float) -> None:
        """Collect every child that ended, adopted ones as well."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                return
            if ended is None:
                return
            exited = ended.si_code == os.CLD_EXITED
            how = Exit(ended.si_status, None) if exited else Exit(None, ended.si_status)
            for child in (self.node, self.web):
                if ended.si_pid == child.pid:
                    self.lost(child, how, now)

    def lost(self, child: Kept, how: Exit, now: float) -> None:
        """One of the two ended."""
        wished = child is self.node and how.code == ASKED_EXIT
        child.asked = child.asked or wished
        child.ended(now)
        if child is self.node:
            self.end_strays()
            if wished:
                hold_node(self.folder)
        pause_s = max(child.budget.next_start() - now, 0.0)
        if child.asked:
            log.info(f"{child.name}.ended", how=str(how))
        else:
            log.warning(f"{child.name}.lost", how=str(how), again_in_s=round(pause_s, 1))

    def obey(self, now: float) -> None:
        """Act on signals."""
        self.signals.hear()
        if self.signals.take_reload():
            self.reload("asked to")
        while self.stops_seen < self.signals.stops:
            self.stops_seen += 1
            self.hear_stop(now)

    def hear_stop(self, now: float) -> None:
        """The first drains, the second hurries, the third kills."""
        if self.stopping_since is None:
            self.stopping_since = now
            log.info("serve.stopping", drain_s=self.config.drain_s, hint="a second signal hurries")
        if self.stops_seen < 3:
            self.node.ask(signal.SIGTERM)
        else:
            self.node.ask(signal.SIGKILL)
            self.web.ask(signal.SIGKILL)

    def keep(self, now: float) -> None:
        """Start what shall run and does not; stop the node when somebody holds it."""
        self.web.start_if_due(now)
        if not is_held(self.folder):
            self.node.start_if_due(now)
        else:
            self.hold()
        if self.sources is not None and now >= self.sources_due:
            self.sources_due = now + SOURCES_S
            if changed := self.sources.changed():
                self.reload("code changed", changed)

    def hold(self) -> None:
        """Somebody stopped the node: it stays stopped, and is started at once when it is freed."""
        self.node.budget.worked()
        if self.node.pid and not self.node.asked:
            self.node.ask(signal.SIGTERM)

    def reload(self, reason: str, files: list[str] | None = None) -> None:
        """Load the code again: the node for new workers, the web by a new process."""
        log.info("serve.reloading", reason=reason, files=(files or [])[:5])
        self.node.budget.worked()
        self.web.budget.worked()
        self.node.send(signal.SIGHUP)
        self.ask_web(time.monotonic())

    def stop(self, now: float) -> None:
        """Go on stopping: the web follows the node; what does not end in time is killed."""
        assert self.stopping_since is not None
        if self.node.pid and now > self.stopping_since + self.config.drain_s + NODE_STOP_S:
            self.node.send(signal.SIGKILL)
        if not self.node.pid:
            self.ask_web(now)

    def ask_web(self, now: float) -> None:
        """Tell the web to end. After a reload it is started again."""
        if self.web.pid and not self.web.asked:
            self.web.ask(signal.SIGTERM)
            self.web_due = now + WEB_STOP_S

    def hurry_web(self, now: float) -> None:
        """A request that never ends must not hold up a stop or a reload."""
        if self.web.pid and self.web.asked and now >= self.web_due:
            self.web.send(signal.SIGKILL)

    def rest(self, now: float) -> None:
        """Wait for a signal, or for the next thing to do."""
        with suppress(InterruptedError):
            select.select([self.signals], [], [], self.rest_s(now))

    def rest_s(self, now: float) -> float:
        until = [now + LONGEST_REST_S]
        if self.sources is not None:
            until.append(self.sources_due)
        if self.web.pid and self.web.asked:
            until.append(self.web_due)
        until += [child.budget.next_start() for child in (self.web, self.node) if not child.pid]
        return max(min(until) - now, 0.01)

    def end_strays(self) -> None:
        """Kill what the node left behind when it could not do so itself."""
        own = os.getsid(0)
        for pid in linux.children_of(os.getpid()):
            if pid in (self.node.pid, self.web.pid):
                continue
            with suppress(ProcessLookupError):
                # As PID 1 we also adopt processes that were never ours, such as those of a `docker exec`.
                if os.getpid() != 1 or os.getsid(pid) == own:
                    for stray in (*linux.descendants_of(pid), pid):
                        os.kill(stray, signal.SIGKILL)
