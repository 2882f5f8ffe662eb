"""The colours of the charts, one set for each theme. The style sheet has the same ones for everything else.

Told apart by lightness as well as hue, so that they hold for every kind of colour vision and in print.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    text: str
    muted: str
    grid: str
    surface: str
    line: str
    arrivals: str
    completions: str
    failures: str
    wait: tuple[str, str, str]
    """p50, p95, p99: one hue."""
    run: tuple[str, str, str]
    queues: tuple[str, ...]
    heat: tuple[str, ...]
    """From few jobs to many."""
    mark: str


LIGHT = Palette(
    text="#16181d",
    muted="#5c6270",
    grid="#ecedf0",
    surface="#ffffff",
    line="#dcdee3",
    arrivals="#7b8290",
    completions="#2159d1",
    failures="#c0261f",
    wait=("#1d4fbd", "#5b8def", "#a9c6fb"),
    run=("#8a4708", "#d0822f", "#efc497"),
    queues=("#2159d1", "#e08a2c", "#12897b", "#8a63d2", "#7b8290", "#c2477f"),
    heat=("#edf3fe", "#b9d0fb", "#6d9bf3", "#2f66d8", "#123a8c"),
    mark="#7b8290",
)

DARK = Palette(
    text="#eceef2",
    muted="#a2a8b5",
    grid="#23262d",
    surface="#15171c",
    line="#343841",
    arrivals="#9aa1af",
    completions="#7aa5ff",
    failures="#ff8a80",
    wait=("#a9c6ff", "#5e8ff2", "#2f56a8"),
    run=("#ffd2a3", "#df9445", "#8a5620"),
    queues=("#7aa5ff", "#f0a85a", "#4cc5b4", "#b79bff", "#9aa1af", "#f08cb8"),
    heat=("#18233c", "#24437f", "#3d6fcb", "#7aa5ff", "#dce8ff"),
    mark="#9aa1af",
)

PALETTES = {"light": LIGHT, "dark": DARK}


def faded(colour: str, opacity: float) -> str:
    """The same colour, see-through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
