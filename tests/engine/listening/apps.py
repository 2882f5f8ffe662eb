"""Connects receivers as a project does: in `ready()`, and so in every process of the site. Only the clerk is told."""

import json
import os
from typing import Any

from django.apps import AppConfig

from pool.signals import every_event, job_failed


class ListeningConfig(AppConfig):
    name = "tests.engine.listening"
    label = "listening"

    def ready(self) -> None:
        every_event.connect(note)
        job_failed.connect(breaks)


def note(event: Any, **_: Any) -> None:
    with open(os.environ["HEARD"], "a") as heard:
        heard.write(json.dumps({**event.envelope(), "level": event.level, "text": event.text}) + "\n")


def breaks(event: Any, **_: Any) -> None:
    raise RuntimeError(f"no idea what to do about {event.job}")
