"""Plain functions that a setting lists are tasks; nothing else is, whatever a schedule names."""

import asyncio
from datetime import date

import pytest

from pool import registry
from pool.domain.errors import InvalidConfig, UnknownTask
from pool.functions import storable
from tests.contract import tasks
from tests.unit import plain_functions

HERE = plain_functions.__name__


@pytest.fixture
def listing(settings):
    def listed(*names):
        settings.POOL = {**settings.POOL, "schedule_functions": list(names)}
        return {name for name in registry.discover() if name.startswith((HERE, "math."))}

    yield listed
    registry.discover.cache_clear()


def test_a_listed_function_is_a_task_under_its_name(listing):
    assert {f"{HERE}.adds"} == listing(f"{HERE}.adds")
    task = registry.find(f"{HERE}.adds")
    assert (f"{HERE}.adds", 3) == (task.module_path, task.call(1, 2))


def test_all_of_a_module_are_those_that_it_defines(listing):
    assert {f"{HERE}.{name}" for name in ("adds", "today", "later")} == listing(f"{HERE}.*")


def test_a_function_may_be_listed_where_it_is_imported_and_in_c(listing):
    assert {f"{HERE}.elsewhere", "math.gcd"} == listing(f"{HERE}.elsewhere", "math.gcd")
    assert ("from elsewhere", 4) == (
        registry.find(f"{HERE}.elsewhere").call(),
        registry.find("math.gcd").call(8, 12),
    )


def test_an_async_function_stays_one(listing):
    listing(f"{HERE}.later")
    assert "later" == asyncio.run(registry.find(f"{HERE}.later").acall())


def test_a_task_that_is_listed_is_itself(listing, settings):
    listing(f"{tasks.__name__}.tell")
    assert 5 == registry.find(f"{tasks.__name__}.tell").timeout


def test_what_is_not_listed_is_not_known(listing):
    listing(f"{HERE}.adds")
    for name in (f"{HERE}.today", f"{HERE}._hidden", "os.system", "builtins.eval"):
        with pytest.raises(UnknownTask):
            registry.find(name)


@pytest.mark.parametrize("name", ["no.such.module.f", f"{HERE}.nothing", f"{HERE}.NUMBER", f"{HERE}.Kind", "f", "no.*"])
def test_a_wrong_name_stops_the_start_with_a_sentence(listing, name):
    with pytest.raises(InvalidConfig, match="schedule_functions"):
        listing(name)


def test_a_result_that_is_no_json_is_kept_as_text(listing):
    listing(f"{HERE}.today")
    assert "2026-11-22" == registry.find(f"{HERE}.today").call()
    assert [{"a": [1, None]}, "{1}", "a\ufffdb"] == [storable(value) for value in ({"a": [1, None]}, {1}, Odd())]
    assert 1000 >= len(storable({"x" * 5000}).encode())


class Odd:
    def __str__(self):
        return "a\x00b"


def test_a_date_is_text():
    assert "2026-11-22" == storable(date(2026, 11, 22))
