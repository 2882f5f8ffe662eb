"""The colours of the pages and the charts: the same in both, and strong enough to be read."""

import re
from pathlib import Path

import pytest

from dashboard.palette import DARK, LIGHT, PALETTES

STYLES = Path(__file__).resolve().parent.parent.parent / "static" / "dashboard"


def test_legends_have_the_colours_of_the_charts() -> None:
    styles = (STYLES / "dashboard.css").read_text()
    for name, light, dark in [
        ("arrivals", LIGHT.arrivals, DARK.arrivals),
        ("completions", LIGHT.completions, DARK.completions),
        ("failures", LIGHT.failures, DARK.failures),
        ("wait", LIGHT.wait[0], DARK.wait[0]),
        ("run", LIGHT.run[0], DARK.run[0]),
        *((f"queue-{place}", *pair) for place, pair in enumerate(zip(LIGHT.queues, DARK.queues, strict=True))),
    ]:
        assert f".k-{name} {{ --key: light-dark({light}, {dark}); }}" in styles


def brightness(colour: str) -> float:
    """The relative luminance of WCAG."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((brightness(one), brightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", PALETTES)
def test_texts_and_lines_of_charts_stand_out(theme: str) -> None:
    palette = PALETTES[theme]
    assert contrast(palette.text, palette.surface) >= 4.5
    assert contrast(palette.muted, palette.surface) >= 4.5
    for line in (palette.arrivals, palette.completions, palette.failures, palette.wait[0], palette.run[0]):
        assert contrast(line, palette.surface) >= 3


def test_words_of_states_stand_out_in_both_themes() -> None:
    styles = (STYLES / "theme.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", styles))
    for name in ("text", "muted", "accent", "green", "blue", "amber", "red", "slate"):
        for place in (0, 1):
            word, ground, raised = (colours[key].split(", ")[place] for key in (name, "ground", "raised"))
            assert min(contrast(word, ground), contrast(word, raised)) >= 4.5, name
