"""Who works here. Bookkeeping without I/O: it answers questions about the handles it holds."""

from collections.abc import Iterator

from pool.domain.states import WorkerState
from pool.engine.handle import Handle


class Roster:
    """All workers of the node that are not confirmed dead, by name and by slot."""

    def __init__(self, slots: int) -> None:
        self._handles: dict[str, Handle] = {}
        self._free = list(range(slots - 1, -1, -1))

    def __iter__(self) -> Iterator[Handle]:
        return iter(list(self._handles.values()))

    def __len__(self) -> int:
        return len(self._handles)

    def get(self, worker: str) -> Handle | None:
        return self._handles.get(worker)

    def free_slot(self) -> int | None:
        """Take the lowest free slot; None when all are taken."""
        return self._free.pop() if self._free else None

    def add(self, handle: Handle) -> None:
        self._handles[handle.worker] = handle

    def remove(self, handle: Handle) -> None:
        del self._handles[handle.worker]
        self.give_back(handle.index)

    def give_back(self, slot: int) -> None:
        self._free.append(slot)
        self._free.sort(reverse=True)

    def staying(self) -> list[Handle]:
        """Workers that count towards the wanted size."""
        return [handle for handle in self if not handle.retiring and not handle.left]

    def retire(self, worker: str, why: str) -> None:
        """Let one go after its job, if it is one of these."""
        if (handle := self.get(worker)) is not None:
            handle.retiring = handle.retiring or why

    def able(self) -> list[Handle]:
        """Workers that may be given jobs."""
        return [
            handle
            for handle in self._handles.values()
            if handle.state in (WorkerState.IDLE, WorkerState.BUSY)
            and not handle.retiring
            and not handle.sealed
            and not handle.held_up_by
            and handle.may_take_more
        ]

    def holding(self) -> list[Handle]:
        return [handle for handle in self._handles.values() if handle.held]

    def holder_of(self, job: str, epoch: int) -> tuple[Handle, int] | None:
        """The worker that holds a job under this claim, and the job's number there."""
        for handle in self._handles.values():
            for seq, held in handle.held.items():
                if (held.job.id, held.job.epoch) == (job, epoch):
                    return handle, seq
        return None

    def has_idle(self) -> bool:
        return any(handle.state is WorkerState.IDLE and not handle.retiring for handle in self._handles.values())

    def has_room(self) -> bool:
        """Whether somebody could begin a job at once."""
        return self.has_idle() or any(
            handle.holds_streams and len(handle.held) < handle.streams for handle in self.able() if handle.streams > 1
        )

    def names(self) -> set[str]:
        return set(self._handles)

    def held_ids(self) -> set[str]:
        return {held.job.id for handle in self._handles.values() for held in handle.held.values()}

    def rows_count(self, state: WorkerState) -> int:
        return sum(handle.state is state for handle in self._handles.values())
