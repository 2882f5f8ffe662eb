"""Who stands behind a verb of an operator: every one of them takes it, and writes it into its audit entry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, and from where."""

    name: str = ""
    source: str = ""


NOBODY = Actor()
