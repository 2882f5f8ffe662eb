"""PoolConfig: what is allowed, what each wrong value is told, and where values come from."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from django.test import override_settings

from pool import conf
from pool.domain.config import PRESETS, SETTINGS, PoolConfig, find_problems
from pool.domain.errors import InvalidConfig
from pool.domain.setting import JOB_FRAME_BYTES, MIB


def only_problem(values: object, environment: dict[str, str] | None = None) -> str:
    (problem,) = find_problems(values, environment or {})
    return problem


def test_no_setting_is_needed():
    config = PoolConfig.from_mapping({})
    assert (2, 2, 8) == (config.workers, config.min_workers, config.max_workers)
    assert (30.0, 4) == (config.timeout_s, config.max_attempts)


def test_a_config_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PoolConfig().workers = 3


def test_stages_of_a_cancel_take_ten_seconds_at_most():
    config = PoolConfig()
    assert config.flag_grace_s + config.exception_grace_s + config.term_grace_s <= 10


def test_every_setting_has_unit_meaning_and_variable():
    for item in SETTINGS.values():
        assert item.metadata["unit"]
        assert item.metadata["doc"].endswith(".")
        assert item.metadata["env"].isupper()


def test_largest_arguments_and_result_leave_room_in_a_frame():
    for key in ("max_payload_bytes", "max_result_bytes"):
        assert SETTINGS[key].metadata["most"] + MIB <= JOB_FRAME_BYTES


def test_output_that_is_all_replaced_fits_in_a_frame():
    assert 3 * SETTINGS["max_log_bytes"].metadata["most"] + MIB <= JOB_FRAME_BYTES
    assert only_problem({"max_log_bytes": 64 * MIB}) == (
        "POOL['max_log_bytes'] must be a whole number of bytes from 0 to 16,777,216, not 67108864."
    )


def test_every_default_is_a_value_that_is_allowed():
    defaults = {key: item.default for key, item in SETTINGS.items()}
    assert [] == find_problems(defaults | {"workers": 2}, {})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"workers": "abc"}, "POOL['workers'] must be a whole number from 0 to 128, not 'abc'."),
        ({"workers": 10**9}, "POOL['workers'] must be a whole number from 0 to 128, not 1000000000."),
        ({"workers": -1}, "POOL['workers'] must be a whole number from 0 to 128, not -1."),
        ({"workers": True}, "POOL['workers'] must be a whole number from 0 to 128, not True."),
        ({"workers": 2.0}, "POOL['workers'] must be a whole number from 0 to 128, not 2.0."),
        ({"poll_s": 5}, "POOL['poll_s'] must be a number of seconds from 0.05 to 1, not 5."),
        ({"poll_s": float("nan")}, "POOL['poll_s'] must be a number of seconds from 0.05 to 1, not nan."),
        ({"backoff_cap_s": None}, "POOL['backoff_cap_s'] must be a number of seconds from 0 to 2,592,000, not None."),
        ({"queues": "mail"}, "POOL['queues'] must be a list of names, not 'mail'."),
        ({"queues": ["mail", ""]}, "POOL['queues'] must be a list of names, not ['mail', '']."),
        ({"database": 1}, "POOL['database'] must be text, not 1."),
        ({"log_worker_info": 1}, "POOL['log_worker_info'] must be True or False, not 1."),
        ({"log_format": "xml"}, "POOL['log_format'] must be one of 'auto', 'json', 'console', not 'xml'."),
        ({"worker": 4}, "POOL has no setting 'worker'. Did you mean 'workers'?"),
        ({"TIMEOUT_S": 4}, "POOL has no setting 'TIMEOUT_S'. Did you mean 'timeout_s'?"),
        ({7: 4}, "POOL has no setting 7. All settings are listed in docs/settings.md."),
        (["workers"], "POOL must be a dict of settings, not ['workers']."),
        (None, "POOL must be a dict of settings, not None."),
    ],
)
def test_a_wrong_value_gets_a_sentence_with_its_key(values, sentence):
    assert sentence == only_problem(values)


def test_a_long_value_is_cut_in_the_sentence():
    assert len(only_problem({"workers": "x" * 10_000})) < 150


def test_every_wrong_key_is_told_at_once():
    with pytest.raises(InvalidConfig) as caught:
        PoolConfig.from_mapping({"workers": "abc", "poll_s": 5, "x": 1})
    assert 3 == len(find_problems({"workers": "abc", "poll_s": 5, "x": 1}, {}))
    assert all(key in str(caught.value) for key in ("'workers'", "'poll_s'", "'x'"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"min_workers": 9, "max_workers": 3},
            "POOL['max_workers'] (3) must be at least POOL['min_workers'] (9).",
        ),
        ({"lease_s": 2}, "POOL['lease_s'] (2.0) must be at least 3 times POOL['beat_s'] (1.0)."),
        (
            {"replace_after_s": 3},
            "POOL['replace_after_s'] (3.0) must be at least POOL['unhealthy_after_s'] (5.0).",
        ),
        (
            {"max_jobs_per_worker": 900},
            "POOL['recycle_threshold'] (500) must be at least POOL['max_jobs_per_worker'] (900).",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values, sentence):
    assert sentence == only_problem(values)


def test_no_limit_contradicts_nothing():
    assert [] == find_problems({"max_jobs_per_worker": 900, "recycle_threshold": 0}, {})


@pytest.mark.parametrize(
    ("values", "cpus", "sizes"),
    [
        ({}, 1, (2, 2, 8)),
        ({}, 6, (6, 2, 8)),
        ({}, 64, (64, 2, 64)),
        ({}, 500, (128, 2, 128)),
        ({"workers": 1}, 4, (1, 1, 8)),
        ({"workers": 16}, 4, (16, 2, 16)),
        ({"max_workers": 4}, 64, (4, 2, 4)),
        ({"max_workers": 1}, 64, (1, 1, 1)),
        ({"min_workers": 1}, 1, (2, 1, 8)),
        ({"min_workers": 20}, 4, (20, 20, 20)),
        ({"preset": "high-throughput"}, 4, (4, 4, 8)),
        ({"preset": "high-throughput"}, 1, (2, 2, 2)),
        ({"preset": "high-throughput"}, 100, (100, 100, 128)),
        ({"preset": "memory-intensive"}, 64, (4, 2, 4)),
    ],
)
def test_sizes_follow_the_machine_within_what_was_asked_for(values, cpus, sizes):
    config = PoolConfig.from_mapping(values, cpus=cpus)
    assert sizes == (config.workers, config.min_workers, config.max_workers)


PROMISED = {
    "default": {
        "timeout_s": 30.0,
        "max_attempts": 4,
        "worker_max_rss_mb": 512,
        "max_jobs_per_worker": 100,
        "recycle_threshold": 500,
        "max_waiting": 0,
        "backpressure_at": 0.9,
        "idle_timeout_s": 300.0,
        "scale_every_s": 5.0,
        "scale_up_at": 0.7,
        "scale_down_at": 0.3,
        "scale_up_cooldown_s": 30.0,
        "scale_down_cooldown_s": 60.0,
        "routing": "least-loaded",
        "restart_budget": 3,
        "restart_cooldown_s": 5.0,
        "unhealthy_after_s": 5.0,
        "replace_after_s": 10.0,
        "lease_s": 30.0,
        "error_rate_alert": 0.1,
        "max_streams": 100,
        "compute_nice": 19,
        "gc_pressure": 0.8,
        "drain_s": 60.0,
    },
    "high-throughput": {
        "min_workers": 4,
        "max_workers": 8,
        "timeout_s": 15.0,
        "max_jobs_per_worker": 1000,
        "recycle_threshold": 1000,
        "max_waiting": 5000,
        "backpressure_at": 0.95,
        "idle_timeout_s": 60.0,
        "scale_up_at": 0.8,
        "scale_down_at": 0.2,
        "scale_up_cooldown_s": 5.0,
        "scale_down_cooldown_s": 30.0,
    },
    "memory-intensive": {
        "min_workers": 2,
        "max_workers": 4,
        "timeout_s": 300.0,
        "worker_max_rss_mb": 1024,
        "idle_timeout_s": 300.0,
        "scale_up_at": 0.6,
        "scale_down_at": 0.3,
    },
}


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_has_the_values_that_users_were_told(name):
    config = PoolConfig.from_mapping({"preset": name}, cpus=4)
    assert PROMISED[name] == {key: getattr(config, key) for key in PROMISED[name]}


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_valid(name):
    assert name == PoolConfig.from_mapping({"preset": name}, cpus=4).preset


def test_a_given_value_beats_the_preset():
    config = PoolConfig.from_mapping({"preset": "memory-intensive", "timeout_s": 5})
    assert (5.0, 1024) == (config.timeout_s, config.worker_max_rss_mb)


def test_the_environment_beats_the_project():
    environment = {
        "POOL_WORKERS": "3",
        "POOL_QUEUES": "mail, reports",
        "POOL_LOG_WORKER_DEBUG": "yes",
        "POOL_LOG_WORKER_ERRORS": "off",
        "POOL_TIMEOUT_S": "1.5",
        "LOG_LEVEL": "warn",
        "POOL_SERVICE_PORT": "tcp://10.0.0.1:80",
        "POOL_DRAIN_S": "",
    }
    config = PoolConfig.from_mapping({"workers": 5, "drain_s": 7}, environment)
    assert (3, ("mail", "reports")) == (config.workers, config.queues)
    assert (True, False) == (config.log_worker_debug, config.log_worker_errors)
    assert (1.5, "WARNING", 7.0) == (config.timeout_s, config.log_level, config.drain_s)


def test_a_wrong_variable_is_told_by_its_name():
    assert "POOL_WORKERS must be a whole number from 0 to 128, not 'many'." == only_problem(
        {}, {"POOL_WORKERS": "many"}
    )


def test_the_settings_of_the_project_are_read_anew_when_they_change():
    with override_settings(POOL={"max_attempts": 9}):
        assert 9 == conf.get_config().max_attempts
    assert 4 == conf.get_config().max_attempts


@pytest.fixture
def environment(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    """Whatever a test says in the environment counts from the next reading on."""
    conf.get_config.cache_clear()
    yield monkeypatch
    conf.get_config.cache_clear()


@pytest.mark.parametrize(("cpus", "variables", "workers"), [(1, {}, 2), (6, {}, 6), (6, {"POOL_WORKERS": "3"}, 3)])
def test_there_is_a_worker_for_each_cpu_unless_a_number_is_set(environment, cpus, variables, workers):
    environment.delenv("POOL_WORKERS", raising=False)
    for name, value in variables.items():
        environment.setenv(name, value)
    environment.setattr(os, "sched_getaffinity", lambda _pid: set(range(cpus)))
    with override_settings(POOL={}):
        assert workers == conf.get_config().workers


def test_cpus_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert len(os.sched_getaffinity(0)) == conf.cpu_count()
    monkeypatch.delattr(os, "sched_getaffinity")
    assert 64 == conf.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert 1 == conf.cpu_count()


@pytest.fixture
def folder(environment) -> Iterator[Path]:
    """A folder with a short path."""
    environment.delenv("POOL_RUN_DIR", raising=False)
    with tempfile.TemporaryDirectory(prefix="pool-") as path:
        yield Path(path)


def test_the_run_folder_is_made_for_its_owner_alone(folder):
    with override_settings(POOL={}, BASE_DIR=folder):
        path = conf.run_dir()
    assert folder / "var" / "run" == path
    assert 0o700 == path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 100, "at most 66"),
        ("open", "Others may write"),
        ("file/run", "cannot be made"),
        ("file", "cannot be made"),
    ],
)
def test_a_run_folder_that_cannot_serve_is_refused(folder, name, words):
    (folder / "file").touch()
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    with override_settings(POOL={"run_dir": str(folder / name)}), pytest.raises(InvalidConfig, match=words):
        conf.run_dir()
