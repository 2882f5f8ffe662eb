"""What the driver knows of a peer, and the virtual environment that a peer is installed into.

A peer runs on the settings under which its own documentation promises most, on no others: they stand in its file, are
handed to its processes as they are, and are printed with the counts.
"""

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pool.engine import linux
from tests.acceptance.processes import title
from tests.acceptance.site import KEPT, ROOT
from tests.chaos import ledger

WORKERS = 4
COMMAND_S = 120.0
INSTALL_S = 900.0

Settings = Mapping[str, Any]


class Peer(ABC):
    name: str
    module: str
    """Its side of things, in `bench.peers.inside`."""
    requirements: tuple[str, ...] = ()
    """Installed into an environment of its own; none for ours."""
    promise: str
    """What its documentation promises about a job whose worker dies."""
    settings: Settings

    def __init__(self, folder: Path, environments: Path) -> None:
        self.folder = folder
        """The ledger's, and everything else of this run."""
        self.main_folder, self.side_folder = folder / "main", folder / "side"
        self.python = sys.executable
        if self.requirements:
            self.python = install(environments / self.name, self.requirements)

    def open(self) -> None:
        """Start what it needs, before anything is killed: nobody harms that."""
        return

    def close(self) -> None:
        """End what `open` started."""
        return

    @abstractmethod
    def command(self) -> list[str]:
        """The one command that a service manager keeps running."""

    @abstractmethod
    def members(self, main: int) -> list[tuple[str, int]]:
        """Who lives below the main process and may be hit, by the names that the plan has for them; itself too."""

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        settings = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PEER_SETTINGS": json.dumps(self.settings)}
        return kept | settings | {ledger.FOLDER: str(self.folder)}

    def program(self, verb: str, *arguments: object) -> list[str]:
        return [self.python, "-m", "bench.peers.inside.program", self.module, verb, *map(str, arguments)]

    def ask(self, verb: str) -> str:
        """Run a program in its environment to the end; what it printed."""
        done = subprocess.run(
            self.program(verb),
            env=self.environment(),
            cwd=self.side_folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {verb} failed.\n{done.stderr[-3000:]}")
        return done.stdout

    def versions(self) -> dict[str, str]:
        """Of what was asked for by name."""
        return {name: version for name, _, version in (one.partition("==") for one in self.requirements)}


def children(pid: int) -> list[tuple[str, int]]:
    """Titles and pids of the children that live; one that is dead and not yet reaped has no title."""
    found = [(title(child), child) for child in linux.children_of(pid)]
    return [(name, child) for name, child in found if name]


def install(folder: Path, requirements: tuple[str, ...]) -> str:
    """Make a virtual environment with these packages, unless it is there; its Python."""
    python, done = folder / "bin" / "python", folder / "installed.json"
    if not (done.exists() and json.loads(done.read_text()) == list(requirements)):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
        done.write_text(json.dumps(requirements))
    return str(python)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed.\n{done.stderr[-3000:]}")
