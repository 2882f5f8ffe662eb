"""Tasks whose results and errors no database could store, beside those of the zoo."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pool import task

MIB = 2**20


class Stubborn:
    """Whoever wants to see it waits for ever."""

    def __repr__(self) -> str:
        time.sleep(3600)
        return "never"


class Explosive:
    def __repr__(self) -> str:
        raise RuntimeError("do not look at me")


class Bottomless(Sequence[int]):
    """It has one part, and tells of ever more."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return index

    def __iter__(self) -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1


def in_itself() -> list[Any]:
    circle: list[Any] = []
    circle.append({"inside": circle})
    return circle


def unfolding(levels: int = 60) -> Any:
    """A small object that is enormous when written out."""
    value: Any = "x"
    for _ in range(levels):
        value = [value, value]
    return value


def nested(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = [value]
    return value


RESULTS: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"\xff\xfe",
    "set": lambda: {1, 2},
    "infinity": lambda: [float("inf")],
    "minus infinity": lambda: {"a": {"b": float("-inf")}},
    "circle": in_itself,
    "unfolding": unfolding,
    "depth": lambda: nested(10_000),
    "digits": lambda: 10**5000,
    "key": lambda: {1: "a"},
    "key of bytes": lambda: {b"\xff": 1},
    "nul in a key": lambda: {"a\0": 1},
    "object in a list": lambda: [object()],
    "sleeps when shown": Stubborn,
    "raises when shown": lambda: {"a": Explosive()},
    "key that raises": lambda: {Explosive(): 1},
    "bottomless": Bottomless,
    "generator": lambda: (number for number in range(3)),
    "hundred megabytes": lambda: "x" * (100 * MIB),
}


@task(max_attempts=4)
def returns_what_cannot_be_stored(kind: str) -> Any:
    return RESULTS[kind]()


class FromNowhereError(Exception):
    """Its class says of itself what is not so."""

    def __init__(self, *args: Any) -> None:
        if len(args) != 3:
            raise TypeError("it takes three arguments")
        super().__init__(*args)


FromNowhereError.__module__ = "a.module.that.does.not.exist"


class NoTextError(Exception):
    def __str__(self) -> Any:
        return 7

    __repr__ = __str__


def caused_by_itself() -> Exception:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


def long_chain(length: int = 3000) -> Exception:
    error: Exception = ValueError("the first")
    for number in range(length):
        after = ValueError(f"after {number}")
        after.__context__ = error
        error = after
    return error


def nested_groups(levels: int = 500) -> Exception:
    error: Exception = ValueError("the innermost")
    for _ in range(levels):
        error = ExceptionGroup("group", [error])
    return error


ERRORS: dict[str, Callable[[], BaseException]] = {
    "fifty megabytes": lambda: ValueError("x" * (50 * MIB)),
    "nul": lambda: ValueError("a\0b"),
    "surrogate": lambda: ValueError("a\ud800b"),
    "caused by itself": caused_by_itself,
    "long chain": long_chain,
    "nested groups": nested_groups,
    "from nowhere": lambda: FromNowhereError(1, 2, 3),
    "no text": NoTextError,
    "made on the spot": lambda: type("a\0b", (Exception,), {})("x"),
    "notes": lambda: noted("note\0"),
}


def noted(note: str) -> Exception:
    error = ValueError("with a note")
    error.add_note(note)
    return error


@task(max_attempts=2, backoff=0.01)
def raises_what_cannot_be_stored(kind: str) -> None:
    raise ERRORS[kind]()
