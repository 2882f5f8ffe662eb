"""Run the mutants: `python -m tests.mutants [PART OF A NAME ...]`. Exit code 1: one survived, or could not be tried."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "var", "bench", "docs", "images")
LIMIT_S = 120.0

PASSED, FAILED = 0, 1
"""Exit codes of pytest; every other one means that no test was run."""


class NotApplicable(Exception):
    """The place that was to be changed is gone, or there is more than one."""


def apply(mutant: Mutant, text: str) -> str:
    for before, after in mutant.edits:
        if (found := text.count(before)) != 1:
            raise NotApplicable(f"{mutant.file} has {found} times: {before.strip()}")
        text = text.replace(before, after)
    return text


@contextmanager
def applied(mutant: Mutant, tree: Path) -> Iterator[None]:
    path = tree / mutant.file
    text = path.read_text()
    path.write_text(apply(mutant, text))
    try:
        yield
    finally:
        path.write_text(text)


def run(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests in the copy; pytest's exit code and what it said. None of our variables reaches it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POOL", "DATABASE", "DJANGO"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *tests],
        env=kept | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S * (1 if len(tests) == 1 else 5),
    )
    return done.returncode, done.stdout


def verdict(mutant: Mutant, tree: Path) -> str:
    """Empty when the mutant was noticed; otherwise what is wrong."""
    try:
        with applied(mutant, tree):
            code, said = run(tree, [mutant.test])
    except NotApplicable as error:
        return f"cannot be applied: {error}"
    except subprocess.TimeoutExpired:
        return f"no answer within {LIMIT_S:g} s"
    if code == FAILED:
        return ""
    return "SURVIVED" if code == PASSED else f"its test could not be run:\n{said[-2000:]}"


def main(parts: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not parts or any(part in mutant.name for part in parts)]
    if not chosen:
        print(
            f"No mutant has {' or '.join(map(repr, parts))} in its name: python -m tests.mutants [PART OF A NAME ...]"
        )
        return 1
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        code, said = run(tree, sorted({mutant.test for mutant in chosen}))
        if code != PASSED:
            print(f"The tests do not pass as they are:\n{said[-4000:]}")
            return 1
        for number, mutant in enumerate(chosen, 1):
            began = time.monotonic()
            problem = verdict(mutant, tree)
            wrong += bool(problem)
            took = f"{time.monotonic() - began:5.1f} s"
            print(f"{number:3} {took}  {problem or 'noticed':9}  {mutant.name}", flush=True)
            print(f"{'':14}{mutant.test}", flush=True)
    print(f"{len(chosen)} mutants, {len(chosen) - wrong} noticed.")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
