"""What a job's stream tells, event by event, from what is new of the job. Pure: it reads and sends nothing.

A place says how far a listener is. It travels as the id of the events, so that a listener who comes back with the last
one it heard goes on from there.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pool.domain.notes import NOTE, STEP, usage_in
from pool.domain.states import STACK, TERMINAL, JobStatus
from pool.store.watched import JobNews, Piece

ENDINGS = {
    JobStatus.COMPLETED: "complete",
    JobStatus.FAILED: "error",
    JobStatus.TIMEOUT: "error",
    JobStatus.CANCELLED: "cancelled",
}

Step = tuple[str, dict[str, float] | None]

PLACE = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})\.([01])")


@dataclass(slots=True)
class Place:
    log: int = 0
    """The last piece of the log that was told."""
    attempt: int = 0
    """The last attempt whose start was told."""
    ended: bool = False

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """Read the id of an event; None when it is none."""
        found = PLACE.fullmatch(text)
        return None if found is None else cls(int(found[1]), int(found[2]), found[3] == "1")

    def __str__(self) -> str:
        return f"{self.log}.{self.attempt}.{int(self.ended)}"


class Story:
    """Tells one listener. Ends when the job has ended, or is gone."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.is_over = False
        self._progress: tuple[Any, Any] = (None, "")

    def tell(self, news: JobNews) -> Iterator[str]:
        """Put into events what the listener has not heard yet."""
        job = news.job
        if job is None:
            self.is_over = True
            return
        yield from self._start(job)
        for piece in news.pieces:
            yield from self._piece(piece)
        yield from self._progressed(job)
        yield from self._end(job)

    def _start(self, job: dict[str, Any]) -> Iterator[str]:
        has_started = job["status"] == JobStatus.RUNNING or (job["status"] in TERMINAL and job["started_at"])
        if has_started and job["attempts"] > self.place.attempt:
            self.place.attempt = job["attempts"]
            facts = {"attempt": job["attempts"], "worker": job["worker"], "started_at": job["started_at"]}
            yield self._event("start", facts)

    def _piece(self, piece: Piece) -> Iterator[str]:
        if piece["id"] <= self.place.log:
            return
        steps, rest = _steps(piece)
        events = [("step", {"name": name, "at": piece["at"], "usage": usage}) for name, usage in steps]
        events += [("log", {**piece, "text": rest})] if rest else []
        for name, data in events[:-1]:
            yield write(name, data)
        # Only the last one bears the piece's place: who is cut off before it hears the whole piece again.
        self.place.log = piece["id"]
        for name, data in events[-1:]:
            yield self._event(name, data)

    def _progressed(self, job: dict[str, Any]) -> Iterator[str]:
        progress = (job["progress"], job["progress_message"])
        if progress != self._progress:
            self._progress = progress
            yield self._event("progress", {"progress": progress[0], "message": progress[1]})

    def _end(self, job: dict[str, Any]) -> Iterator[str]:
        if job["status"] not in TERMINAL:
            return
        self.is_over = True
        if not self.place.ended:
            self.place.ended = True
            facts = {name: job[name] for name in ("status", "finished_at", "result", "error", "usage")}
            yield self._event(ENDINGS[JobStatus(job["status"])], facts)

    def _event(self, name: str, data: dict[str, Any]) -> str:
        return write(name, data, str(self.place))


def write(name: str, data: dict[str, Any], place: str = "") -> str:
    """Write an event as server-sent events are written. JSON on one line holds no end of a line."""
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _steps(piece: Piece) -> tuple[list[Step], str]:
    """The steps that a piece of the log begins, each with what the one before used, and the rest of it."""
    if piece["stream"] == STACK:
        return [], ""
    if piece["stream"] != NOTE:
        return [], piece["text"]
    steps: list[Step] = []
    usage: dict[str, float] | None = None
    rest = ""
    for line in piece["text"].splitlines(keepends=True):
        if line.startswith(STEP):
            steps.append((line.removeprefix(STEP).strip(), usage))
            usage = None
        elif (used := usage_in(line)) is not None:
            usage = used
        else:
            rest += line
    return steps, rest
