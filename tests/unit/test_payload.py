"""What may be stored as arguments and results, and what the error says about the rest."""

import json
import math
from collections import OrderedDict, UserDict, UserList, namedtuple
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.adapters.tasks_api import normalize_json
from pool.domain.errors import InvalidPayload
from pool.domain.payload import clean_text, encode_arguments, encode_result

KIB = 1024
Point = namedtuple("Point", "x y")


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Fraction(float):
    pass


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class LoudText(str):
    def __repr__(self) -> str:
        raise RuntimeError("no")


def encode(value, max_bytes=KIB, max_depth=10):
    return encode_result(value, max_bytes, max_depth)


def refusal(value, max_bytes=KIB, max_depth=10):
    with pytest.raises(InvalidPayload) as caught:
        encode(value, max_bytes, max_depth)
    return str(caught.value)


def circle():
    inner = {"list": []}
    inner["list"].append(inner)
    return inner


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1.5,
        "",
        "é😀",
        [],
        {},
        (1, (2, 3)),
        {"a": [1, {"b": None}]},
        b"bytes",
        {b"key": b"value"},
        bytearray(b"ab"),
        range(3),
        Point(1, 2),
        OrderedDict(a=1),
        UserDict(a=(1,)),
        UserList([1]),
        Colour.RED,
        {Colour.RED: Level.HIGH},
        Fraction(0.5),
        [UserList([(1,)])],
        'line\nbreak\t"quote" \\u0000 \\',
        10**4299,
    ],
)
def test_what_is_stored_reads_back_as_django_would_give_it(value):
    assert normalize_json(value) == json.loads(encode(value, 10 * KIB))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\\u0é", max_size=3), inner) | st.tuples(inner, inner),
)


@given(json_values)
def test_every_json_value_survives(value):
    encoded = encode(value, 10**6, 100)
    assert normalize_json(value) == json.loads(encoded)
    encoded.encode()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (math.nan, "result is nan, which is not JSON."),
        ([1, {"x": math.inf}], "result[1]['x'] is inf, which is not JSON."),
        ({"a": ["b\x00"]}, "result['a'][0] holds a NUL character, which cannot be stored."),
        ({"a\x00": 1}, "The key 'a\\x00' of result holds a NUL character, which cannot be stored."),
        ("\ud800", "result holds half of a surrogate pair, which cannot be stored."),
        (["\ud83d\ude00"], "result[0] holds half of a surrogate pair, which cannot be stored."),
        ({1, 2}, "result is not JSON: it is of the type set."),
        ([datetime(2026, 1, 1, tzinfo=UTC)], "result[0] is not JSON: it is of the type datetime.datetime."),
        ({"a": Unshowable()}, f"result['a'] is not JSON: it is of the type {__name__}.Unshowable."),
        ({1: "a"}, "result has the key 1: keys must be strings, not int."),
        ({None: "a"}, "result has the key None: keys must be strings, not NoneType."),
        ({(1, 2): 3}, "result has the key <tuple>: keys must be strings, not tuple."),
        ({10**5000: 3}, "result has the key <a long integer>: keys must be strings, not int."),
        ({LoudText("a\x00"): 3}, "The key 'a\\x00' of result holds a NUL character, which cannot be stored."),
        (b"\xff", "result holds bytes that are not UTF-8 text: encode them, for example as base64."),
        ([10**4300], "result[0] is an integer of more than 4300 digits."),
        ([-(10**4300)], "result[0] is an integer of more than 4300 digits."),
        (circle(), "result['list'][0] contains itself."),
        (nested(11), "result[0][0][0][0][0][0][0][0][0][0] is nested too deep: 10 levels are allowed."),
        ("x" * 1023, "result is too large: 1,025 bytes of JSON, 1,024 are allowed."),
        ("é" * 512, "result is too large: 1,026 bytes of JSON, 1,024 are allowed."),
        ([0] * 2000, "result[1023] goes past the allowed size: 1,024 bytes of JSON."),
        (range(10**12), "result[1023] goes past the allowed size: 1,024 bytes of JSON."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_stored_is_named_with_its_place(value, sentence):
    assert sentence == refusal(value)


def test_a_small_object_that_unfolds_without_end_is_refused():
    value = []
    for _ in range(90):
        value = [value, value]
    assert "goes past the allowed size" in refusal(value, 10_000, 100)


def test_the_deepest_allowed_nesting_fits():
    assert "[" * 10 + "]" * 10 == encode(nested(10))
    assert "[" * 499 + "{}" + "]" * 499 == encode(_wrapped(UserDict(), 499), 10 * KIB, 500)


def _wrapped(value, times):
    for _ in range(times):
        value = [value]
    return value


def test_a_nesting_without_end_is_refused():
    assert "is nested too deep" in refusal(nested(100_000), 10**6, 500)
    assert refusal(nested(101), 10**6, 100).startswith("result" + "[0]" * 18 + "… is nested too deep: 100 levels")


def test_large_floats_stay_floats_in_a_database_that_reads_numbers_by_value():
    for value in (1e22, -1e300, 1.7976931348623157e308):
        encoded = encode([value, "1e+22", {'"1e+5\\': 1e16}], KIB)
        assert "e+" not in encoded.replace('"1e+22"', "").replace('1e+5\\\\"', "")
        assert [value, "1e+22", {'"1e+5\\': 1e16}] == json.loads(encoded)
        assert isinstance(json.loads(encoded)[0], float)


def test_arguments_are_encoded_apart():
    assert ("[1,2]", "{}") == encode_arguments((1, 2), {}, KIB, 10)
    assert ("[]", '{"a":[1]}') == encode_arguments((), {"a": (1,)}, KIB, 10)


@pytest.mark.parametrize(
    ("args", "kwargs", "sentence"),
    [
        ((1, {"x": {2}}), {}, "args[1]['x'] is not JSON: it is of the type set."),
        ((), {"a": object()}, "kwargs['a'] is not JSON: it is of the type object."),
        ((), {1: 2}, "kwargs has the key 1: keys must be strings, not int."),
        (("x" * 600,), {"a": "x" * 600}, "The arguments are too large: 1,212 bytes of JSON, 1,024 are allowed."),
        ("ab", {}, "args must be a list or a tuple, not str."),
        ((), [], "kwargs must be a dict of named arguments, not list."),
    ],
)
def test_wrong_arguments_are_named(args, kwargs, sentence):
    with pytest.raises(InvalidPayload, match="^" + sentence.translate({ord(c): "\\" + c for c in "[].()"}) + "$"):
        encode_arguments(args, kwargs, KIB, 10)


def test_text_is_cleaned_of_what_no_database_takes():
    assert "a\N{REPLACEMENT CHARACTER}b" == clean_text("a\x00b", 100)
    assert "\N{REPLACEMENT CHARACTER}é" == clean_text("\ud800é", 100)
    assert "plain" == clean_text("plain", 5)


@given(st.text(st.characters()), st.integers(0, 40))
def test_cleaned_text_fits_and_is_storable(text, max_bytes):
    cleaned = clean_text(text, max_bytes)
    assert max_bytes >= len(cleaned.encode())
    assert "\x00" not in cleaned


def test_a_cut_text_says_so():
    cleaned = clean_text("é" * 10_000_000, 100)
    assert cleaned.endswith(" …[cut]")
    assert 98 <= len(cleaned.encode()) <= 100
