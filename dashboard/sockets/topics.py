"""What is watched: the pool, or one job. A topic holds its viewers, and what they are to be told next.

Lives on the event loop of the web process, belongs to the feed. Messages have numbers that rise by one. They begin with
the time of day in milliseconds, so that a page which was connected before, to this process or to another one, never
takes a number for a newer one than it is.

The pool's snapshots are whole, so a viewer who falls behind gets the newest one; the last ones are kept for a page that
asks for what it missed. A job's log comes in pieces: each viewer gets those after the last piece it has.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dashboard.sockets.messages import write
from pool.domain.notes import for_people
from pool.store.watched import MOST_PIECES, JobNews

if TYPE_CHECKING:
    from dashboard.sockets.viewer import Viewer

Key = UUID | None
"""A job's id; None stands for the pool."""

Message = tuple[int, str]

SNAPSHOTS_KEPT = 60
BEAT_S = 2.0
TEXTS_KEPT = 4
"""Most viewers of a job are equally far; others get a text of their own, which is not kept."""


@dataclass(slots=True)
class Place:
    """How far a viewer is: the last message it was sent, and for a job the last piece of its log."""

    seq: int = 0
    log: int = 0
    refills: bool = False
    """It gets every message that is still kept, not only the newest."""


class Topic:
    def __init__(self, group: str) -> None:
        self.group = group
        self.viewers: set[Viewer] = set()
        self.seq = int(time.time() * 1000)
        self.is_empty = True
        """Nothing was told yet."""

    def next_for(self, place: Place) -> Message | None:
        """The next message for a viewer who is there, and move its place on; None when it has the newest."""
        raise NotImplementedError

    def seek(self, place: Place, seq: int, log: int | None) -> None:
        """Move a viewer's place to behind that message."""
        raise NotImplementedError


class PoolTopic(Topic):
    def __init__(self, group: str) -> None:
        super().__init__(group)
        self._kept: deque[Message] = deque(maxlen=SNAPSHOTS_KEPT)

    def add(self, status: Mapping[str, Any]) -> None:
        self.seq, self.is_empty = self.seq + 1, False
        self._kept.append((self.seq, write("snapshot", self.seq, status)))

    def next_for(self, place: Place) -> Message | None:
        if not self._kept or place.seq == self.seq:
            place.refills = False
            return None
        # A refill that was overtaken goes on with the oldest that is left.
        message = self._kept[max(place.seq + 1 - self._kept[0][0], 0)] if place.refills else self._kept[-1]
        place.seq = message[0]
        return message

    def seek(self, place: Place, seq: int, log: int | None) -> None:
        place.refills = bool(self._kept) and self._kept[0][0] - 1 <= seq <= self.seq
        place.seq = seq if place.refills else 0


class JobTopic(Topic):
    def __init__(self, group: str) -> None:
        super().__init__(group)
        self._job: dict[str, Any] | None = None
        self._attempts: list[dict[str, Any]] = []
        self._pieces: deque[dict[str, Any]] = deque(maxlen=MOST_PIECES)
        self._before = 0
        """All pieces of the log after this one are here."""
        self._cursor = 0
        self._texts: dict[int, str] = {}
        self._told_at = 0.0

    def needs_beat(self, now: float) -> bool:
        """Nothing was told for a while, and the viewers shall know that this is not for want of looking."""
        if self.is_empty or now - self._told_at < BEAT_S:
            return False
        self._told_at = now
        return True

    def add(self, news: JobNews) -> None:
        # After a look that failed, some pieces come again.
        pieces = [piece for piece in news.pieces if piece["id"] > self._cursor]
        is_cut = len(self._pieces) + len(pieces) > MOST_PIECES or (news.is_cut and len(pieces) == len(news.pieces))
        if pieces:
            self._pieces.extend({**piece, "text": for_people(piece["stream"], piece["text"])} for piece in pieces)
            self._cursor = pieces[-1]["id"]
        if is_cut:
            self._before = self._pieces[0]["id"] - 1
        self._job, self._attempts, self._told_at = news.job, news.attempts, time.monotonic()
        self.seq, self.is_empty = self.seq + 1, False
        self._texts.clear()

    def next_for(self, place: Place) -> Message | None:
        if self.is_empty or place.seq == self.seq:
            return None
        after = min(max(place.log, self._before), self._cursor)
        place.seq, place.log = self.seq, self._cursor
        return self.seq, self._text(after)

    def seek(self, place: Place, seq: int, log: int | None) -> None:
        place.seq = 0
        if log is not None:
            place.log = log

    def _text(self, after: int) -> str:
        if (text := self._texts.get(after)) is not None:
            return text
        text = write("job", self.seq, self._data(after))
        if len(self._texts) < TEXTS_KEPT:
            self._texts[after] = text
        return text

    def _data(self, after: int) -> dict[str, Any]:
        return {
            "job": self._job,
            "attempts": self._attempts,
            "log": [piece for piece in self._pieces if piece["id"] > after],
            "log_after": after,
            "log_cursor": self._cursor,
        }
