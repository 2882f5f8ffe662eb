"""Nodes hear that there is something to do, here and on other hosts; ringing never fails and never waits."""

import os
import shutil

import pytest

from pool.store import doorbell
from pool.store.database import Database
from pool.store.doorbell import ring, ring_here
from tests.store.bells import make_bell, rings


class TestDoorbell:
    def test_every_node_of_the_host_hears(self, run_dir):
        with make_bell(run_dir, "bell-a") as one, make_bell(run_dir, "bell-b") as other:
            assert ring_here("control")
            assert ([b"control"], [b"control"]) == (rings(one), rings(other))

    def test_nobody_there_is_no_error(self, run_dir):
        assert not ring_here()
        shutil.rmtree(run_dir)
        assert not ring_here()
        run_dir.mkdir(0o700)

    def test_a_dead_bell_is_passed_over(self, run_dir):
        make_bell(run_dir, "bell-dead").close()
        with make_bell(run_dir, "bell-live") as live:
            assert ring_here()
            assert ring_here()
            assert 2 == len(rings(live))

    def test_a_bell_full_of_rings_is_not_waited_for(self, bell):
        for _ in range(2000):
            assert ring_here()
        assert rings(bell)

    def test_bells_that_come_and_go_are_noticed(self, run_dir):
        with make_bell(run_dir, "bell-a") as first:
            os.utime(run_dir, (0, 0))
            assert ring_here()
            with make_bell(run_dir, "bell-b") as second:
                assert ring_here()
                assert (2, 1) == (len(rings(first)), len(rings(second)))
        os.utime(run_dir, (1, 1))
        assert not ring_here()
        with make_bell(run_dir, "bell-c") as third:
            assert ring_here()
            assert [b"jobs"] == rings(third)

    @pytest.mark.parametrize("folder", ["/proc/nowhere", "/" + "long" * 40])
    def test_a_folder_that_cannot_be_used_is_no_error(self, use_run_dir, folder):
        use_run_dir(folder)
        assert not ring_here()

    def test_ringing_never_raises(self, alias, run_dir):
        ring(alias)
        ring(alias, "control")


class TestNotify:
    """Nodes on other hosts hear through PostgreSQL."""

    @pytest.fixture
    def listening(self, postgres_alias, django_db_blocker, monkeypatch):
        monkeypatch.setattr(doorbell, "_notified_at", {})
        monkeypatch.setattr(doorbell, "NOTIFY_PAUSE_S", 1000)
        with django_db_blocker.unblock():
            database = Database(postgres_alias)
            database.raw.execute(f"LISTEN {doorbell.CHANNEL}")
            yield database
            database.close()

    def heard(self, listening):
        ring(listening.alias, "control")
        notices = []
        for notice in listening.raw.notifies(timeout=10):
            if notice.payload == "control":
                break
            notices.append(notice.payload)
        return notices

    def test_they_hear_of_jobs(self, listening, run_dir):
        ring(listening.alias)
        assert ["jobs"] == self.heard(listening)

    def test_while_a_node_here_heard_they_are_told_now_and_then(self, listening, bell):
        for _ in range(3):
            ring(listening.alias)
        assert ["jobs"] == self.heard(listening)
        assert [b"jobs"] * 3 + [b"control"] == rings(bell)

    def test_when_no_node_here_heard_they_are_told_every_time(self, listening, run_dir):
        for _ in range(3):
            ring(listening.alias)
        assert ["jobs"] * 3 == self.heard(listening)
