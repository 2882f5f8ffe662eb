"""`pool top` as somebody at a terminal has it: real keys, a real pool, and the terminal as before at the end."""

import getpass
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import postgres
from tests.acceptance import rows
from tests.acceptance.site import ROOT, Site, wait_for
from tests.acceptance.terminal import COLOURS, OTHER_SCREEN, Terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

COMMAND = [sys.executable, str(ROOT / "manage.py"), "pool", "top"]
DOWN, ESCAPE, CTRL_C, CTRL_Z = "\x1b[B", "\x1b", "\x03", "\x1a"


@pytest.fixture(scope="module")
def busy() -> Iterator[Site]:
    """A site with a node whose size nobody changes but by hand."""
    with Site() as site:
        site.start_node(workers=2, POOL_AUTOSCALING="0")
        yield site


@pytest.fixture(scope="module")
def idle() -> Iterator[Site]:
    """A site where nothing runs."""
    with Site() as site:
        yield site


def top(site: Site, *options: str, columns: int = 80, lines: int = 24) -> Terminal:
    return Terminal([*COMMAND, *options], site.environment, site.folder, columns, lines)


def here(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command where stdout is no terminal."""
    code, out, err = site.do(rows.command, "pool", *arguments)
    return subprocess.CompletedProcess(arguments, code, out, err)


# At a terminal -----------------------------------------------------------------


def test_the_pool_is_watched_and_steered_by_keys(busy):
    stays, ends = _running(busy, "stays"), _running(busy, "ends")
    with top(busy) as terminal:
        shown = terminal.wait_until_shown("✓ healthy", "● live", "2/2 busy", "› tests.zoo.waits_for", ends[-8:])
        assert stays[-8:] in next(line for line in shown if line.startswith("› "))

        terminal.press(DOWN, "c")
        terminal.wait_until_shown(f"Cancel tests.zoo.waits_for {ends[-8:]}, running for", "y yes  n no")
        terminal.press("n", "c", "y")
        terminal.wait_until_shown(f"✓ Job {ends[-8:]} is asked to end")
        assert "CANCELLED" == busy.wait_for_job(ends)["status"]
        assert "RUNNING" == busy.job(stays)["status"]
        terminal.wait_until_shown("1/2 busy")

        terminal.press("+")
        terminal.wait_until_shown("✓ 3 workers are wanted now, 2 before.")
        busy.wait_for_workers(3)
        terminal.press("-")
        busy.wait_for_workers(2)

        terminal.press("\t", "\t", "p")
        terminal.wait_until_shown("⏸ paused", "Queue default is paused")
        terminal.press("p")
        terminal.wait_until_shown("Queue default is open again.")

        terminal.press("/", *"nowhere")
        terminal.wait_until_shown("Nothing here matches “nowhere”.", "0 of 1")
        terminal.press(ESCAPE)
        terminal.wait_until_shown(stays[-8:])
        terminal.press("q")
        assert 0 == terminal.wait()
        terminal.assert_restored()
    told = {event["name"]: (event["actor"], event["source"]) for event in busy.events() if event["actor"]}
    asked = ("job.cancel_requested", "pool.scale_requested", "queue.paused", "queue.resumed")
    assert dict.fromkeys(asked, (getpass.getuser(), "command")) == told
    (busy.folder / "stays").touch()


def _running(site: Site, name: str) -> str:
    """A job that runs until its file is made."""
    job = site.enqueue("waits_for", str(site.folder / name))
    site.wait_for_job(job, "RUNNING")
    return job


def test_the_picture_follows_the_size_of_the_terminal_and_comes_back_after_a_pause(busy):
    with top(busy, "--interval", "60") as terminal:
        assert 24 == len(terminal.wait_until_shown("● live"))
        terminal.resize(160, 50)
        wait_for(lambda: (50, 160) == _size(terminal.screen()), what="a larger picture")
        terminal.resize(30, 8)
        terminal.wait_until_shown("too small")
        terminal.resize(80, 24)
        assert 24 == len(terminal.wait_until_shown("● live"))
        # Nobody could continue a stopped leader of a session, so the system lets it go on; a shell would come between.
        terminal.press(CTRL_Z)
        wait_for(lambda: 2 == terminal.said().count(OTHER_SCREEN), what="the view to come back")
        terminal.wait_until_shown("● live")


def _size(lines: list[str]) -> tuple[int, int]:
    return len(lines), max(map(len, lines), default=0)


def test_however_it_is_left_the_terminal_is_as_before(idle):
    ways = {
        "q": lambda terminal: terminal.press("q"),
        "Ctrl-C": lambda terminal: terminal.press(CTRL_C),
        "SIGTERM": lambda terminal: _send(terminal, signal.SIGTERM),
        "SIGHUP": lambda terminal: _send(terminal, signal.SIGHUP),
        "SIGQUIT": lambda terminal: _send(terminal, signal.SIGQUIT),
    }
    with ExitStack() as stack:
        terminals = {way: stack.enter_context(top(idle)) for way in ways}
        closed = stack.enter_context(top(idle))
        for terminal in (*terminals.values(), closed):
            terminal.wait_until_shown("No node is running. Start one with: manage.py pool start")
        for way, terminal in terminals.items():
            ways[way](terminal)
            assert (way, 0) == (way, terminal.wait())
            assert "" == terminal.assert_restored().removeprefix("\x1b[?25h")
        closed.hang_up()
        assert 0 == closed.wait()


def _send(terminal: Terminal, number: int) -> None:
    os.kill(terminal.pid, number)


CLOSED = """
import os, sys, time
from pool.management.top.screen import Screen
from pool.management.top.signals import Signals
with Signals() as signals, Screen(sys.stdin, sys.stdout, colour=True) as screen:
    screen.draw("a picture")
    while not os.path.exists("closed"):
        time.sleep(0.01)
    screen.draw("a picture for nobody")
    sys.exit(0 if screen.wait(signals, 60.0) is None else "The terminal is not gone.")
"""


def test_a_terminal_that_is_closed_while_a_picture_is_drawn_is_no_error(idle):
    environment = idle.environment | {"PYTHONPATH": str(ROOT)}
    with Terminal([sys.executable, "-c", CLOSED], environment, idle.folder) as terminal:
        terminal.wait_until_shown("a picture")
        terminal.hang_up()
        (idle.folder / "closed").touch()
        assert 0 == terminal.wait()


BROKEN = """
import os, sys
from pool.management.top.screen import Screen
with Screen(sys.stdin, sys.stdout, colour=True) as screen:
    screen.draw("a picture")
    print("not on the picture", file=sys.stderr)
    os.write(2, b"nor this\\n")
    raise RuntimeError("broken")
"""


def test_a_bug_leaves_the_terminal_as_before_and_can_be_read(idle):
    environment = idle.environment | {"PYTHONPATH": str(ROOT)}
    with Terminal([sys.executable, "-c", BROKEN], environment, idle.folder) as terminal:
        assert 1 == terminal.wait()
        after = COLOURS.sub("", terminal.assert_restored())
        assert "a picture" in terminal.screen()[0]
    assert ["not on the picture", "nor this", "Traceback (most recent call last):"] == after.splitlines()[:3]
    assert "RuntimeError: broken" in after


def test_without_a_node_an_order_says_what_to_do(idle):
    with top(idle) as terminal:
        terminal.wait_until_shown("– no node")
        terminal.press("+")
        terminal.wait_until_told("✗ No node is running. Start one with: manage.py pool start")
        terminal.press("c")
        terminal.wait_until_told("✗ Select a running job first")


def test_a_database_that_goes_leaves_the_last_picture_and_is_tried_again():
    with Site("postgresql") as site:
        site.do(rows.superuser, "ada")
        name = site.environment["DATABASE_URL"].partition("?")[0].rpartition("/")[2]
        server = postgres.start()
        with top(site, "--interval", "0.5") as terminal:
            terminal.wait_until_shown("No node is running")
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            terminal.wait_until_shown("✗ not read for", "This is the last picture", "No node is running")
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            shown = terminal.wait_until_shown("– no node")
            assert not any("last picture" in line for line in shown)
            terminal.press("q")
            assert 0 == terminal.wait()
            terminal.assert_restored()


# Elsewhere ---------------------------------------------------------------------


def test_without_a_terminal_it_prints_one_picture_and_ends(busy):
    job = busy.enqueue("progresses", str(busy.folder / "go"))
    wait_for(lambda: busy.job(job)["progress"] == 0.25, what="progress")
    shown = here(busy, "top")
    assert (0, "") == (shown.returncode, shown.stderr)
    for fact in (job, "tests.zoo.tasks.progresses", "25 %", "a quarter", "healthy", "wait p95", "default", "Events"):
        assert fact in shown.stdout, fact
    assert "\x1b" not in shown.stdout
    (busy.folder / "go").touch()


def test_once_prints_one_picture_on_a_terminal_too(idle):
    with top(idle, "--once") as once, Terminal(COMMAND, idle.environment | {"TERM": "dumb"}, idle.folder) as dumb:
        for terminal in (once, dumb):
            assert 0 == terminal.wait()
            said = terminal.said()
            assert "No node is running. Start one with: manage.py pool start" in said
            assert OTHER_SCREEN not in said


def test_json_is_that_of_the_metrics(idle):
    told, figures = json.loads(here(idle, "top", "--json").stdout), idle.figures()
    assert figures | {"timestamp": told["timestamp"]} == told


@pytest.mark.parametrize("interval", ["0.4", "60.1", "abc", "nan", "-1", "1e1"])
def test_an_interval_is_within_limits(idle, interval):
    done = here(idle, "top", f"--interval={interval}")
    assert (2, "") == (done.returncode, done.stdout)
    assert f"Error: Argument --interval: must be seconds from 0.5 to 60, not '{interval}'. See: " in done.stderr
    assert 1 == len(done.stderr.splitlines())
