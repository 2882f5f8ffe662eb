"""docs/delivery.md says what the code does: every move of a job, every failpoint, every fault, and tests that exist."""

import ast
import re
from collections import defaultdict
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest

from bench.peers.report import PeerReport
from pool.domain.states import JobStatus
from pool.domain.transitions import TABLE, Guard, Need, Transition
from pool.failpoints import POINTS
from tests.chaos.report import Report

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "delivery.md").read_text()

NOWHERE = "[*]"
GIVEN_UP = {14, 15, 33, 41, 44, 51}
"""Numbers of faults that the catalogue has no more."""

TEST = re.compile(r"`(tests/[\w/]+\.py::[\w:]+)`")
NAME = re.compile(r"`(\w+)`")


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def tables(heading: str) -> list[list[list[str]]]:
    """The tables of a section: rows of cells, without the head."""
    found = re.findall(r"(?:^\|.*\|\n)+", section(heading), flags=re.MULTILINE)
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines()[2:]] for text in found]


(CRASHES,) = tables("Crash points")
(FAULTS,) = tables("Faults")


# Moves ----------------------------------------------------------------------------


def arrows() -> dict[tuple[str, str], list[str]]:
    """What the diagram has to show: from where to where, and by which moves."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in TABLE:
        begins = {(NOWHERE, str(target)) for target in row.targets if not row.sources}
        ends = {(str(source), NOWHERE) for source in row.sources if row.removes}
        for pair in {(str(source), str(target)) for source, target in row.moves} | begins | ends:
            found[pair].append(row.number)
    return found


def listed(words: frozenset[StrEnum], kind: type[StrEnum], mark: str) -> str:
    return mark.join(word for word in kind if word in words)


def line_of(row: Transition) -> list[str]:
    source = listed(row.sources, JobStatus, ", ") or "new"
    target = "gone" if row.removes else listed(row.targets, JobStatus, ", ") or "stays"
    return [row.number, row.name, source, target, listed(row.guards, Guard, "; "), listed(row.needs, Need, "; ")]


def test_the_diagram_shows_every_move_and_no_other():
    (diagram,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", section("States"), flags=re.DOTALL)
    drawn = re.findall(r"^ +(\S+) --> (\S+): (.+)$", diagram, flags=re.MULTILINE)
    assert len(drawn) == len(diagram.splitlines())
    assert arrows() == {(source, target): numbers.split(", ") for source, target, numbers in drawn}


def test_the_table_says_what_each_move_asks_for():
    (table,) = tables("States")
    assert [line_of(row) for row in TABLE] == table


# Crash points ---------------------------------------------------------------------


def test_every_crash_point_has_its_row():
    assert [f"K{number}" for number in range(17)] == [row[0] for row in CRASHES]


def test_every_failpoint_belongs_to_a_crash_point():
    assert set(POINTS) == {name for row in CRASHES for name in NAME.findall(row[4])}


# Faults and tests -----------------------------------------------------------------


def test_every_fault_has_its_row():
    assert [f"F{number:02}" for number in range(1, 62) if number not in GIVEN_UP] == [row[0] for row in FAULTS]


@pytest.mark.parametrize("row", [*CRASHES, *FAULTS], ids=lambda row: row[0])
def test_each_names_tests_that_exist_or_says_why_not(row):
    assert all(row)
    named = TEST.findall(row[-1])
    assert named or len(row[-1].split()) > 5, "neither a test nor a reason"
    assert row[-1].count(".py::") == len(named), "a test that is not written as `tests/folder/test_x.py::test_name`"
    for test in named:
        path, *names = test.split("::")
        assert exists(path, tuple(names)), test


def exists(path: str, names: tuple[str, ...]) -> bool:
    scope = parsed(path)
    for name in names:
        found = [node for node in scope if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
        if not found:
            return False
        scope = found[0].body
    return names[-1].startswith("test_")


@cache
def parsed(path: str) -> list[ast.stmt]:
    return ast.parse((ROOT / path).read_text()).body if (ROOT / path).exists() else []


# Figures --------------------------------------------------------------------------


def test_figures_bear_the_names_that_the_commands_print():
    counts, _ = tables("Published figures")
    peers, _ = tables("Others under the same kills")
    assert {row[0].strip("*") for row in counts} <= set(Report("", 0, 0, 0, 0, False).figures())
    printed = set(PeerReport("", "", {}, {}, 0, 0, 0).lines())
    assert {row[0] for row in peers if not row[0].startswith("SIG")} <= printed
