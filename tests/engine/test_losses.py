"""Sudden deaths: workers, nursery, clerk, node. Nothing is lost, nothing is recorded twice, nothing stays behind."""

import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests import postgres
from tests.acceptance.processes import Process
from tests.engine import reads
from tests.engine.engine_site import SHORT_TASK, TASKS, EngineSite, helper_pid, is_alive, kill, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

GONE_S = 2.0
"""Nothing outlives its node by more than this."""


def begun(site: EngineSite, job: str) -> list[int]:
    """Pids in which a job began, in order."""
    return [line.pid for line in site.lines() if (line.what, line.job) == ("begin", job)]


def wait_until_begun(site: EngineSite, job: str, times: int = 1) -> int:
    """The pid in which it last began."""
    return int(site.wait_until(lambda: begun(site, job)[times - 1 : times], f"job {job} to begin")[0])


def start_long(site: EngineSite, name: str = "go") -> str:
    return site.enqueue(TASKS + "notes_until", str(site.ledger), site.path(name))


def outcomes(site: EngineSite, job: str) -> list[str]:
    return [attempt["outcome"] for attempt in site.attempts(job)]


# Workers --------------------------------------------------------------------------


def test_job_of_a_killed_worker_runs_again_and_its_neighbour_notices_nothing(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    hit, neighbour = start_long(site), start_long(site)
    pid = wait_until_begun(site, hit)
    wait_until_begun(site, neighbour)
    kill(pid)
    wait_until_begun(site, hit, times=2)
    site.touch("go")
    assert ("COMPLETED", 2, 2) == tuple(site.wait_for_job(hit)[key] for key in ("status", "attempts", "result"))
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(neighbour)[key] for key in ("status", "attempts"))
    assert ["crashed", "succeeded"] == outcomes(site, hit)
    assert "killed by SIGKILL" in site.attempts(hit)[0]["error"]["message"]
    assert {"begin": 3, "end": 2} == Counter(line.what for line in site.lines())
    assert pid not in site.wait_for_pids(node, 2)


def test_killed_idle_workers_cost_nothing(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    for _ in range(3):
        for pid in site.wait_for_pids(node, 2):
            kill(pid)
            site.wait_until(lambda gone=pid: gone not in worker_pids(node), "the worker to be gone")
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger)], {})] * 100)
    site.wait_until_ended(10)
    spent = site.do(reads.spent)
    assert {(1, 0, 0, 1)} == {spent[job] for job in jobs}


def test_all_workers_killed_at_once_are_back_at_once(site: EngineSite) -> None:
    node = site.start_node(workers=4)
    jobs = [start_long(site) for _ in range(4)]
    pids = [wait_until_begun(site, job) for job in jobs]
    for pid in pids:
        kill(pid)
    for job in jobs:
        wait_until_begun(site, job, times=2)
    assert not set(pids) & set(site.wait_for_pids(node, 4, limit_s=2))
    site.touch("go")
    assert {("COMPLETED", 2)} == {(job["status"], job["attempts"]) for job in map(site.wait_for_job, jobs)}


def test_jobs_not_begun_go_to_another_worker_with_no_attempt_spent(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    site.teach_short()
    first, *behind = site.enqueue_many(SHORT_TASK, [([site.path("go")], {})] + [([], {})] * 10)
    site.wait_for_job(first, "RUNNING")
    held = [job for job, status in site.statuses_of(behind).items() if status == "ASSIGNED"]
    assert held, "some were handed out together with the first"
    kill(worker_pids(node)[0])
    site.touch("go")
    site.wait_until_ended()
    spent = site.do(reads.spent)
    assert (2, 0, 1, 2) == spent[first]
    assert {1} == {spent[job][0] for job in behind}


def test_poison_pill_ends_after_exactly_its_budget_beside_good_jobs(site_on_both: EngineSite) -> None:
    site = site_on_both
    site.start_node(workers=2)
    pill = site.enqueue(TASKS + "poisons", str(site.ledger), options={"max_attempts": 4})
    good = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.005], {})] * 100)
    assert {"COMPLETED": 100, "FAILED": 1} == site.wait_until_ended()
    found = site.job(pill)
    assert ("FAILED", 4, 4) == (found["status"], found["attempts"], len(begun(site, pill)))
    assert ["crashed"] * 4 == outcomes(site, pill)
    assert 100 == Counter(line.what for line in site.lines())["end"]
    # A pill may take a worker with it that had begun nothing else.
    assert {1} == {site.do(reads.spent)[job][0] for job in good}


def test_frozen_worker_is_killed_before_its_job_goes_out_again(site: EngineSite) -> None:
    quick = {"POOL_BEAT_S": "0.1", "POOL_UNHEALTHY_AFTER_S": "0.4", "POOL_REPLACE_AFTER_S": "0.8"}
    site.start_node(workers=1, **quick)
    job = start_long(site)
    pid = wait_until_begun(site, job)
    kill(pid, signal.SIGSTOP)
    wait_until_begun(site, job, times=2)
    assert not is_alive(pid)
    site.touch("go")
    assert ("COMPLETED", 2) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
    assert ["crashed", "succeeded"] == outcomes(site, job)


def test_frozen_worker_that_thaws_in_time_is_well_again(site: EngineSite) -> None:
    site.start_node(workers=1, POOL_BEAT_S="0.1", POOL_UNHEALTHY_AFTER_S="0.3", POOL_REPLACE_AFTER_S="60")
    job = start_long(site)
    pid = wait_until_begun(site, job)
    kill(pid, signal.SIGSTOP)
    site.wait_until(lambda: [one for one in site.workers() if one["state"] == "UNHEALTHY"], "it to be unhealthy")
    kill(pid, signal.SIGCONT)
    site.wait_until(lambda: [one for one in site.workers() if one["state"] == "BUSY"], "it to be busy again")
    site.touch("go")
    assert 1 == site.wait_for_job(job)["attempts"]


def test_result_cut_off_by_its_workers_death_counts_as_nothing(site_on_both: EngineSite) -> None:
    """The worker dies while its result is on the way to a node that does not listen just now."""
    site = site_on_both
    node = site.start_node(workers=1)
    job = site.enqueue(TASKS + "returns_much", 1_000_000, site.path("go"), site.path("returning"))
    site.wait_for_job(job, "RUNNING")
    pid = worker_pids(node)[0]
    kill(node.pid, signal.SIGSTOP)
    site.touch("go")
    site.wait_for_file(site.path("returning"))
    kill(pid)
    kill(node.pid, signal.SIGCONT)
    found = site.wait_for_job(job)
    assert ("COMPLETED", 2, 1_000_000) == (found["status"], found["attempts"], len(found["result"]))
    assert ["crashed", "succeeded"] == outcomes(site, job)


def test_replaced_workers_leave_no_descriptor_behind(site: EngineSite) -> None:
    node = site.start_node(workers=2)

    def replace_all() -> int:
        for pid in site.wait_for_pids(node, 2):
            kill(pid)
            site.wait_until(lambda gone=pid: gone not in worker_pids(node), "the worker to be gone")
        site.wait_for_pids(node, 2)
        for _ in range(10):
            site.wait_for_job(site.enqueue("returns"))
        return len(list(Path(f"/proc/{node.pid}/fd").iterdir()))

    before = replace_all()
    for _ in range(4):
        after = replace_all()
    assert before == after


# Helpers --------------------------------------------------------------------------


def test_killed_nursery_is_replaced_while_workers_work_on(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    before = helper_pid(node, "nursery")
    assert before is not None
    kill(before)
    for number in range(20):
        assert number == site.wait_for_job(site.enqueue("returns", number), limit_s=1)["result"]
    after = site.wait_until(lambda: helper_pid(node, "nursery"), "another nursery")
    assert before != after
    kill(worker_pids(node)[0])
    site.wait_for_pids(node, 2)
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]


def test_killed_clerk_is_replaced(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    before = site.wait_until(lambda: helper_pid(node, "clerk"), "the clerk")
    kill(before)
    site.wait_until(lambda: helper_pid(node, "clerk") not in (None, before), "another clerk")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]


def test_frozen_clerk_holds_up_nothing(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    kill(site.wait_until(lambda: helper_pid(node, "clerk"), "the clerk"), signal.SIGSTOP)
    for _ in range(20):
        site.wait_for_job(site.enqueue("returns"), limit_s=1)


def test_every_child_killed_at_once_costs_only_what_ran(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    job = start_long(site)
    wait_until_begun(site, job)
    helpers = [helper_pid(node, "nursery"), site.wait_until(lambda: helper_pid(node, "clerk"), "the clerk")]
    for pid in (*helpers, *worker_pids(node)):
        assert pid is not None
        kill(pid)
    wait_until_begun(site, job, times=2)
    site.touch("go")
    assert ("COMPLETED", 2) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
    assert node.exit_code() is None


# The node -------------------------------------------------------------------------


def kill_and_see_all_go(site: EngineSite, node: Process) -> None:
    """Kill the node; nothing of the site lives on."""
    node.kill()
    begin = time.monotonic()
    site.wait_until_empty(GONE_S)
    assert time.monotonic() - begin < GONE_S


def test_nothing_outlives_a_killed_node_and_the_next_one_rescues(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    done = site.wait_for_job(site.enqueue(TASKS + "notes", str(site.ledger)))
    long = [start_long(site) for _ in range(2)]
    for job in long:
        site.wait_for_job(job, "RUNNING")
    waiting = [start_long(site) for _ in range(5)]
    kill_and_see_all_go(site, node)
    node = site.start_node(workers=2)
    for job in long:
        wait_until_begun(site, job, times=2)
    site.touch("go")
    site.wait_until_ended()
    spent = site.do(reads.spent)
    assert {(2, 0, 1, 2)} == {spent[job] for job in long}
    assert {(1, 0)} == {spent[job][:2] for job in waiting}
    assert (1, 0, 0, 1) == spent[done["id"]]
    assert [["lost", "succeeded"]] * 2 == [outcomes(site, job) for job in long]
    assert ["LOST", "RUNNING"] == sorted(one["state"] for one in site.nodes(ended=True))
    assert [] == sorted(path.name for path in site.run_dir.glob("*") if old_file(path, site))
    assert 0 == node.stop()


def old_file(path: Path, site: EngineSite) -> bool:
    """A file in the run folder that belongs to no living node."""
    living = {one["id"][:12] for one in site.nodes()}
    return not any(name in path.name for name in living)


def test_jobs_handed_out_but_not_begun_are_rescued_with_no_attempt_spent(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=1)
    site.teach_short()
    first, *behind = site.enqueue_many(SHORT_TASK, [([site.path("go")], {})] + [([], {})] * 10)
    site.wait_for_job(first, "RUNNING")
    held = [job for job, status in site.statuses_of(behind).items() if status == "ASSIGNED"]
    assert held
    kill_and_see_all_go(site, node)
    site.touch("go")
    site.start_node(workers=1)
    site.wait_until_ended()
    spent = site.do(reads.spent)
    assert (2, 0, 1, 2) == spent[first]
    assert {(1, 0, 0, 2)} == {spent[job] for job in held}


def test_node_that_fails_by_itself_loses_nothing_either(site: EngineSite) -> None:
    """It cannot say what became of its jobs: the next one finds out at once, without waiting for a lease to end."""
    path = site.path("fail")
    node = site.start_program([sys.executable, "-m", "tests.engine.failing_node", "1", path])
    job, waiting = start_long(site), start_long(site)
    wait_until_begun(site, job)
    site.touch("fail")
    assert 1 == node.wait()
    assert "RuntimeError: the node itself is broken" in node.said()
    site.wait_until_empty(GONE_S)
    site.start_node(workers=1)
    wait_until_begun(site, job, times=2)
    site.touch("go")
    site.wait_until_ended()
    spent = site.do(reads.spent)
    assert [(2, 0, 1, 2), (1, 0)] == [spent[job], spent[waiting][:2]]


@pytest.mark.parametrize("own_session", [False, True])
def test_programs_of_jobs_do_not_outlive_a_killed_node(site: EngineSite, own_session: bool) -> None:
    node = site.start_node(workers=1)
    job = site.enqueue(TASKS + "runs_program", str(site.ledger), own_session)
    program = wait_until_begun(site, job)
    assert is_alive(program)
    kill_and_see_all_go(site, node)
    assert not is_alive(program)


def test_programs_of_jobs_are_gone_before_the_next_node_starts_the_job(site: EngineSite) -> None:
    """Also when everything that could have ended them was killed with the node."""
    node = site.start_node(workers=1)
    job = site.enqueue(TASKS + "runs_program", str(site.ledger), True)
    program = wait_until_begun(site, job)
    nursery = helper_pid(node, "nursery")
    assert nursery is not None
    node.send(signal.SIGSTOP)
    kill(nursery)
    node.kill()
    site.start_node(workers=1)
    wait_until_begun(site, job, times=2)
    assert not is_alive(program)


def test_living_node_rescues_the_jobs_of_a_killed_one(site: EngineSite) -> None:
    first = site.start_node(workers=1)
    job = start_long(site)
    pid = wait_until_begun(site, job)
    site.start_node(workers=1)
    first.kill()
    assert pid != wait_until_begun(site, job, times=2)
    site.touch("go")
    assert ("COMPLETED", 2) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))


def test_node_cut_off_from_its_database_ends_its_workers_before_others_take_the_jobs() -> None:
    with EngineSite("postgresql") as site:
        node = site.start_node(workers=1, POOL_LEASE_S="4")
        job = start_long(site)
        wait_until_begun(site, job)
        name = site.environment["DATABASE_URL"].partition("?")[0].rpartition("/")[2]
        server = postgres.start()
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert 3 == node.wait(10)
        site.wait_until_empty(GONE_S)
        assert "database.failed" in node.said()
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        site.do(reads.reconnect)
        site.start_node(workers=1)
        wait_until_begun(site, job, times=2)
        site.touch("go")
        assert ("COMPLETED", 2) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))


def test_frozen_node_loses_its_jobs_and_leaves_when_it_wakes(site_on_both: EngineSite) -> None:
    """Its workers still run: they are ended before the job goes out again, and what they say late is not recorded."""
    site = site_on_both
    quick = {"POOL_LEASE_S": "4"}
    first = site.start_node(workers=1, **quick)
    job = start_long(site)
    pid = wait_until_begun(site, job)
    site.start_node(workers=1, **quick)
    kill(first.pid, signal.SIGSTOP)
    wait_until_begun(site, job, times=2)
    assert not is_alive(pid)
    kill(first.pid, signal.SIGCONT)
    site.touch("go")
    assert first.wait(10) != 0
    found = site.wait_for_job(job)
    assert ("COMPLETED", 2, 2) == (found["status"], found["attempts"], found["row"]["epoch"])


def test_attempt_that_killed_its_worker_counts_also_when_the_node_dies_before_it_could_write_it(
    site: EngineSite,
) -> None:
    """By then another worker sits in the slot of the dead one."""
    node = site.start_node(workers=1)
    first = site.wait_for_pids(node, 1)
    lock = sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None)
    pill = site.enqueue(TASKS + "dies_at", str(site.ledger), site.path("die"), options={"max_attempts": 1})
    wait_until_begun(site, pill)
    lock.execute("BEGIN EXCLUSIVE")
    site.touch("die")
    site.wait_until(lambda: worker_pids(node) not in (first, []), "another worker in its place")
    kill_and_see_all_go(site, node)
    lock.close()
    site.start_node(workers=1)
    assert ("FAILED", 1) == tuple(site.wait_for_job(pill)[key] for key in ("status", "attempts"))
    assert ["lost"] == outcomes(site, pill)
    assert 1 == len(begun(site, pill))
