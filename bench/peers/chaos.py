"""`python -m bench.peers.chaos --minutes M --seed N`: the kills of our chaos tests against other queues, and ours.

Each peer gets the same jobs from a submitter that nobody harms, and the same plan of SIGKILL, SIGSTOP and SIGTERM to
its workers and to whatever keeps them running, as far as it has such. Then it is left in peace until all its jobs have
come to an end, and the effects are counted in a ledger that the jobs themselves wrote.
"""

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from bench.main import terminable
from bench.peers import counts
from bench.peers.celery import Celery
from bench.peers.counts import Outcomes, Unsettled
from bench.peers.django_q2 import DjangoQ2
from bench.peers.inside import jobs
from bench.peers.ours import Ours
from bench.peers.peer import WORKERS, Peer
from bench.peers.report import PeerReport, table
from bench.peers.service import Service, ServiceMonkey, make_folders
from tests.acceptance.processes import Process
from tests.chaos import books, ledger
from tests.chaos.plan import deeds

PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Ours, DjangoQ2, Celery)}

RATE = 100.0
ENVIRONMENTS = Path(tempfile.gettempdir()) / "bench-peers"
LONGEST_REST_S = 0.05
TELL_S = 30.0
LOOK_S = 3.0

PATIENCE_S = 75.0
"""Without progress for longer than two redeliveries take, the queue does not go on by itself."""
HEAL_S = 300.0


class Run:
    def __init__(self, peer: Peer, report: PeerReport) -> None:
        self.peer, self.report = peer, report
        self.service = Service(peer, Random(report.seed))
        self.outcomes = Outcomes()

    def run(self) -> None:
        peer, report = self.peer, self.report
        peer.ask("prepare")
        ready = self.service.wait_while(lambda: len(self.service.members("worker")) < WORKERS, 60)
        assert ready, self.service.said()
        log = peer.folder / "log-submitter"
        command = peer.program("submit", report.seed, report.rate, jobs.POISON if report.poison else "good")
        submitter = Process(command, peer.environment(), peer.side_folder, log)
        try:
            assert self.service.wait_while(lambda: not ledger.size(peer.folder), 60), log.read_text()
            self.live()
        finally:
            submitter.kill()
        self.heal()
        self.judge()

    def live(self) -> None:
        """The chaos itself."""
        report, began_ns = self.report, time.monotonic_ns()
        schedule = self.peer.folder / "schedule"
        monkey = ServiceMonkey(self.service, deeds(report.seed, "sqlite"), schedule)
        until = time.monotonic() + report.seconds
        told = time.monotonic()
        while (now := time.monotonic()) < until:
            self.service.keep(now)
            if now >= told + TELL_S:
                told = now
                say(f"  {until - now:.0f} s to go, {monkey.kills:,} kills, {self.service.starts} starts")
            next_at = monkey.step(now)
            time.sleep(min(max(min(next_at, until) - time.monotonic(), 0.0), LONGEST_REST_S))
        monkey.rest()
        report.deeds = dict(monkey.done)
        report.silence_s = counts.longest_silence_s(ledger.read(self.peer.folder), began_ns, time.monotonic_ns())

    def heal(self) -> None:
        """Nobody submits and nobody kills; a queue that holds jobs and does not go on is started again, once."""
        began = progressed = time.monotonic()
        submitted, before = books.read(self.peer.folder).submitted, Unsettled()
        while (now := time.monotonic()) < began + HEAL_S:
            self.outcomes = self.look()
            left = counts.unsettled(submitted, self.outcomes)
            say(f"  healing: {left.waiting:,} jobs wait, {left.missing} are missing, {left.poison} are poison")
            if left != before:
                before, progressed, self.report.healed_s = left, now, now - began
            is_still = now > progressed + PATIENCE_S
            if not left.waiting and (is_still or not (left.missing or left.poison)):
                return
            if is_still:
                if self.report.restarted:
                    return
                self.report.restarted, progressed = True, now
                self.service.tell(now)
            self.service.wait_while(lambda: True, LOOK_S)

    def look(self) -> Outcomes:
        self.service.keep(time.monotonic())
        found = json.loads(self.peer.ask("outcomes"))
        return Outcomes(found["ended"], frozenset(found["waiting"]))

    def judge(self) -> None:
        report, accounts = self.report, books.read(self.peer.folder)
        report.counts = counts.count(accounts.submitted, ledger.read(self.peer.folder), self.outcomes)
        report.errors = accounts.errors
        self.service.wanted = False
        self.service.tell(time.monotonic())
        self.service.wait_while(lambda: not self.service.is_clear(), 60)
        report.starts, report.orphans, report.hung = self.service.starts, self.service.orphans, self.service.hung


def run_peer(name: str, seed: int, options: argparse.Namespace) -> PeerReport:
    folder = Path(tempfile.mkdtemp(prefix="cp-", dir="/tmp"))
    make_folders(folder)
    peer = PEERS[name](folder, options.environments)
    try:
        peer.open()
        seconds = options.minutes * 60
        told = (peer.promise, peer.settings, peer.versions(), seconds, seed, options.rate, options.poison)
        report = PeerReport(name, *told)
        run = Run(peer, report)
        try:
            run.run()
        finally:
            run.service.end()
    finally:
        peer.close()
        if options.keep is not None:
            shutil.rmtree(options.keep / f"{name}-{seed}", ignore_errors=True)
            shutil.copytree(folder, options.keep / f"{name}-{seed}")
        shutil.rmtree(folder, ignore_errors=True)
    return report


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    reports = []
    with terminable():
        for name, seed in itertools.product(options.peers, options.seed):
            say(f"{name}: {options.minutes:g} minutes, seed {seed}")
            try:
                report = run_peer(name, seed, options)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                say(f"{name} could not be run: {error}")
                return 1
            say(table([report]))
            reports.append(report)
    print(json.dumps([report.as_dict() for report in reports], indent=1) if options.json else table(reports))
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench.peers.chaos", description="The same kills against other queues.")
    made.add_argument("--minutes", type=float, default=2.0, help="how long chaos rules over each peer (2)")
    made.add_argument("--seed", type=seeds, default=[1], help="of the plan and of the jobs (1); several: 1,2,3")
    made.add_argument("--rate", type=float, default=RATE, help=f"jobs submitted in a second ({RATE:g})")
    made.add_argument("--peers", type=peers, default=list(PEERS), help=f"some of: {', '.join(PEERS)}")
    made.add_argument(
        "--environments", type=Path, default=ENVIRONMENTS, help="where the peers' virtual environments are, or are made"
    )
    made.add_argument("--no-poison", dest="poison", action="store_false", help="no jobs that kill their workers")
    made.add_argument("--keep", type=Path, help="where to leave the ledger and the logs")
    made.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return made


def seeds(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def peers(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PEERS):
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}")
    return names


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
