"""The wheel in a project of somebody else, set up as README.md says: tasks, pages, static files and sockets."""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.acceptance.host import Host, build_wheel, readme_blocks
from tests.acceptance.processes import Process
from tests.acceptance.site import ROOT, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LOG_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
client = Client()
client.force_login(get_user_model().objects.create_superuser("ada"))
print("cookie", client.cookies["sessionid"].OutputString().partition(";")[0])
"""


@dataclass
class Running:
    """The project at work: what was enqueued, and the cookie of an administrator."""

    host: Host
    process: Process
    wrong: str
    jobs: str
    cookie: str


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def running(wheel: Path) -> Iterator[Running]:
    with Host() as host:
        host.install(wheel)
        host.start_project()
        blocks = list(readme_blocks())
        for file, code in blocks:
            if file:
                host.add(file, code)
        wrong = host.run("manage.py", "check").stderr
        host.add("mysite/settings.py", lines_to_paste(wrong))
        host.manage("check", "--fail-level", "WARNING")
        host.manage("migrate", "-v0")
        said = host.manage("shell", "-v0", "-c", LOG_IN + "".join(code for file, code in blocks if not file))
        process = host.serve()
        yield Running(host, process, wrong, host.manage("pool", "jobs", "--json"), said.split("cookie ")[1].strip())


def lines_to_paste(said: str) -> str:
    return re.findall(r"Add this to the end of your settings:\n\n(.*?)\n\n", said, flags=re.DOTALL)[0]


def test_the_wheel_holds_the_apps_with_their_pages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    sources = [*ROOT.glob("pool/**/*.py"), *ROOT.glob("dashboard/**/*.py"), ROOT / "pool" / "py.typed"]
    pages = [*ROOT.glob("templates/**/*.*"), *(path for path in ROOT.glob("static/**/*") if path.is_file())]
    expected = {str(path.relative_to(ROOT)) for path in sources}
    assert expected | {f"dashboard/{path.relative_to(ROOT)}" for path in pages} == names


def test_the_check_names_what_is_missing_with_lines_that_cure_it(running):
    assert ["pool.E004"] == re.findall(r"\((\w+\.\w+)\)", running.wrong)


def test_nothing_comes_from_the_source_tree(running):
    found = running.host.manage(
        "shell", "-v0", "-c", "import pool, dashboard; print(pool.__file__, dashboard.__file__)"
    )
    assert all(Path(path).is_relative_to(running.host.folder / "venv") for path in found.split())


def test_the_projects_own_task_is_done(running):
    jobs = json.loads(running.jobs)["results"]
    assert [("shop.tasks.resize", "images", 50), ("shop.tasks.resize", "default", 0)] == [
        (job["task"], job["queue"], job["priority"]) for job in jobs
    ]
    for job in jobs:
        wait_for(lambda job=job: is_done(running, job["id"]), 20.0, "the job to be done", running.process.said)


def is_done(running: Running, job: str) -> bool:
    status, text = running.host.get(f"/api/v1/jobs/{job}", running.cookie)
    assert 200 == status, text
    return "COMPLETED" == json.loads(text)["status"]


def test_the_greeting_leads_to_the_pages(running):
    assert f"open      http://127.0.0.1:{running.host.port}/dashboard/" in running.process.said()


@pytest.mark.parametrize("page", ["", "jobs/", "workers/", "settings/"])
def test_a_page_is_there_with_everything_it_names(running, page):
    status, text = running.host.get(f"/dashboard/{page}", running.cookie)
    assert 200 == status
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
    assert any(file.endswith(".css") for file in files)
    assert {200} == {running.host.get(file)[0] for file in files}


def test_a_stranger_is_sent_to_the_login_of_the_project(running):
    status, text = running.host.get("/dashboard/")
    assert (200, True) == (status, 'name="password"' in text)


def test_the_socket_tells_the_pools_figures(running):
    port = running.host.port
    headers = {"Cookie": running.cookie}
    address, origin = f"ws://127.0.0.1:{port}/ws/metrics/", f"http://127.0.0.1:{port}"
    with connect(address, additional_headers=headers, origin=origin, proxy=None) as socket:
        first = json.loads(socket.recv(timeout=20))
    assert (1, "snapshot") == (first["v"], first["type"])
    assert 1 == first["data"]["pool"]["nodes"]
