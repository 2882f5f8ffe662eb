"""What is shown of jobs and of the pool."""

import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.errors import InvalidOption, JobNotFound
from pool.domain.ids import first_id, new_id
from pool.domain.states import JobStatus, NodeState, WorkerState
from pool.models import Attempt, Job, JobLog, Node, PoolSnapshot, Queue, Tally, WorkerSnapshot
from pool.store import job_list, place, read
from pool.store.job_filter import JobFilter
from tests.unit.test_figures import KEYS, missing

pytestmark = pytest.mark.usefixtures("alias")

JOB_KEYS = """
    id task args kwargs status queue priority tenant attempts max_attempts timeout progress progress_message
    created_at run_at started_at finished_at worker node result error metadata tags usage depends_on batch unique_key
    position explanation
"""
WORKER_KEYS = """
    id pid node kind capabilities state healthy current_jobs jobs_completed jobs_failed failed_in_row
    mean_run_ms uptime last_beat rss cpu
"""
NODE_KEYS = "id host pid state workers started_at last_beat"

COUNT = "COUNT("


def rows(model: type[Model]) -> QuerySet[Any]:
    return model.objects.using(database_alias())


def a_job(**fields: Any) -> Job:
    now = timezone.now()
    return rows(Job).create(**{"id": new_id(), "task": "t", "created_at": now, "run_at": now, **fields})


def a_node(name: str = "n1", age_s: float = 0.0, **fields: Any) -> Node:
    now = timezone.now() - timedelta(seconds=age_s)
    values = {"host": "host", "pid": 7, "state": NodeState.RUNNING, "started_at": now, "last_beat": now, **fields}
    return rows(Node).create(id=name, **values)


def a_worker(name: str, node: str = "n1", **fields: Any) -> WorkerSnapshot:
    now = timezone.now()
    values = {"slot": 0, "pid": 8, "state": WorkerState.IDLE, "started_at": now, "last_beat": now, **fields}
    return rows(WorkerSnapshot).create(id=name, node=node, **values)


def pages(**filters: Any) -> Iterator[job_list.JobPage]:
    """All pages, on from the first."""
    cursor = None
    while True:
        page = read.list_jobs(cursor=cursor, **filters)
        yield page
        if (cursor := page.next) is None:
            return


def test_job_has_all_keys_and_is_json() -> None:
    job = a_job(args=[1], kwargs={"a": None}, metadata={"k": 1}, tags=["x"])
    shown = read.job_dict(job)
    assert list(shown) == JOB_KEYS.split()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["id"] == str(job.pk)
    assert shown["worker"] is None
    assert datetime.fromisoformat(shown["created_at"]) == job.created_at


def test_job_is_found_by_any_spelling_of_its_id() -> None:
    job = a_job()
    assert read.get_job(job.pk) == job
    assert read.get_job(job.pk.hex) == job
    assert read.get_job(str(job.pk).upper()) == job


@pytest.mark.parametrize("job_id", ["", "no-id", "\x00", str(uuid.uuid4()), None, 7])
def test_unknown_job_is_not_found(job_id: Any) -> None:
    with pytest.raises(JobNotFound):
        read.get_job(job_id)


def test_position_counts_the_jobs_claimed_before() -> None:
    last = a_job(priority=-1, rank=0)
    third = a_job(priority=0, rank=5)
    second = a_job(priority=0, rank=4)
    first = a_job(priority=10, rank=9)
    fourth = a_job(priority=0, rank=5)
    a_job(priority=50, queue="other")
    a_job(priority=50, status=JobStatus.SCHEDULED)
    assert [read.position(job) for job in (first, second, third, fourth, last)] == [0, 1, 2, 3, 4]


def test_position_is_unknown_when_far_back_or_not_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [a_job(rank=rank) for rank in range(5)]
    monkeypatch.setattr(place, "MOST_AHEAD", 3)
    assert [read.position(job) for job in jobs] == [0, 1, 2, 3, None]
    assert read.position(a_job(status=JobStatus.COMPLETED)) is None


def test_detail_says_why_a_job_waits() -> None:
    rows(Queue).create(name="mail", paused=True)
    assert read.job_detail(a_job(queue="mail").pk)["explanation"].startswith("Queue 'mail' is paused.")
    at = timezone.now() + timedelta(hours=1)
    scheduled = a_job(status=JobStatus.SCHEDULED, run_at=at)
    assert read.job_detail(scheduled.pk)["explanation"] == f"It waits for its time, until {at.isoformat()}."
    free = read.job_detail(a_job().pk)
    assert (free["position"], free["explanation"]) == (0, None)


def test_list_is_newest_first_and_pages_both_ways() -> None:
    jobs = [a_job() for _ in range(5)][::-1]
    first = read.list_jobs(limit=2)
    second = read.list_jobs(limit=2, cursor=first.next)
    third = read.list_jobs(limit=2, cursor=second.next)
    assert [first.jobs, second.jobs, third.jobs] == [jobs[:2], jobs[2:4], jobs[4:]]
    assert (first.previous, third.next) == (None, None)
    back = read.list_jobs(limit=2, cursor=third.previous)
    assert back.jobs == jobs[2:4]
    front = read.list_jobs(limit=2, cursor=back.previous)
    assert front.jobs == jobs[:2]
    assert front.previous is None
    assert read.list_jobs(limit=2, cursor=front.next).jobs == jobs[2:4]


def test_jobs_that_come_in_do_not_move_a_page() -> None:
    old = [a_job() for _ in range(4)][::-1]
    first = read.list_jobs(limit=2)
    a_job()
    assert read.list_jobs(limit=2, cursor=first.next).jobs == old[2:]


def test_list_is_filtered_by_status_queue_and_task() -> None:
    found = {status: a_job(status=status, queue="mail", task="a") for status in JobStatus}
    a_job(queue="other", task="b")
    for status in (JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.SCHEDULED):
        assert read.list_jobs(status=status.lower()).jobs == [found[status]]
        assert read.list_jobs(status=status, queue="mail").jobs == [found[status]]
        assert read.list_jobs(status=status, queue="other").jobs == []
    assert len(read.list_jobs(queue="mail").jobs) == len(JobStatus)
    assert [job.task for job in read.list_jobs(task="b").jobs] == ["b"]


RARE = {"task": "rare", "queue": "rare", "tenant": "rare", "tags": ["rare"]}


@pytest.mark.parametrize(
    ("filters", "others"),
    [
        ({"task": "rare"}, {}),
        ({"queue": "rare"}, {}),
        ({"tenant": "rare", "task": "rare"}, {"tenant": "rare"}),
        ({"search": "RAR"}, {"task": "common"}),
        ({"tag": "rare"}, {"tags": ["rarer"]}),
        ({"status": "PENDING"}, {"status": "COMPLETED"}),
        ({"queue": "rare", "status": "FAILED"}, {"status": "FAILED"}),
        ({"dead": True}, {"status": "FAILED", "discarded_at": timezone.now()}),
    ],
)
def test_rare_jobs_are_found_over_pages_that_look_at_a_bounded_number(
    filters: dict[str, Any], others: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 3)
    fields = {**RARE, "status": filters.get("status", "FAILED" if "dead" in filters else "COMPLETED")}
    wanted = []
    for number in range(20):
        job = a_job(**(fields if number % 9 == 0 else others))
        wanted += [job] if number % 9 == 0 else []
    walked = list(pages(**filters))
    assert [job for page in walked for job in page.jobs] == wanted[::-1]
    assert all(len(page.jobs) <= 3 for page in walked)
    assert len(walked) > 3


def a_job_of(at: datetime, **fields: Any) -> Job:
    """A job with an id of its time."""
    made = uuid.UUID(int=first_id(at).int | new_id().int & ((1 << 80) - 1))
    return a_job(id=made, created_at=at, **fields)


def test_list_is_filtered_by_tenant_tag_and_time() -> None:
    now = timezone.now()
    old = a_job_of(now - timedelta(days=2), tenant="acme", tags=["a", 'say "b"', "ü"])
    new = a_job(tenant="other", tags=["A", "ab"])
    assert read.list_jobs(tenant="acme").jobs == [old]
    assert [read.list_jobs(tag=tag).jobs for tag in ("a", "A", 'say "b"', "ü", "b")] == [[old], [new], [old], [old], []]
    yesterday = now - timedelta(days=1)
    assert read.list_jobs(until=yesterday).jobs == [old]
    assert read.list_jobs(since=yesterday).jobs == [new]
    assert read.list_jobs(since=old.created_at, until=new.created_at).jobs == [old]


def test_job_is_found_by_its_id_the_end_of_it_or_a_part_of_its_task() -> None:
    job = a_job(task="shop.tasks.send_receipt")
    others = [a_job(task="shop.tasks.resize"), a_job(task="shop%tasks")]
    for search in (str(job.pk), job.pk.hex, str(job.pk)[-8:], job.pk.hex[-12:].upper(), "RECEIPT", " send_"):
        assert read.list_jobs(search=search).jobs == [job], search
    assert read.list_jobs(search="%").jobs == others[1:]
    assert read.list_jobs(search=str(new_id())).jobs == []


def test_jobs_of_a_time_are_found_without_looking_at_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 4)
    day = timezone.now() - timedelta(days=30)
    jobs = [a_job_of(day + timedelta(hours=hours)) for hours in range(0, 200, 10)]
    (page, *others) = pages(since=jobs[5].created_at, until=jobs[8].created_at)
    assert page.jobs == jobs[5:8][::-1]
    assert page.previous is None
    assert [other.jobs for other in others] in ([], [[]])


def test_dead_letters_are_of_two_kinds_and_not_discarded() -> None:
    kinds = [JobStatus.FAILED, JobStatus.TIMEOUT] * 3
    dead = [a_job(status=status) for status in kinds][::-1]
    a_job(status=JobStatus.FAILED, discarded_at=timezone.now())
    a_job(status=JobStatus.COMPLETED)
    assert [job for page in pages(dead=True, limit=2) for job in page.jobs] == dead
    assert read.list_jobs(dead=True, status="timeout").jobs == dead[::2]
    assert read.list_jobs(dead=True, status="running").jobs == []
    second = read.list_jobs(dead=True, limit=2, cursor=read.list_jobs(dead=True, limit=2).next)
    assert read.list_jobs(dead=True, limit=2, cursor=second.previous).jobs == dead[:2]


def test_running_jobs_are_listed_however_old_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 3)
    running = [a_job(status=JobStatus.RUNNING) for _ in range(3)][::-1]
    for _ in range(10):
        a_job()
    first = read.list_jobs(status="RUNNING", limit=2)
    assert first.jobs == running[:2]
    assert read.list_jobs(status="RUNNING", limit=2, cursor=first.next).jobs == running[2:]


def test_limit_has_bounds() -> None:
    for _ in range(3):
        a_job()
    assert len(read.list_jobs(limit=0).jobs) == 1
    assert len(read.list_jobs(limit=10**9).jobs) == 3


@pytest.mark.parametrize("cursor", ["x", "b", "bnothing", f"c{uuid.uuid4().hex}", "\x00", "b" * 1000])
def test_wrong_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidOption, match="cursor"):
        read.list_jobs(cursor=cursor)


@pytest.mark.parametrize("name", ["\x00", "a\ud800"])
def test_name_that_no_database_takes_is_refused(name: str) -> None:
    with pytest.raises(InvalidOption, match="control characters"):
        read.list_jobs(queue=name)
    with pytest.raises(InvalidOption, match="control characters"):
        read.list_jobs(task=name)


def test_wrong_status_is_refused() -> None:
    with pytest.raises(InvalidOption, match="There is no status 'DONE'"):
        read.list_jobs(status="DONE")


def test_attempts_and_logs_are_listed_in_order() -> None:
    job, now = a_job(), timezone.now()
    for epoch in (2, 1):
        rows(Attempt).create(
            job=job, epoch=epoch, number=epoch, outcome="error", finished_at=now, error_type="ValueError"
        )
    pieces = [rows(JobLog).create(job=job, epoch=1, at=now, stream="stdout", text=text) for text in "abc"]
    assert [attempt["number"] for attempt in read.attempts(job.pk)] == [1, 2]
    assert read.attempts(job.pk)[0]["error"] == {"type": "ValueError", "message": "", "traceback": ""}
    assert [piece["text"] for piece in read.logs(job.pk)] == ["a", "b", "c"]
    assert [piece["text"] for piece in read.logs(job.pk, after=pieces[0].pk, limit=1)] == ["b"]
    with pytest.raises(JobNotFound):
        read.logs(uuid.uuid4())


def test_a_log_shows_steps_and_not_what_they_used() -> None:
    """Figures for programs: pages, commands and the API tell them as the job's usage."""
    job, now = a_job(), timezone.now()
    for stream, text in (("note", 'used: {"tokens": 5}\nstep: two\na line\n'), ("stdout", 'used: {"tokens": 5}\n')):
        rows(JobLog).create(job=job, epoch=1, at=now, stream=stream, text=text)
    assert ["step: two\na line\n", 'used: {"tokens": 5}\n'] == [piece["text"] for piece in read.logs(job.pk)]


def test_queues_show_counters_and_their_oldest_job() -> None:
    now = timezone.now()
    rows(Queue).create(name="mail", paused=True, paused_by="ada")
    rows(Tally).create(queue="mail", pending=2, submitted=5)
    rows(Tally).create(queue="quiet", completed=1)
    a_job(queue="mail", run_at=now - timedelta(seconds=30), priority=-5)
    a_job(queue="mail", run_at=now - timedelta(seconds=10), priority=5)
    mail, quiet = read.queues(now)
    assert (mail["name"], mail["paused"], mail["paused_by"], mail["pending"]) == ("mail", True, "ada", 2)
    assert mail["oldest_age"] == 30.0
    assert (quiet["name"], quiet["oldest_age"], quiet["completed"]) == ("quiet", None, 1)


def test_workers_of_live_nodes_are_listed() -> None:
    a_node("n1")
    a_node("gone", state=NodeState.STOPPED)
    a_node("silent", age_s=3600)
    a_worker("w1", slot=1, current_jobs=["j"])
    a_worker("w0", slot=0)
    a_worker("ended", slot=2, state=WorkerState.TERMINATED, ended_at=timezone.now())
    a_worker("lost", "gone")
    a_worker("mute", "silent")
    found = read.workers()
    assert [worker["id"] for worker in found] == ["w0", "w1"]
    assert list(found[0]) == WORKER_KEYS.split()
    assert found[1]["current_jobs"] == ["j"]
    assert json.dumps(found)


def test_nodes_are_listed_and_silent_ones_are_lost() -> None:
    a_node("silent", age_s=3600)
    a_node("n1", problem="The disk is full.")
    a_node("gone", age_s=10, state=NodeState.STOPPED)
    found = read.nodes()
    assert [(node["id"], node["state"]) for node in found] == [("n1", "RUNNING"), ("silent", "LOST")]
    assert set(NODE_KEYS.split()) <= set(found[0])
    assert found[0]["problem"] == "The disk is full."
    assert [node["id"] for node in read.nodes(ended=True)] == ["n1", "gone", "silent"]


def test_pool_status_has_every_key_with_and_without_a_node() -> None:
    assert missing(KEYS, read.pool_status()) == []
    a_node("n1")
    data = {"ready": True, "pool": {"size": 2, "uptime": 5.0}, "workers": {"total": 2, "idle": 2}}
    rows(PoolSnapshot).create(at=timezone.now(), node="n1", data=data)
    rows(Tally).create(queue="default", pending=1, submitted=1)
    a_job()
    status = read.pool_status()
    assert missing(KEYS, status) == []
    assert status["pool"]["nodes"] == 1
    assert status["queue"]["depth"] == 1
    assert status["queue"]["oldest_age"] is not None
    assert status["health"]["status"] == "healthy"
    assert json.dumps(status)


def test_nothing_counts_the_jobs(alias: str) -> None:
    a_job()
    rows(Tally).create(queue="default", pending=1)
    with CaptureQueriesContext(connections[alias]) as queries:
        read.pool_status()
        read.queues()
        read.workers()
        read.nodes()
        for filters in ({}, {"status": "PENDING"}, {"queue": "default"}, {"task": "t"}, {"status": "RUNNING"}):
            read.list_jobs(**filters)
    statements = [query["sql"] for query in queries.captured_queries]
    assert len(statements) > 10
    assert [statement for statement in statements if COUNT in statement.upper()] == []


LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"status": "PENDING"},
    {"status": "PENDING", "queue": "mail"},
    {"status": "FAILED"},
    {"status": "FAILED", "queue": "mail"},
    {"dead": True},
    {"search": "send"},
    {"tag": "x", "tenant": "y", "since": timezone.now()},
)


def test_lists_walk_ids_and_sort_nothing(alias: str) -> None:
    for filters in LISTS:
        plan = job_list._Search.of(JobFilter(**filters), None).queries(new_id(), None)[0][:50].explain()
        if connections[alias].vendor == "sqlite":
            assert "TEMP B-TREE" not in plan, filters
