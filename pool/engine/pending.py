"""What the node has to tell the database and has not told yet: the buffer between the workers and a database that may
fail. Bookkeeping without I/O.

Its size in bytes is kept as things come in. Beyond the limit the node takes no more jobs: so what waits is bounded by
that limit and by what was running when it was reached.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pool.domain.jobs import Ended, Verdict
from pool.store.running import Begun, Progressed, Said

ROW_BYTES = 512
"""What a thing takes beside its texts."""

Ruling = tuple[Ended, Verdict]


@dataclass(slots=True)
class Pending:
    """What must be told and has not been committed yet."""

    rulings: list[Ruling] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    progressed: dict[tuple[str, int], Progressed] = field(default_factory=dict)
    """The last of each claim: nobody wants to know the ones before."""
    said: list[Said] = field(default_factory=list)
    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.rulings or self.begun or self.progressed or self.said or self.events)

    def rule(self, ended: Ended, verdict: Verdict) -> None:
        """Note how an attempt ended, and what becomes of its job."""
        self.rulings.append((ended, verdict))
        self.bytes += _weight(ended)

    def begin(self, begun: Begun) -> None:
        self.begun.append(begun)
        self.bytes += ROW_BYTES

    def progress(self, progressed: Progressed) -> None:
        self.progressed[progressed.job, progressed.epoch] = progressed

    def say(self, said: Iterable[Said]) -> None:
        for piece in said:
            self.said.append(piece)
            self.bytes += ROW_BYTES + len(piece.text)

    def note(self, at: float, name: str, facts: dict[str, Any]) -> None:
        self.events.append((at, name, facts))
        self.bytes += ROW_BYTES

    def split(self, most: int, locked: frozenset[str]) -> tuple["Pending", "Pending"]:
        """What is told now, and what waits: more than `most` of a kind, and jobs that somebody else holds locked."""
        free = [ruling for ruling in self.rulings if ruling[0].job.id not in locked]
        held = [ruling for ruling in self.rulings if ruling[0].job.id in locked] if locked else []
        now = Pending(
            free[:most],
            [one for one in self.begun if one.job not in locked],
            {claim: one for claim, one in self.progressed.items() if one.job not in locked},
            self.said[:most],
            self.events[:most],
        )
        later = Pending(
            free[most:] + held,
            [one for one in self.begun if one.job in locked] if locked else [],
            {claim: one for claim, one in self.progressed.items() if one.job in locked},
            self.said[most:],
            self.events[most:],
        )
        later.bytes = later.weigh()
        return now, later

    def weigh(self) -> int:
        """Its size, counted anew."""
        rulings = sum(_weight(ended) for ended, _ in self.rulings)
        said = sum(ROW_BYTES + len(piece.text) for piece in self.said)
        return rulings + said + ROW_BYTES * (len(self.begun) + len(self.events))

    def jobs(self) -> list[str]:
        """Ids of the jobs whose rows are to be written."""
        return [
            *(ended.job.id for ended, _ in self.rulings),
            *(one.job for one in self.begun),
            *(job for job, _ in self.progressed),
        ]


def _weight(ended: Ended) -> int:
    job, failure = ended.job, ended.failure
    size = ROW_BYTES + len(job.args) + len(job.kwargs)
    if ended.result is not None:
        size += len(ended.result)
    if failure is not None:
        size += len(failure.message) + len(failure.traceback)
    return size
