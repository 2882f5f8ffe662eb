"""When a worker is short of memory."""

from hypothesis import given
from hypothesis import strategies as st

from pool.domain.pressure import FREE_AGAIN_S, Need, Pressure, share_of

LIMIT = 1000


def looks(*used: int | None, every_s: float = 1.0, limit: int = LIMIT) -> list[str]:
    pressure = Pressure()
    return [pressure.look(one, limit, 100.0 + number * every_s).name for number, one in enumerate(used)]


def test_it_is_told_when_it_begins_and_not_at_every_breath() -> None:
    assert ["NOTHING", "TELL_AND_FREE", "NOTHING", "NOTHING", "NOTHING"] == looks(900, 901, 950, 850, 910)


def test_it_is_told_again_after_it_was_well() -> None:
    assert ["TELL_AND_FREE", "NOTHING", "TELL_AND_FREE"] == looks(950, 800, 950)


def test_while_it_lasts_memory_is_freed_now_and_then() -> None:
    assert ["TELL_AND_FREE", "FREE", "FREE"] == looks(950, 960, 970, every_s=FREE_AGAIN_S)


def test_without_a_limit_or_a_reading_there_is_no_pressure() -> None:
    assert ["NOTHING", "NOTHING"] == looks(10**12, None, limit=0)
    assert ["NOTHING"] == looks(None)
    assert 0.0 == share_of(None, LIMIT) == share_of(5, 0)


@given(st.lists(st.one_of(st.none(), st.integers(0, 2000)), max_size=30))
def test_nobody_is_asked_who_is_well_below_the_limit(used: list[int | None]) -> None:
    pressure = Pressure()
    for number, one in enumerate(used):
        need = pressure.look(one, LIMIT, float(number))
        if need is not Need.NOTHING:
            assert one is not None
            assert one > 0.8 * LIMIT
