"""What belongs to a site is told from strangers, also when a number comes round again."""

import os
import signal
import sys

from tests.acceptance.processes import Process, members, wait_for


def test_a_stranger_with_the_number_of_a_session_of_ours_does_not_belong(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = [sys.executable, "-c", "import os, signal; os.chdir('/'); print('there', flush=True); signal.pause()"]
    process = Process(program, {}, elsewhere, tmp_path / "log")
    try:
        wait_for(lambda: "there" in process.said(), what="the program to leave its folder")
        assert [process.pid] == members(tmp_path, {process.pid: process.started})
        assert [] == members(tmp_path, {process.pid: "1"})
    finally:
        process.kill()


def test_nothing_is_sent_to_the_number_of_a_process_that_has_ended(tmp_path, monkeypatch):
    process = Process([sys.executable, "-c", ""], {}, tmp_path, tmp_path / "log")
    assert 0 == process.wait()
    sent = []
    monkeypatch.setattr(os, "kill", lambda *what: sent.append(what))
    process.send(signal.SIGTERM)
    process.kill()
    assert [] == sent
