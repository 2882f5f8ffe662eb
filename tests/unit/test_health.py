"""When the pool is well."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.health import STUCK_AFTER_S, Condition, Health, Level, Status, assess
from pool.domain.held import HANDED_ON_S, Line, line
from pool.engine.clerk import ALERTS_EVERY_S


def names(health: Health) -> list[str]:
    return [alert.name for alert in health.alerts]


def test_full_pool_is_healthy() -> None:
    health = assess(Condition(nodes=1, size=4, workers=4, unhealthy=0, memory=0.5, paused={}))
    assert health == Health(Status.HEALTHY, 1.0, ())


def test_pool_without_a_node_is_critical_and_says_how_to_start_one() -> None:
    health = assess(Condition(nodes=0, size=0, workers=0, unhealthy=0))
    assert health.status is Status.CRITICAL
    assert health.capacity is None
    assert "manage.py pool start" in health.alerts[0].message


def test_pool_whose_workers_are_all_gone_or_ill_is_critical() -> None:
    for workers, unhealthy in ((0, 0), (2, 2)):
        health = assess(Condition(nodes=1, size=2, workers=workers, unhealthy=unhealthy))
        assert health.status is Status.CRITICAL
        assert health.capacity == 0.0
        assert names(health) == ["no_worker"]


def test_one_unhealthy_worker_degrades() -> None:
    health = assess(Condition(nodes=1, size=4, workers=4, unhealthy=1))
    assert health.status is Status.DEGRADED
    assert health.capacity == 0.75
    assert health.alerts[0].message == "1 of 4 workers is unhealthy."


def test_too_few_workers_degrade() -> None:
    assert names(assess(Condition(nodes=1, size=8, workers=3, unhealthy=0))) == ["low_capacity"]


def test_problem_of_a_node_degrades_and_is_told() -> None:
    health = assess(Condition(nodes=1, size=1, workers=1, unhealthy=0, problems=["The disk is full."]))
    assert health.status is Status.DEGRADED
    assert health.alerts[0].message == "The disk is full."


def test_node_without_database_degrades_and_the_last_one_is_critical() -> None:
    one = Condition(nodes=2, size=2, workers=2, unhealthy=0, unready=1)
    assert assess(one).status is Status.DEGRADED
    both = Condition(nodes=2, size=2, workers=2, unhealthy=0, unready=2)
    assert assess(both).status is Status.CRITICAL


def test_stopping_pool_is_degraded() -> None:
    assert names(assess(Condition(nodes=1, size=1, workers=1, unhealthy=0, shutting_down=True))) == ["shutting_down"]


def test_notices_change_no_status() -> None:
    health = assess(Condition(nodes=1, size=1, workers=1, unhealthy=0, memory=0.85, paused={"mail": 2, "idle": 0}))
    assert health.status is Status.HEALTHY
    assert [alert.level for alert in health.alerts] == [Level.NOTICE, Level.NOTICE]
    assert health.alerts[1].message == "Queue 'mail' is paused; 2 jobs wait in it."


def test_memory_is_told_of_above_four_fifths() -> None:
    calm = Condition(nodes=1, size=1, workers=1, unhealthy=0)
    assert names(assess(replace(calm, memory=0.8))) == []
    assert names(assess(replace(calm, memory=0.8001))) == ["memory"]


def test_memory_nearly_full_degrades() -> None:
    assert assess(Condition(nodes=1, size=1, workers=1, unhealthy=0, memory=0.95)).status is Status.DEGRADED


def test_somebody_looks_for_alerts_every_ten_seconds_at_the_least() -> None:
    assert ALERTS_EVERY_S <= 10


def waiting(seconds: float, *, is_idle: bool) -> Health:
    lines = {"mail": Line(seconds), "images": Line(1.0)}
    return assess(Condition(nodes=1, size=2, workers=2, unhealthy=0, lines=lines, is_idle=is_idle))


def test_pool_in_which_jobs_wait_and_none_ends_is_degraded() -> None:
    health = waiting(300, is_idle=True)
    assert (health.status, names(health)) == (Status.DEGRADED, ["stuck"])
    assert health.alerts[0].message.startswith("The oldest job in queue 'mail' has waited 5 min, and no job ends.")
    assert waiting(59, is_idle=True).alerts == ()


def test_jobs_that_wait_for_long_are_told_of_while_others_end() -> None:
    health = waiting(840, is_idle=False)
    assert (health.status, names(health)) == (Status.HEALTHY, ["late"])
    assert health.alerts[0].message == "The oldest job in queue 'mail' has waited 14 min."
    assert waiting(300, is_idle=False).alerts == ()


def test_nobody_is_told_that_jobs_wait_where_no_node_is() -> None:
    condition = Condition(nodes=0, size=0, workers=0, unhealthy=0, lines={"mail": Line(900.0)}, is_idle=True)
    assert names(assess(condition)) == ["no_node"]


# Jobs that a limit holds -------------------------------------------------------

IDLE = Condition(nodes=1, size=2, workers=2, unhealthy=0, is_idle=True)
LONG = 720.0


def told(**lines: Line) -> list[tuple[str, str]]:
    return [(alert.name, alert.message) for alert in assess(replace(IDLE, lines=lines)).alerts]


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (line(LONG, 1, 1, None, math.inf), "its limit max_running 1 lets one at a time"),
        (line(LONG, 4, 3, None, math.inf), "its limit max_running 3 lets 3 at a time"),
        (line(LONG, 0, None, 0.01, -40.0), "its limit rate 0.01 lets one start every 1 min 40 s"),
        (line(LONG, 0, None, 1.0, -0.5), "its limit rate 1 lets one start every 1 s"),
        (line(LONG, 0, 9, 2.5, HANDED_ON_S - 1), "its limit rate 2.5 lets 2.5 start in a second"),
    ],
)
def test_what_a_limit_holds_is_not_stuck_and_its_limit_is_named(held: Line, words: str) -> None:
    assert [("late", f"The oldest job in queue 'reports' has waited 12 min; {words}.")] == told(reports=held)
    assert [] == told(reports=replace(held, age_s=599.0))


@pytest.mark.parametrize(
    "free",
    [
        line(LONG, 0, 1, None, math.inf),
        line(LONG, 7, None, None, math.inf),
        line(LONG, 0, 3, 0.01, STUCK_AFTER_S),
        line(LONG, 0, None, 0.01, math.inf),
    ],
)
def test_a_limit_that_lets_jobs_start_is_no_excuse(free: Line) -> None:
    assert ["stuck", "late"] == [name for name, _ in told(reports=free)]
    assert not any("limit" in message for _, message in told(reports=free))


def test_a_rate_that_has_just_let_a_job_start_gives_it_its_minute() -> None:
    assert ["late"] == [name for name, _ in told(reports=line(LONG, 0, None, 0.01, STUCK_AFTER_S - 1))]


def test_what_is_held_hides_nothing_that_is_not() -> None:
    held = line(9000.0, 1, 1, None, math.inf)
    (stuck,) = told(reports=held, mail=Line(90.0))[:1]
    assert "stuck" == stuck[0]
    assert stuck[1].startswith("The oldest job in queue 'mail' has waited 1 min, and no job ends.")
    assert ("late", "The oldest job in queue 'mail' has waited 12 min.") in told(reports=held, mail=Line(LONG))


def test_a_pool_that_has_just_started_or_stops_is_not_stuck() -> None:
    waiting_for_long = replace(IDLE, lines={"mail": Line(500.0)})
    assert ["stuck"] == names(assess(waiting_for_long))
    assert [] == names(assess(replace(waiting_for_long, uptime_s=STUCK_AFTER_S - 1)))
    assert ["shutting_down"] == names(assess(replace(waiting_for_long, shutting_down=True)))


ages = st.floats(0, 1e5)
queues = st.builds(
    line,
    ages,
    st.integers(0, 5),
    st.none() | st.integers(1, 5),
    st.none() | st.floats(1e-3, 1e3),
    st.just(math.inf) | st.floats(-1e4, 1e5),
)


@given(st.dictionaries(st.sampled_from("abcde"), queues), ages, st.booleans(), st.booleans())
def test_only_what_might_have_started_for_a_minute_is_stuck(
    lines: dict[str, Line], uptime_s: float, is_idle: bool, shutting_down: bool
) -> None:
    health = assess(replace(IDLE, lines=lines, uptime_s=uptime_s, is_idle=is_idle, shutting_down=shutting_down))
    might = {name: one.vain_s for name, one in lines.items() if not one.limit and one.vain_s >= STUCK_AFTER_S}
    stuck = [alert for alert in health.alerts if alert.name == "stuck"]
    assert bool(stuck) == (bool(might) and is_idle and not shutting_down and uptime_s >= STUCK_AFTER_S)
    for alert in stuck:
        assert alert.message.split("'")[1] in {name for name in might if might[name] == max(might.values())}
    late = [alert for alert in health.alerts if alert.name == "late"]
    assert bool(late) == any(one.age_s >= IDLE.late_after_s for one in lines.values())
    assert health.status is (Status.DEGRADED if stuck or shutting_down else Status.HEALTHY)
