"""Tells people of alerts: a thread of the clerk with a queue of letters, so that nothing waits for a slow receiver.

What could not be told goes back, and is told by whichever clerk looks next; where one of two ways worked, only the
other is tried again. After a failure it rests, longer each time. It says in the log that it fails, once.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence

from django.db import DatabaseError, InterfaceError, close_old_connections

from pool import logs, signals
from pool.domain.alerting import Told
from pool.domain.complaints import Complaints
from pool.engine.channels import Channel, Undelivered
from pool.engine.letters import Letter
from pool.store import alerts

log = logs.get_logger(__name__)

MOST_LETTERS = 1000
PAUSES_S = (0.5, 2.0)
"""Between one try and the next."""
STUCK_AFTER_S = 60.0
FIRST_REST_S, LONGEST_REST_S = 5.0, 300.0
MOST_KNOWN = 1000

Post = Sequence[Letter] | signals.Happening


class Courier(threading.Thread):
    def __init__(
        self,
        alias: str,
        channels: Sequence[Channel],
        pool: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(name="pool-courier", daemon=True)
        self.alias, self.channels, self.pool, self._pause = alias, channels, pool, pause
        self._posts: queue.Queue[Post | None] = queue.Queue(MOST_LETTERS)
        self._told: dict[tuple[str, int, Told, float | None], None] = {}
        """What went one way and not the other."""
        self._rest_until, self._rest_s = 0.0, FIRST_REST_S
        self._complaints = Complaints()
        self._busy_since: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it could tell somebody now. What waits here would be lost with the process, so little does."""
        return bool(self.channels) and self._posts.empty() and time.monotonic() >= self._rest_until

    @property
    def is_stuck(self) -> bool:
        return self._busy_since is not None and time.monotonic() - self._busy_since > STUCK_AFTER_S

    def successor(self) -> "Courier":
        """Another one in its place, which rests first: whatever holds this one up may hold that one up too."""
        log.error("alerts.stuck", hint="A mail server or a receiver of signals does not answer. Set EMAIL_TIMEOUT.")
        made = Courier(self.alias, self.channels, self.pool, self._pause)
        made._rest_until = time.monotonic() + LONGEST_REST_S
        made.start()
        return made

    def post(self, post: Post) -> bool:
        """Take letters, or an event for the receivers of signals; False when there is no room."""
        try:
            self._posts.put_nowait(post)
        except queue.Full:
            return False
        return True

    def end(self) -> None:
        """Let the thread end when it has delivered what it has."""
        self._posts.put(None)

    def run(self) -> None:
        while (post := self._posts.get()) is not None:
            self._busy_since = time.monotonic()
            self.deliver(post)
            self._busy_since = None

    def deliver(self, post: Post) -> None:
        """One go. Whatever happens, the thread lives on."""
        try:
            if isinstance(post, signals.Happening):
                signals.send(post)
            else:
                self._tell(post)
        except Exception as error:  # noqa: BLE001  the next alert must find somebody
            log.error("alerts.courier_failed", error=f"{type(error).__name__}: {error}"[:300])
        finally:
            close_old_connections()

    def _tell(self, letters: Sequence[Letter]) -> None:
        problems: list[str] = []
        for channel in self.channels:
            open_ones = [letter for letter in letters if self._key(channel, letter) not in self._told]
            problems += self._try(channel, open_ones)
        missed = [letter for letter in letters if not self._is_told(letter)]
        for letter in letters:
            if letter not in missed:
                for channel in self.channels:
                    self._told.pop(self._key(channel, letter), None)
        self._give_back(missed)
        self._note(problems)

    def _try(self, channel: Channel, letters: list[Letter]) -> list[str]:
        """Tell as many as possible; what went wrong in the end."""
        problem = ""
        for pause_s in (*PAUSES_S, None):
            if not letters:
                return []
            try:
                done = channel.tell(letters, self.pool, time.time())
                problem = "It took only some of them."
            except Undelivered as error:
                done, problem = [], str(error)
            self._told |= dict.fromkeys(self._key(channel, letter) for letter in done)
            letters = letters[len(done) :]
            if letters and pause_s is not None:
                self._pause(pause_s)
        return [f"{channel.name}: {problem}"] if letters else []

    def _give_back(self, letters: list[Letter]) -> None:
        for what, alert in letters:
            try:
                alerts.give_back(self.alias, what, alert)
            except (DatabaseError, InterfaceError) as error:
                log.warning("alerts.untold", alert=alert.name, error=type(error).__name__)
        while len(self._told) > MOST_KNOWN:
            del self._told[next(iter(self._told))]

    def _note(self, problems: list[str]) -> None:
        now = time.monotonic()
        if problems:
            self._rest_until = now + self._rest_s
            self._rest_s = min(self._rest_s * 2, LONGEST_REST_S)
            if self._complaints.failed(now, " ".join(problems)):
                log.warning("alerts.undelivered", problem=" ".join(problems))
            return
        self._rest_s = FIRST_REST_S
        if self._complaints.over():
            log.info("alerts.delivered_again")

    def _is_told(self, letter: Letter) -> bool:
        return all(self._key(channel, letter) in self._told for channel in self.channels)

    def _key(self, channel: Channel, letter: Letter) -> tuple[str, int, Told, float | None]:
        what, alert = letter
        return channel.name, alert.id, what, alert.told_at
