"""Tasks that say what they are told, wherever a job can say something. Installed into the site of these tests."""

import json
import time
from pathlib import Path
from typing import Any

from pool import task

STEP_S = 0.01


@task(takes_context=True, timeout=None, max_attempts=1)
def says(context: Any, text: str, path: str) -> str:
    """Say the text, run until the file exists, and say it again."""
    _say(context, text)
    while not Path(path).exists():
        time.sleep(STEP_S)
    _say(context, text)
    return text


def _say(context: Any, text: str) -> None:
    context.progress(0.5, text)
    context.step(text)
    context.log(text)
    print(text)


@task(max_attempts=1)
def fails_saying(text: str) -> None:
    """Fail with an error whose class is called like that, too."""
    print(text)
    raise type(text, (Exception,), {})(text)


@task(max_attempts=1)
def fails_deeply(depth: int = 6) -> None:
    """Fail through many frames, some of them a library's."""
    if depth:
        fails_deeply.func(depth - 1)
    json.loads("{" * 40 + "no JSON" * 60)


@task(takes_context=True, timeout=None, max_attempts=1)
def ends_late(context: Any, path: str) -> None:
    """When asked to end, do so once the file exists and not before."""
    asked: BaseException | None = None
    while True:
        # The interruption may come at any moment, so nothing stands outside.
        try:
            if Path(path).exists():
                break
            time.sleep(STEP_S)
        except BaseException as error:  # noqa: BLE001  this is what it is for
            asked = error
            context.log("not yet")
    if asked:
        raise asked
