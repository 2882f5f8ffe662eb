"""How fast workers that die before their first completed job are replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.restarting import FIRST_DELAY_S, LONGEST_DELAY_S, RestartBudget


def after(deaths, budget=3, every_s=0.0):
    """A budget after so many deaths in a row."""
    account = RestartBudget(budget, cooldown_s=5.0)
    for number in range(deaths):
        account.died_young(100.0 + number * every_s)
    return account


def test_at_first_a_worker_may_start_at_once():
    assert RestartBudget().next_start() < 0


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_within_the_budget_a_replacement_starts_at_once(deaths):
    account = after(deaths)
    assert (account.pause_s(), account.exhausted, account.next_start()) == (0.0, False, 100.0)


def test_past_it_the_pause_doubles_up_to_half_a_minute():
    pauses = [after(deaths).pause_s() for deaths in range(4, 16)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_DELAY_S
    assert after(4).exhausted


def test_the_next_start_is_counted_from_the_last_death():
    account = after(6)
    assert account.next_start() == pytest.approx(100.0 + 4 * FIRST_DELAY_S)


def test_a_completed_job_clears_the_account():
    account = after(10)
    account.worked()
    assert (account.pause_s(), account.exhausted) == (0.0, False)


def test_a_quiet_time_clears_it_too():
    account = after(4)
    account.died_young(100.0 + 5.1)
    assert (account.deaths, account.pause_s()) == (1, 0.0)


def test_deaths_within_that_time_go_on_counting():
    account = after(4)
    account.died_young(100.0 + 4.9)
    assert account.deaths == 5


def test_a_long_pause_is_no_quiet_time():
    """Otherwise a worker that cannot start would get its budget back by waiting for it."""
    account = after(30)
    account.died_young(account.next_start())
    assert account.pause_s() == LONGEST_DELAY_S


def test_without_a_budget_the_first_death_waits():
    assert after(1, budget=0).pause_s() == FIRST_DELAY_S


@given(st.integers(0, 5000), st.integers(0, 1000))
def test_a_pause_never_ends_the_pool(deaths, budget):
    account = RestartBudget(budget, deaths=deaths, last_death=0.0)
    assert 0.0 <= account.pause_s() <= LONGEST_DELAY_S
    assert account.exhausted == (account.pause_s() > 0)


@given(st.integers(1, 60))
def test_a_worker_that_always_dies_is_started_ever_more_rarely(starts):
    account, now, pauses = RestartBudget(), 0.0, []
    for _ in range(starts):
        account.died_young(now)
        pauses.append(account.pause_s())
        now = account.next_start()
    assert pauses == sorted(pauses)
