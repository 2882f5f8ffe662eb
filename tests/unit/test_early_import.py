"""Tasks may be defined while Django's apps are still loading: in an interpreter of its own, where they never load."""

import os
import subprocess
import sys

import pytest

EARLY = """
from django.apps import apps
{code}
assert not apps.models_ready
"""

TASK = """
from pool import task

@task(priority="high", max_attempts=2, timeout=5)
def greet(name):
    return name

print(greet.module_path, greet.priority)
"""


def early(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", EARLY.format(code=code)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["task", "enqueue_many", "batch", "get_job", "wait"])
def test_what_modules_of_tasks_import_is_there_before_the_apps(name):
    done = early(f"from pool import {name}")
    assert done.returncode == 0, done.stderr


def test_a_task_is_defined_before_the_apps():
    done = early(TASK)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "__main__.greet 50\n"
