"""Imports point one way. Read from the source, so that no test has to import what it judges."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("pool", "dashboard", "poolsite")

MAY_IMPORT = {
    "pool.domain": ("pool.domain",),
    "pool.models": ("pool.models", "pool.domain"),
    "pool.conf": ("pool.domain",),
    "pool.failpoints": (),
    "pool.logs": ("pool.conf", "pool.domain"),
    "pool.store": (
        "pool.store",
        "pool.models",
        "pool.domain",
        "pool.conf",
        "pool.logs",
        "pool.failpoints",
        "pool.adapters.django_q",
    ),
    "pool.adapters.django_q": (),
    "pool.engine": (
        "pool.engine",
        "pool.store",
        "pool.domain",
        "pool.conf",
        "pool.registry",
        "pool.logs",
        "pool.failpoints",
        "pool.firing",
        "pool.signals",
        "pool.adapters.tasks_api",
    ),
}
MAY_NOT_IMPORT = {"pool": ("dashboard", "poolsite"), "dashboard": ("pool.engine", "poolsite")}

IMPURE = {
    "django",
    "asyncio",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "socket",
    "subprocess",
    "threading",
    "time",
}
CLOCKS = {"now", "utcnow", "today", "monotonic", "time_ns", "perf_counter"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported(tree: ast.AST) -> set[str]:
    """Every module the source names, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if is_module(name) else node.module for name in whole}
    return names


def is_under(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


TREES = {
    module_name(path): ast.parse(path.read_text())
    for folder in OURS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
}


def modules_under(package: str) -> list[tuple[str, ast.AST]]:
    return [(name, tree) for name, tree in TREES.items() if is_under(name, (package,))]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_below_it(package):
    for module, tree in modules_under(package):
        ours = {name for name in imported(tree) if is_under(name, OURS)}
        assert {name for name in ours if not is_under(name, MAY_IMPORT[package])} == set(), module


@pytest.mark.parametrize("package", MAY_NOT_IMPORT)
def test_nothing_below_knows_what_lies_above_it(package):
    for module, tree in modules_under(package):
        assert {name for name in imported(tree) if is_under(name, MAY_NOT_IMPORT[package])} == set(), module


def test_the_domain_has_no_framework_no_clock_and_no_system():
    for module, tree in modules_under("pool.domain"):
        assert {name for name in imported(tree) if name.split(".")[0] in IMPURE} == set(), module
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert called & CLOCKS == set(), module


def test_all_imports_are_absolute():
    for module, tree in TREES.items():
        levels = {node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert levels <= {0}, module


def test_the_rules_speak_of_packages_that_exist():
    for name in {*MAY_IMPORT, *MAY_NOT_IMPORT, "pool.adapters.tasks_api"}:
        assert is_module(name), name
