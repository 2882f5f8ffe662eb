"""The bench's own arithmetic and its report; nothing is measured here."""

import io
import json

import pytest
from rich.console import Console

from bench.databases import POSTGRES, SQLITE, SQLITE_NORMAL
from bench.figures import BY_KEY, FIGURES, Mark, Taken
from bench.main import parser, run
from bench.measures.idle import most_at_once
from bench.measures.listed import MEASURES
from bench.measures.plan import Plan, percentile
from bench.measures.recovery import Note, read_notes, running
from bench.measures.scheduling import SCHEDULING
from bench.report import Broken, Report, number

DRAIN, HAND_OVER, BOOT = BY_KEY["drain"], BY_KEY["hand_over"], BY_KEY["boot"]


def report(*, broken=()):
    taken = [
        Taken(SQLITE, "drain", DRAIN, [21_000.0, 19_000.0, 60_000.0]),
        Taken(SQLITE, "drain", BOOT, [1_500.0]),
        Taken(POSTGRES, "latency", HAND_OVER, [500.0]),
    ]
    return Report({"cores": 2}, taken, broken, 12.34)


def printed(table):
    text = io.StringIO()
    Console(file=text, width=200).print(table)
    return text.getvalue()


@pytest.mark.parametrize(
    ("figure", "value", "mark"),
    [
        (DRAIN, 50_000, Mark.AIM),
        (DRAIN, 20_000, Mark.MET),
        (DRAIN, 19_999, Mark.MISSED),
        (HAND_OVER, 60, Mark.AIM),
        (HAND_OVER, 200, Mark.MET),
        (HAND_OVER, 201, Mark.MISSED),
        (BOOT, 1, Mark.NONE),
    ],
)
def test_a_figure_is_held_against_its_bound_in_the_direction_the_bound_has(figure, value, mark):
    assert figure.mark(SQLITE, value) is mark


def test_where_nothing_may_go_wrong_less_is_better():
    stuck = BY_KEY["graph_stuck"]
    assert [Mark.AIM, Mark.MISSED] == [stuck.mark(SQLITE, value) for value in (0, 1)]
    (table,) = Report({}, [Taken(SQLITE, "graph", stuck, [0.0])], [], 1.0).tables()
    assert "≤ 0" in printed(table)


def test_a_bound_may_differ_by_database():
    assert DRAIN.mark(POSTGRES, 10_000) is Mark.MET
    assert DRAIN.bound(SQLITE_NORMAL) == DRAIN.bound(SQLITE)
    assert BY_KEY["enqueue_one"].bound(SQLITE_NORMAL) == (3_000, 6_000)
    assert BY_KEY["enqueue_one"].bound(SQLITE) == BY_KEY["enqueue_one"].bound(POSTGRES) == (1_500, 3_000)
    assert BY_KEY["flow"].bound(POSTGRES) is None


def test_keys_are_unique():
    assert len(BY_KEY) == len(FIGURES)


def test_the_median_of_the_samples_counts():
    assert Taken(SQLITE, "drain", DRAIN, [1.0, 30_000.0, 25_000.0]).value == 25_000


def test_json_holds_every_figure_with_its_bound_and_mark():
    told = json.loads(report().as_json())
    assert [(one["key"], one["value"], one["bound"], one["mark"]) for one in told["figures"]] == [
        ("drain", 21_000.0, 20_000, "met"),
        ("boot", 1_500.0, None, None),
        ("hand_over", 500.0, 200, "MISSED"),
    ]
    assert told["machine"] == {"cores": 2}
    assert told["failed"] == []


def test_there_is_a_table_for_each_database():
    sqlite, postgres = report().tables()
    assert "21,000 jobs/s" in printed(sqlite)
    assert "≥ 20,000" in printed(sqlite)
    assert "MISSED" in printed(postgres)
    assert "≤ 200" in printed(postgres)


def test_a_measure_that_failed_stands_in_the_table_and_the_summary():
    broken = report(broken=[Broken(SQLITE, "idle", "TimeoutError: Waited in vain.")])
    assert "Waited in vain" in printed(broken.tables()[0])
    assert "FAILED" in printed(broken.tables()[0])
    assert broken.summary() == ("2 figures with a goal: 0 reach the aim, 1 are met, 1 are missed. 1 measures failed.")


@pytest.mark.parametrize(("value", "text"), [(12_345.6, "12,346"), (99.94, "99.9"), (3.14159, "3.14"), (0.0, "0.00")])
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_a_percentile_is_one_of_the_values():
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (0, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert percentile([7.0], 99) == 7


def test_spans_that_only_touch_are_not_at_once():
    assert most_at_once([(0, 2), (1, 3), (2, 4)]) == 2
    assert most_at_once([]) == 0


def test_a_job_runs_from_its_start_to_its_end_in_the_same_process(tmp_path):
    log = tmp_path / "jobs.log"
    assert read_notes(log) == []
    log.write_text("start 1 10 100\nstart 2 11 110\nend 1 10 200\nstart 1 12 300\n")
    assert running(read_notes(log)) == [Note("start", 2, 11, 110), Note("start", 1, 12, 300)]


def test_a_quick_plan_takes_less():
    assert [Plan(quick=quick).pick(100, 1) for quick in (False, True)] == [100, 1]


def test_without_arguments_everything_is_measured():
    options = parser().parse_args([])
    assert options.only == list(MEASURES)
    assert options.database == [SQLITE, SQLITE_NORMAL, POSTGRES]
    assert [options.quick, options.json] == [False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--only", "nothing"],
        ["--database", "oracle"],
        ["--database-url", "sqlite:///pool.sqlite3"],
        ["--folder", "no/such/folder"],
        ["--reps", "0"],
        ["--bogus"],
    ],
)
def test_wrong_arguments_are_told_and_exit_with_2(wrong, capsys):
    assert run(wrong) == 2
    assert "error" in capsys.readouterr().err


def test_the_schedulers_measures_are_taken_instead_of_the_rest_or_by_name():
    assert parser().parse_args(["--scheduling"]).only == list(SCHEDULING)
    assert parser().parse_args(["--only", "fair,drain"]).only == [SCHEDULING[0], MEASURES[1]]
    assert not {measure.name for measure in SCHEDULING} & {measure.name for measure in MEASURES}
