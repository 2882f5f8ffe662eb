"""What a chaos run found, as a table for people and as plain data. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import verdict
from tests.chaos.verdict import Findings

COUNTERS = "counters wrong"
ORPHANS = "orphans"
LEFT_FILES = "files left"
NODE_FAILED = "node failed"

INVARIANTS = (*verdict.BY_THE_JUDGE, COUNTERS, ORPHANS, LEFT_FILES, NODE_FAILED)


@dataclass(slots=True)
class Report:
    database: str
    seed: int
    seconds: float
    nodes: int
    workers: int
    serve: bool
    findings: Findings = field(default_factory=Findings)
    deeds: Counter[tuple[str, str]] = field(default_factory=Counter)
    started: Counter[str] = field(default_factory=Counter)
    errors: dict[str, int] = field(default_factory=dict)
    """What users were answered instead, and how often."""
    steered: dict[str, int] = field(default_factory=dict)
    healed_s: float = 0.0
    """From the last deed until every job had ended."""
    took_s: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    dump: str = ""
    schedule: str = ""

    def violate(self, what: str, sentence: str) -> None:
        self.findings.violate(what, sentence)

    @property
    def violations(self) -> dict[str, int]:
        """Those that happened."""
        return {what: count for what in INVARIANTS if (count := self.findings.violations[what])}

    @property
    def kills(self) -> int:
        return sum(count for (_, what), count in self.deeds.items() if what == "kill")

    @property
    def jobs(self) -> int:
        """Acknowledged jobs."""
        return self.findings.acknowledged

    def examples(self) -> str:
        """What was seen of each violation."""
        lines = [f"{what}: {one}" for what, some in self.findings.examples.items() for one in some]
        return "\n".join([*lines, self.dump])

    def figures(self) -> dict[str, Any]:
        found = self.findings
        return {
            "jobs acknowledged": self.jobs,
            "jobs there unacknowledged": found.unanswered,
            "jobs rolled back": found.rolled_back,
            **{f"ended {status}": count for status, count in sorted(found.ended.items())},
            "attempts begun": found.begun,
            "of these again": found.repeated,
            "attempts killed before they began": found.unbegun,
            "run to the end and not recorded": found.needless,
            **{f"cancel answered {answer}": count for answer, count in sorted(found.cancelled.items())},
            "waits for another job or batch": found.ties,
            "kills": self.kills,
            "deeds": sum(self.deeds.values()),
            **{what: found.violations[what] for what in INVARIANTS},
        }

    def as_dict(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "seed": self.seed,
            "seconds": self.seconds,
            "nodes": self.nodes,
            "workers": self.workers,
            "serve": self.serve,
            **{name.replace(" ", "_"): value for name, value in self.figures().items()},
            "deeds_by_victim": by_victim(self.deeds),
            "started": dict(self.started),
            "errors": self.errors,
            "steered": self.steered,
            "healed_s": round(self.healed_s, 2),
            "took_s": round(self.took_s, 1),
            "timings": {name: round(value, 2) for name, value in self.timings.items()},
            "violations": self.violations,
            "examples": dict(self.findings.examples),
            "schedule": self.schedule,
        }

    def __str__(self) -> str:
        head = f"{self.database}, {self.nodes} node(s) of {self.workers} workers{', under serve' if self.serve else ''}"
        lines = [f"{head}, {self.seconds:g} s of chaos, seed {self.seed} (CHAOS_SEED={self.seed} has it again)"]
        lines += [f"  {name}: {value:,}" for name, value in self.figures().items()]
        lines += [f"  {victim}: {_listed(kinds)}" for victim, kinds in by_victim(self.deeds).items()]
        lines += [f"  started: {_listed(self.started)}", f"  all ended {self.healed_s:.1f} s after the last deed"]
        lines += [f"  {name}: {value:.1f}" for name, value in self.timings.items()]
        return "\n".join([*lines, f"  schedule: {self.schedule}"])


def by_victim(deeds: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (who, what), count in sorted(deeds.items()):
        found.setdefault(who, {})[what] = count
    return found


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
