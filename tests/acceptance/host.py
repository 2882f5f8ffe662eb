"""A project of somebody else: the wheel is built, installed without its source tree, and set up as README.md says.

The environment of the tests lends it the other packages, so that nothing is fetched. What the README calls `mysite` is
what `django-admin startproject` made; each of its Python blocks says in a comment which file it belongs to.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.acceptance.processes import Process, members, wait_for
from tests.acceptance.served import answer
from tests.acceptance.site import ROOT, free_port

NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "var", "build", "dist", "docs", "*.egg-info")
COMMAND_S = 60.0
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def build_wheel(folder: Path) -> Path:
    """Build it from a copy, because the build leaves files behind, and takes up what an earlier one left."""
    shutil.copytree(ROOT, folder / "source", ignore=NOT_SOURCE)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, folder / "source")
    (wheel,) = folder.glob("*.whl")
    return wheel


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=COMMAND_S)
    assert done.returncode == 0, done.stderr


def readme_blocks() -> Iterator[tuple[str, str]]:
    """The Python blocks of "In your own project" with the file each belongs to; "" for what may stand anywhere."""
    section = (ROOT / "README.md").read_text().split("\n## In your own project\n")[1].split("\n## ")[0]
    for code in FENCE.findall(section):
        found = re.match(r"# (\w+/\w+\.py)\b", code)
        yield found[1] if found else "", code


class Host:
    """The project. Its folder is short, because the run folder lies in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-", dir="/tmp"))
        self.project = self.folder / "site"
        self.python = self.folder / "venv" / "bin" / "python"
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.port = free_port()
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        wait_for(lambda: not members(self.folder, {}), what="the project's processes to end")
        shutil.rmtree(self.folder)

    def install(self, wheel: Path) -> None:
        """Make an environment of its own with nothing in it but the wheel and what the tests' environment has."""
        venv.create(self.folder / "venv", symlinks=True)
        pip("--python", self.python, "install", "--no-deps", "--no-index", "--no-compile", wheel)
        own = next((self.folder / "venv" / "lib").glob("python*/site-packages"))
        # A folder named here comes last and its own .pth files are not read: an editable install of ours is not seen.
        lent = [path for path in sys.path if path.endswith("-packages")]
        (own / "lent.pth").write_text("\n".join(lent) + "\n")

    def start_project(self) -> None:
        self.project.mkdir()
        self.run("-m", "django", "startproject", "mysite", ".")
        self.add("mysite/settings.py", 'INSTALLED_APPS += ["shop"]')
        (self.project / "shop").mkdir()
        self.add("shop/__init__.py", "")

    def add(self, file: str, code: str) -> None:
        with open(self.project / file, "a") as opened:
            opened.write(f"\n{code}\n")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its Python to the end."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )

    def manage(self, *arguments: str) -> str:
        """Run a command of its manage.py, which must succeed; what it said."""
        done = self.run("manage.py", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self) -> Process:
        command = [str(self.python), "manage.py", "serve", "--port", str(self.port), "--workers", "1"]
        process = Process(command, self.environment, self.project, self.folder / "serve.log")
        self.processes.append(process)
        wait_for(lambda: 200 == self.get("/health/ready")[0], 40.0, "the project to be ready", process.said)
        return process

    def get(self, path: str, cookie: str = "") -> tuple[int, str]:
        return answer(f"http://127.0.0.1:{self.port}{path}", {"Cookie": cookie} if cookie else {})
