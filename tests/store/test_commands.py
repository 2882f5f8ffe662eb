"""The verbs of `manage.py pool` in this process: what they refuse, and what they print.

Run as from a command line, arguments and exit code included. Verbs that need a node are tried with real processes.
"""

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from pool.domain.states import JobStatus, NodeState
from pool.management.commands.pool import VERBS, Command
from pool.models import Job, Node, PoolEvent, PoolSnapshot
from pool.registry import discover
from pool.store import standing

ADD = "tests.contract.tasks.add"
NO_JOB = "01890000-0000-7000-8000-000000000000"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tasks")]


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def facts(self):
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)

    @property
    def sentence(self):
        """The one line that a failed command says."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("Error: ")
        return line.removeprefix("Error: ")


@pytest.fixture
def tasks(settings):
    settings.POOL = {**settings.POOL, "task_modules": ["tests.contract.tasks"]}
    discover.cache_clear()
    yield
    discover.cache_clear()


@pytest.fixture
def pool(capsys):
    """Run `manage.py pool ...`."""

    def run(*arguments):
        code = 0
        try:
            Command(stdout=sys.stdout, stderr=sys.stderr).run_from_argv(["manage.py", "pool", *map(str, arguments)])
        except SystemExit as leave:
            code = leave.code
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def node():
    now = datetime.now(UTC)
    return Node.objects.create(
        id="n1", host="h", pid=1, state=NodeState.RUNNING, wanted=2, started_at=now, last_beat=now
    )


BAD_USAGE = [
    ((), "The following arguments are required: VERB."),
    (("stat",), "invalid choice: 'stat'"),
    (("scale",), "required: N|+N|-N"),
    (("scale", "abc"), "must be a whole number from 1 to 128, or +N or -N, or auto, not 'abc'"),
    (("scale", "1.5"), "not '1.5'"),
    (("scale", "1000000000"), "must be a whole number from 1 to 128, not 1000000000."),
    (("scale", "0"), "must be a whole number from 1 to 128, not 0."),
    (("run", "--workers", "0"), "must be a whole number from 1 to 128, not '0'"),
    (("run", "--workers", "129"), "not '129'"),
    (("submit",), "required: TASK"),
    (
        ("submit", ADD, "[1, 2"),
        "The arguments are not valid JSON: Expecting ',' delimiter at line 1, column 6.",
    ),
    (("submit", ADD, '{"a": 1,\n "b" 2}'), "at line 2, column 6."),
    (("submit", ADD, "3"), "The arguments must be a JSON list or object."),
    (("submit", ADD, "[" * 100_000), "The arguments are nested too deeply."),
    (("submit", ADD, "[NaN]"), "args"),
    (("submit", ADD, "--priority", "101"), "priority must be a whole number between -100 and 100."),
    (("submit", ADD, "--priority", "urgent"), "one of low, normal, high, critical"),
    (("submit", ADD, "--run-after", "2030-01-01"), "needs a time zone: 2030-01-01Z for UTC"),
    (("submit", ADD, "--run-after", "tomorrow"), "not 'tomorrow'"),
    (("submit", ADD, "--run-after", "9999-12-31T00:00Z"), "run_after must be in a year from 1970 to 9998."),
    (("submit", ADD, "--timeout", "-1"), "must be a number of seconds above 0"),
    (("submit", ADD, "--max-attempts", "0"), "must be a whole number from 1 to 100"),
    (("submit", ADD, "--queue", "x" * 101), "queue_name must be a text of 1 to 100 characters."),
    (("submit", ADD, "--depends-on", "x"), "depends_on must name jobs or batches"),
    (("submit", ADD, "--depends-on", NO_JOB), f"depends_on names {NO_JOB}, and there is no job or batch with that id."),
    (("submit", ADD, "--on-parent-failure", "wait"), "invalid choice: 'wait'"),
    (("submit", ADD, "--on-success", "os.system"), "A callback names a task that there is not."),
    (("submit", ADD, "--limit-running", "2"), "limit_running needs a limit_key"),
    (("submit", ADD, "--limit-key", "a", "--limit-rate", "0"), "must be a number above 0, not '0'"),
    (("jobs", "--status", "lost"), "There is no status 'lost'"),
    (("jobs", "--cursor", "x"), "This cursor is not one of ours."),
    (("jobs", "--limit", "0"), "must be a whole number from 1 to 200"),
    (("pause", "x" * 101), "must be a text of 1 to 100 characters."),
    (("queue",), "required: QUEUE"),
    (("queue", "x" * 101, "--weight", "2"), "queue must be a text of 1 to 100 characters."),
    (("queue", "mail", "--weight", "heavy"), "must be a number or none, not 'heavy'"),
    (("queue", "mail", "--weight", "0"), "--weight must be a number from 0.01 to 100, not '0'."),
    (("queue", "mail", "--max-running", "0"), "--max-running must be a whole number from 1 to 1,000,000, or none"),
    (("token", "nobody", "--days", "0"), "must be a whole number from 1 to"),
]

FAILURES = [
    (("submit", "tests.contract.tasks.ad"), f"There is no task 'tests.contract.tasks.ad'. Did you mean {ADD}"),
    (("submit", "os.system", '["true"]'), "There is no task 'os.system'."),
    (("job", NO_JOB), f"There is no job '{NO_JOB}'."),
    (("job", "7"), "There is no job '7'."),
    (("queue", "nix"), "There is no queue 'nix' yet"),
    (("cancel", "7"), "'7' is not a job id."),
    (("cancel", NO_JOB), "There is no job"),
    (("retry", NO_JOB), "There is no job"),
    (("discard", NO_JOB), "There is no job"),
    (("scale", "2"), "No node is running. Start one with: manage.py pool start"),
    (("restart",), "No node is running."),
    (("restart", "w0"), "There is no worker 'w0' that lives."),
    (("token", "nobody"), "There is no user 'nobody'."),
]


@pytest.mark.parametrize(("arguments", "expected"), BAD_USAGE)
def test_bad_usage_has_exit_code_2(pool, node, arguments, expected):
    done = pool(*arguments)
    assert expected in done.sentence
    assert 2 == done.code
    assert not Job.objects.exists()


@pytest.mark.parametrize(("arguments", "expected"), FAILURES)
def test_what_cannot_be_done_has_exit_code_1(pool, arguments, expected):
    done = pool(*arguments)
    assert expected in done.sentence
    assert 1 == done.code


@pytest.mark.parametrize("verb", VERBS[:-1])
def test_every_verb_has_a_help(pool, verb):
    done = pool(verb, "--help")
    assert (0, "") == (done.code, done.err)
    assert f"manage.py pool {verb}" in done.out


def test_djangos_options_may_stand_behind_the_verb(pool):
    assert 0 == pool("jobs", "--settings=tests.settings", "--no-color", "-v", "0").code


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("[]", [], {}),
        ("[1, [2]]", [1, [2]], {}),
        ('{"a": 1}', [], {"a": 1}),
        ('{"args": [1], "kwargs": {"b": 2}}', [1], {"b": 2}),
        ('{"args": [1]}', [1], {}),
        ('{"args": 1}', [], {"args": 1}),
        ('{"args": [1], "b": 2}', [], {"args": [1], "b": 2}),
        ("{}", [], {}),
    ],
)
def test_the_json_of_a_job_has_three_forms(pool, text, args, kwargs):
    job = pool("submit", ADD, text, "--json").facts
    assert (args, kwargs, ADD) == (job["args"], job["kwargs"], job["task"])


def test_submit_ties_jobs_to_each_other(pool):
    parent = pool("submit", ADD, "[1]", "--unique-key", "one", "--on-failure", ADD, "--json").facts
    assert parent["id"] == pool("submit", ADD, "[2]", "--unique-key", "one", "--json").facts["id"]
    tied = ("--depends-on", parent["id"], "--on-parent-failure", "run", "--limit-key", "a", "--limit-rate", "0.5")
    child = pool("submit", ADD, *tied, "--json").facts
    assert ("BLOCKED", [parent["id"]]) == (child["status"], child["depends_on"])
    assert parent["id"] in pool("job", child["id"]).out
    stored = Job.objects.get(pk=child["id"])
    assert ("a", None, 0.5) == (stored.limit_key, stored.limit_running, stored.limit_rate)
    assert 3 == Job.objects.count()


def test_submit_says_where_and_until_when_a_job_may_start(pool):
    given = ("--expires-at", "2030-01-31T12:00+01:00", "--affinity", "acme", "--requires", "gpu, berlin")
    stored = Job.objects.get(pk=pool("submit", ADD, *given, "--json").facts["id"])
    assert (datetime(2030, 1, 31, 11, tzinfo=UTC), "acme") == (stored.expires_at, stored.affinity)
    assert ["gpu", "berlin"] == stored.requires


def test_without_autoscaling_there_is_no_load_to_follow(pool, node, settings):
    settings.POOL = {**settings.POOL, "autoscaling": False}
    done = pool("scale", "auto")
    assert "the setting POOL['autoscaling'] is off." in done.sentence
    assert 1 == done.code


def test_a_full_queue_is_a_failure_in_one_line(pool):
    assert 0 == pool("queue", "mail", "--max-waiting", "1").code
    assert 0 == pool("submit", ADD, "--queue", "mail").code
    done = pool("submit", ADD, "--queue", "mail")
    assert "Queue 'mail' is at capacity: 1 of 1 jobs wait. Try again in" in done.sentence
    assert 1 == done.code


def test_submit_prints_the_id_alone(pool):
    done = pool("submit", ADD, "[1]")
    assert f"{Job.objects.get().pk}\n" == done.out


def test_without_jobs_the_list_says_how_to_make_some(pool):
    assert "No jobs yet. Make some with: manage.py pool demo\n" == pool("jobs").out
    assert {"results": [], "next": None, "previous": None} == pool("jobs", "--json").facts


def test_an_order_is_recorded_with_who_gave_it(pool, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    pool("pause", "mail")
    event = PoolEvent.objects.get()
    assert ("queue.paused", "ada", "command", {"queue": "mail"}) == (event.name, event.actor, event.source, event.data)


def test_a_change_of_size_counts_from_what_is_wanted(pool, node):
    assert {"before": 2, "size": 5, "held_s": 600.0} == pool("scale", "+3", "--json").facts
    assert {"before": 5, "size": 4, "held_s": 600.0} == pool("scale", "-1", "--json").facts
    assert pool("scale", "10").out.startswith("10 workers are wanted now, 4 before. It stays so for 10 min")


def test_unknown_figures_are_dashes_and_the_cure_is_named(pool):
    text = pool("status").out
    assert "throughput    –\n" in text
    assert "critical: No node is running. Start one with: manage.py pool start\n" in text
    assert "critical" == pool("status", "--json").facts["health"]["status"]


def test_a_user_without_rights_gets_no_token(pool):
    get_user_model().objects.create_user("eve")
    assert "eve has no right that a token could carry" in pool("token", "eve").sentence


def test_a_job_that_waits_says_why(pool):
    pool("pause", "default")
    job = pool("submit", ADD, "[1]", "--json").facts["id"]
    assert "is paused. Resume it with: manage.py pool resume default" in pool("job", job).out
    assert JobStatus.PENDING in pool("jobs").out


def test_everything_that_holds_a_job_is_shown_with_its_time(pool):
    later = (timezone.now() + timedelta(hours=5, seconds=30)).isoformat()
    job = pool("submit", ADD, "[1]", "--run-after", later, "--json").facts["id"]
    shown = pool("job", job).out
    assert re.search(r"^why +It waits for its time. \(in 5 h\)$", shown, flags=re.MULTILINE)
    assert re.search(r"^ +No node is running, so nothing can start.", shown, flags=re.MULTILINE)
    why = pool("job", job, "--json").facts["why"]
    assert ["scheduled", "no_node"] == [one["code"] for one in why["blockers"]]


def test_a_job_in_line_is_shown_with_its_place_and_start(pool):
    node = {"host": "h", "pid": 1, "state": "RUNNING", "wanted": 2}
    now = timezone.now()
    Node.objects.create(id="n1", started_at=now, last_beat=now, **node)
    data = {"workers": {"total": 2, "active": 2}, "rates": {"throughput": 2.0}, "queues": {"default": {"jobs": 120}}}
    PoolSnapshot.objects.create(at=now, node="n1", data=data)
    job = [pool("submit", ADD, "[1]", "--json").facts["id"] for _ in range(21)][-1]
    shown = pool("job", job).out
    assert re.search(r"^why +20 jobs of its queue come first.$", shown, flags=re.MULTILINE)
    assert re.search(r"^ +All 2 workers are busy.$", shown, flags=re.MULTILINE)
    assert re.search(r"^starts +in \d+ s, with high certainty at 2 /s in its queue$", shown, flags=re.MULTILINE)


def test_long_values_are_cut_for_people_only(pool):
    job = pool("submit", ADD, json.dumps(["x" * 5000]), "--json").facts["id"]
    assert "… (whole with --json)" in pool("job", job).out
    assert ["x" * 5000] == pool("job", job, "--json").facts["args"]


def test_a_queue_is_shown_and_tuned(pool):
    told = pool("queue", "mail", "--max-running", "3", "--rate", "0.5", "--max-waiting", "10", "--json").facts
    assert {"name": "mail", "max_running": 3, "rate": 0.5, "weight": 1.0, "fullness": 0.0}.items() <= told.items()
    assert pool("queue", "mail", "--max-running", "none", "--json").facts["max_running"] is None
    shown = pool("queue", "mail").out
    assert re.search(r"^rate +0.5$", shown, flags=re.MULTILINE)
    event = PoolEvent.objects.order_by("pk").first()
    assert (event.name, event.source) == ("queue.tuned", "command")


def test_a_full_queue_ends_a_submit_with_a_sentence(pool):
    standing.forget()
    pool("queue", "default", "--max-waiting", "1")
    assert pool("submit", ADD, "[1, 2]").code == 0
    refused = pool("submit", ADD, "[1, 2]")
    assert (refused.code, refused.sentence[:31]) == (1, "Queue 'default' is at capacity:")
    standing.forget()
