"""Arguments, results and texts as both databases can store them: JSON within limits of size and depth.

Called by every process that enqueues (arguments, metadata) and by workers (results, errors). A plain value is encoded
by one pass in C; anything else takes the slow way, which turns what Django's Tasks API turns (tuples, other sequences
and mappings, UTF-8 bytes) and names the place of what cannot be stored. Never returns text that PostgreSQL or SQLite
would refuse, or that Python could not read back.
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pool.domain.errors import InvalidPayload

MAX_DIGITS: Final = 4300
"""Python reads no longer integer by default."""

LONGEST_PLACE: Final = 60
"""Characters of a place too deep that are shown."""

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_PLAIN: Final = _SCALARS | {list, tuple, dict}
_STR: Final = frozenset({str})
_WIDEST: Final = 10**MAX_DIGITS
_EXPONENT: Final = re.compile(r"\de\+\d")
_LARGE_FLOAT: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?e\+\d+')
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")

_encode: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def encode_arguments(
    args: tuple[Any, ...] | list[Any], kwargs: Mapping[str, Any], max_bytes: int, max_depth: int
) -> tuple[str, str]:
    """Encode what a task is called with, or say which argument cannot be stored. The size counts both together."""
    if not isinstance(args, (tuple, list)):
        raise InvalidPayload(f"args must be a list or a tuple, not {_type_name(args)}.")
    if not isinstance(kwargs, Mapping):
        raise InvalidPayload(f"kwargs must be a dict of named arguments, not {_type_name(kwargs)}.")
    args_json = encode_value(args, "args", max_bytes, max_depth) if args else "[]"
    kwargs_json = encode_value(kwargs, "kwargs", max_bytes, max_depth) if kwargs else "{}"
    # A character is up to four bytes.
    if (len(args_json) + len(kwargs_json)) * 4 > max_bytes:
        _check_size((args_json, kwargs_json), "The arguments", max_bytes)
    return args_json, kwargs_json


def encode_result(value: Any, max_bytes: int, max_depth: int) -> str:
    """Encode what a task returned, or say which part of it cannot be stored."""
    return encode_value(value, "result", max_bytes, max_depth)


def encode_value(value: Any, place: str, max_bytes: int, max_depth: int) -> str:
    """Encode any other JSON value; `place` is its name in the error."""
    encoded = _quick(value, max_bytes, max_depth)
    return _slow(value, place, max_bytes, max_depth) if encoded is None else encoded


def clean_text(text: str, max_bytes: int) -> str:
    """Make any text storable: NUL and lone surrogates replaced, cut at `max_bytes` of UTF-8 with a mark."""
    # Nothing of what is far behind the cut is looked at: the text may be huge.
    is_cut = len(text) > max_bytes
    text = text[:max_bytes] if is_cut else text
    if "\x00" in text or not text.isascii():
        text = _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)
    raw = text.encode()
    if not is_cut and len(raw) <= max_bytes:
        return text
    mark = " …[cut]"
    room = max_bytes - len(mark.encode())
    if room < 0:
        return raw[: max(max_bytes, 0)].decode(errors="ignore")
    return raw[:room].decode(errors="ignore") + mark


def _quick(value: Any, max_bytes: int, max_depth: int) -> str | None:
    """Encode a value of plain types that surely is within the limits; None when there is a doubt."""
    if type(value) not in _SCALARS and not _is_plain(value, max_bytes, max_depth):
        return None
    try:
        encoded = _encode(value)
        size = len(encoded) if encoded.isascii() else len(encoded.encode())
    except (ValueError, RecursionError):
        # Infinity, NaN, an integer without end, a lone surrogate: the slow way says where.
        return None
    if size > max_bytes or "\\u0000" in encoded or ("e+" in encoded and _EXPONENT.search(encoded)):
        return None
    if size > MAX_DIGITS and not 0 < sys.get_int_max_str_digits() <= MAX_DIGITS:
        return None
    return encoded


def _is_plain(value: Any, max_parts: int, max_depth: int) -> bool:
    """Tell whether it holds exact JSON types only, with str keys, not too deep and not too many.

    Counting the parts also ends the walk through a small object that refers to itself many times over.
    """
    level = [value]
    parts_left = max_parts
    for _ in range(max_depth):
        below: list[Any] = []
        for container in level:
            inner = _inner_containers(container)
            if inner is None:
                return False
            below += inner
            parts_left -= len(container)
            if parts_left < 0:
                return False
        if not below:
            return True
        level = below
    return False


def _inner_containers(container: Any) -> Sequence[Any] | None:
    """The containers directly in a plain one; None when it or something in it is not plain."""
    kind = type(container)
    values: Iterable[Any] = container
    if kind is dict:
        if not _STR.issuperset(map(type, container)):
            return None
        values = container.values()
    elif kind is not list and kind is not tuple:
        return None
    if _SCALARS.issuperset(map(type, values)):
        return ()
    if not _PLAIN.issuperset(map(type, values)):
        return None
    return [part for part in values if type(part) not in _SCALARS]


def _slow(value: Any, place: str, max_bytes: int, max_depth: int) -> str:
    """Normalise as Django does, or raise with the place of the first thing that cannot be stored."""
    try:
        encoded = _encode(_Walk(max_bytes, max_depth).clean(value, place, max_depth))
    except RecursionError:
        raise InvalidPayload(f"{place} is nested too deep for the stack of this process.") from None
    except ValueError as error:
        raise InvalidPayload(f"{place} cannot be stored: {error}.") from None
    if "e+" in encoded:
        encoded = _LARGE_FLOAT.sub(_write_out, encoded)
    _check_size((encoded,), place, max_bytes)
    return encoded


def _write_out(match: re.Match[str]) -> str:
    """Write a large float without its exponent: PostgreSQL would hand "1e+22" back as an integer."""
    token = match.group()
    return token if token[0] == '"' else format(float(token), ".1f")


def _check_size(texts: Iterable[str], place: str, max_bytes: int) -> None:
    size = sum(len(text.encode()) for text in texts)
    if size > max_bytes:
        verb = "are" if place == "The arguments" else "is"
        raise InvalidPayload(f"{place} {verb} too large: {size:,} bytes of JSON, {max_bytes:,} are allowed.")


class _Walk:
    """One slow pass over a value. It knows the containers on its path, and how many parts it may still look at."""

    def __init__(self, max_bytes: int, max_depth: int) -> None:
        self.max_bytes = max_bytes
        self.max_depth = max_depth
        self.parts_left = max_bytes
        self.path: set[int] = set()

    def clean(self, value: Any, place: str, depth_left: int) -> Any:
        """Return the value in plain types. One frame per level, so that the deepest allowed nesting fits the stack."""
        self.parts_left -= 1
        if self.parts_left < 0:
            raise InvalidPayload(f"{place} goes past the allowed size: {self.max_bytes:,} bytes of JSON.")
        if isinstance(value, bytes):
            value = self._decoded(value, place)
        if value is None or isinstance(value, (str, bool, int, float)):
            _check_scalar(value, place)
            return value
        self._check_container(value, place, depth_left)
        self.path.add(id(value))
        cleaned: Any
        if isinstance(value, Mapping):
            cleaned = {}
            for key, part in value.items():
                cleaned[self._key(key, place)] = self.clean(part, f"{place}[{_shown(key)}]", depth_left - 1)
        else:
            cleaned = []
            for index, part in enumerate(value):
                cleaned.append(self.clean(part, f"{place}[{index}]", depth_left - 1))
        self.path.discard(id(value))
        return cleaned

    def _check_container(self, value: Any, place: str, depth_left: int) -> None:
        if not isinstance(value, (Mapping, Sequence)):
            raise InvalidPayload(f"{place} is not JSON: it is of the type {_type_name(value)}.")
        if id(value) in self.path:
            raise InvalidPayload(f"{place} contains itself.")
        if depth_left <= 0:
            shown = place if len(place) <= LONGEST_PLACE else f"{place[:LONGEST_PLACE]}…"
            raise InvalidPayload(f"{shown} is nested too deep: {self.max_depth} levels are allowed.")

    def _key(self, key: Any, place: str) -> str:
        if isinstance(key, bytes):
            key = self._decoded(key, f"A key of {place}")
        if not isinstance(key, str):
            raise InvalidPayload(f"{place} has the key {_shown(key)}: keys must be strings, not {_type_name(key)}.")
        _check_scalar(key, f"The key {_shown(key)} of {place}")
        return key

    def _decoded(self, value: bytes, place: str) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InvalidPayload(
                f"{place} holds bytes that are not UTF-8 text: encode them, for example as base64."
            ) from None


def _check_scalar(value: Any, place: str) -> None:
    if isinstance(value, str):
        found = _NO_TEXT.search(value)
        if found:
            what = "a NUL character" if found.group() == "\x00" else "half of a surrogate pair"
            raise InvalidPayload(f"{place} holds {what}, which cannot be stored.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidPayload(f"{place} is {float(value)}, which is not JSON.")
    elif isinstance(value, int) and not -_WIDEST < value < _WIDEST:
        raise InvalidPayload(f"{place} is an integer of more than {MAX_DIGITS} digits.")


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _shown(key: Any) -> str:
    """A key as the error shows it: short, and harmless whatever its own repr does."""
    if isinstance(key, str):
        key = str.__getitem__(key, slice(60))
    elif type(key) not in (int, float, bool, bytes, type(None)):
        return f"<{_type_name(key)}>"
    try:
        text = ascii(key)
    except ValueError:
        return "<a long integer>"
    return text if len(text) <= 60 else text[:57] + "..."
