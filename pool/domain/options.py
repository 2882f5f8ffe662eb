"""The pool's options of a job, checked: how urgent, where, when, how long, how often, for whom.

`pool.backend.PoolTask` makes one value of them for each task object, when it is made; commands and the API check what
they were given through it as well. A wrong option raises `InvalidOption` with a sentence that starts with its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final, Literal

from pool.domain.errors import InvalidOption, InvalidPayload
from pool.domain.links import NO_LINKS, Links, read_callback, read_limits, read_parents, read_policy, read_unique
from pool.domain.naming import MAX_NAME, check_name
from pool.domain.payload import encode_value

MIN_PRIORITY: Final = -100
MAX_PRIORITY: Final = 100
PRIORITY_NAMES: Final = {"low": -50, "normal": 0, "high": 50, "critical": 100}
MAX_ATTEMPTS: Final = 100
MAX_TIMEOUT_S: Final = 30 * 86_400
MAX_TAG: Final = 50
MAX_NAMES: Final = 20
MAX_METADATA_BYTES: Final = 65_536
MAX_METADATA_DEPTH: Final = 20
BACKOFF_LIMITS: Final = {"base": (0, 86_400), "factor": (1, 100), "cap": (0, MAX_TIMEOUT_S), "jitter": (0, 1)}


class TaskKind(StrEnum):
    """What sort of work a task does. CUSTOM is anything of one's own."""

    DATA_PROCESSING = "DATA_PROCESSING"
    IMAGE_MANIPULATION = "IMAGE_MANIPULATION"
    COMPRESSION = "COMPRESSION"
    ENCRYPTION = "ENCRYPTION"
    ANALYSIS = "ANALYSIS"
    COMPUTATION = "COMPUTATION"
    FILE_IO = "FILE_IO"
    CUSTOM = "CUSTOM"


class Unset(Enum):
    """Not given: the pool's own setting holds. Apart from None, which for a timeout means no limit."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
Timeout = float | None | Literal[Unset.UNSET]
Backoff = float | Mapping[str, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What is the same for each job of one task object. The JSON texts are ready to be stored."""

    priority: int | str = 0
    queue: str = "default"
    run_after: datetime | None = None
    expires_at: datetime | None = None
    timeout: Timeout = UNSET
    max_attempts: int | None = None
    backoff: Backoff = None
    tenant: str | None = ""
    affinity: str | None = ""
    requires: Sequence[str] | None = ()
    metadata: Mapping[str, Any] | None = None
    tags: Sequence[str] | None = ()
    depends_on: Any = None
    on_parent_failure: str | None = None
    unique_key: Any = None
    on_success: Any = None
    on_failure: Any = None
    limit_key: str | None = ""
    limit_running: int | None = None
    limit_rate: float | None = None

    backoff_json: str | None = field(init=False, repr=False, compare=False, default=None)
    requires_json: str | None = field(init=False, repr=False, compare=False, default=None)
    metadata_json: str | None = field(init=False, repr=False, compare=False, default=None)
    tags_json: str | None = field(init=False, repr=False, compare=False, default=None)
    links: Links | None = field(init=False, repr=False, compare=False, default=None)
    """The job's ties to others; None for most jobs, which have none."""

    def __post_init__(self) -> None:
        """Check every option and put it into its one form."""
        normal = {
            "priority": read_priority(self.priority),
            "queue": check_name("queue_name", self.queue),
            "run_after": check_moment("run_after", self.run_after),
            "expires_at": check_moment("expires_at", self.expires_at),
            "timeout": _timeout(self.timeout),
            "max_attempts": _max_attempts(self.max_attempts),
            "backoff_json": _backoff(self.backoff),
            "tenant": _label("tenant", self.tenant),
            "affinity": _label("affinity", self.affinity),
            "requires_json": _names("requires", self.requires, MAX_NAME),
            "metadata_json": _metadata(self.metadata),
            "tags_json": _names("tags", self.tags, MAX_TAG),
            "links": self._links(),
        }
        for name, value in normal.items():
            object.__setattr__(self, name, value)

    def _links(self) -> Links | None:
        ties = (self.depends_on, self.on_parent_failure, self.unique_key, self.on_success, self.on_failure)
        if not self.limit_key and all(tie is None for tie in (*ties, self.limit_running, self.limit_rate)):
            return None
        limit_key, running, rate = read_limits(self.limit_key, self.limit_running, self.limit_rate)
        links = Links(
            parents=read_parents(self.depends_on),
            wants=read_policy(self.on_parent_failure),
            unique=read_unique(self.unique_key),
            on_success=read_callback("on_success", self.on_success),
            on_failure=read_callback("on_failure", self.on_failure),
            limit_key=limit_key,
            limit_running=running,
            limit_rate=rate,
        )
        # The policy alone ties a job to nobody.
        return None if replace(links, wants=NO_LINKS.wants) == NO_LINKS else links


def read_priority(value: Any) -> int:
    """Turn a number or one of the four names into the number."""
    if type(value) is int and MIN_PRIORITY <= value <= MAX_PRIORITY:
        return value
    if isinstance(value, str) and value.lower() in PRIORITY_NAMES:
        return PRIORITY_NAMES[value.lower()]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1:
        whole = int(value)
        if MIN_PRIORITY <= whole <= MAX_PRIORITY:
            return whole
    raise InvalidOption(
        f"priority must be a whole number between {MIN_PRIORITY} and {MAX_PRIORITY}. "
        f"The names {', '.join(PRIORITY_NAMES)} stand for {', '.join(map(str, PRIORITY_NAMES.values()))}."
    )


def check_moment(option: str, value: Any) -> datetime | None:
    """Accept a point in time that both databases can store."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidOption(f"{option} must be a datetime.")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidOption(f"{option} must be an aware datetime. Give it a time zone, for example tzinfo=UTC.")
    if not 1970 <= value.year <= 9998:
        raise InvalidOption(f"{option} must be in a year from 1970 to 9998.")
    return value


def check_kind(value: Any) -> TaskKind:
    """Accept one of the kinds of work."""
    try:
        return TaskKind(value)
    except ValueError:
        raise InvalidOption(f"kind must be one of {', '.join(TaskKind)}.") from None


def _label(option: str, value: Any) -> str:
    return "" if value is None or value == "" else check_name(option, value)


def _is_number(value: Any, lowest: float, highest: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and lowest <= value <= highest


def _timeout(value: Timeout) -> Timeout:
    if value is UNSET or value is None:
        return value
    if not _is_number(value, 0, MAX_TIMEOUT_S) or not value > 0:
        raise InvalidOption(
            f"timeout must be a number of seconds above 0 and up to {MAX_TIMEOUT_S}, or None for no limit."
        )
    return float(value)


def _max_attempts(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= MAX_ATTEMPTS:
        raise InvalidOption(f"max_attempts must be a whole number from 1 to {MAX_ATTEMPTS}.")
    return value


def _backoff(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return encode_value(_backoff_parts(value), "backoff", MAX_METADATA_BYTES, 1)
    lowest, highest = BACKOFF_LIMITS["base"]
    if not _is_number(value, lowest, highest):
        names = ", ".join(BACKOFF_LIMITS)
        raise InvalidOption(f"backoff must be a number of seconds from {lowest} to {highest}, or a dict of {names}.")
    return repr(float(value))


def _backoff_parts(value: Mapping[str, Any]) -> dict[str, float]:
    for name, number in value.items():
        if name not in BACKOFF_LIMITS:
            raise InvalidOption(f"backoff knows {', '.join(BACKOFF_LIMITS)}, not {str(name)[:MAX_NAME]!a}.")
        lowest, highest = BACKOFF_LIMITS[name]
        if not _is_number(number, lowest, highest):
            raise InvalidOption(f"backoff[{name!r}] must be a number from {lowest} to {highest}.")
    return {name: float(number) for name, number in value.items()}


def _names(option: str, values: Any, longest: int) -> str | None:
    if values is None or values == () or values == []:
        return None
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or len(values) > MAX_NAMES:
        raise InvalidOption(f"{option} must be a list of up to {MAX_NAMES} texts.")
    names = [check_name(f"{option}[{index}]", value, longest) for index, value in enumerate(values)]
    return encode_value(names, option, MAX_METADATA_BYTES, 1)


def _metadata(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidOption("metadata must be a dict of JSON values.")
    try:
        return encode_value(value, "metadata", MAX_METADATA_BYTES, MAX_METADATA_DEPTH)
    except InvalidPayload as error:
        raise InvalidOption(str(error)) from None
