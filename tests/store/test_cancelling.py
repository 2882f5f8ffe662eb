"""A node learns which of its jobs somebody wants to end."""

import pytest

from pool.domain.states import EXECUTING, JobStatus
from pool.store.cancelling import asked_to_cancel
from tests.store.rows import NODE, NOW, moment, put

ASKED = {"cancel_requested_at": moment(NOW)}


@pytest.mark.parametrize("status", JobStatus)
def test_only_executing_jobs_are_named(alias, database, status):
    id = put(alias, status, node=NODE, epoch=3, **ASKED)
    found = [(job.replace("-", ""), epoch) for job, epoch in asked_to_cancel(database, NODE)]
    assert found == ([(id.hex, 3)] if status in EXECUTING else [])


def test_jobs_nobody_wants_to_end_are_not(alias, database):
    put(alias, JobStatus.RUNNING)
    assert asked_to_cancel(database, NODE) == []


def test_jobs_of_another_node_are_not(alias, database):
    put(alias, JobStatus.RUNNING, node="node-2", **ASKED)
    assert asked_to_cancel(database, NODE) == []
    assert len(asked_to_cancel(database, "node-2")) == 1
