"""How the job table may be stored on PostgreSQL: the ways that the measure `bloat` compares. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variant:
    fill_factor: int
    """Per cent of a page that new rows fill; the rest is left for new versions of them."""
    vacuum_scale: float | None
    """Part of the table that must be dead before autovacuum comes; None: the server's own, a fifth."""

    @property
    def key(self) -> str:
        return f"bloat_{self.fill_factor}{'' if self.vacuum_scale is None else 'v'}"

    @property
    def what(self) -> str:
        vacuum = "" if self.vacuum_scale is None else f", vacuum at {self.vacuum_scale:.0%}"
        return f"fill factor {self.fill_factor}{vacuum}"

    @property
    def settings(self) -> str:
        """As ALTER TABLE takes them."""
        vacuum = "" if self.vacuum_scale is None else f", autovacuum_vacuum_scale_factor = {self.vacuum_scale}"
        return f"fillfactor = {self.fill_factor}{vacuum}"


VARIANTS = tuple(Variant(fill, scale) for fill in (100, 90, 70) for scale in (None, 0.01))

ASPECTS = {
    "rate": ("jobs enqueued and done", "jobs/s"),
    "late": ("the same, of the last fifth of them", "jobs/s"),
    "table": ("the table", "MB"),
    "indexes": ("its indexes", "MB"),
    "dead": ("row versions that nobody needs, at the end", "rows"),
    "vacuums": ("times that autovacuum came", "times"),
    "least": ("table and indexes, rewritten by VACUUM FULL", "MB"),
    "claim": ("a claim of 10 at the end", "µs"),
}
"""What is measured of each: key, words and unit."""
