"""Whether a node lives: by the lock on its slots where that is on this machine, else by its last beat."""

import fcntl
import os
import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from pool.domain.errors import NotReady
from pool.models import Node
from pool.store.presence import boot_id, living_nodes, slots_path
from pool.store.steer import request_restart, request_stop, scale, wanted_size

ELSEWHERE = {"host": "elsewhere", "boot_id": "another"}


@pytest.fixture
def node(alias, tmp_path):
    def make(name, silent_s=0.0, **values):
        at = timezone.now()
        made = {"host": socket.gethostname(), "boot_id": boot_id(), "run_dir": str(tmp_path), "pid": 1, "wanted": 2}
        made |= {"state": "RUNNING", "started_at": at, "last_beat": at - timedelta(seconds=silent_s)}
        return Node.objects.using(alias).create(id=name, **(made | values))

    return make


@pytest.fixture
def hold():
    """Hold a node's slots, as it does while it lives."""
    descriptors = []

    def take(node):
        descriptors.append(os.open(slots_path(node.run_dir, node.pk), os.O_RDWR | os.O_CREAT))
        fcntl.flock(descriptors[-1], fcntl.LOCK_EX)

    yield take
    for descriptor in descriptors:
        os.close(descriptor)


def names():
    return [node.pk for node in living_nodes()]


def test_killed_node_is_dead_at_once(node):
    slots_path(node("killed").run_dir, "killed").touch()
    assert names() == []


def test_node_that_holds_its_slots_lives_however_silent_it_is(node, hold):
    hold(node("frozen", silent_s=3600))
    assert names() == ["frozen"]


@pytest.mark.parametrize(
    "where",
    [ELSEWHERE, {"boot_id": "another"}, {}],
    ids=["on another host", "on one of the same name", "without its slots"],
)
def test_otherwise_its_last_beat_tells(node, where):
    node("fresh", **where)
    node("silent", silent_s=31, **where)
    assert names() == ["fresh"]


@pytest.mark.parametrize("state", ["STOPPED", "LOST"])
def test_node_that_left_does_not_live(node, state):
    node("left", state=state, **ELSEWHERE)
    assert names() == []


def test_only_the_living_are_counted_and_scaled(alias, node, hold):
    slots_path(node("killed").run_dir, "killed").touch()
    node("silent", silent_s=31, **ELSEWHERE)
    hold(node("alive", wanted=3))
    assert wanted_size() == 3
    assert scale(5) == 5
    assert {"killed": 2, "silent": 2, "alive": 5} == dict(Node.objects.using(alias).values_list("pk", "wanted"))
    assert scale(1) == 1, "the dead need no worker"
    assert request_restart() == 1


def test_none_that_lives_is_nobody_to_scale(node):
    slots_path(node("killed").run_dir, "killed").touch()
    assert wanted_size() == 0
    with pytest.raises(NotReady, match="No node is running"):
        scale(2)


def test_one_that_only_seems_dead_finds_that_it_was_asked_to_stop(alias, node):
    node("silent", silent_s=31, **ELSEWHERE)
    assert request_stop() == 0
    assert Node.objects.using(alias).get().stop_requested_at is not None
