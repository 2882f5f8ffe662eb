"""docs/queues.md does what it says: its examples are run as they stand there."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from pool.domain.tuning import QUEUE_KNOBS
from pool.management.commands.pool import Command
from pool.models import Job, Queue, Tenant
from pool.registry import discover
from pool.store import standing
from tests.contract import tasks

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "queues.md").read_text()
EXAMPLES = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def known_tasks(settings):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}
    discover.cache_clear()
    standing.forget()
    yield
    discover.cache_clear()
    standing.forget()


def run(language, text):
    if language == "python":
        exec(compile(text, "docs/queues.md", "exec"), {"send": tasks.add})
        return
    for line in text.splitlines():
        program, *arguments = shlex.split(line)
        Command(stdout=sys.stdout, stderr=sys.stderr).run_from_argv([program, *arguments])


@pytest.mark.parametrize(("language", "text"), EXAMPLES, ids=[text.split("\n")[0][:40] for _, text in EXAMPLES])
def test_each_example_runs(language, text):
    run(language, text)


def test_what_the_commands_set_is_set(capsys):
    for language, text in EXAMPLES:
        if language == "sh":
            run(language, text)
    queue = Queue.objects.get()
    assert (queue.name, queue.weight, queue.max_running, queue.rate, queue.burst) == ("mail", 3.0, 10, None, 1)
    assert '"max_waiting": 5000' in capsys.readouterr().out


def test_what_the_code_sets_is_set():
    for language, text in EXAMPLES:
        if language == "python":
            run(language, text)
    assert (2.0, 1000) == Tenant.objects.values_list("weight", "max_waiting").get(name="acme")
    keyed = Job.objects.get(limit_key="smtp.example.org")
    assert (2, 10.0) == (keyed.limit_running, keyed.limit_rate)
    assert Job.objects.filter(tenant="acme", priority=50, queue="mail").exists()


def test_a_full_queue_says_so_as_the_page_shows(capsys):
    Queue.objects.create(name="mail", max_waiting=1)
    (full,) = [text for _, text in EXAMPLES if "QueueFull" in text]
    run("python", full)
    run("python", full)
    assert re.search(r"^Queue 'mail' is at capacity: .* \(again in \d+ s\)$", capsys.readouterr().out)


def test_each_limit_is_named():
    assert list(QUEUE_KNOBS) == re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
