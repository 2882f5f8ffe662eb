"""Computing tasks, the showcase, and what holds for all built-in tasks."""

import math
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import import_module

import pytest

import pool.library
from pool.domain.errors import JobCancelled
from pool.library import extra, showcase
from pool.library.computation import estimate_pi, matrix_multiply
from pool.library.errors import LibraryError, MissingExtra


@dataclass
class FakeContext:
    """A job's context that notes what the task tells, and is cancelled after so many looks."""

    attempt: int = 1
    cancel_after: int = 1000
    told: list[tuple[float, str]] = field(default_factory=list)

    def progress(self, fraction: float, message: str) -> None:
        self.told.append((fraction, message))

    def check_cancelled(self) -> None:
        self.cancel_after -= 1
        if self.cancel_after < 0:
            raise JobCancelled


def test_the_same_seed_gives_the_same_product():
    assert matrix_multiply.func(16, seed=3)["trace"] == matrix_multiply.func(16, seed=3)["trace"]
    assert matrix_multiply.func(16, seed=3)["trace"] != matrix_multiply.func(16, seed=4)["trace"]


def test_pi_is_near_and_progress_ends_at_one():
    context = FakeContext()
    result = estimate_pi.func(context, 1_200_000)
    assert result["pi"] == pytest.approx(math.pi, abs=0.02)
    assert [pytest.approx(1 / 1.2), 1.0] == [fraction for fraction, _ in context.told]


@pytest.mark.parametrize(
    ("function", "args"), [(matrix_multiply.func, (10**6,)), (estimate_pi.func, (FakeContext(), 0))]
)
def test_absurd_sizes_are_refused(function, args):
    with pytest.raises(LibraryError, match="must be from 1 to"):
        function(*args)


def test_the_unsteady_task_succeeds_after_its_failures():
    for attempt in (1, 2):
        with pytest.raises(showcase.ShowcaseError, match=f"Attempt {attempt} fails on purpose"):
            showcase.succeeds_at_last.func(FakeContext(attempt))
    assert showcase.succeeds_at_last.func(FakeContext(3)) == {"attempts": 3}


def test_the_slow_task_reports_progress_and_listens_to_a_cancel():
    context = FakeContext(cancel_after=4)
    with pytest.raises(JobCancelled):
        showcase.counts_slowly.func(context, seconds=0)
    assert (len(context.told), context.told[-1][0]) == (4, 4 / showcase.STEPS)


def test_the_dead_letter_says_its_reason():
    with pytest.raises(showcase.ShowcaseError, match="because"):
        showcase.always_fails.func("because")


def test_every_module_of_the_library_can_be_imported():
    assert tuple(import_module(name).__name__ for name in pool.library.MODULES) == pool.library.MODULES


def test_importing_the_tasks_loads_nothing_heavy():
    heavy = ["numpy", "PIL", "zstandard", "cryptography.hazmat.primitives.ciphers"]
    code = (
        "import sys, threading, django\n"
        "from importlib import import_module\n"
        "django.setup()\n"
        "before = set(sys.modules)\n"
        f"for name in {pool.library.MODULES!r}: import_module(name)\n"
        f"print([name for name in {heavy!r} if name in set(sys.modules) - before], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 1"


def test_a_missing_library_is_named_with_the_command_that_installs_it():
    with pytest.raises(MissingExtra, match=r"needs nowhere\. Install the extra: pip install 'django-pool\[library\]'"):
        extra.load("nowhere.at.all")
