"""The autoscaler without a node: when it judges, what it goes by, and since when workers have had nothing to do."""

from types import SimpleNamespace

import pytest

from pool.domain.config import PoolConfig
from pool.domain.scaling import Marks
from pool.domain.states import NodeState, WorkerState
from pool.engine.autoscaler import Autoscaler, Idleness, marks_of
from pool.engine.ledger import Ledger
from pool.engine.meter import Meter, Standing
from pool.engine.roster import Roster
from pool.store import nodes
from pool.store.database import Database
from pool.store.nodes import NodeIdentity
from tests.engine.benches import at, bench
from tests.store.rows import BACKOFF, NODE, NOW, ON_SQLITE

ME = NodeIdentity(NODE, "here", 1, "boot", 1, "/nowhere")


@ON_SQLITE
@pytest.mark.parametrize("every_s", [2, 5])
def test_the_size_is_judged_once_in_a_period(database: Database, every_s: int) -> None:
    """All workers are busy from the first second on, however many there are, and no pause is kept between two steps."""
    with database.transaction():
        nodes.register(database, ME, 2, NOW)
        nodes.beat(database, NODE, NodeState.RUNNING, 2, "", NOW)
    config = PoolConfig.from_mapping({"scale_every_s": every_s, "scale_up_cooldown_s": 0})
    staffing, meter, ledger = SimpleNamespace(wanted=2), Meter(0.0), Ledger(database, NODE, BACKOFF, [])
    scaler = Autoscaler(Roster(1), staffing, ledger, meter, config, lambda: 1, at(0))  # type: ignore[arg-type]
    busy_s, sizes = 0.0, []
    for second in range(1, 2 * every_s + 2):
        busy_s += staffing.wanted
        meter.snapshot(second, [], Standing(staffing.wanted, config.min_workers, config.max_workers, running_s=busy_s))
        scaler.look(at(second))
        sizes.append(staffing.wanted)
    assert [2] * (every_s - 1) + [4] * every_s + [8] * 2 == sizes


def test_it_goes_by_the_settings() -> None:
    settings = {
        "min_workers": 3,
        "max_workers": 9,
        "scale_up_at": 0.55,
        "scale_down_at": 0.15,
        "scale_up_cooldown_s": 7,
        "scale_down_cooldown_s": 11,
        "idle_timeout_s": 13,
        "wait_target_ms": 17,
    }
    marks = Marks(
        least=3,
        most=9,
        up_at=0.55,
        down_at=0.15,
        up_cooldown_s=7,
        down_cooldown_s=11,
        idle_timeout_s=13,
        wait_target_ms=17,
    )
    assert marks == marks_of(PoolConfig.from_mapping(settings), 5)


def test_a_worker_is_idle_from_the_first_look_that_finds_it_so_until_it_works() -> None:
    with bench() as node:
        one, other = (node.add_worker().handle for _ in range(2))
        idleness = Idleness()
        assert (0.0, 0.0) == idleness.look(node.roster, 100.0)
        assert (5.0, 5.0) == idleness.look(node.roster, 105.0)
        one.state = WorkerState.BUSY
        assert (10.0,) == idleness.look(node.roster, 110.0)
        one.state = WorkerState.IDLE
        assert (0.0, 15.0) == idleness.look(node.roster, 115.0)
        other.jobs_completed += 1
        assert (5.0, 0.0) == idleness.look(node.roster, 120.0), "it worked between two looks"
        other.jobs_failed += 1
        assert (10.0, 0.0) == idleness.look(node.roster, 125.0)
        assert (15.0, 5.0) == idleness.look(node.roster, 130.0)
