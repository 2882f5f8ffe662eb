"""The verbs of `manage.py pool` as a shell sees them: output, exit codes, and errors of one line."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance import rows
from tests.acceptance.site import ROOT, ZOO, Site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def idle() -> Iterator[Site]:
    """A site where nothing runs."""
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def busy() -> Iterator[Site]:
    """A site with a node, in which jobs may fail without an alert."""
    with Site(POOL_ERROR_RATE_ALERT="1") as site:
        site.start_node(workers=2, POOL_AUTOSCALING="0")
        yield site


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed command says."""
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert 1 == len(lines), done.stderr
    assert lines[0].startswith("Error: ")
    return lines[0].removeprefix("Error: ")


def together(
    site: Site, commands: list[tuple[object, ...]], **variables: str
) -> list[subprocess.CompletedProcess[str]]:
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda arguments: site.pool(*arguments, **variables), commands))


def here(site: Site, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The same in the site's side process, which need not start Python and Django first."""
    code, out, err = site.do(rows.command, "pool", *map(str, arguments))
    return subprocess.CompletedProcess(arguments, code, out, err)


def facts(site: Site, *arguments: object) -> Any:
    done = here(site, *arguments, "--json")
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)


# Bad input ---------------------------------------------------------------------

BAD_USAGE = [
    ((), "The following arguments are required: VERB."),
    (("scale", "abc"), "must be a whole number from 1 to 128, or +N or -N, or auto, not 'abc'"),
    (
        ("submit", f"{ZOO}adds", "[1, 2"),
        "The arguments are not valid JSON: Expecting ',' delimiter at line 1, column 6.",
    ),
]

FAILURES = [
    (("submit", f"{ZOO}add"), f"There is no task '{ZOO}add'. Did you mean {ZOO}adds"),
    (("job", "7"), "There is no job '7'."),
    (("scale", "-2"), "No node is running. Start one with: manage.py pool start"),
]


@pytest.mark.parametrize(("cases", "code"), [(BAD_USAGE, 2), (FAILURES, 1)])
def test_an_error_is_one_line_and_its_exit_code_tells_whose_fault_it_is(idle, cases, code):
    for (arguments, expected), done in zip(cases, together(idle, [one for one, _ in cases]), strict=True):
        assert expected in sentence(done), arguments
        assert code == done.returncode, arguments


def test_without_tables_every_verb_says_what_to_run():
    commands: list[tuple[object, ...]] = [("run",), ("start",), ("stop",), ("status",), ("submit", f"{ZOO}adds", "[1]")]
    with Site(migrated=False) as site:
        for arguments, done in zip(commands, together(site, commands), strict=True):
            assert "manage.py migrate" in sentence(done), arguments
            assert 1 == done.returncode


def test_a_database_that_cannot_be_reached_is_named(idle):
    nowhere = f"postgresql://nobody@localhost/none?host={idle.folder}".replace("host=/", "host=%2F")
    for done in together(idle, [("status",), ("run",)], DATABASE_URL=nowhere):
        assert "The database 'default' cannot be used" in sentence(done)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"POOL_WORKERS": "abc"}, "POOL_WORKERS must be a whole number"),
        ({"POOL_PRESET": "fast"}, "POOL_PRESET must be one of"),
        ({"POOL_RUN_DIR": "/tmp/" + "x" * 200}, "set POOL_RUN_DIR to one of at most"),
        ({"POOL_RUN_DIR": "/proc/nowhere"}, "set POOL_RUN_DIR to another"),
        ({"POOL_TASK_MODULES": "no.such.module"}, "POOL['task_modules'] names 'no.such.module'"),
        ({"DATABASE_URL": "mysql://nobody@nowhere/none"}, "DATABASE_URL must be as sqlite:"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "is in memory, where processes cannot share it. Give it a file"),
    ],
)
def test_a_wrong_setting_stops_with_the_name_of_its_key(idle, variables, expected):
    done = idle.pool("start", **variables)
    assert expected in sentence(done)
    assert 1 == done.returncode
    assert [] == idle.members()


def test_stopping_when_nothing_runs_is_no_failure(idle):
    assert {"asked": 0, "stopped": 0} == idle.facts("stop")


# A pool at work ----------------------------------------------------------------


def test_a_job_is_submitted_waited_for_and_shown(busy):
    done = busy.pool("submit", f"{ZOO}adds", "[1]", "--wait")
    assert (0, "1\n", "") == (done.returncode, done.stdout, done.stderr)
    job = facts(busy, "submit", f"{ZOO}adds", '{"args": [1], "kwargs": {"b": 2}}', "--wait")
    assert ("COMPLETED", 3, [1], {"b": 2}) == (job["status"], job["result"], job["args"], job["kwargs"])
    shown = facts(busy, "job", job["id"])
    assert [] == shown.pop("why")["blockers"]
    assert job | {"history": [], "log": []} == shown
    text = here(busy, "job", job["id"]).stdout
    assert all(fact in text for fact in (job["id"], f"{ZOO}adds", "COMPLETED", '"b": 2'))
    assert "\x1b" not in text


def test_options_reach_the_job(busy):
    given = ("--queue", "mail", "--priority", "high", "--timeout", "7", "--max-attempts", "2", "--tenant", "acme")
    later = ("--tags", "a, b", "--run-after", "2030-01-31T12:00+01:00")
    job = facts(busy, "submit", f"{ZOO}adds", '{"a": 1}', *given, *later)
    assert "SCHEDULED" == job["status"]
    assert ("mail", 50, 7.0, 2, "acme") == tuple(
        job[key] for key in ("queue", "priority", "timeout", "max_attempts", "tenant")
    )
    assert (["a", "b"], "2030-01-31T11:00:00+00:00") == (job["tags"], job["run_at"])
    assert facts(busy, "submit", f"{ZOO}adds", "[1]", "--timeout", "none")["timeout"] is None
    assert {"id": job["id"], "answer": "cancelled", "status": "CANCELLED"} == facts(busy, "cancel", job["id"])


def test_a_failed_job_is_told_retried_and_discarded(busy):
    done = here(busy, "submit", f"{ZOO}raises", '["no luck"]', "--wait")
    assert 1 == done.returncode
    job = done.stdout.split()[0]
    assert f"{job} is FAILED: builtins.ValueError: no luck\n" == done.stdout
    shown = facts(busy, "job", job)
    assert ("ValueError", "no luck", 1) == (
        shown["error"]["type"].split(".")[-1],
        shown["error"]["message"],
        shown["attempts"],
    )
    assert ["error"] == [attempt["outcome"] for attempt in shown["history"]]
    assert "Traceback" in here(busy, "job", job).stdout
    assert job == facts(busy, "retry", job)["id"]
    busy.wait_for_job(job, "FAILED")
    assert job == facts(busy, "discard", job)["id"]
    refused = here(busy, "discard", job)
    assert (1, f"Only a dead letter can be discarded; {job} is FAILED.") == (refused.returncode, sentence(refused))
    ended = here(busy, "cancel", facts(busy, "submit", f"{ZOO}adds", "[1]", "--wait")["id"])
    assert (1, True) == (ended.returncode, sentence(ended).endswith("has ended already: it is COMPLETED."))


def test_what_a_job_printed_is_shown(busy):
    job = facts(busy, "submit", f"{ZOO}prints", '["to be seen"]', "--wait")["id"]
    assert "Log\nto be seen\n" in here(busy, "job", job).stdout


def test_a_running_job_is_cancelled(busy):
    started = busy.folder / "started"
    job = facts(busy, "submit", f"{ZOO}waits_for", json.dumps([str(busy.folder / "never"), str(started)]))["id"]
    busy.wait_for_file(started)
    assert "requested" == facts(busy, "cancel", job)["answer"]
    assert "CANCELLED" == busy.wait_for_job(job)["status"]


def test_jobs_are_listed_page_by_page(busy):
    ids = [busy.enqueue("adds", number, options={"queue_name": "listed"}) for number in range(5)]
    first = facts(busy, "jobs", "--queue", "listed", "--limit", 2)
    assert ids[:2:-1] == [job["id"] for job in first["results"]]
    second = facts(busy, "jobs", "--queue", "listed", "--limit", 2, "--cursor", first["next"])
    assert ids[2:0:-1] == [job["id"] for job in second["results"]]
    text = here(busy, "jobs", "--queue", "listed", "--limit", 2)
    assert 3 == len(text.stdout.splitlines())
    assert f"Older jobs: add --cursor {first['next']}\n" == text.stderr
    assert "No such job.\n" == here(busy, "jobs", "--queue", "nothing here").stdout


def test_a_paused_queue_waits(busy):
    assert {"queue": "held", "paused": True, "changed": True} == facts(busy, "pause", "held")
    assert not facts(busy, "pause", "held")["changed"]
    job = facts(busy, "submit", f"{ZOO}adds", "[1]", "--queue", "held")["id"]
    assert "manage.py pool resume held" in here(busy, "job", job).stdout
    assert {"queue": "held", "paused": False, "changed": True} == facts(busy, "resume", "held")
    assert "COMPLETED" == busy.wait_for_job(job)["status"]


def test_the_pool_is_scaled_to_a_number_and_by_one(busy):
    assert {"before": 2, "size": 3, "held_s": 600.0} == facts(busy, "scale", "+1")
    busy.wait_for_workers(3)
    assert {"before": 3, "size": 1, "held_s": 600.0} == facts(busy, "scale", "-2")
    busy.wait_for_workers(1)
    below = here(busy, "scale", "-1")
    assert (2, "The number of workers must be a whole number from 1 to 128, not 0.") == (
        below.returncode,
        sentence(below),
    )
    assert {"before": 1, "size": 2, "held_s": 600.0} == facts(busy, "scale", "2")
    busy.wait_for_workers(2)
    assert {"size": 2, "released": 1} == facts(busy, "scale", "auto")
    assert "nobody holds a size" in here(busy, "scale", "auto").stdout


def test_restart_replaces_every_worker(busy):
    before = {worker["id"] for worker in busy.workers()}
    assert {"asked": 1} == facts(busy, "restart")
    wait_for(lambda: not before & {worker["id"] for worker in busy.wait_for_workers(2)}, what="new workers")


def test_status_tells_health_nodes_workers_and_queues(busy):
    status = facts(busy, "status")
    assert ("healthy", 1, 2) == (status["health"]["status"], status["pool"]["nodes"], status["pool"]["size"])
    assert ["RUNNING"] == [node["state"] for node in status["nodes"]]
    assert 2 == len(status["workers"])
    text = here(busy, "status").stdout
    assert all(worker["id"] in text for worker in status["workers"])
    assert "default" in text
    assert "\x1b" not in text


def test_a_token_carries_what_its_user_may_do(busy):
    busy.do(rows.superuser, "ada")
    made = facts(busy, "token", "ada", "--days", "30")
    assert ["read", "submit", "operate"] == made["scopes"]
    assert busy.do(rows.token_user, made["token"]) == "ada"
    done = here(busy, "token", "ada", "--scope", "read")
    assert "It may read, until it is deleted." in done.stderr
    assert busy.do(rows.token_user, done.stdout.strip()) == "ada"
    near = here(busy, "token", "Ada")
    assert "Did you mean ada?" in sentence(near)


def test_pruning_removes_what_is_past_its_time(busy):
    job = busy.enqueue("adds", 1)
    busy.wait_for_job(job)
    assert {"removed": 0} == facts(busy, "prune")
    busy.do(rows.age, job, days=30)
    assert {"removed": 1} == facts(busy, "prune")


def test_the_demo_reports_what_came_out(busy):
    folder = busy.folder / "input"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.txt").write_text("one two three\n" * number)
    report = facts(busy, "demo", folder, "--limit", 40)
    assert 5 == report["hashed"]["files"]
    assert {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"} == set(report["by_status"])


def test_with_json_warnings_stay_off_stdout(busy):
    done = busy.pool("status", "--json", POOL_TIMEOUTS="3")
    assert "healthy" == json.loads(done.stdout)["health"]["status"]


def test_a_reader_that_has_seen_enough_is_no_failure_to_report(busy):
    command = f"{sys.executable} {ROOT / 'manage.py'} pool status --json | head -c 1"
    done = subprocess.run(["sh", "-c", command], env=busy.environment, capture_output=True, text=True, timeout=60)
    assert ("{", "") == (done.stdout, done.stderr)


# Nodes -------------------------------------------------------------------------


def test_a_node_is_started_in_the_background_and_stopped(site):
    started = site.facts("start", "--workers", 2)
    assert (True, 2) == (started["started"], started["workers"])
    again = site.facts("start")
    assert (False, started["pid"]) == (again["started"], again["pid"])
    assert "3\n" == site.pool("submit", f"{ZOO}adds", "[1, 2]", "--wait").stdout
    assert {"asked": 1, "stopped": 1} == site.facts("stop")
    site.wait_until_empty()
    assert "node.stopped" in (site.run_dir / "node.log").read_text()
    assert 0o600 == (site.run_dir / "node.log").stat().st_mode & 0o777


def test_stop_waits_for_running_jobs(site):
    node = site.start_node(workers=1)
    started, go = site.folder / "started", site.folder / "go"
    job = site.enqueue("waits_for", str(go), str(started))
    site.wait_for_file(started)
    assert {"asked": 1, "stopped": 0} == site.facts("stop", "--no-wait")
    node.wait_until_said("node.draining")
    late = site.pool("stop", "--wait", "1")
    assert (1, True) == (late.returncode, sentence(late).startswith("Not stopped within 1 s: "))
    go.touch()
    site.facts("stop")
    assert (0, "COMPLETED") == (node.wait(), site.job(job)["status"])


def test_stop_does_not_wait_for_the_dead(site):
    node = site.start_node(workers=1)
    node.kill()
    site.wait_until_empty()
    assert {"asked": 0, "stopped": 0} == site.facts("stop")


def test_a_node_whose_tasks_cannot_be_loaded_is_not_started(site):
    (site.folder / "broken_tasks.py").write_text("raise RuntimeError('not today')\n")
    done = site.pool("start", PYTHONPATH=str(site.folder), POOL_TASK_MODULES="broken_tasks")
    assert "The node cannot work. The tasks cannot be loaded: RuntimeError: not today" in sentence(done)
    assert 1 == done.returncode
    site.wait_until_empty()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_in_the_foreground_ends_with_exit_code_0(site, number):
    node = site.start_node(workers=2)
    assert 0 == node.stop(number)
    assert [] == site.members()


def test_a_node_reads_jobs_that_were_there_before_it(site):
    ids = site.enqueue_many("adds", [([number], {}) for number in range(100)])
    site.start_node(workers=2)
    assert {"COMPLETED": len(ids)} == site.wait_until_ended()


def test_on_postgresql_the_verbs_work_as_well():
    with Site("postgresql", POOL_WORKERS="3") as site:
        assert 3 == site.facts("start")["workers"]
        assert 3 == site.facts("submit", f"{ZOO}adds", "[1, 2]", "--wait")["result"]
        assert 1 == len(site.facts("jobs")["results"])
        status = site.facts("status")
        assert ("healthy", 3) == (status["health"]["status"], len(status["workers"]))
        assert {"removed": 0} == site.facts("prune")
        assert {"asked": 1, "stopped": 1} == site.facts("stop")
        site.wait_until_empty()


def test_the_bench_takes_its_own_options(idle):
    done = idle.pool("bench", "--no-such-option")
    assert 2 == done.returncode
    assert "--no-such-option" in done.stderr
