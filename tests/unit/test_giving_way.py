"""How long a node rests between two turns where others write too."""

from hypothesis import given
from hypothesis import strategies as st

from pool.domain.giving_way import FIRST_REST_S, LONGEST_REST_S, rest_after


def rests(*meetings: bool) -> list[float]:
    found, rest_s = [], 0.0
    for met_others in meetings:
        rest_s = rest_after(rest_s, met_others=met_others)
        found.append(rest_s)
    return found


def test_alone_it_never_rests() -> None:
    assert [0.0] * 5 == rests(*[False] * 5)


def test_it_rests_ever_longer_while_it_meets_others() -> None:
    assert [0.001, 0.002, 0.004, 0.008, LONGEST_REST_S, LONGEST_REST_S] == rests(*[True] * 6)


def test_a_single_meeting_costs_one_rest() -> None:
    assert [FIRST_REST_S, 0.0, 0.0] == rests(True, False, False)


def test_alone_again_it_soon_rests_no_more() -> None:
    assert 0.0 == rests(*[True] * 100, *[False] * 9)[-1]


def test_a_long_rest_stays_while_others_are_met_at_every_third_turn() -> None:
    assert LONGEST_REST_S == max(rests(*[True] * 5, *[True, False, False] * 100)[-3:])


@given(st.lists(st.booleans(), max_size=50))
def test_a_rest_is_none_or_within_its_limits(meetings: list[bool]) -> None:
    assert all(rest == 0.0 or FIRST_REST_S <= rest <= LONGEST_REST_S for rest in rests(*meetings))
