"""The settings in force: read here, changed in the project or its environment."""

import os
import platform
from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse

from dashboard.pages.frame import page, show
from pool.conf import database_alias, get_config, run_dir_path
from pool.domain.config import PRESETS, SETTINGS
from pool.domain.wording import milliseconds, size

SECTIONS = {
    "preset": "Start from",
    "database": "Where",
    "workers": "Workers",
    "timeout_s": "Attempts",
    "max_payload_bytes": "Sizes",
    "poll_s": "The loop",
    "beat_s": "Health",
    "flag_grace_s": "Ends of a job and of the pool",
    "max_jobs_per_worker": "Replacement of workers",
    "keep_completed_s": "What is kept",
    "log_level": "Logs",
    "cost_per_million_input": "Cost",
}
"""The first setting of each section, in the order of their declaration."""
HIDDEN = "set, and not shown"
LONG_S = 300
LARGE_BYTES = 10_000


@page
def all_settings(request: HttpRequest) -> HttpResponse:
    return show(request, "settings", {"sections": sections(), "surroundings": surroundings()})


def sections() -> list[dict[str, Any]]:
    config = get_config()
    found: list[dict[str, Any]] = []
    for name, declared in SETTINGS.items():
        if name in SECTIONS:
            found.append({"title": SECTIONS[name], "rows": []})
        value = getattr(config, name)
        found[-1]["rows"].append(
            {
                "name": name,
                "value": HIDDEN if value and declared.metadata["secret"] else written(value),
                "unit": declared.metadata["unit"] if is_number(value) else "",
                "words": in_words(value, declared.metadata["unit"]),
                "doc": declared.metadata["doc"],
                "env": declared.metadata["env"],
                "source": source(name, value, declared.default),
                "default": written(declared.default),
            }
        )
    return found


def source(name: str, value: Any, default: Any) -> str:
    """Say where a value comes from, when it is not the default."""
    if os.environ.get(SETTINGS[name].metadata["env"]):
        return "environment"
    given = getattr(settings, "POOL", {})
    if name in given:
        return "POOL"
    if name in PRESETS[get_config().preset]:
        return "preset"
    return "" if value == default else "this machine"


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def in_words(value: Any, unit: str) -> str:
    """Large values in a unit that people have a feeling for."""
    if unit == "seconds" and is_number(value) and value >= LONG_S:
        return milliseconds(value * 1000)
    return size(value) if unit == "bytes" and is_number(value) and value >= LARGE_BYTES else ""


def written(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def surroundings() -> list[tuple[str, str]]:
    """What the pool runs on. Nothing here is secret: names and versions, no addresses and no passwords."""
    connection = connections[database_alias()]
    version = ".".join(map(str, connection.get_database_version()))
    return [
        ("Django", django.get_version()),
        ("Python", platform.python_version()),
        ("Database", f"{connection.display_name} {version}"),
        ("Run folder", str(run_dir_path())),
        ("Debug", "on" if settings.DEBUG else "off"),
    ]
