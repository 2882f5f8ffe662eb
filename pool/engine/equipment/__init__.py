"""What a worker has ready for its jobs, as `context.worker`: buffers, a cache, connections, open files, shared memory.

Lives in the worker and outlasts its jobs. Everything is made when it is first used, so a worker that needs nothing
pays nothing; the kinds of workers prepare what is theirs. A job that lands on another kind finds the same, smaller.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property

from pool.domain.kinds import GENERAL
from pool.engine.equipment.buffers import Buffers
from pool.engine.equipment.cache import Cache
from pool.engine.equipment.files import Files
from pool.engine.equipment.http import Http
from pool.engine.equipment.shared import SharedBlocks

__all__ = ["Buffers", "Cache", "Equipment", "Files", "Http", "SharedBlocks"]


class Equipment:
    """One worker's. Whatever is taken from it is given back, or is nobody else's."""

    def __init__(self, name: str = "pool", kind: str = GENERAL, offers: Iterable[str] = ()) -> None:
        self.name, self.kind = name, kind
        self.capabilities = frozenset(offers)
        self.connections = 100
        """Most connections of its HTTP clients."""
        self.pools: dict[int, int] = {}
        """Buffers kept: how many of each size in bytes."""

    @cached_property
    def buffers(self) -> Buffers:
        """Memory that is there already: `with context.worker.buffers.borrow(100_000) as view`."""
        return Buffers(self.pools)

    @cached_property
    def cache(self) -> Cache:
        """Values kept for some minutes, for the jobs of this worker alone."""
        return Cache()

    @cached_property
    def files(self) -> Files:
        """Files that stay open between reads."""
        return Files()

    @cached_property
    def http(self) -> Http:
        """HTTP over connections that stay open: `http.client()` for blocking code, `http.async_client()` for async."""
        return Http(self.connections)

    @cached_property
    def shared(self) -> SharedBlocks:
        """Blocks of memory that other processes of the host can attach to by name."""
        return SharedBlocks(self.name)

    def trim(self) -> None:
        """Give back what can be had again."""
        made = vars(self)
        for part in ("cache", "files", "buffers"):
            if part in made:
                made[part].trim()

    def close(self) -> None:
        """At the worker's end."""
        made = vars(self)
        for part in ("files", "http", "shared"):
            if part in made:
                with suppress(Exception):
                    made[part].close()
