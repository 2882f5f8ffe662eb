"""The scripts of the pages: they build no markup from texts, and write figures and states as the server does."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard import marks
from pool.domain import wording

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "static" / "dashboard" / "js"
FILES = sorted(SCRIPTS.glob("*.js"))
TEMPLATES = SCRIPTS.parent.parent.parent / "templates" / "dashboard"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run scripts outside a browser")

MARKUP = re.compile(
    r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.setAttribute\(\"(?:style|on)"
)
FIGURES = (
    None, 0, 1, 7, 999, 1000, 1_234_567, 0.25, 0.999, 1.0, 1.5, 12.345, 38.04, 99.96, 100.4, 999.4, 1530.0, 59_999.0,
    60_000.0, 240_000.0, 3_599.0, 86_400.0, 90_000.0, 48_200_000, 5_000_000_000,
)  # fmt: skip
FRACTIONS = (None, 0.0, 0.004, 0.613, 0.9999, 1.0)


def run(source: str) -> object:
    """What a module prints as JSON."""
    command = ["node", "--input-type=module", "--eval", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_no_script_makes_markup_of_texts() -> None:
    assert FILES
    for path in FILES:
        assert MARKUP.findall(path.read_text()) == [], path.name


def test_every_script_a_page_asks_for_is_there() -> None:
    asked = {
        name for page in TEMPLATES.glob("*.html") for name in re.findall(r"dashboard/js/([\w.]+)", page.read_text())
    }
    imported = {name for path in FILES for name in re.findall(r'from "\./([\w.]+)"', path.read_text())}
    assert asked | imported == {path.name for path in FILES}


def test_scripts_know_the_states_as_the_server_does() -> None:
    source = (SCRIPTS / "marks.js").read_text()
    known = {name: (family, mark) for name, family, mark in re.findall(r'(\w+): \["(\w+)", "(\w+)"\]', source)}
    assert known
    assert known == {name: marks.STATES[name] for name in known}


def test_every_mark_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'id="i-(\w+)"', (TEMPLATES / "sprite.html").read_text()))
    asked = {name for page in TEMPLATES.glob("*.html") for name in re.findall(r'{% icon "(\w+)" %}', page.read_text())}
    assert {mark for _, mark in marks.STATES.values()} | asked <= sprite


@needs_node
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_script_can_be_read(path: Path, tmp_path: Path) -> None:
    module = tmp_path / f"{path.stem}.mjs"
    module.write_text(path.read_text())
    subprocess.run(["node", "--check", module], check=True, capture_output=True, timeout=60)


@needs_node
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("number", FIGURES),
        ("rate", FIGURES),
        ("milliseconds", FIGURES),
        ("age", FIGURES),
        ("size", FIGURES),
        ("percent", FRACTIONS),
    ],
)
def test_scripts_write_figures_as_the_server_does(name: str, values: tuple[float | None, ...]) -> None:
    module = (SCRIPTS / "words.js").as_uri()
    source = f'import {{ {name} }} from "{module}"; console.log(JSON.stringify({json.dumps(values)}.map({name})))'
    assert run(source) == [getattr(wording, name)(value) for value in values]
