"""Every verb on every state, under every claim: the row is what the table says, or byte for byte what it was."""

import ast
import re
from itertools import product
from pathlib import Path

import pytest
from django.db import connections

import pool.store
from pool.domain.states import JobStatus
from pool.domain.transitions import TABLE, Guard
from pool.models import Attempt, Job
from tests.store.rows import assert_counted, check_columns
from tests.store.verbs import EPOCH, EPOCHS, NOT_YET, VERBS, OperatorVerb, Scene, open_queues

BOTH = (True, False)
ABOUT_TIME = {Guard.DUE, Guard.OPEN, Guard.LISTED, Guard.OLD}
STORE = Path(pool.store.__file__).parent

KEPT = ("job_id", "epoch", "outcome")
WRITES = re.compile(r"\b(UPDATE|DELETE FROM)\s+\"?pool_job\"?\s")
NESTED = re.compile(r"\([^()]*\)")
STATE_GUARD = re.compile(r"\bstatus\"?\s*(\|\| ''\s*)?(=|IN)\s")


def scenes_of(verb, status):
    """Every claim, with a cancel in the row or not, of this node or another, its time come or not."""
    guards = {guard for way in VERBS[verb].ways for guard in way.row.guards}
    times = BOTH if guards & ABOUT_TIME else (True,)
    return [Scene(status, *rest) for rest in product(EPOCHS, BOTH, BOTH, times)]


def rows_as_stored(database):
    """Every job as the database holds it, without any conversion of ours."""
    cursor = database.execute("SELECT * FROM pool_job")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {str(row["id"]).replace("-", ""): row for row in rows}


def rows_as_read(alias):
    return {row["id"]: row for row in Job.objects.using(alias).values()}


def act(verb, placed, database):
    if VERBS[verb].reads_row:
        VERBS[verb].alone(placed[0], database)
        return
    for actors in placed:
        VERBS[verb].alone(actors, database)


def differences(expected, found):
    if expected is None or found is None:
        return [] if expected is found else ["is there" if found else "is gone"]
    return [f"{name}: {found[name]!r}, not {expected[name]!r}" for name in found if expected[name] != found[name]]


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("verb", VERBS)
def test_a_row_is_what_the_table_says_or_what_it_was(alias, database, verb, status):
    open_queues(alias)
    scenes = scenes_of(verb, status)
    placed = [scene.put(alias) for scene in scenes]
    for actors in placed:
        VERBS[verb].prepare(actors)
    stored, before = rows_as_stored(database), rows_as_read(alias)
    act(verb, placed, database)
    after_stored, after = rows_as_stored(database), rows_as_read(alias)
    kept = {(job, epoch): outcome for job, epoch, outcome in Attempt.objects.using(alias).values_list(*KEPT)}
    wrong, keeps = {}, {}
    for scene, actors in zip(scenes, placed, strict=True):
        way = VERBS[verb].way(scene)
        if way is None:
            assert stored[actors.id.hex] == after_stored[actors.id.hex], scene
            continue
        if found := differences(way.after(before[actors.id]), after.get(actors.id)):
            wrong[scene] = found
        if way.keeps:
            keeps[actors.id, EPOCH] = way.keeps
    assert {} == wrong
    assert keeps == kept
    for row in after.values():
        check_columns(row)
    assert_counted(alias)


def test_every_row_of_the_table_is_somebodys():
    tried = {way.name for verb in VERBS.values() for way in verb.ways}
    assert {row.name for row in TABLE} == tried | NOT_YET
    assert tried & NOT_YET == set()


def test_every_verb_leads_where_its_transition_may():
    for verb, scene in product(VERBS.values(), map(Scene, JobStatus)):
        for way in verb.ways:
            if scene.status in way.row.sources and not way.row.removes:
                after = way.after({"status": scene.status, "worker": "", "started_at": None})
                assert {after["status"]} <= (way.row.targets or {scene.status}), way.name


# The statements ------------------------------------------------------------------


def texts():
    """Every text in the sources of the store, with what is filled in left out."""
    for path in sorted(STORE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value
            elif isinstance(node, ast.JoinedStr):
                yield path.name, "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)


def condition_of(statement):
    """What the statement that changes jobs asks of them."""
    return WRITES.split(statement)[-1].partition("WHERE")[2]


def without_brackets(condition):
    """What is asked of the job itself, not in a statement within."""
    while (flat := NESTED.sub("", condition)) != condition:
        condition = flat
    return condition


WRITING = [(name, text) for name, text in texts() if WRITES.search(text) and " WHERE " in text.replace("\n", " ")]


def test_the_statements_that_change_jobs_are_found():
    assert {"claim.py", "promote.py", "prune.py", "record.py", "running.py", "unblock.py"} <= {
        name for name, _ in WRITING
    }
    assert len(WRITING) >= 9


@pytest.mark.parametrize(
    "statement", [pytest.param(text, id=f"{name}-{at}") for at, (name, text) in enumerate(WRITING)]
)
def test_no_statement_changes_a_job_without_a_guard(statement):
    condition = condition_of(statement)
    assert STATE_GUARD.search(without_brackets(condition)), statement
    if re.search("'(ASSIGNED|RUNNING)'", condition):
        assert re.search(r"\bepoch = ", without_brackets(condition)), statement


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if isinstance(verb, OperatorVerb)])
def test_neither_does_an_operator(alias, database, verb):
    said = []

    def listen(execute, sql, params, many, context):
        said.append(sql)
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(listen):
        for status in JobStatus:
            VERBS[verb].alone(Scene(status).put(alias), database)
    changing = [sql for sql in said if WRITES.search(sql)]
    assert changing
    assert [sql for sql in changing if not re.search(r'"status" (=|IN) ', sql.partition("WHERE")[2])] == []
