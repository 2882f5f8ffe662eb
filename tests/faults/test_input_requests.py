"""What the API is sent to break it: refused in time with 400, 413 or 415, and the same on both databases."""

import gzip
import json
import time
from typing import Any

import pytest

from pool.domain.errors import InvalidOption
from pool.domain.options import JobOptions
from pool.domain.states import JobStatus
from pool.models import Job
from pool.store.claim import claim, meet_queues
from pool.store.database import Database
from pool.store.deltas import Deltas
from tests.contract import tasks
from tests.dashboard.people import Api, problem_of
from tests.store.rows import enqueue

ADD = "tests.contract.tasks.add"
LIMIT_S = 2.0
"""Each is refused in milliseconds; what grows with the square of its length would take longer than this."""


@pytest.fixture
def api(db: None, django_user_model: Any, settings: Any) -> Api:
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}
    return Api.of(django_user_model.objects.create_superuser("ada"))


def body_with(args: str) -> str:
    return f'{{"task": "{ADD}", "args": {args}}}'


BODIES: dict[str, tuple[str | bytes, set[int]]] = {
    "depth": (body_with("[" * 100_000 + "]" * 100_000), {400}),
    "depth of objects": (body_with('[{"a":' * 50_000 + "1" + "}]" * 50_000), {400}),
    "never closed": (body_with("[" * 200_000), {400}),
    "quotes never closed": (body_with('["' + '\\"' * 200_000), {400}),
    "digits": (body_with(f"[{'9' * 5000}]"), {400}),
    "many digits": (body_with(f"[{'9' * 250_000}]"), {400}),
    "exponent": (body_with("[1e999999999]"), {400}),
    "ten thousand fields": (json.dumps({"task": ADD, **{f"f{number}": 1 for number in range(10_000)}}), {400}),
    "key twice among many": (body_with("[{" + '"a":1,' * 40_000 + '"a":1}]'), {400}),
    "surrogates": (body_with('["\\ud800\\ud800"]'), {400}),
    "byte order mark": (b"\xef\xbb\xbf" + body_with("[]").encode(), {400}),
    "utf-16": (body_with("[]").encode("utf-16"), {400}),
    "invalid utf-8": (body_with("[]").encode() + b"\xc3\x28", {400}),
    "gzip": (gzip.compress(body_with("[]").encode()), {400, 415}),
    "too large": (body_with(json.dumps("x" * 4_000_000)), {400, 413}),
    "nothing but room": (" " * 200_000, {400}),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", ["jobs", "jobs/batch"])
def test_bombs_are_refused_in_time(api: Api, path: str, kind: str) -> None:
    body, allowed = BODIES[kind]
    begin = time.monotonic()
    response = api.post(path, body)
    assert time.monotonic() - begin < LIMIT_S
    assert response.status_code in allowed
    problem_of(response, response.status_code)
    assert not Job.objects.exists()


def test_ten_thousand_keys_within_the_arguments_are_an_argument(api: Api) -> None:
    body = {"task": ADD, "args": [{f"k{number}": number for number in range(10_000)}]}
    assert api.post("jobs", body).status_code == 201


# Names ----------------------------------------------------------------------------


LOOK_ALIKE = ["mail", "Mail", "m\u0430il", "ma\u0131l", "cafe\u0301", "caf\u00e9", "\u212bng", "\u00c5ng", "日本"]
"""Latin and Cyrillic, composed and not, and two that lower case makes one."""

UNSEEN = [f"a{one}b" for one in "\u200f\u202e\u200b\u2028\x7f\t\U000e0041"] + [" a", "a ", "\u00a0a", "\ufeffa"]


@pytest.mark.parametrize("name", UNSEEN, ids=ascii)
def test_names_with_characters_that_nobody_sees_are_refused(name: str) -> None:
    for option in ("queue", "tenant", "affinity"):
        with pytest.raises(InvalidOption):
            JobOptions(**{option: name})
    with pytest.raises(InvalidOption):
        JobOptions(tags=[name])


def test_names_that_look_alike_are_different_ones_on_both_databases(alias: str, database: Database) -> None:
    ids = {name: enqueue(alias, queue=JobOptions(queue=name).queue)[0] for name in LOOK_ALIKE}
    with database.transaction():
        assert sorted(meet_queues(database)) == sorted(LOOK_ALIKE)
    for name, id in ids.items():
        with database.transaction():
            (job,) = claim(database, "node-1", 10, Deltas(), [name])
        assert (job.queue, job.id.replace("-", "")) == (name, id.hex)
    assert {JobStatus.ASSIGNED} == set(Job.objects.using(alias).values_list("status", flat=True))
