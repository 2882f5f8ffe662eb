"""Failpoints: off unless a test arms them, each in the code once, and each doing what it is told."""

import ast
import timeit
from pathlib import Path

import pytest
from django.db import OperationalError

import pool
from pool import failpoints
from pool.failpoints import ARMED, COMMITS, FOLDER, POINTS, VARIABLE, FailpointReached, arm, hit, hit_commit

SOURCES = Path(pool.__file__).parent


@pytest.fixture(autouse=True)
def disarmed():
    yield
    arm({})


def armed(text, folder):
    arm({VARIABLE: text, FOLDER: str(folder)})


def calls_in_the_code():
    """Names given to hit(), and what transactions are said to be about."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.hit":
                yield "hit", ast.literal_eval(node.args[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".transaction"):
                yield from (("transaction", word.value) for word in node.args if isinstance(word, ast.Constant))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "db.doing":
                yield from (
                    ("transaction", part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant)
                )


def test_every_point_is_in_the_code_and_every_name_in_the_list():
    calls = set(calls_in_the_code())
    by_commit = {f"{when}_{doing}_commit" for when in ("before", "after") for doing in COMMITS}
    assert set(COMMITS) == {name for kind, name in calls if kind == "transaction"}
    assert set(POINTS) == by_commit | {name for kind, name in calls if kind == "hit"}
    assert len(POINTS) >= 25


@pytest.mark.parametrize("environment", [{}, {VARIABLE: "all=raise"}, {FOLDER: "/nowhere"}])
def test_without_both_variables_nothing_is_armed(environment):
    arm(environment)
    assert {} == ARMED
    hit("before_send")
    hit_commit("before", "claim")


@pytest.mark.parametrize(
    "text", ["nowhere=raise", "before_send=explode", "before_send=sleep", "before_send=sleep:long", "before_send"]
)
def test_what_cannot_be_armed_is_refused(text, tmp_path):
    with pytest.raises(ValueError, match="POOL_FAILPOINTS"):
        armed(text, tmp_path)


@pytest.mark.parametrize(
    ("action", "error"), [("raise", FailpointReached), ("oserror", OSError), ("dberror", OperationalError)]
)
def test_a_point_does_what_it_is_told_and_no_other_does(action, error, tmp_path):
    armed(f"before_send={action}, after_claim_commit={action}", tmp_path)
    for _ in range(2):
        with pytest.raises(error):
            hit("before_send")
    hit("after_send")
    with pytest.raises(error):
        hit_commit("after", "claim")
    hit_commit("before", "claim")
    hit_commit("after", "")


def test_a_file_arms_its_point_once(tmp_path):
    armed("all=file", tmp_path)
    assert set(POINTS) == set(ARMED)
    hit("before_send")
    (tmp_path / "before_send").write_text("raise\n")
    hit("after_send")
    with pytest.raises(FailpointReached, match="before_send"):
        hit("before_send")
    assert ["before_send.fired"] == [path.name for path in tmp_path.iterdir()]
    hit("before_send")


def test_sleeping_takes_its_time(tmp_path):
    armed("before_send=sleep:0.01", tmp_path)
    assert timeit.timeit(lambda: hit("before_send"), number=1) >= 0.01


def test_the_importing_process_is_not_armed():
    assert {} == failpoints.ARMED
