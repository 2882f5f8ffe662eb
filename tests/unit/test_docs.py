"""The documents say what the code does: every setting, every variable of the site, the commands of the README."""

import ast
import re
from pathlib import Path

import pytest

from pool.domain.config import PRESETS, SETTINGS
from pool.domain.setting import Setting

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text()
README = (ROOT / "README.md").read_text()


def plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.10g}"
    return f"{value:,}" if type(value) is int else "empty" if value in ("", ()) else str(value)


def allowed(setting: Setting) -> str:
    if choices := setting.metadata["choices"]:
        return ", ".join(choices)
    if setting.type not in (int, float):
        return {bool: "True, False", str: "text", tuple[str, ...]: "list"}[setting.type]
    return f"{setting.metadata['least']:,.10g} to {setting.metadata['most']:,.10g}"


def row(name: str) -> str:
    setting = SETTINGS[name]
    unit, doc = setting.metadata["unit"], setting.metadata["doc"]
    return f"| `{name}` | {plain(setting.default)} | {unit} | {allowed(setting)} | {doc} |"


def site_variables() -> set[str]:
    """The variables poolsite/settings.py asks for, as in env.str("NAME")."""
    tree = ast.parse((ROOT / "poolsite" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    asked = [call for call in calls if ast.unparse(call.func.value) in {"env", "os.environ"}]
    return {ast.literal_eval(call.args[0]) for call in asked}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_documented_with_default_unit_and_limits(name):
    assert row(name) in SETTINGS_PAGE.splitlines()


def test_no_setting_is_documented_that_does_not_exist():
    rows = re.findall(r"^\| `([a-z_]+)` \|(?:.*\|){4}$", SETTINGS_PAGE, flags=re.MULTILINE)
    assert list(SETTINGS) == rows


def test_each_value_of_a_preset_is_documented():
    for name, values in PRESETS.items():
        (line,) = re.findall(rf"^\| `{name}` \|(.*)\|$", SETTINGS_PAGE, flags=re.MULTILINE)
        expected = ", ".join(f"`{key}` {value}" for key, value in values.items())
        assert (expected or "nothing else") == line.strip()


def test_each_variable_of_the_site_is_documented():
    assert {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL", "POOLSITE_APPS"} == site_variables()
    for name in site_variables() | {"LOG_LEVEL", "POOL_RUN_DIR"}:
        assert f"| `{name}` |" in SETTINGS_PAGE


@pytest.mark.parametrize("heading", ["Run it", "Test it"])
def test_the_readme_has_one_command_line_for_it(heading):
    found = re.search(rf"^## {heading}\n.*?```\w*\n(.*?)```", README, flags=re.DOTALL | re.MULTILINE)
    assert found
    assert 1 == len(found[1].strip().splitlines())
    assert "-c constraints.txt" in found[1]


def test_the_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target
