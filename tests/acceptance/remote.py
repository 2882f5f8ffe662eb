"""A side process with Django set up for one site, which calls functions for the test.

The test's own process has the settings and the database of the tests, so it cannot read another site's rows itself.
Functions go over by name and must live in a module; results and exceptions come back.
"""

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any


class Remote:
    """The test's end."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.remote"],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def pipes(self) -> list[IO[bytes]]:
        return [pipe for pipe in (self._popen.stdin, self._popen.stdout) if pipe is not None]

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        pickle.dump((function, args, kwargs), self._popen.stdin)
        self._popen.stdin.flush()
        try:
            succeeded, answer, trace = pickle.load(self._popen.stdout)
        except EOFError:
            raise AssertionError(f"The side process ended with exit code {self._popen.wait(10)}.") from None
        if not succeeded:
            answer.add_note(trace)
            raise answer
        return answer

    def close(self) -> None:
        self._popen.kill()
        self._popen.communicate()


def serve() -> None:
    """The other end: until the test closes the pipe."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a called function prints must not get between the answers.
    import django

    django.setup()
    while True:
        try:
            function, args, kwargs = pickle.load(calls)
        except EOFError:
            return
        answers.write(_answer(function, args, kwargs))
        answers.flush()


def _answer(function: Callable[..., Any], args: Any, kwargs: Any) -> bytes:
    try:
        return pickle.dumps((True, function(*args, **kwargs), ""))
    except Exception as error:  # noqa: BLE001  whatever it is, it is the test's
        trace = traceback.format_exc()
        try:
            return pickle.dumps((False, error, trace))
        except Exception:  # noqa: BLE001  an error may hold what cannot go over
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}"), trace))


if __name__ == "__main__":
    serve()
