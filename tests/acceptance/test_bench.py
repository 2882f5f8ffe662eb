"""The bench runs: one quick measure on a site of its own, with real processes, and nothing is left of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import alive, wait_for
from pool.engine.linux import become_subreaper, children_of

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def adopted():
    """A look at what came to us as orphans, gone when the test is over."""
    before = set(children_of(os.getpid()))
    become_subreaper()
    try:
        yield lambda: set(children_of(os.getpid())) - before
    finally:
        become_subreaper(False)
        for orphan in set(children_of(os.getpid())) - before:
            os.waitpid(orphan, os.WNOHANG)


def test_a_quick_measure_prints_json_and_leaves_nothing_behind(tmp_path, adopted):
    arguments = ["--quick", "--only", "drain", "--database", "sqlite", "--folder", str(tmp_path), "--json"]
    done = subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (0, []), done.stderr
    drained = json.loads(done.stdout)["figures"][0]
    assert drained["key"] == "drain"
    assert drained["value"] > 0
    assert (drained["bound"], drained["aim"]) == (20_000, 50_000)
    assert list(tmp_path.iterdir()) == []
    # The node's helpers end with it, a moment later, and come to us as what is left of them.
    wait_for(lambda: not alive(adopted()), "the end of every process", 5.0)


def test_a_measure_that_cannot_be_taken_is_told_and_exits_with_1(tmp_path):
    arguments = ["--quick", "--only", "drain", "--database", "postgres", "--folder", str(tmp_path), "--json"]
    nowhere = ["--database-url", f"postgresql://nobody@/nothing?host={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, *nowhere], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    (failed,) = json.loads(done.stdout)["failed"]
    assert failed["database"] == "postgres"
    assert "OperationalError" in failed["error"]
