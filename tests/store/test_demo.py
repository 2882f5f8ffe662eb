"""The demo against the database: its jobs are enqueued, followed by their ids, and given up when nobody runs them."""

import io
import json
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rich.console import Console

from pool.domain.states import JobStatus, NodeState
from pool.library.demo import run_demo
from pool.library.demo.plan import LIBRARY, DemoCall, plan
from pool.library.demo.run import enqueue
from pool.library.demo.watch import DemoRefused, Watch
from pool.models import Job, Node, Queue

pytestmark = pytest.mark.django_db

HASH = f"{LIBRARY}files.hash_file"


@pytest.fixture
def folder(tmp_path, settings):
    settings.BASE_DIR = tmp_path / "site"
    made = tmp_path / "input"
    made.mkdir()
    (made / "a.py").write_text("import os\n")
    return made


@pytest.fixture
def node():
    now = timezone.now()
    return Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def finish(ids, **fields):
    now = timezone.now()
    Job.objects.filter(pk__in=ids).update(status=JobStatus.COMPLETED, started_at=now, finished_at=now, **fields)


@pytest.fixture
def played_worker():
    """Somebody who completes every job, in a thread, until the test is over."""
    done = {"bytes": 5, "digests": {"sha256": "d"}, "lines": 1, "words": 1, "longest_line": None, "most_common": []}
    over = threading.Event()

    def work():
        while not over.wait(0.02):
            finish(list(Job.objects.filter(finished_at=None).values_list("id", flat=True)), result=done)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def test_planned_jobs_are_enqueued_in_their_order_and_marked(folder):
    calls = plan(folder, 100).calls
    ids = enqueue(calls)
    jobs = Job.objects.in_bulk(ids)
    assert [(call.task, list(call.args)) for call in calls] == [(jobs[id].task, jobs[id].args) for id in ids]
    assert {tuple(job.tags) for job in jobs.values()} == {("demo",)}
    assert len({job.metadata["demo"] for job in jobs.values()}) == 1


def test_what_comes_last_in_the_plan_is_enqueued_last(folder):
    calls = plan(folder, 100).calls
    ids = enqueue(calls)
    assert sorted(ids)[-2:] == ids[-2:]


def test_the_job_to_cancel_is_cancelled_once_it_runs():
    ids = enqueue([DemoCall(HASH, ("/a",))])
    watch = Watch(list(ids), timezone.now(), to_cancel=ids[0])
    watch.cancel_once_it_runs()
    assert Job.objects.get().cancel_requested_at is None
    Job.objects.update(status=JobStatus.RUNNING)
    watch.cancel_once_it_runs()
    assert Job.objects.get().cancel_requested_at is not None
    assert watch.to_cancel is None


def test_watching_ends_with_the_last_job():
    ids = enqueue([DemoCall(HASH, (f"/{number}",)) for number in range(3)])
    watch = Watch(list(ids), timezone.now())
    seen = []
    for rows in watch.until_done():
        seen.append(len(rows))
        finish(watch.unfinished[:2], result={"bytes": 1})
    assert seen == [0, 2, 3]
    assert {row.about for row in watch.rows} == {"/0", "/1", "/2"}
    assert watch.rows[0].result == {"bytes": 1}


def test_deleted_jobs_are_forgotten_and_counted(node):
    ids = enqueue([DemoCall(HASH, ("/a",)), DemoCall(HASH, ("/b",))])
    watch = Watch(list(ids), timezone.now())
    Job.objects.filter(pk=ids[0]).delete()
    watch.doubt()
    assert (watch.unfinished, watch.lost) == ([ids[1]], 1)


def test_jobs_that_nobody_runs_are_not_waited_for():
    ids = enqueue([DemoCall(HASH, ("/a",))])
    with pytest.raises(DemoRefused, match=r"No node is running\. 1 jobs wait"):
        Watch(list(ids), timezone.now()).doubt()


def test_without_a_node_the_demo_says_how_to_start_one(folder, console, capsys):
    assert run_demo(folder, console=console) == 1
    assert capsys.readouterr().err.startswith("Error: No node is running. Start one with manage.py serve")
    assert not Job.objects.exists()


def test_a_silent_node_counts_as_none(folder, node, console):
    Node.objects.update(last_beat=timezone.now() - timedelta(hours=1))
    assert run_demo(folder, console=console) == 1


def test_a_paused_queue_is_named(folder, node, console, capsys):
    Queue.objects.create(name="default", paused=True)
    assert run_demo(folder, console=console) == 1
    assert "manage.py pool resume default" in capsys.readouterr().err


@pytest.mark.parametrize(("place", "limit"), [("none", 10), (".", 0), (".", 10**9)])
def test_bad_usage_is_told_apart(folder, node, console, place, limit):
    assert run_demo(folder / place, limit=limit, console=console) == 2
    assert not Job.objects.exists()


def test_an_empty_folder_is_refused(folder, node, console, capsys):
    (folder / "a.py").unlink()
    assert run_demo(folder, console=console) == 1
    assert "name another folder" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal_leaves_stdout_alone(folder, console, capsys, as_json):
    assert run_demo(folder, console=console, as_json=as_json) == 1
    assert console.file.getvalue() == ""
    assert "No node is running" in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_a_whole_run_prints_one_json_object(folder, node, console, played_worker):
    assert run_demo(folder, limit=40, console=console, as_json=True) == 0
    told = json.loads(console.file.getvalue())
    assert told["jobs"] == Job.objects.count() == told["by_status"]["COMPLETED"]
    assert told["hashed"]["bytes"] == 5


def test_a_watched_id_may_be_of_no_job(node):
    watch = Watch([uuid4()], timezone.now())
    assert watch.look() == 0
    watch.doubt()
    assert list(watch.until_done()) == []
