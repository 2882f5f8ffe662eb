"""What happens in the node, told once: to the log, to the table of events, and to those who listen in the clerk.

Part of the node's loop. Most pools have no listener: then an event of a job costs one look at an empty set. What is
told waits for the end of the turn and goes to the clerk in few packets. A clerk that does not keep up holds up nothing:
beyond a limit the oldest are lost, and that is told as well.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from pool.domain.events import EVENTS, JOBS, POOL, WORKERS, heard
from pool.engine.messages import Told
from pool.logs import get_logger

log = get_logger(__name__)

MOST_UNSENT = 20_000
PACKET_BYTES = 60_000
"""Well below what the socket takes at once."""
TEXT_CHARS = 2000
"""Longest text in an event; what is longer is cut."""
PACKETS_A_TURN = 50

OF_JOBS = frozenset(event.name for event in JOBS) | {"job.cancelled"}
OF_OUTPUT = frozenset({"job.step_started", "job.step_completed", "worker.log"})
OFTEN = frozenset({"metrics.tick", "worker.heartbeat", "worker.log"})
FIRST = heard(event.name for event in (*WORKERS, *POOL)) - OFTEN
"""What waits for the first word of a new clerk, which starts more slowly than workers do."""
NONE: frozenset[str] = frozenset()
NOTHING: Mapping[str, Any] = {}

encode = msgspec.msgpack.Encoder(enc_hook=str).encode


class Listener(Protocol):
    def post(self, packet: bytes) -> bool:
        """Take a packet; False when there is no room just now."""


class Tidings:
    def __init__(self, keep: Callable[..., None]) -> None:
        self._keep = keep
        self.wanted = FIRST
        self.jobs = NONE
        """Events of jobs that somebody wants."""
        self.output = NONE
        """Those that are made of what jobs write."""
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._is_known = False
        """The clerk has said what is wanted."""
        self._lost = 0

    def listen(self, names: Iterable[str]) -> None:
        """A clerk says what its listeners want."""
        self.wanted = heard(names)
        self.jobs, self.output = self.wanted & OF_JOBS, self.wanted & OF_OUTPUT
        self._is_known = True
        self._unsent = deque(one for one in self._unsent if one[0] in self.wanted)

    def tell(self, name: str, at: float, worker: str = "", data: Mapping[str, Any] = NOTHING) -> None:
        """Tell of something, at seconds since 1970, to everybody whom the list of events names."""
        event = EVENTS[name]
        if event.log:
            about = {"worker": worker} if worker else {}
            getattr(log, event.level)(name, **about, **data)
        if event.is_kept:
            self._keep(at, name, level=event.level, worker=worker, data=data)
        else:
            self.hint(name, at, worker, None, data)

    def kept(self, at: float, name: str, facts: Mapping[str, Any]) -> None:
        """A row was made of an event: listeners hear of it as well."""
        if name in self.wanted:
            level = facts.get("level", "info")
            self.hint(name, at, facts.get("worker", ""), facts.get("job"), facts.get("data") or {}, level)

    def hint(
        self, name: str, at: float, worker: str, job: str | None, data: Mapping[str, Any], level: str = ""
    ) -> None:
        """Tell the listeners alone."""
        if name not in self.wanted:
            return
        cut = {key: _cut(value) for key, value in data.items()}
        told = Told(name, at, level or EVENTS[name].level, worker, job, cut)
        self._unsent.append((name, encode(told)))
        if len(self._unsent) > MOST_UNSENT:
            self._unsent.popleft()
            self._lost += 1

    @property
    def has_news(self) -> bool:
        return self._is_known and bool(self._unsent)

    def send(self, clerk: Listener) -> None:
        """Hand over what there is, as far as the clerk takes it."""
        for _ in range(PACKETS_A_TURN):
            packet, count = self._packed()
            if not count:
                break
            if not clerk.post(packet):
                return
            for _ in range(count):
                self._unsent.popleft()
        if self._lost:
            log.warning("events.lost", events=self._lost, hint="A receiver of the pool's signals does not keep up.")
            self._lost = 0

    def forget(self) -> None:
        """The clerk is gone: the next one will say what it wants."""
        self.wanted, self.jobs, self.output, self._is_known = FIRST, NONE, NONE, False

    def _packed(self) -> tuple[bytes, int]:
        size, parts = 0, list[bytes]()
        for _, part in self._unsent:
            size += len(part)
            if parts and size > PACKET_BYTES:
                break
            parts.append(part)
        # The head of a MessagePack array, and its members as they are.
        return b"\xdd" + len(parts).to_bytes(4, "big") + b"".join(parts), len(parts)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > TEXT_CHARS:
        return value[: TEXT_CHARS - 1] + "…"
    return value
