"""Which claimed jobs may start by the limits of their keys."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pool.domain.key_limits import Keyed, Stand, hold

NOW = 1000.0


def jobs(count, key="k", running=None, rate=None):
    return [Keyed(f"{key}{number}", 1, "default", key, running, rate) for number in range(count)]


def held(*args, **stands):
    return [(one.job.id, one.until) for one in hold(*args, stands, NOW)[0]]


def test_as_many_as_have_room_start_and_the_others_wait_for_an_end():
    assert [("k2", None), ("k3", None)] == held(jobs(4, running=2))
    assert [("k1", None), ("k2", None), ("k3", None)] == held(jobs(4, running=2), k=Stand(executing=1))
    assert [] == held(jobs(4, running=4))


def test_keys_do_not_share_their_room():
    assert [("a1", None), ("b1", None)] == held([*jobs(2, "a", running=1), *jobs(2, "b", running=1)])


def test_a_rate_lets_its_seconds_worth_start_and_spreads_the_others():
    assert [("k2", NOW + 0.5), ("k3", NOW + 1.0)] == held(jobs(4, rate=2.0))
    assert [("k0", NOW + 0.5), ("k1", NOW + 1.0)] == held(jobs(2, rate=2.0), k=Stand(tokens=0.0, at=NOW))
    assert [("k1", NOW + 0.25)] == held(jobs(2, rate=2.0), k=Stand(tokens=0.5, at=NOW - 0.5))


def test_a_rate_that_is_next_to_nothing_has_jobs_looked_at_every_day():
    assert [("k1", NOW + 86_400)] == held(jobs(2, rate=1e-300))


def test_a_key_that_is_full_uses_up_no_start():
    _, buckets = hold(jobs(3, running=1, rate=5.0), {}, NOW)
    assert 4.0 == buckets["k"].tokens


def test_each_job_is_judged_by_its_own_limits():
    some = [*jobs(2, running=1), *(Keyed(f"x{n}", 1, "default", "k", 3, None) for n in range(3))]
    assert [("k1", None), ("x2", None)] == held(some)


def test_a_key_without_limits_holds_nothing():
    assert ([], {}) == hold(jobs(100), {"k": Stand(executing=50)}, NOW)


KEYED = st.builds(
    Keyed, st.uuids().map(str), st.just(1), st.just("q"), st.sampled_from("abc"), st.integers(1, 4), st.none()
)


@given(
    st.lists(KEYED, max_size=30),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 5).map(lambda n: Stand(executing=n))),
)
def test_no_job_starts_beyond_its_limit_and_none_is_held_without_need(some, stands):
    waiting = {one.job.id for one in hold(some, stands, NOW)[0]}
    executing = Counter({key: stand.executing for key, stand in stands.items()})
    for job in some:
        assert (executing[job.key] >= job.running) == (job.id in waiting)
        executing[job.key] += job.id not in waiting
