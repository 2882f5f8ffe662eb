"""With LOG_LEVEL at DEBUG all that happens is in the log, once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pool import signals
from pool.domain.config import PoolConfig
from pool.engine import event_lines
from tests.engine.engine_site import EngineSite


@pytest.fixture
def debugged() -> Iterator[EngineSite]:
    with EngineSite(LOG_LEVEL="DEBUG") as site:
        yield site


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


def test_every_event_is_a_line(debugged: EngineSite) -> None:
    node = debugged.start_node(workers=1)

    def told() -> dict[str, dict[str, Any]] | None:
        found = {line["event"]: line for line in lines(node.said()) if line.get("process") == "clerk"}
        return found if "metrics.tick" in found else None

    assert "worker.started" in debugged.wait_until(told, "events in the log")
    job = debugged.enqueue("adds", 1, b=2)

    def life() -> list[str] | None:
        found = [line["event"] for line in lines(node.said()) if line.get("job") == job and line["process"] == "clerk"]
        return found if "job.completed" in found else None

    assert ["job.claimed", "job.started", "job.completed"] == debugged.wait_until(
        life, "the life of the job in the log"
    )
    assert 1 == sum(line["event"] == "node.started" for line in lines(node.said()))


@pytest.mark.parametrize(("level", "wanted"), [("DEBUG", True), ("INFO", False)])
def test_nobody_listens_below_that_level(level: str, wanted: bool) -> None:
    before = list(signals.every_event.receivers)
    try:
        event_lines.log_all_events(PoolConfig.from_mapping({"log_level": level}))
        assert wanted == (len(signals.every_event.receivers) > len(before))
    finally:
        signals.every_event.disconnect(event_lines._log)
