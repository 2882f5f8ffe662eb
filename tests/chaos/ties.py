"""The judge of jobs that wait for others: what may begin, what must be cancelled, and what batches must say. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tests.chaos.ledger import Record
from tests.chaos.rows import BatchRow, JobRow, Tie

DEAD = frozenset({"FAILED", "TIMEOUT"})
FINAL = DEAD | {"COMPLETED", "CANCELLED"}
WANTED = {"success": {"COMPLETED"}, "failure": DEAD, "any": FINAL}


class Told(Protocol):
    """What is known of one job."""

    row: JobRow
    records: list[Record]

    def begins(self) -> list[Record]: ...


class Families:
    def __init__(self, stories: Mapping[str, Told], ties: Sequence[Tie]) -> None:
        self.stories = stories
        self.ties: defaultdict[str, list[Tie]] = defaultdict(list)
        for tie in ties:
            self.ties[tie.child].append(tie)
        self.members: defaultdict[str, list[Told]] = defaultdict(list)
        for story in stories.values():
            self.members[story.row.batch or story.row.job].append(story)
            if story.row.batch:
                self.members[story.row.job].append(story)

    def broken(self) -> Iterator[str]:
        """What began too early, or although it must not; what did not end as it had to."""
        for child, ties in self.ties.items():
            story = self.stories.get(child)
            if story is None:
                yield f"{ties} of a job that is not there"
                continue
            begun = min((record.at_ns for record in story.begins()), default=None)
            for tie in ties:
                if self._is_met(tie):
                    if begun is not None and begun < self._ended_ns(tie.parent):
                        yield f"{child} began before the end of {tie}: {story}"
                elif begun is not None or (story.row.finished and story.row.status != "CANCELLED"):
                    yield f"{tie} can not be met: {story}"

    def disappointed(self) -> set[str]:
        """Jobs that must be cancelled because of their parents."""
        return {child for child, ties in self.ties.items() if not all(map(self._is_met, ties))}

    def wrong(self, batches: Sequence[BatchRow]) -> Iterator[str]:
        """Batches that do not say what became of their jobs."""
        said = {batch.batch: batch for batch in batches}
        for id in {story.row.batch for story in self.stories.values()} - {"", *said}:
            yield f"there is no batch {id}"
        for batch in batches:
            ended = Counter(story.row.status for story in self.members[batch.batch])
            counted = (ended["COMPLETED"], sum(ended[status] for status in DEAD), ended["CANCELLED"])
            is_over = sum(counted) == ended.total()
            if (batch.total, *batch[2:5], batch.finished) != (ended.total(), *counted, is_over):
                yield f"{batch}, and its jobs: {dict(ended)}"

    def _is_met(self, tie: Tie) -> bool:
        return self._end_of(tie.parent) in WANTED[tie.wants]

    def _end_of(self, parent: str) -> str:
        """How a job or batch ended: a batch as the worst of its jobs."""
        ends = {story.row.status for story in self.members[parent]}
        if not ends or not ends <= FINAL:
            return ""
        if len(ends) == 1:
            return ends.pop()
        return "FAILED" if ends & DEAD else "CANCELLED"

    def _ended_ns(self, parent: str) -> int:
        """When the last that is known of it happened."""
        return max((record.at_ns for story in self.members[parent] for record in story.records), default=0)
