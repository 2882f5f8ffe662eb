"""`pool bench --chaos` tells what the harness found, to people and to programs."""

import json
import subprocess
import sys

import pytest

from bench import main
from tests.acceptance.site import ROOT

pytestmark = pytest.mark.timeout(180)


@pytest.mark.slow
def test_a_short_chaos_prints_its_counts_and_leaves_with_0() -> None:
    arguments = ["--chaos", "0.03", "--quick", "--database", "sqlite", "--json", "--seed", "7"]
    done = subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    (report,) = json.loads(done.stdout)["chaos"]
    assert ({}, 7) == (report["violations"], report["seed"])
    assert report["jobs_acknowledged"] > 0
    assert (0, 0, 0) == (report["lost"], report["overlaps"], report["orphans"])


@pytest.mark.slow
def test_the_pool_is_one_of_the_peers() -> None:
    arguments = ["--peers", "pool", "--minutes", "0.03", "--no-poison", "--seed", "7", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.peers.chaos", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stderr
    (report,) = json.loads(done.stdout)
    counts = report["counts"]
    assert counts["acknowledged"] > 0
    assert counts["completed"] == counts["acknowledged"]
    assert (0, 0) == (counts["overlaps"], report["orphans"])


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "many", "1e9"])
def test_chaos_lasts_minutes(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main.run(["--chaos", minutes])
    assert "number of minutes" in capsys.readouterr().err


def test_chaos_needs_a_server_that_it_may_restart(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main.run(["--chaos", "1", "--database-url", "postgresql://somebody@host/elses"])
    assert "a server of its own" in capsys.readouterr().err
