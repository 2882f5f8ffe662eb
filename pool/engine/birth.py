"""What the nursery tells a worker when it is born: who it is, by what it is tied to its node, and what it can run."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pool.domain.config import PoolConfig
from pool.engine.slot import Slot

if TYPE_CHECKING:
    from pool.engine.worker import Worker


class Birth(NamedTuple):
    """Everything a worker is told by the nursery when it is born."""

    worker: str
    parents: tuple[int, int]
    """The process between the two forks, and the node."""
    slot: Slot
    main: socket.socket
    side: socket.socket
    output: Path
    tasks: dict[str, Any]
    config: PoolConfig
    maker: type["Worker"]
    rank: int = 0
    """Its number among the workers of its kind."""
    offers: tuple[str, ...] = ()

    @property
    def block_name(self) -> str:
        """Unique on the host, and told by its node's."""
        return self.output.name.partition("-")[2]
