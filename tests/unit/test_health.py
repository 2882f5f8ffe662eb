"""When the pool is well."""

from pool.domain.health import Condition, Health, Level, Status, assess


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


def test_memory_nearly_full_degrades() -> None:
    assert assess(Condition(nodes=1, size=1, workers=1, unhealthy=0, memory=0.95)).status is Status.DEGRADED


def waiting(seconds: float, *, is_idle: bool) -> Health:
    oldest = {"mail": seconds, "images": 1.0}
    return assess(Condition(nodes=1, size=2, workers=2, unhealthy=0, oldest=oldest, is_idle=is_idle))


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
    condition = Condition(nodes=0, size=0, workers=0, unhealthy=0, oldest={"mail": 900.0}, is_idle=True)
    assert names(assess(condition)) == ["no_node"]
