"""`manage.py serve`: one command for everything, which keeps it alive and leaves nothing behind."""

import http.cookiejar
import json
import os
import re
import signal
import socket
import urllib.request

import pytest

from tests.acceptance import rows
from tests.acceptance.processes import Process
from tests.acceptance.served import Served, answer_of
from tests.acceptance.site import ROOT, ZOO, Site, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def served(site: Site) -> Served:
    made = Served(site, "--workers", 2)
    made.wait_until_ready()
    return made


def refused(process: Process) -> str:
    """What a `serve` says that does not start."""
    assert 1 == process.wait(30)
    (line,) = process.said().splitlines()
    assert line.startswith("Error: ")
    return line


# Up ----------------------------------------------------------------------------


def test_a_fresh_site_comes_up_with_one_command():
    with Site(migrated=False) as site:
        served = Served(site)
        served.wait_until_ready()
        said = served.process.said()
        assert f"open      http://127.0.0.1:{served.port}/" in said
        assert "manage.py pool demo" in said
        assert "site.sqlite3" in said
        assert 3 == site.facts("submit", f"{ZOO}adds", "[1, 2]", "--wait")["result"]
        status, text = served.get("/health/live")
        assert (200, {"status": "live"}) == (status, json.loads(text))
        assert 401 == served.get("/metrics")[0]
        assert 0 == served.process.stop()
        assert [] == site.members()


def test_several_hosts_start_together_on_a_database_that_none_has_migrated():
    with Site("postgresql", migrated=False) as site:
        hosts = [Served(site, "--workers", 1, POOL_RUN_DIR=str(site.folder / f"run-{number}")) for number in range(2)]
        for host in hosts:
            host.wait_until_ready()
        site.wait_for_workers(2)


def test_a_database_of_the_pools_own_is_migrated_too(site):
    jobs = site.folder / "jobs.sqlite3"
    lines = [
        "from poolsite.settings import *",
        f"DATABASES['jobs'] = DATABASES['default'] | {{'NAME': {str(jobs)!r}}}",
        "POOL = {'database': 'jobs'}",
    ]
    (site.folder / "own_settings.py").write_text("\n".join(lines))
    variables = {"DJANGO_SETTINGS_MODULE": "own_settings", "PYTHONPATH": f"{ROOT}:{site.folder}", "POOL_WORKRES": "1"}
    served = Served(site, "--workers", 1, **variables)
    served.wait_until_ready()
    assert jobs.exists()
    assert "3\n" == site.pool("submit", f"{ZOO}adds", "[1, 2]", "--wait", **variables).stdout
    assert "Warning: POOL_WORKRES is no setting of the pool. Did you mean POOL_WORKERS?" in served.process.said()


def test_the_first_visitor_logs_in_by_a_link_once(served):
    (link,) = re.findall(r"log in +(http://\S+/login/\S+/)", served.process.said())
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
    status, page = answer_of(browser, urllib.request.Request(link))
    assert (200, True) == (status, "admin" in page)
    assert 200 == answer_of(browser, urllib.request.Request(f"{served.base}/metrics"))[0]
    status, said = served.get(link.removeprefix(served.base))
    assert (403, True) == (status, "This link does not work any more" in said)
    assert 403 == served.get("/login/AAAAAQ/")[0]


def test_with_users_there_is_no_link(site):
    site.do(rows.superuser, "ada")
    served = Served(site)
    served.wait_until_ready()
    assert "log in" not in served.process.said()


def test_a_host_given_by_name_may_be_called_by_it(site):
    served = Served(site, "--host", "127.0.0.2")
    served.base = f"http://127.0.0.2:{served.port}"
    served.wait_until_ready()
    assert 200 == served.get("/health/live")[0]
    assert 400 == served.get("/admin/login/", host="evil.example")[0]


def test_with_debug_and_no_allowed_hosts_this_machine_is_let_in(site):
    served = Served(site, DEBUG="1", ALLOWED_HOSTS="")
    served.wait_until_ready()
    assert 200 == served.get("/admin/login/", host="localhost")[0]
    assert 400 == served.get("/admin/login/", host="evil.example")[0]


def test_listening_for_everybody_has_its_warnings(site):
    served = Served(site, "--host", "0.0.0.0", DEBUG="1")
    served.wait_until_ready()
    assert "Warning: DEBUG is on, and other machines can reach this one" in served.process.said()


def test_ipv6_is_served(site):
    served = Served(site, "--host", "::1")
    served.base = f"http://[::1]:{served.port}"
    served.wait_until_ready()
    assert f"open      http://[::1]:{served.port}/" in served.process.said()


# Refused -----------------------------------------------------------------------


def test_a_port_in_use_is_told_before_anything_is_done():
    with Site(migrated=False) as site, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(Served(site, port=port).process)
        assert (
            f"Error: Port {port} of 127.0.0.1 is in use. Stop what listens there, or choose another with --port."
            == said
        )
        assert not (site.folder / "site.sqlite3").exists()
        assert [] == site.members()


def test_a_run_folder_in_use_is_told_with_whose_it_is(served):
    said = refused(Served(served.site).process)
    assert f"Another serve (pid {served.process.pid}) uses the run folder {served.site.run_dir}." in said
    assert 200 == served.get("/health/ready")[0]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--host", "no.such.host.invalid"), 1, "The host 'no.such.host.invalid' is not known here"),
        (("--host", "192.0.2.1"), 1, "192.0.2.1 is no address of this machine"),
        (("--port", "65536"), 2, "must be a whole number from 0 to 65535, not '65536'"),
        (("--workers", "0"), 2, "must be a whole number from 1 to 128, not '0'"),
    ],
)
def test_wrong_arguments_are_told(site, arguments, code, expected):
    done = site.manage("serve", *arguments)
    assert (code, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({"POOL_WORKERS": "many"}, "POOL_WORKERS"), ({"DATABASE_URL": "sqlite:///:memory:"}, "is in memory")],
)
def test_a_wrong_setting_is_told(site, variables, expected):
    assert expected in refused(Served(site, **variables).process)


# Kept alive --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web", "node"])
def test_a_killed_child_is_replaced(served, name):
    before = served.child(name)
    kill(before)
    after = served.wait_for_another(name, before)
    served.wait_until_ready()
    assert after == served.child(name)
    assert f"{name}.lost" in served.process.said()
    assert 3 == served.site.facts("submit", f"{ZOO}adds", "[1, 2]", "--wait")["result"]


def test_a_new_node_has_the_size_that_was_last_asked_for(served):
    served.site.facts("scale", 3)
    served.site.wait_for_workers(3)
    before = served.child("node")
    kill(before)
    served.wait_for_another("node", before)
    served.site.wait_for_workers(3)
    scaling = served.site.facts("status")["pool"]["scaling"]
    assert ("held", True) == (scaling["mode"], scaling["held_s"] > 0)


def test_what_a_killed_node_leaves_behind_is_ended(served):
    started = served.site.folder / "started"
    served.site.enqueue("leaves_child_and_waits", str(served.site.folder / "never"), str(started))
    served.site.wait_for_file(started)
    child = int(wait_for(started.read_text, 10.0, "the child's pid"))
    before = served.child("node")
    kill(before)
    served.wait_for_another("node", before)
    wait_for(lambda: child not in served.site.members(), 10.0, "the job's own child to end")


def test_a_stopped_node_stays_stopped_until_it_is_started(served):
    site = served.site
    assert {"asked": 1, "stopped": 1} == site.facts("stop")
    wait_for(lambda: not served.child("node"), what="the node to end")
    assert 200 == served.get("/health/live")[0]
    assert "No node is running" in site.pool("scale", "2").stderr
    assert served.process.exit_code() is None
    started = site.facts("start", "--workers", 1)
    assert (True, served.child("node")) == (started["started"], started["pid"])
    site.wait_for_workers(1)
    served.wait_until_ready()


def test_a_crash_does_not_start_a_stopped_node(served):
    site = served.site
    site.facts("stop")
    kill(served.child("web"))
    served.wait_for_another("web", 0)
    assert 0 == served.child("node")


def test_changed_code_is_loaded_with_debug(site):
    code = site.folder / "shop"
    code.mkdir()
    (code / "__init__.py").touch()
    tasks = "from pool import task\n\n@task\ndef price():\n    return {}\n"
    (code / "tasks.py").write_text(tasks.format(1))
    served = Served(site, DEBUG="1", PYTHONPATH=str(site.folder), POOLSITE_APPS="shop")
    served.wait_until_ready()
    environment = {"PYTHONPATH": str(site.folder), "POOLSITE_APPS": "shop"}

    def price() -> str:
        return site.pool("submit", "shop.tasks.price", "--wait", **environment).stdout

    assert "1\n" == price()
    web = served.child("web")
    (code / "tasks.py").write_text(tasks.format("'two'"))
    served.process.wait_until_said("code changed")
    served.wait_for_another("web", web)
    wait_for(lambda: '"two"\n' == price(), 30.0, "the new price", served.process.said)


# Down --------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_exit_code_0_and_leaves_nothing(served, number):
    assert 0 == served.process.stop(number)
    assert [] == served.site.members()
    assert ["STOPPED"] == [node["state"] for node in served.site.nodes(ended=True)]


def test_a_running_job_is_finished_first_and_the_pages_stay_until_then(served):
    site = served.site
    started, go = site.folder / "started", site.folder / "go"
    job = site.enqueue("waits_for", str(go), str(started))
    site.wait_for_file(started)
    served.process.send(signal.SIGTERM)
    served.process.wait_until_said("node.draining")
    assert 200 == served.get("/health/live")[0]
    go.touch()
    assert 0 == served.process.wait()
    assert "COMPLETED" == site.job(job)["status"]
    assert [] == site.members()


def test_a_second_signal_gives_running_jobs_back(served):
    site = served.site
    started = site.folder / "started"
    job = site.enqueue("waits_for", str(site.folder / "never"), str(started))
    site.wait_for_file(started)
    served.process.send(signal.SIGTERM)
    served.process.wait_until_said("node.draining")
    served.process.send(signal.SIGTERM)
    assert 0 == served.process.wait(20)
    assert [] == site.members()
    assert site.job(job)["status"] in ("PENDING", "SCHEDULED")


@pytest.mark.parametrize("task", ["waits_for", "ignores_sigterm"])
def test_when_it_is_killed_all_of_it_ends_and_nothing_is_lost(served, task):
    site = served.site
    started, go = site.folder / "started", site.folder / "go"
    job = site.enqueue(task, str(go), str(started), options={"max_attempts": 3})
    site.wait_for_file(started)
    served.process.kill()
    site.wait_until_empty(5.0)
    go.touch()
    again = Served(site)
    again.wait_until_ready()
    assert "COMPLETED" == site.wait_for_job(job)["status"]


def kill(pid: int) -> None:
    assert pid
    os.kill(pid, signal.SIGKILL)
