"""How one setting of POOL is read and judged: type, range, choices, and which settings contradict each other.

Used by `pool.domain.config` alone. Every wrong value gives one sentence that names its key as the user wrote it, so
that a command, a system check and a log line can print it as it is. The environment comes in as a mapping.
"""

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from pool.domain.errors import InvalidConfig
from pool.domain.kinds import KINDS as WORKER_KINDS
from pool.domain.kinds import read_patterns
from pool.domain.setting import Setting

MAX_SHOWN = 60
MAX_NAME = 200
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
LEVEL_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL"}

AT_LEAST: tuple[tuple[str, float, str], ...] = (
    ("max_workers", 1, "min_workers"),
    ("unhealthy_after_s", 2, "beat_s"),
    ("replace_after_s", 1, "unhealthy_after_s"),
    ("lease_s", 3, "beat_s"),
    ("backoff_cap_s", 1, "backoff_base_s"),
    ("recycle_threshold", 1, "max_jobs_per_worker"),
    ("keep_minutes_s", 1, "keep_snapshots_s"),
    ("keep_hours_s", 1, "keep_minutes_s"),
)
"""(larger, times, smaller): the first setting must be at least so many times the last. 0 means no limit."""

WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+[!-~]*", re.IGNORECASE)
HEADER = re.compile(r"[A-Za-z0-9-]+:[ -~]+")
MAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")

Problems = list[str]
Reading = tuple[dict[str, Any], Problems]


def read_mapping(values: Any, settings: Mapping[str, Setting]) -> Reading:
    """Read the POOL setting of a project."""
    if not isinstance(values, Mapping):
        return {}, [f"POOL must be a dict of settings, not {shown(values)}."]
    given: dict[str, Any] = {}
    problems: Problems = []
    for key, value in values.items():
        if key not in settings:
            problems.append(unknown(key, settings))
            continue
        keep(given, problems, key, partial(checked, f"POOL['{key}']", settings[key], value))
    return given, problems


def read_environment(environment: Mapping[str, str], settings: Mapping[str, Setting]) -> Reading:
    """Read the variables that name a setting. An empty variable counts as none."""
    given: dict[str, Any] = {}
    problems: Problems = []
    for key, setting in settings.items():
        name = setting.metadata["env"]
        if text := environment.get(name, "").strip():
            keep(given, problems, key, partial(parsed, name, setting, text))
    return given, problems


def keep(given: dict[str, Any], problems: Problems, key: str, read: Callable[[], Any]) -> None:
    try:
        given[key] = read()
    except InvalidConfig as error:
        problems.append(str(error))


def unknown(key: Any, settings: Mapping[str, Setting]) -> str:
    sentence = f"POOL has no setting {shown(key)}."
    if close := get_close_matches(str(key).lower(), settings, n=1):
        return f"{sentence} Did you mean '{close[0]}'?"
    return f"{sentence} All settings are listed in docs/settings.md."


def checked(source: str, setting: Setting, value: Any) -> Any:
    """The value as it is kept, or InvalidConfig with a sentence that starts with `source`."""
    result = KINDS[setting.type][0](setting, value)
    if result is None:
        given = "what was given" if setting.metadata["secret"] else shown(value)
        raise InvalidConfig(f"{source} must be {expected(setting)}, not {given}.")
    return result


def parsed(source: str, setting: Setting, text: str) -> Any:
    try:
        value = KINDS[setting.type][1](text)
    except ValueError:
        value = text
    return checked(source, setting, value)


def contradictions(values: Mapping[str, Any]) -> Problems:
    """Settings that are fine alone and impossible together."""
    return (
        [
            f"POOL['{larger}'] ({values[larger]}) must be at least {'' if times == 1 else f'{times:g} times '}"
            f"POOL['{smaller}'] ({values[smaller]})."
            for larger, times, smaller in AT_LEAST
            if values[larger] and values[larger] < times * values[smaller]
        ]
        + _unreadable_patterns(values)
        + _wrong_addresses(values)
    )


def _wrong_addresses(values: Mapping[str, Any]) -> Problems:
    """Where alerts go. What is wrong with a secret is told without it."""
    problems: Problems = []
    if (url := values["alert_webhook"]) and not WEB_ADDRESS.fullmatch(url):
        problems.append("POOL['alert_webhook'] must be an address that begins with https:// or http://.")
    if (header := values["alert_webhook_header"]) and not HEADER.fullmatch(header):
        problems.append("POOL['alert_webhook_header'] must be one header, as in 'Authorization: Bearer …'.")
    wrong = next((address for address in values["alert_mail"] if not MAIL_ADDRESS.fullmatch(address)), None)
    if wrong is not None:
        problems.append(f"POOL['alert_mail'] takes mail addresses, not {shown(wrong)}.")
    return problems


def _unreadable_patterns(values: Mapping[str, Any]) -> Problems:
    try:
        read_patterns(values["affinity_patterns"])
    except ValueError as error:
        kinds = ", ".join(WORKER_KINDS)
        return [
            f"POOL['affinity_patterns'] takes texts like 'shop.tasks.*=compute' ({kinds}, or a worker "
            f"as in 'shop.tasks.*=w3'), not {shown(str(error))}."
        ]
    return []


def expected(setting: Setting) -> str:
    if choices := setting.metadata["choices"]:
        of = "a list of" if setting.type == tuple[str, ...] else "one of"
        return f"{of} " + ", ".join(f"'{choice}'" for choice in choices)
    words = {bool: "True or False", str: "text", tuple[str, ...]: "a list of names"}
    if setting.type in words:
        return words[setting.type]
    noun = "a whole number" if setting.type is int else "a number"
    unit = setting.metadata["unit"]
    of_unit = f" of {unit}" if unit in {"seconds", "milliseconds", "bytes", "MB"} else ""
    return f"{noun}{of_unit} from {setting.metadata['least']:,.10g} to {setting.metadata['most']:,.10g}"


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def as_int(setting: Setting, value: Any) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if setting.metadata["least"] <= value <= setting.metadata["most"] else None


def as_float(setting: Setting, value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value) if setting.metadata["least"] <= value <= setting.metadata["most"] else None


def as_bool(_: Setting, value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def as_text(setting: Setting, value: Any) -> str | None:
    if not isinstance(value, str) or "\0" in value:
        return None
    choices: tuple[str, ...] = setting.metadata["choices"]
    if not choices:
        return value
    named = {choice.casefold(): choice for choice in choices}
    return named.get(LEVEL_NAMES.get(value.upper(), value).casefold())


def as_names(setting: Setting, value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple):
        return None
    choices = setting.metadata["choices"]
    if choices and not all(name in choices for name in value):
        return None
    fine = all(isinstance(name, str) and name.strip() and len(name) <= MAX_NAME and "\0" not in name for name in value)
    return tuple(value) if fine else None


def text_to_bool(text: str) -> bool:
    word = text.casefold()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError(text)
    return word in TRUE_WORDS


def text_to_names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


KINDS: dict[Any, tuple[Callable[[Setting, Any], Any], Callable[[str], Any]]] = {
    int: (as_int, int),
    float: (as_float, float),
    bool: (as_bool, text_to_bool),
    str: (as_text, str),
    tuple[str, ...]: (as_names, text_to_names),
}
"""For each type: how a value of it is judged (None: not allowed), and how text of the environment becomes one."""
