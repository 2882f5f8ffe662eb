"""`python -m bench.load_picture > picture.svg`: the measure `load` once on SQLite, drawn.

A line for the workers there should be, and steps for those there were.
"""

import sys
from pathlib import Path

from bench import databases
from bench.databases import SQLITE
from bench.main import temporary_folder, terminable
from bench.measures.load import FIRST, Course, take
from bench.measures.plan import Plan
from bench.site import ground

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 34, 34
HALF_BUSY = 0.5
"""The middle of the default marks: where a size is right."""


def draw(course: Course) -> str:
    """The course as SVG."""
    wanted = [(at, load / HALF_BUSY) for at, load in course.phases]
    had = [(0.0, float(FIRST)), *((at, float(size)) for at, size in course.steps)]
    most = max(value for _, value in (*wanted, *had)) * 1.15
    across = (WIDTH - LEFT - RIGHT) / course.took_s
    up = (HEIGHT - TOP - BOTTOM) / most

    def path(points: list[tuple[float, float]]) -> str:
        placed = [(LEFT + at * across, HEIGHT - BOTTOM - value * up) for at, value in points]
        steps = " ".join(f"H{x:.1f} V{y:.1f}" for x, y in placed[1:])
        return f"M{placed[0][0]:.1f} {placed[0][1]:.1f} {steps} H{WIDTH - RIGHT}"

    rows = range(0, int(most) + 1, 4)
    lines = [f'<path class="g" d="M{LEFT} {HEIGHT - BOTTOM - row * up:.1f} H{WIDTH - RIGHT}"/>' for row in rows]
    lines += [f'<text x="{LEFT - 8}" y="{HEIGHT - BOTTOM - row * up + 4:.1f}" class="e">{row}</text>' for row in rows]
    seconds = range(0, int(course.took_s) + 1, 30)
    lines += [f'<text x="{LEFT + at * across:.1f}" y="{HEIGHT - 12}" class="m">{at} s</text>' for at in seconds]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            ' aria-label="Workers there should be, and workers there were, while the load doubles and halves">',
            STYLE,
            f'<rect width="{WIDTH}" height="{HEIGHT}" class="b"/>',
            *lines,
            f'<path class="w" d="{path(wanted)}"/>',
            f'<path class="h" d="{path(had)}"/>',
            f'<path class="w" d="M{LEFT} 16 h24"/><text x="{LEFT + 32}" y="20">workers that the load asks for</text>',
            f'<path class="h" d="M{LEFT + 260} 16 h24"/><text x="{LEFT + 292}" y="20">workers</text>',
            "</svg>",
        ]
    )


STYLE = """<style>
.b { fill: #fff } text { font: 12px system-ui, sans-serif; fill: #57606a } .e { text-anchor: end }
.m { text-anchor: middle }
.g { stroke: #d8dee4; fill: none } .w { stroke: #9a6700; stroke-width: 2; stroke-dasharray: 5 4; fill: none }
.h { stroke: #2159d1; stroke-width: 2; fill: none }
@media (prefers-color-scheme: dark) { .b { fill: #0d1117 } text { fill: #9198a1 } .g { stroke: #30363d }
.w { stroke: #d29922 } .h { stroke: #8db3ff } }
</style>"""


def main() -> int:
    with terminable(), temporary_folder(None) as folder:
        database = databases.database(SQLITE, Path(folder), "")
        with ground(database, Path(folder)) as here:
            print(draw(take(here, Plan())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
