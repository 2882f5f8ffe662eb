"""Starts that go wrong: the node says why and stays, or refuses in one sentence. No job is claimed, nothing spent."""

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import Process
from tests.acceptance.site import ROOT
from tests.engine.engine_site import EngineSite, cpu_s, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

IDLE_SHARE = 0.15
"""Share of a core that a node with nothing to do may use, with a margin for a machine that is busy otherwise."""

HANGS = "import time; time.sleep(600)"
EXITS = "import os; os._exit(3)"
RAISES = "raise RuntimeError('the module is broken')"
STARTS_THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
WORKERS_DIE = """
import os
depth = 0
def after():
    global depth
    depth += 1
    if depth == {depth}:
        os._exit(3)
os.register_at_fork(after_in_child=after)
"""


class Faulty:
    """A site with one more module of tasks, which only the node loads."""

    def __init__(self, site: EngineSite, source: str) -> None:
        self.site, self.module = site, site.folder / "faulty.py"
        self.become(source)

    def become(self, source: str) -> None:
        """The module as somebody edits it. Its compiled form must not be taken for it."""
        self.module.write_text(source)

    def start(self, **variables: str) -> Process:
        modules = {"POOL_TASK_MODULES": "tests.engine.tasks,faulty", "PYTHONPATH": f"{ROOT}:{self.site.folder}"}
        return self.site.start_node(workers=2, wait=False, **modules, PYTHONDONTWRITEBYTECODE="1", **variables)

    def wait_for_problem(self, text: str) -> str:
        def look() -> str | None:
            problems = [node["problem"] or "" for node in self.site.nodes()]
            return next((problem for problem in problems if text in problem), None)

        return str(self.site.wait_until(look, f"a node with the problem {text!r}"))

    def wait_until_well(self) -> None:
        self.site.wait_until(lambda: [None] == [node["problem"] for node in self.site.nodes()], "no problem")


def watch_cpu(node: Process, site: EngineSite, beats: int = 2) -> float:
    """Share of a core that the node uses over some of its beats."""
    used, since = cpu_s(node.pid), time.monotonic()
    for _ in range(beats):
        last = site.nodes()[0]["last_beat"]
        site.wait_until(lambda before=last: site.nodes()[0]["last_beat"] > before, "the node to beat")
    return (cpu_s(node.pid) - used) / (time.monotonic() - since)


# Tasks that cannot be loaded ------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (RAISES, "RuntimeError: the module is broken"),
        ("def broken(:", "SyntaxError"),
        (EXITS, "exit code 3"),
        (STARTS_THREAD, "started threads"),
    ],
    ids=["raises", "syntax", "exits", "thread"],
)
def test_tasks_that_cannot_be_loaded_stop_nothing_but_the_work(site: EngineSite, source: str, why: str) -> None:
    faulty = Faulty(site, source)
    job = site.enqueue("returns", 1)
    node = faulty.start()
    assert faulty.wait_for_problem(why).startswith("The tasks cannot be loaded")
    assert ("PENDING", 0) == tuple(site.job(job)[key] for key in ("status", "attempts"))
    assert [] == worker_pids(node)
    if source == RAISES:
        assert watch_cpu(node, site) < IDLE_SHARE
    faulty.become("")
    node.send(signal.SIGHUP)
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
    faulty.wait_until_well()


def test_broken_code_leaves_the_old_workers_at_work(site: EngineSite) -> None:
    faulty = Faulty(site, "")
    node = faulty.start()
    pids = set(site.wait_for_pids(node, 2))
    faulty.become(RAISES)
    node.send(signal.SIGHUP)
    faulty.wait_for_problem("the module is broken")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert pids == set(worker_pids(node))
    faulty.become("")
    node.send(signal.SIGHUP)
    site.wait_until(lambda: not pids & set(worker_pids(node)), "new workers")
    faulty.wait_until_well()


def test_loading_that_takes_too_long_is_said(site: EngineSite) -> None:
    faulty = Faulty(site, HANGS)
    node = faulty.start(POOL_START_TIMEOUT_S="0.5")
    faulty.wait_for_problem("Loading the tasks takes longer than 0.5 s")
    assert 0 == node.stop()
    site.wait_until_empty(2)


# Workers that cannot be born ------------------------------------------------------


@pytest.mark.parametrize(("depth", "why"), [(1, "fork"), (2, "died before it was ready")])
def test_workers_that_die_at_birth_are_not_born_in_a_hurry(site: EngineSite, depth: int, why: str) -> None:
    faulty = Faulty(site, WORKERS_DIE.format(depth=depth))
    job = site.enqueue("returns", 1)
    node = faulty.start()
    assert faulty.wait_for_problem(why).startswith("Workers fail to start")
    births = len(site.events("worker.exited"))
    share = watch_cpu(node, site)
    assert len(site.events("worker.exited")) - births < 20
    assert share < IDLE_SHARE
    assert ("PENDING", 0) == tuple(site.job(job)[key] for key in ("status", "attempts"))
    [told] = site.events("worker.start_failed")
    assert why in told["data"]["problem"]
    assert told["data"]["slot"] in (0, 1)
    site.wait_until(lambda: "restart_budget" in alerts_of(site), "an alert")
    faulty.become("")
    node.send(signal.SIGHUP)
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
    faulty.wait_until_well()


def alerts_of(site: EngineSite) -> list[str]:
    return [alert["name"] for alert in site.figures()["health"]["alerts"]]


def test_node_with_too_few_descriptors_works_with_fewer_workers(site: EngineSite) -> None:
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
    program = f"{limit}from tests.engine.run_node import main; sys.exit(main())"
    node = site.start_program([sys.executable, "-c", program, "40"])
    jobs = site.enqueue_many("returns", [([number], {}) for number in range(100)])
    site.wait_until_ended()
    assert {("COMPLETED", 1)} == {(site.job(job)["status"], site.job(job)["attempts"]) for job in jobs}
    problem = site.wait_until(lambda: site.nodes()[0]["problem"], "the node to say why it has fewer")
    assert "Too many open files" in problem
    assert 2 < len(worker_pids(node)) < 40
    assert 0 == node.stop()


# Refused --------------------------------------------------------------------------


def refusal(site: EngineSite, **variables: str) -> str:
    node = site.start_node(wait=False, **variables)
    assert 1 == node.wait()
    [line] = [line for line in node.said().splitlines() if line.strip()]
    assert line.startswith("refused: ")
    site.wait_until_empty(2)
    return line


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_unmigrated_database_is_refused(database: str) -> None:
    with EngineSite(database, migrated=False) as site:
        assert "The database is not migrated" in (line := refusal(site))
        assert "manage.py migrate" in line


def test_database_that_cannot_be_reached_is_refused(site: EngineSite) -> None:
    url = "postgres://nobody@/nothing?host=%2Fnonexistent"
    assert "The database 'default' cannot be used" in refusal(site, DATABASE_URL=url)


@pytest.fixture
def bad_folder(site: EngineSite, request: pytest.FixtureRequest) -> str:
    path = Path(site.path("bad"))
    if request.param == "file":
        path.touch()
    elif request.param == "open":
        path.mkdir()
        path.chmod(0o777)
    return {"long": f"{path}/{'x' * 100}", "system": "/sys/kernel"}.get(request.param, str(path))


@pytest.mark.parametrize(
    ("bad_folder", "why"),
    [("file", "cannot be made"), ("long", "bytes"), ("open", "chmod 700"), ("system", "POOL_RUN_DIR")],
    indirect=["bad_folder"],
)
def test_run_folder_that_cannot_be_used_is_refused(site: EngineSite, bad_folder: str, why: str) -> None:
    assert why in (line := refusal(site, POOL_RUN_DIR=bad_folder))
    assert "POOL_RUN_DIR" in line


def test_wrong_settings_are_refused(site: EngineSite) -> None:
    assert "POOL_MAX_ATTEMPTS must be a whole number" in refusal(site, POOL_MAX_ATTEMPTS="many")


# Databases that are busy ----------------------------------------------------------


def lock(site: EngineSite) -> Any:
    """A connection that holds SQLite's one write lock."""
    connection = sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return closing(connection)


def test_node_starts_when_the_lock_is_free_again(site: EngineSite) -> None:
    job = site.enqueue("returns", 1)
    with lock(site):
        node = site.start_node(wait=False)
        site.wait_until(lambda: list(site.run_dir.glob("bell-*")), "the node to be on its way")
        began = time.monotonic()
        site.wait_until(lambda: time.monotonic() - began > 1 or node.exit_code() is not None, "a second to pass")
        assert node.exit_code() is None
        assert [] == site.nodes()
    assert "COMPLETED" == site.wait_for_job(job)["status"]


def test_node_that_was_not_let_in_leaves_no_files(site: EngineSite) -> None:
    """Nobody knows of it, so nobody would ever look for them."""
    with lock(site):
        node = site.start_node(wait=False)
        site.wait_until(lambda: list(site.run_dir.glob("bell-*")), "the node to be on its way")
        assert 1 == node.stop()
    assert "The database does not let the node in" in node.said()
    assert [] == list(site.run_dir.iterdir())


def test_node_waits_in_peace_while_somebody_holds_the_lock(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    job = site.enqueue("waits_for", site.path("go"), site.path("started"))
    other = site.enqueue("ends_when_asked", site.path("other-started"), options={"timeout": 0.5, "max_attempts": 1})
    site.wait_for_file(site.path("started"))
    site.wait_for_file(site.path("other-started"))
    with lock(site):
        node.wait_until_said("database.failed")
        used, since = cpu_s(node.pid), time.monotonic()
        site.touch("go")
        site.wait_until(lambda: time.monotonic() - since > 2, "two seconds to pass")
        assert (cpu_s(node.pid) - used) / 2 < IDLE_SHARE
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(job, limit_s=3)[key] for key in ("status", "attempts"))
    assert site.wait_for_job(other, limit_s=3)["attempts"] == 1
    node.wait_until_said("database.recovered")


def test_node_lives_without_its_folder(site: EngineSite) -> None:
    """Somebody removed the folder it was started in, as releases are: new workers are born all the same."""
    folder = Path(site.path("release"))
    folder.mkdir()
    program = f"import os; os.chdir({str(folder)!r}); from tests.engine.run_node import main; raise SystemExit(main())"
    node = site.start_program([sys.executable, "-c", program, "2"])
    pids = site.wait_for_pids(node, 2)
    folder.rmdir()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    site.wait_for_pids(node, 2)
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert 0 == node.stop()
