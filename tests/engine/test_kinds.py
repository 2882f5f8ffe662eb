"""Kinds of workers: what each is, what it offers its jobs, and which jobs come to it."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.engine import leaks, reads
from tests.engine.engine_site import EngineSite, kill, worker_pids
from tests.engine.kind_sites import KIND_TASKS, kind_site, run, run_many

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

KINDS = ("general", "compute", "io", "memory")
MB = 2**20


@pytest.fixture(scope="module")
def mixed() -> Iterator[EngineSite]:
    """One worker of each kind, and capabilities of two sorts."""
    with kind_site("sqlite", *KINDS, capabilities="here,memory:large", library_hosts="127.0.0.1") as site:
        site.start_node(workers=4)
        site.wait_for_workers(len(KINDS))
        leaks.settle(site)
        yield site


def on(site: EngineSite, kind: str, task: str, *args: Any) -> dict[str, Any]:
    """Run a job on the worker of this kind."""
    return run(site, task, *args, options={"requires": [kind]})


# What they are --------------------------------------------------------------------


def test_a_pool_mixes_kinds_as_they_are_named(mixed: EngineSite) -> None:
    assert sorted(KINDS) == sorted(worker["kind"] for worker in mixed.workers())


def test_beyond_those_named_all_are_general_and_each_is_replaced_by_its_like() -> None:
    with kind_site("sqlite", "compute") as site:
        node = site.start_node(workers=3)

        def kinds() -> list[str]:
            return sorted(worker["kind"] for worker in site.wait_for_workers(3))

        assert ["compute", "general", "general"] == kinds()
        for pid in worker_pids(node):
            kill(pid)
        site.wait_until(lambda: len(worker_pids(node)) == 3, "them to be replaced")
        site.wait_until(lambda: kinds() == ["compute", "general", "general"], "their rows")


def test_row_of_a_worker_tells_what_it_offers(mixed: EngineSite) -> None:
    offers = {worker["kind"]: worker["capabilities"] for worker in mixed.workers()}
    assert ["cache", "here", "large", "memory", "shared-memory"] == offers["memory"]
    assert ["general", "here"] == offers["general"]


def test_compute_worker_steps_back_and_collects_no_garbage_meanwhile(mixed: EngineSite) -> None:
    told = on(mixed, "compute", "sees_worker")["result"]
    assert ("compute", 19, False) == (told["kind"], told["nice"], told["collects"])
    assert {str(MB): 3} == told["free"]
    assert on(mixed, "compute", "sees_worker")["result"] == told, "nor in the next job"
    others = [on(mixed, kind, "sees_worker")["result"] for kind in ("general", "io", "memory")]
    assert {(0, True)} == {(one["nice"], one["collects"]) for one in others}


def test_compute_worker_collects_garbage_when_the_job_is_over(mixed: EngineSite) -> None:
    assert on(mixed, "general", "leaves_waste", mixed.path("general"))["result"], "another while the job runs"
    for name in ("first", "second"):
        assert not on(mixed, "compute", "leaves_waste", mixed.path(name))["result"]
        mixed.wait_for_file(mixed.path(name), limit_s=5)


def test_urgency_at_the_disk_follows_the_kind(mixed: EngineSite) -> None:
    urgency = {kind: on(mixed, kind, "sees_worker")["result"]["io"] for kind in ("compute", "io")}
    assert {"compute": [2, 7], "io": [2, 0]} == urgency


def test_compute_workers_keep_to_one_cpu_each_when_told_to() -> None:
    with kind_site("sqlite", "compute", "compute", cpu_affinity="1", compute_nice="5") as site:
        site.start_node(workers=2)
        path = site.path("go")
        holder = site.enqueue("waits_for", path, site.path("held"))
        site.wait_for_file(site.path("held"))
        first = run(site, "sees_worker")["result"]
        open(path, "w").close()
        site.wait_for_job(holder)
        assert (1, 5, "1") == (len(first["cpus"]), first["nice"], first["OMP_NUM_THREADS"])
        assert [first["CPU_AFFINITY"]] == [str(cpu) for cpu in first["cpus"]]
        seen = {tuple(job["result"]["cpus"]) for job in run_many(site, "sees_worker", [[]] * 20)}
        assert len(seen) == min(2, len(os.sched_getaffinity(0)))


def test_memory_worker_has_its_pools(mixed: EngineSite) -> None:
    free = on(mixed, "memory", "sees_worker")["result"]["free"]
    assert {"1024": 1000, str(100 * 1024): 100, str(MB): 10} == free


def test_memory_worker_frees_what_it_can_when_memory_is_short() -> None:
    with kind_site("sqlite", "memory", gc_pressure=0) as site:
        site.start_node(workers=1)
        run(site, "looks_for_memory_each_second")
        run(site, "leaves_waste", site.path("collected"))
        assert run(site, "keeps_in_cache", 100)["result"] >= 50
        site.wait_for_file(site.path("collected"), limit_s=10)
        site.wait_until(lambda: run(site, "keeps_in_cache", 0)["result"] < 50, "the cache to be halved")


def test_address_space_is_limited_when_told_to() -> None:
    with kind_site(worker_address_space_mb=4096) as site:
        site.start_node(workers=1)
        assert 4096 * MB == run(site, "sees_worker")["result"]["address_space"]


# What they offer ------------------------------------------------------------------


def test_cache_of_a_worker_outlasts_its_jobs(mixed: EngineSite) -> None:
    key = f"key-{time.monotonic_ns()}"
    assert [None, "value"] == [on(mixed, "memory", "remembers", key, value)["result"] for value in ("value", "other")]
    assert None is on(mixed, "general", "remembers", key)["result"], "another worker has its own"


def test_library_tasks_of_the_cache_meet_in_one_worker(mixed: EngineSite) -> None:
    key = f"key-{time.monotonic_ns()}"
    run(mixed, "pool.library.memory.cache_set", key, {"a": [1]})
    found = [run(mixed, "pool.library.memory.cache_get", key)["result"] for _ in range(5)]
    assert [{"key": key, "found": True, "value": {"a": [1]}}] * 5 == found


def test_shared_block_is_read_by_other_workers_and_goes_with_its_own(mixed: EngineSite) -> None:
    name = on(mixed, "memory", "shares", "hello")["result"]
    assert "hello" == on(mixed, "general", "attaches", name)["result"]
    assert Path("/dev/shm", name).exists()
    [pid] = [worker["pid"] for worker in mixed.workers() if worker["kind"] == "memory"]
    kill(pid)
    mixed.wait_until(lambda: not Path("/dev/shm", name).exists(), "the block to be removed")
    mixed.wait_for_workers(4)


def test_file_stays_open_between_jobs_of_an_io_worker(mixed: EngineSite) -> None:
    path = Path(mixed.path("kept"))

    def read(offset: int) -> dict[str, Any]:
        return run(mixed, "reads_kept_file", str(path), 4, offset)["result"]  # type: ignore[no-any-return]

    path.write_text("0123456789")
    first, second = read(0), read(4)
    assert ("io", "0123", "4567") == (first["kind"], first["piece"], second["piece"])
    assert {"opened": first["opened"], "pid": first["pid"]}.items() <= second.items()
    assert 1 == times_open(first["pid"], path)
    path.write_text("another")
    third = read(0)
    assert ("anot", first["opened"] + 1, first["pid"]) == (third["piece"], third["opened"], third["pid"])
    assert 1 == times_open(first["pid"], path)


def test_connections_stay_open_between_jobs(mixed: EngineSite) -> None:
    with server() as (url, ports):
        assert [[200, 200]] * 5 == [run(mixed, "fetches", url, 2)["result"] for _ in range(5)]
        assert 1 == len(set(ports)), "one connection for ten requests of five jobs"
        assert 200 == on(mixed, "general", "fetches_blocking", url)["result"]
        assert 200 == on(mixed, "general", "fetches_blocking", url)["result"]
        assert 2 == len(set(ports))


def test_library_task_asks_allowed_hosts_alone(mixed: EngineSite) -> None:
    with server() as (url, _):
        found = run(mixed, "pool.library.network.network_request", url, options={"max_attempts": 1})
        assert "RequestRefused" in found["error"]["type"], "the port was not named"
    with kind_site("sqlite", "io", library_hosts=url.partition("//")[2].rstrip("/")) as site, server(url) as (url, _):
        site.start_node(workers=1)
        answer = run(site, "pool.library.network.network_request", url)["result"]
        assert (200, "hello", True) == (answer["status"], answer["text"], answer["complete"])


def times_open(pid: int, path: Path) -> int:
    return [os.path.realpath(one) for one in Path(f"/proc/{pid}/fd").iterdir()].count(str(path.resolve()))


# Which jobs come to them ----------------------------------------------------------


def test_async_jobs_go_to_the_io_worker_and_blocking_ones_do_not(mixed: EngineSite) -> None:
    assert {"io"} == {job["result"]["kind"] for job in run_many(mixed, "sees_worker_async", [[]] * 20)}
    assert "io" not in {job["result"]["kind"] for job in run_many(mixed, "sees_worker", [[]] * 40)}


@pytest.mark.parametrize(("requires", "kinds"), [(["large"], {"memory"}), (["here", "compute"], {"compute"})])
def test_job_goes_only_where_all_that_it_requires_is_offered(
    mixed: EngineSite, requires: list[str], kinds: set[str]
) -> None:
    found = run_many(mixed, "sees_worker", [[]] * 20, requires=requires)
    assert kinds == {job["result"]["kind"] for job in found}


def test_jobs_of_one_key_go_to_one_worker_while_it_lives(mixed: EngineSite) -> None:
    for key in ("a", "b", "c"):
        pids = {run(mixed, "sees_worker", options={"affinity": key})["result"]["pid"] for _ in range(6)}
        assert 1 == len(pids)
        kill(pids.pop())
        mixed.wait_for_workers(4)
        assert 1 == len({run(mixed, "sees_worker", options={"affinity": key})["result"]["pid"] for _ in range(6)})


def test_jobs_that_nobody_can_do_wait_without_holding_up_others() -> None:
    for database in ("sqlite", "postgresql"):
        with kind_site(database) as site:
            site.start_node(workers=1)
            stuck = site.enqueue_many(KIND_TASKS + "sees_worker", [([], {})] * 300, {"requires": ["gpu"]})
            after = [job["status"] for job in run_many(site, "sees_worker", [[]] * 20)]
            assert ["COMPLETED"] * 20 == after
            site.wait_until(lambda site=site: site.statuses().get("BLOCKED") == 300, "them to be put aside")
            before = site.do(reads.spent)
            run_many(site, "sees_worker", [[]] * 20)
            assert {job: before[job] for job in stuck} == {job: site.do(reads.spent)[job] for job in stuck}
            assert {0} == {before[job][0] for job in stuck}, "no attempt is spent"
            helper = site.start_node(workers=1, POOL_CAPABILITIES="general:gpu")
            assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in map(site.wait_for_job, stuck)}
            assert {"COMPLETED": 340} == site.statuses()
            kept, counted = site.recount()
            assert counted == kept
            assert 0 == helper.stop()


def test_jobs_for_a_busy_kind_wait_until_it_has_room_and_the_others_go_on() -> None:
    with kind_site("sqlite", "compute", "general") as site:
        site.start_node(workers=2)
        path = site.path("go")
        holder = site.enqueue("waits_for", path, site.path("held"), options={"requires": ["compute"]})
        site.wait_for_file(site.path("held"))
        waiting = site.enqueue_many(KIND_TASKS + "sees_worker", [([], {})] * 50, {"requires": ["compute"]})
        assert {"general"} == {job["result"]["kind"] for job in run_many(site, "sees_worker", [[]] * 20)}
        open(path, "w").close()
        site.wait_for_job(holder)
        assert {"compute"} == {site.wait_for_job(job)["result"]["kind"] for job in waiting}


@pytest.mark.parametrize("routing", ["round-robin", "least-loaded", "capability-based", "predictive"])
def test_every_strategy_gets_all_jobs_done(routing: str) -> None:
    with kind_site("sqlite", *KINDS, routing=routing) as site:
        site.start_node(workers=4)
        blocking = site.enqueue_many(KIND_TASKS + "sees_worker", [([], {})] * 100)
        asynchronous = site.enqueue_many(KIND_TASKS + "sees_worker_async", [([], {})] * 100)
        found = [site.wait_for_job(job) for job in blocking + asynchronous]
        assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in found}
        if routing == "round-robin":
            assert {"general", "compute", "memory"} == {job["result"]["kind"] for job in found[:100]}


def test_pattern_of_a_task_names_its_kind() -> None:
    with kind_site("sqlite", "general", "memory", affinity_patterns="*.sees_worker=memory") as site:
        site.start_node(workers=2)
        found = [run(site, "sees_worker")["result"]["kind"] for _ in range(10)]
        assert ["memory"] * 10 == found


def test_pattern_of_a_task_names_its_worker_and_a_jobs_own_affinity_comes_first() -> None:
    with kind_site("sqlite", affinity_patterns="*.sees_worker=w2") as site:
        site.start_node(workers=3)
        pids = {int(worker["id"][1]): worker["pid"] for worker in site.wait_for_workers(3)}
        found = [run(site, "sees_worker")["result"]["pid"] for _ in range(5)]
        assert [pids[2]] * 5 == found
        assert pids[1] == run(site, "sees_worker", options={"affinity": "w1"})["result"]["pid"]


# A class of one's own -------------------------------------------------------------


def test_worker_class_of_the_project_is_used() -> None:
    with kind_site(worker_class="tests.engine.own_worker.OwnWorker") as site:
        site.start_node(workers=1)
        assert "prepared" == run(site, "tests.engine.kind_tasks.remembers", "own")["result"]


@pytest.mark.parametrize(
    ("path", "why"),
    [("no.such.Worker", "cannot be imported"), ("tests.engine.own_worker.NoWorker", "must name a class derived")],
)
def test_wrong_worker_class_is_told_in_one_sentence(path: str, why: str) -> None:
    with kind_site(worker_class=path) as site:
        site.start_node(workers=1, wait=False)
        problem = site.wait_until(lambda: [node["problem"] for node in site.nodes() if node["problem"]], "the problem")
        assert f"POOL['worker_class'] {'names' if 'no.such' in path else 'must name'}" in problem[0]
        assert why in problem[0]


# A server -------------------------------------------------------------------------


@contextmanager
def server(url: str = "") -> Iterator[tuple[str, list[int]]]:
    """A web server of a moment; its URL, and the client's port of each request."""
    ports: list[int] = []
    connected: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connected.append(self.connection)

        def do_GET(self) -> None:
            ports.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None:
            pass

    port = int(url.rstrip("/").rpartition(":")[2]) if url else 0
    made = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}/", ports
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
        # Clients keep their connections open, and each holds a thread here.
        for connection in connected:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
