"""Log lines: both kinds of logger, both formats, what is bound, and the switches of workers."""

import io
import json
import logging
import logging.config
import os
import re

import pytest
import structlog
from django.test import override_settings

from pool import conf, logs


@pytest.fixture(autouse=True)
def bare_logging():
    """Logging as it is in a fresh process, given back as it was."""
    root, ours = logging.getLogger(), logging.getLogger("pool")
    kept = root.handlers[:], root.level, ours.level
    structlog.reset_defaults()
    conf.get_config.cache_clear()
    yield
    root.handlers[:], root.level, ours.level = kept
    for name in (*logs.QUIET, *logs.DJANGO):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logs.clear()
    structlog.reset_defaults()
    conf.get_config.cache_clear()


def start(process: str = "node", *handlers: logging.Handler) -> io.StringIO:
    """Begin as that process, with these handlers of the project. Answers with its stderr."""
    stream = io.StringIO()
    logging.getLogger().handlers[:] = handlers
    logs.configure(process, stream)
    return stream


@pytest.fixture
def output():
    return start()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_the_base_fields(output):
    logs.get_logger("pool.engine.node").info("worker replaced", worker=3, reason="out of\nmemory")
    (line,) = lines(output)
    assert {
        "event": "worker replaced",
        "worker": 3,
        "reason": "out of\nmemory",
        "level": "info",
        "logger": "pool.engine.node",
        "process": "node",
        "pid": os.getpid(),
        "env": "production",
        "timestamp": line["timestamp"],
    } == line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(line["timestamp"]))


def test_lines_of_plain_logging_look_the_same(output):
    logging.getLogger("shop.mail").warning("sent %s of %s", 3, 4, extra={"mailbox": "in", "request": object()})
    (line,) = lines(output)
    assert ("sent 3 of 4", "warning", "shop.mail", "in") == (
        line["event"],
        line["level"],
        line["logger"],
        line["mailbox"],
    )
    assert "request" not in line


@pytest.mark.parametrize("get_logger", [logs.get_logger, logging.getLogger, structlog.get_logger])
def test_what_is_bound_stands_in_every_line_until_it_is_unbound(output, get_logger):
    log = get_logger("shop")
    with logs.bound(job="0190", task="shop.tasks.pay", worker=2, node="n1", attempt=1):
        log.info("inside")
    log.info("outside")
    inside, outside = lines(output)
    assert ("0190", "shop.tasks.pay", 2, "n1", 1) == tuple(
        inside[key] for key in ("job", "task", "worker", "node", "attempt")
    )
    assert "job" not in outside


def test_what_a_line_says_itself_beats_what_is_bound(output):
    logs.bind(worker=1)
    logs.get_logger().info("hello", worker=2)
    assert 2 == lines(output)[0]["worker"]


@pytest.mark.parametrize("get_logger", [logs.get_logger, logging.getLogger])
def test_an_exception_comes_with_its_traceback(output, get_logger):
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError:
        get_logger("shop").exception("job failed")
    (line,) = lines(output)
    assert ("job failed", "error") == (line["event"], line["level"])
    assert str(line["exception"]).endswith("ZeroDivisionError: by nought")


def test_a_value_that_is_no_json_is_written_as_text(output):
    logs.get_logger().info("hello", value=pytest, odd="\ud800 \0 ü")
    assert "module 'pytest'" in str(lines(output)[0]["value"])


def test_the_level_counts_for_both_kinds_of_logger(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "warning")
    stream = start()
    for get_logger in (logs.get_logger, logging.getLogger):
        get_logger("pool.engine").info("not this")
        get_logger("pool.engine").warning("this")
    assert ["this", "this"] == [line["event"] for line in lines(stream)]


def test_people_get_short_lines_with_debug():
    with override_settings(DEBUG=True):
        stream = start()
    logs.get_logger("pool.engine").info("worker replaced", worker=3)
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[info +\] worker replaced +\[pool.engine\] worker=3\n", stream.getvalue())


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, ["error", "critical", "warning"]),
        ({"log_worker_errors": False}, ["warning"]),
        ({"log_worker_warnings": False}, ["error", "critical"]),
        ({"log_worker_info": True}, ["error", "critical", "warning", "info"]),
        ({"log_worker_debug": True, "log_worker_warnings": False}, ["error", "critical", "debug"]),
        ({"log_worker_debug": True, "log_level": "INFO"}, ["error", "critical", "warning"]),
    ],
)
def test_workers_pass_on_the_levels_that_are_switched_on(switches, expected):
    stream = io.StringIO()
    with override_settings(POOL={"log_level": "DEBUG"} | switches):
        start("nursery")
        logs.configure("worker", stream)
    for level in ("error", "critical", "warning", "info", "debug"):
        getattr(logging.getLogger("shop"), level)("hello")
    assert expected == [line["level"] for line in lines(stream)]
    assert {"worker"} <= {line["process"] for line in lines(stream)}


def test_handlers_of_the_project_stay_and_can_read_our_lines():
    stream = io.StringIO()
    theirs = logging.StreamHandler(stream)
    start("node", theirs)
    logs.get_logger("pool").warning("worker replaced", worker=3, reason="age")
    assert [theirs] == logging.getLogger().handlers
    assert "worker replaced worker=3 reason='age'\n" == stream.getvalue()


def test_structlog_as_the_project_set_it_up_stays():
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    start()
    assert [structlog.processors.KeyValueRenderer] == [type(one) for one in structlog.get_config()["processors"]]


def test_configuring_twice_changes_nothing(output):
    logs.configure("node")
    logs.get_logger().info("once")
    assert 1 == len(lines(output))


def test_the_site_sends_all_its_logs_our_way(capsys):
    logging.config.dictConfig(logs.logging_settings(debug=False, environment={"LOG_LEVEL": "debug"}))
    logging.getLogger("django.request").error("broken")
    logging.getLogger("django.tasks").info("said by a line of ours already")
    (line,) = capsys.readouterr().err.splitlines()
    assert ("broken", "command") == (json.loads(line)["event"], json.loads(line)["process"])
    assert logging.DEBUG == logging.getLogger().level


def test_a_wrong_setting_does_not_silence_the_site():
    settings = logs.logging_settings(debug=True, environment={"LOG_LEVEL": "loud"})
    assert "INFO" == settings["root"]["level"]
