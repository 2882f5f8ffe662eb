"""How a setting is declared: a dataclass field that carries its unit, meaning, limits and environment variable.

Used by `pool.domain.config` to declare, by `pool.domain.config_rules` to judge, and by whatever shows the settings.
"""

from dataclasses import Field, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Class = TypeVar("Class", bound=type)
Setting = Field[Any]

DAY_S = 86400.0
CENTURY_S = 36525 * DAY_S
WORKER_CEILING = 128

MIB = 1 << 20
JOB_FRAME_BYTES = 64 * MIB
"""Longest frame between a node and its workers."""
JOB_VALUE_BYTES = JOB_FRAME_BYTES - MIB
"""What the arguments or the result of a job may take of it: names, times and errors travel in the same frame."""
JOB_LOG_BYTES = JOB_FRAME_BYTES // 4
"""What may be kept of an attempt's output: it may all be one piece, and grows threefold where it has to be cleaned."""

BUFFER_BYTES = 64 * MIB
"""What may wait for the database in a node's memory, unless the project says otherwise."""

BODY_BYTES = 1 << 30
"""More than that nobody should send to a web process that keeps all of it in memory."""


class PerCpu(NamedTuple):
    """A number of workers that follows the machine."""

    times: int

    def __str__(self) -> str:
        return "CPUs" if self.times == 1 else f"{self.times} × CPUs"

    def on(self, cpus: int) -> int:
        return min(max(2, cpus * self.times), WORKER_CEILING)


def setting(default: T, unit: str, doc: str, least: float = 0, most: float = 1_000_000, **more: Any) -> T:
    """Declare a setting. `choices` names the allowed texts, `env` a variable that is not called POOL_ and its name.

    The value of one that is `secret` is shown nowhere.
    """
    facts = {"unit": unit, "doc": doc, "least": least, "most": most, "choices": (), "secret": False} | more
    return field(default=default, repr=not facts["secret"], metadata=facts)


def seconds(default: float, doc: str, least: float = 0, most: float = CENTURY_S) -> float:
    return setting(default, "seconds", doc, least, most)


def with_variables(owner: Class) -> Class:
    """Give each setting the name of its environment variable."""
    for name, item in vars(owner).items():
        if isinstance(item, Field):
            item.metadata = MappingProxyType({"env": f"POOL_{name.upper()}"} | dict(item.metadata))
    return owner
