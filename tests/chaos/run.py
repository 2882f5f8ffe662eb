"""One chaos run: build the tree, set the monkey on it, heal, wait for every job to end, judge, take everything down.

Called by the tests of this folder and by `manage.py pool bench --chaos`. Prints the seed first: with it a run can be
had again, as far as the machine does the same twice.
"""

import os
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos import actors, books, ledger, recovery, rows, verdict
from tests.chaos.monkey import Monkey
from tests.chaos.plan import deeds
from tests.chaos.report import COUNTERS, LEFT_FILES, NODE_FAILED, ORPHANS, Report
from tests.chaos.site import ChaosSite
from tests.chaos.tree import Tree, handles, wait_while
from tests.engine import reads

USERS = ("submitter", "caller", "canceller", "steerer")
SUBMITTERS = 2

HEAL_S = 60.0
"""Jobs that have not ended this long after the chaos are stuck; longer for what waits in the queues."""
DRAINED_A_SECOND = 200

GONE_S = 5.0
"""No process may be left this long after the stop."""

LONGEST_REST_S = 0.05
TELL_S = 30.0


@dataclass(slots=True)
class Run:
    site: ChaosSite
    tree: Tree
    report: Report
    say: Callable[[str], None]

    def live(self, monkey: Monkey, seconds: float) -> None:
        """The chaos itself."""
        until = time.monotonic() + seconds
        told = time.monotonic()
        while (now := time.monotonic()) < until:
            self.tree.keep(now)
            if now >= told + TELL_S:
                told = now
                self.say(f"{until - now:.0f} s to go, {monkey.kills:,} kills")
            next_at = monkey.step(now)
            time.sleep(min(max(min(next_at, until) - time.monotonic(), 0.0), LONGEST_REST_S))
        monkey.rest()
        self.report.deeds = monkey.done

    def heal(self) -> None:
        """Nobody submits any more; what should run does, and may; every job ends."""
        began = time.monotonic()
        self.tree.dismiss(*USERS)
        # A keeper that waits longer and longer begins anew. One that has just started does not, and would die of it.
        for serve in self.tree.process_of("serve"):
            if handles(serve.pid, signal.SIGHUP):
                serve.send(signal.SIGHUP)
        self.ask(reads.reconnect)
        self.ask(rows.resume_all)
        backlog = self.ask(rows.unfinished)
        self.say(f"healing: {backlog:,} jobs have not ended")
        limit_s = HEAL_S + backlog / DRAINED_A_SECOND
        if not wait_while(lambda: self.ask(rows.unfinished) > 0, limit_s, self.tree, every_s=0.1):
            self.report.dump = f"{self.ask(rows.state)}\n{self.last_words()}"
        self.report.healed_s = time.monotonic() - began

    def judge(self) -> None:
        accounts = books.read(self.site.folder)
        found = verdict.judge(
            accounts,
            self.ask(rows.jobs),
            self.ask(rows.attempts),
            ledger.read(self.site.folder),
            self.ask(rows.audited),
            self.ask(rows.ties),
            self.ask(rows.batches),
        )
        self.report.findings, self.report.errors, self.report.steered = found, accounts.errors, accounts.steered
        self.compare_counters()

    def compare_counters(self) -> None:
        """The kept counters, and those of `/metrics`, against the rows. Nodes fold theirs once a second."""
        recount = self.site.recount()
        if recount.kept != recount.counted:
            self.report.violate(COUNTERS, f"kept {recount.kept}, counted {recount.counted}")
        figures = self.ask(rows.figures)
        for name in ("submitted", "pending", "scheduled", "executing", "completed", "failed", "cancelled", "timeout"):
            counted = sum(sums[name] for sums in recount.counted.values())
            if figures[name] != counted:
                self.report.violate(COUNTERS, f"/metrics says {name} {figures[name]}, the rows say {counted}")

    def stop(self) -> None:
        """Everybody leaves when told to, and nothing stays behind."""
        keepers = [process for who in ("node", "serve") for process in self.tree.process_of(who)]
        codes = self.tree.dismiss("node", "serve", limit_s=60)
        for code, keeper in zip(codes, keepers, strict=True):
            if code != 0:
                self.report.violate(NODE_FAILED, f"exit code {code} at the end:\n{keeper.said()[-3000:]}")
        self.tree.dismiss("web", limit_s=20)
        if not wait_while(lambda: bool(self.site.members()), GONE_S):
            for pid in self.site.members():
                self.report.violate(ORPHANS, f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
        for name in self.site.left_files():
            self.report.violate(LEFT_FILES, name)
        for failure in self.tree.failed:
            self.report.violate(NODE_FAILED, failure)
        self.report.started = self.tree.started

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """Ask the side process; once more when the database had gone away."""
        try:
            return self.site.do(function, *args)
        except Exception:  # noqa: BLE001  whatever it is, it is raised the second time
            self.site.do(reads.reconnect)
            return self.site.do(function, *args)

    def last_words(self) -> str:
        """The ends of the logs of those who run now."""
        seats = [(seat.who, seat.process) for seat in self.tree.seats if seat.process is not None]
        return "\n".join(f"--- {who}\n{process.said()[-6000:]}" for who, process in seats)


def run_chaos(
    database: str = "sqlite",
    seconds: float = 20.0,
    seed: int | None = None,
    rate: float = 250.0,
    nodes: int | None = None,
    workers: int = 4,
    serve: bool = False,
    measure: int = 0,
    say: Callable[[str], None] = print,
) -> Report:
    """Let chaos rule for so long at so many jobs a second. `measure` recoveries from a kill are timed afterwards."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    nodes = nodes or (2 if database == "postgresql" else 1)
    report = Report(database, seed, seconds, nodes, workers, serve)
    say(f"chaos on {database} for {seconds:g} s: seed {seed}")
    began = time.monotonic()
    with ChaosSite(database) as site, socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        run = Run(site, start_tree(site, listening, report, rate), report, say)
        report.schedule = str(_schedule(database, seed))
        head = {"database": database, "seed": seed, "seconds": seconds, "nodes": nodes, "rate": rate, "serve": serve}
        plan = deeds(seed, database, serve=serve)
        run.live(Monkey(run.tree, site.trouble(), plan, Path(report.schedule), head), seconds)
        run.heal()
        run.judge()
        if measure and not serve and not report.violations:
            report.timings = recovery.measure(site, run.tree, measure)
        run.stop()
    report.took_s = time.monotonic() - began
    return report


def start_tree(site: ChaosSite, listening: socket.socket, report: Report, rate: float) -> Tree:
    """All who should run; the pool is ready when the users come."""
    port = listening.getsockname()[1]
    site.environment |= {actors.PORT: str(port), actors.TOKEN: site.token()}
    tree = Tree(site, Random(report.seed))
    if report.serve:
        # It listens itself, each time on the same port.
        listening.close()
        tree.add("serve", lambda: site.start("serve", "--port", port, "--workers", report.workers))
    else:
        for number in range(report.nodes):
            tree.add_program("node", report.workers, POOL_RUN_DIR=site.run_dir_of(number))
        tree.add_program("web", listening.fileno(), descriptor=listening.fileno())
    wanted = report.nodes * report.workers
    assert wait_while(lambda: len(tree.members("worker")) < wanted, 60, tree), site.evidence()
    users = ["submitter"] * SUBMITTERS + [user for user in USERS if user != "submitter"]
    for user in users:
        tree.add_program(user, report.seed, rate / SUBMITTERS)
    assert wait_while(lambda: ledger.size(site.folder) == 0, 60, tree), site.evidence()
    return tree


def _schedule(database: str, seed: int) -> Path:
    """Where the schedule of this run is kept: in the folder CHAOS_DIR, or among temporary files."""
    folder = os.environ.get("CHAOS_DIR") or tempfile.gettempdir()
    path = Path(folder) / f"chaos-{database}-{seed}-{os.getpid()}.jsonl"
    path.unlink(missing_ok=True)
    return path
