"""The system checks: for each thing amiss a message with its cure."""

import pytest
from django.apps import apps
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import override_settings

from pool import checks, conf, registry
from pool.backend import PoolBackend

FINE = checks.lacking_options({}) | {"timeout": 20}


class OwnBackend(PoolBackend):
    """As a project may write it."""


@pytest.fixture(autouse=True)
def fresh_config():
    conf.get_config.cache_clear()
    yield
    conf.get_config.cache_clear()


def ids(messages):
    return [message.id for message in messages]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ({"workers": "abc", "wrokers": 3}, ["pool.E001", "pool.E001"]),
        ({"database": "nowhere"}, ["pool.E002"]),
        ({"run_dir": "/" + "x" * 100}, ["pool.E006"]),
        ("workers=3", ["pool.E001"]),
    ],
)
def test_a_wrong_setting_is_an_error(pool, expected, monkeypatch):
    monkeypatch.delenv("POOL_RUN_DIR", raising=False)
    with override_settings(POOL=pool):
        assert expected == ids(run_checks(tags=["pool"]))


def test_a_wrong_variable_is_an_error(monkeypatch):
    monkeypatch.setenv("POOL_WORKERS", "lots")
    (message,) = run_checks(tags=["pool"])
    assert "POOL_WORKERS must be a whole number from 0 to 128, not 'lots'." == message.msg


def test_a_misspelt_variable_is_a_warning_and_a_strange_one_is_not(monkeypatch):
    monkeypatch.setenv("POOL_WORKER", "3")
    monkeypatch.setenv("POOL_SERVICE_HOST", "10.0.0.1")
    (message,) = checks.check_variables(None)
    assert "POOL_WORKER is no setting of the pool. Did you mean POOL_WORKERS?" == message.msg


def test_another_database_engine_is_an_error(monkeypatch):
    monkeypatch.setitem(settings.DATABASES, "elsewhere", {"ENGINE": "django.db.backends.dummy"})
    with override_settings(POOL={"database": "elsewhere"}):
        assert ["pool.E003"] == ids(checks.check_database(None))
    del connections["elsewhere"]


def test_sqlite_without_options_gets_the_lines_to_paste():
    (message,) = checks.check_sqlite("jobs", {"NAME": "db.sqlite3"})
    assert "pool.E004" == message.id
    databases = {"jobs": {"NAME": "db.sqlite3"}}
    exec(message.hint.split("\n\n", 1)[1], {"DATABASES": databases})
    assert [] == checks.check_sqlite("jobs", databases["jobs"])


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        (FINE, {}),
        (FINE | {"transaction_mode": "exclusive"}, {}),
        (FINE | {"init_command": "pragma journal_mode = 'wal';PRAGMA synchronous=NORMAL;"}, {}),
        (FINE | {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=1"}, {}),
        (FINE | {"transaction_mode": None}, {"transaction_mode": "IMMEDIATE"}),
        (FINE | {"timeout": 1}, {"timeout": 20}),
        (
            FINE | {"init_command": "PRAGMA cache_size=-2000; PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;"},
            {
                "init_command": "PRAGMA cache_size=-2000; PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF; "
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
            },
        ),
    ],
)
def test_only_what_sqlite_lacks_is_asked_for(options, lacking):
    assert lacking == checks.lacking_options(options)
    assert {} == checks.lacking_options(options | lacking)


@pytest.mark.parametrize("name", [":memory:", "file:memorydb_default?mode=memory&cache=shared"])
def test_a_database_in_memory_is_only_a_warning(name):
    assert ["pool.W002"] == ids(checks.check_sqlite("default", {"NAME": name}))


def test_naive_times_are_an_error():
    with override_settings(USE_TZ=False):
        assert ["pool.E005"] == ids(checks.check_time_zone(None))


@pytest.mark.parametrize(("folder", "expected"), [("", ["pool.E007"]), ("/nowhere", ["pool.W004"])])
def test_failpoints_are_refused_outside_tests(monkeypatch, folder, expected):
    assert [] == checks.check_failpoints(None)
    monkeypatch.setenv("POOL_FAILPOINTS_FOLDER", folder)
    assert [] == checks.check_failpoints(None)
    monkeypatch.setenv("POOL_FAILPOINTS", "before_send=kill9")
    assert expected == ids(run_checks(tags=["pool"]))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (checks.BACKEND, []),
        (f"{__name__}.OwnBackend", []),
        ("django.tasks.backends.nowhere.Backend", ["pool.W003"]),
        ("collections.OrderedDict", ["pool.W003"]),
    ],
)
def test_a_project_whose_tasks_go_elsewhere_is_warned(path, expected, monkeypatch):
    with override_settings():
        settings.TASKS = {"default": {"BACKEND": path}}
        assert expected == ids(checks.check_backend(None))


def test_a_project_without_tasks_setting_gets_the_line_to_paste():
    with override_settings():
        del settings.TASKS
        (message,) = checks.check_backend(None)
    assert '{"BACKEND": "pool.backend.PoolBackend"}' in message.hint


def test_without_knox_the_start_ends_with_a_sentence(monkeypatch):
    monkeypatch.setattr(apps, "is_installed", {"knox": False}.get)
    with pytest.raises(ImproperlyConfigured, match='add "knox" to INSTALLED_APPS'):
        apps.get_app_config("pool").import_models()


@pytest.fixture
def forgotten():
    """The tasks are looked for anew, now and after the test."""
    registry.discover.cache_clear()
    yield
    registry.discover.cache_clear()


@pytest.mark.usefixtures("forgotten")
def test_tasks_that_cannot_be_loaded_are_an_error_of_a_deployment(tmp_path, monkeypatch):
    (tmp_path / "tasks_that_break.py").write_text("raise RuntimeError('no such thing')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(POOL={"task_modules": ["tasks_that_break"]}):
        (found,) = [one for one in run_checks(tags=["pool"], include_deployment_checks=True) if one.id == "pool.E008"]
        assert "The tasks cannot be loaded: RuntimeError: no such thing" == found.msg
        assert "pool.E008" not in ids(run_checks(tags=["pool"])), "status and stop work without the tasks"
    assert [] == checks.check_tasks(None)
