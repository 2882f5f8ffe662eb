"""What a clerk finds wrong when it looks."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain import alarms
from pool.domain.alarms import DELIBERATE, LEAST_FINISHED, NAMES, OVERDUE_S, Marks, Sight, Stuck, WorkerSight, seen
from pool.domain.config import SETTINGS
from pool.domain.health import Alert, Condition, Level, assess
from pool.domain.held import Line

MARKS = Marks(error_rate=0.1, dead_letters=10)
WELL = Sight(workers=[WorkerSight("w0", 1, 100)])


def found(**sight: object) -> list[tuple[str, str]]:
    return [(alert.name, alert.message) for alert in alarms.alarms(Sight(**sight), MARKS)]  # type: ignore[arg-type]


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    assert [] == alarms.alarms(WELL, MARKS)
    assert [] == alarms.alarms(Sight(), MARKS)


def test_a_worker_that_fails_too_often() -> None:
    assert [("error_rate", "Worker w1 fails in more than 10 % of its attempts: 3 of 20.")] == found(
        workers=[WorkerSight("w0", 2, 20), WorkerSight("w1", 3, 20)]
    )


def test_several_of_them_are_one_alert_that_names_the_worst() -> None:
    workers = [WorkerSight("w0", 3, 20), WorkerSight("w1", 9, 20)]
    assert [("error_rate", "2 workers fail in more than 10 % of their attempts, w1 most: 9 of 20.")] == found(
        workers=workers
    )
    assert ["w1", "w0"] == [one.worker for one in alarms.too_many_errors(Sight(workers=workers), MARKS)]


def test_workers_with_a_job_each_are_one_among_others() -> None:
    workers = [WorkerSight("w0", 3, 20), WorkerSight("", 9, 20, "general")]
    (alert,) = found(workers=workers)
    assert "2 workers fail in more than 10 % of their attempts, general workers with a job each most: 9 of 20." in alert


@pytest.mark.parametrize(
    "worker", [WorkerSight("w0", LEAST_FINISHED - 1, LEAST_FINISHED - 1), WorkerSight("w0", 2, 20)]
)
def test_few_attempts_say_nothing_and_the_threshold_itself_is_normal(worker: WorkerSight) -> None:
    assert [] == found(workers=[worker])


def test_silent_workers_that_were_replaced() -> None:
    assert found(replaced=1)[0][1].startswith("1 worker was silent for too long")
    assert found(replaced=2)[0][1].startswith("2 workers were silent for too long")


def test_dead_letters_alert_from_their_number_on() -> None:
    assert [] == found(dead_lately=9)
    assert [("dead_letters", "10 jobs used up their attempts within the last hour.")] == found(dead_lately=10)
    (one,) = alarms.alarms(Sight(dead_lately=1), Marks(dead_letters=1))
    assert "1 job used up its attempts within the last hour." == one.message


def test_a_worker_short_of_memory_is_named_and_each_is_one() -> None:
    sight = Sight(pressed={"w1": 0.934, "w0": 0.95})
    alerts = alarms.alarms(sight, MARKS)
    assert ["w0", "w1"] == [alert.subject for alert in alerts]
    assert "93 %" in alerts[1].message


def test_a_job_that_should_have_ended_for_a_while() -> None:
    stuck = [Stuck("id", "app.send", "w0", OVERDUE_S + 1), Stuck("other", "app.send", "w1", OVERDUE_S - 1)]
    (alert,) = alarms.alarms(Sight(stuck=stuck), MARKS)
    assert ("stuck_job", "id") == (alert.name, alert.subject)
    assert "app.send" in alert.message


def test_late_schedules_are_named_up_to_a_few() -> None:
    late = [(f"s{number}", 120.0) for number in range(5)]
    assert [
        (
            "missed_schedule",
            "Schedules that should have run by now: 's0' (2 min), 's1' (2 min), 's2' (2 min) and 2 more.",
        )
    ] == found(late_schedules=late)


def test_a_budget_of_restarts_that_is_used_up() -> None:
    assert "restart_budget" == found(exhausted=1)[0][0]


def test_alerts_open_for_everything_but_what_somebody_wanted() -> None:
    alerts = [Alert("paused_queue", Level.NOTICE, "Paused.", "mail"), Alert("late", Level.NOTICE, "Late.")]
    (one,) = seen(alerts)
    assert ("late", "", "notice", "Late.") == (one.name, one.subject, one.level, one.message)
    assert {"paused_queue", "shutting_down"} == DELIBERATE


def test_what_clerks_found_counts_for_the_status() -> None:
    well = Condition(nodes=1, size=1, workers=1, unhealthy=0)
    assert "healthy" == assess(well).status
    told = Alert("dead_letters", Level.WARNING, "Many.")
    condition = Condition(nodes=1, size=1, workers=1, unhealthy=0, found=[told])
    assert ("degraded", (told,)) == (assess(condition).status, assess(condition).alerts)


def test_how_late_is_late_is_a_setting() -> None:
    condition = Condition(nodes=1, size=1, workers=1, unhealthy=0, lines={"mail": Line(30.0)}, late_after_s=20.0)
    assert ["late"] == [alert.name for alert in assess(condition).alerts]


def test_nodes_with_the_same_problem_are_one_alert() -> None:
    condition = Condition(nodes=2, size=1, workers=1, unhealthy=0, problems=["Full.", "Full.", "Odd."])
    assert ["Full.", "Odd."] == [alert.message for alert in assess(condition).alerts]


workers = st.builds(
    lambda worker, failed, more: WorkerSight(worker, failed, failed + more),
    st.text("abc", min_size=1, max_size=3),
    st.integers(0, 500),
    st.integers(0, 500),
)
sights = st.builds(
    Sight,
    workers=st.lists(workers, max_size=5),
    replaced=st.integers(0, 5),
    pressed=st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(0.9, 2.0), max_size=3),
    dead_lately=st.integers(0, 3000),
    late_schedules=st.lists(st.tuples(st.text(max_size=5), st.floats(0, 1e6)), max_size=5),
    exhausted=st.integers(0, 3),
)


@given(sights)
def test_every_alarm_has_a_known_name_and_a_sentence_and_no_two_are_alike(sight: Sight) -> None:
    alerts = alarms.alarms(sight, MARKS)
    assert {alert.name for alert in alerts} <= NAMES
    assert all(alert.message.endswith(".") for alert in alerts)
    assert all(alert.message[0].isupper() or alert.message[0].isdigit() for alert in alerts)
    assert len({(alert.name, alert.subject) for alert in alerts}) == len(alerts)


# The document ------------------------------------------------------------------

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "alerts.md").read_text()


def names_in_the_code() -> set[str]:
    """The names of all alerts: first arguments of `Alert(...)` in the rules."""
    sources = [(ROOT / "pool" / "domain" / f"{name}.py").read_text() for name in ("health", "alarms")]
    return {name for source in sources for name in re.findall(r"\bAlert\(\s*\"(\w+)\"", source)}


def test_each_alert_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `(\w+)` \| (?:notice|warning|critical)", PAGE, flags=re.MULTILINE)
    assert sorted(names_in_the_code() - DELIBERATE - {"no_node"}) == sorted(documented)
    assert names_in_the_code() >= NAMES


def test_the_settings_that_the_document_names_exist() -> None:
    named = set(re.findall(r"`((?:alert|worker|late|dead|restart|error|unhealthy|replace|health)_\w+)`", PAGE))
    assert named - names_in_the_code() - {"alert_opened", "alert_resolved"} <= set(SETTINGS)
