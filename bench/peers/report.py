"""The counts of all peers side by side, as a table in Markdown and as plain data. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.peers.counts import Counts, as_dict

LINES = {
    "jobs acknowledged": "acknowledged",
    "submits that failed or were cut off": "unacknowledged",
    "**lost**: acknowledged, never ran to the end, no trace left": "lost",
    "good jobs recorded as failed": "given_up",
    "ran to the end, and no record of it": "unrecorded",
    "**stuck**: still held by the queue at the limit": "stuck",
    "of these ran to their end, which was not recorded": "stuck_done",
    "attempts begun": "attempts",
    "of these again (after a failure, after a kill, or for nothing)": "again",
    "**needless**: begun after the job had run to its end": "needless",
    "jobs that ran to their end more than once": "twice",
    "**overlaps**: begun while another attempt of the job ran": "overlaps",
    "poison jobs": "poison",
    "of these ended as failed": "poison_ended",
    "of these **still killing workers** at the limit": "poison_looping",
    "most attempts of a poison job": "poison_attempts",
}


@dataclass(slots=True)
class PeerReport:
    name: str
    promise: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: float
    seed: int
    rate: float
    poison: bool = True
    counts: Counts = field(default_factory=Counts)
    deeds: dict[tuple[str, str], int] = field(default_factory=dict)
    starts: int = 0
    orphans: int = 0
    """Processes that lived on for two seconds after their main process was gone."""
    hung: int = 0
    """Main processes that were told to end and did not within 20 seconds."""
    restarted: bool = False
    """Whether it took a restart by hand at the end before the queue went on."""
    silence_s: float = 0.0
    healed_s: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.name} {self.versions.get(self.name, '')}".strip() + ("" if self.poison else ", no poison jobs")

    def lines(self) -> dict[str, str]:
        told = {title: f"{getattr(self.counts, name):,}" for title, name in LINES.items()}
        told |= {
            "**orphans**: processes alive 2 s after their main process was gone": f"{self.orphans:,}",
            "main process hung when told to end": f"{self.hung:,}",
            "longest time in which no job began or ended, under load": f"{self.silence_s:.1f} s",
            "from the last deed until nothing changed any more": f"{self.healed_s:.0f} s",
            "needed a restart by hand for that": "yes" if self.restarted else "no",
        }
        told |= {f"SIG{how} to {who}": f"{count:,}" for (who, how), count in self._signals().items()}
        return told | {"starts of the main process": f"{self.starts:,}"}

    def as_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("counts", "deeds")}
        deeds = {f"{how} {who}": count for (who, how), count in sorted(self.deeds.items())}
        return plain | {"counts": as_dict(self.counts), "deeds": deeds}

    def _signals(self) -> dict[tuple[str, str], int]:
        return {(SPOKEN[who], how.upper()): count for (who, how), count in sorted(self.deeds.items()) if who in SPOKEN}


NOTHING = "–"

SPOKEN = {
    "worker": "a worker",
    "node": "the main process or what supervises",
    "clerk": "what speaks to the database",
    "nursery": "what workers are forked from",
    "newborn": "a process that starts",
}


def table(reports: Sequence[PeerReport]) -> str:
    """A column for each peer, a line for each figure; the figures of several runs of a peer stand side by side."""
    columns: dict[str, list[dict[str, str]]] = {}
    for report in reports:
        columns.setdefault(report.title, []).append(report.lines())
    names = dict.fromkeys(name for runs in columns.values() for lines in runs for name in lines)
    rows = [[name, *(_cell(runs, name) for runs in columns.values())] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in [["", *columns], ["---", *["---:"] * len(columns)], *rows])


def _cell(runs: Sequence[Mapping[str, str]], name: str) -> str:
    return " / ".join(lines.get(name, NOTHING) for lines in runs) if any(name in lines for lines in runs) else NOTHING
