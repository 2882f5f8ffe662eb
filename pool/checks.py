"""Django system checks: what in the project's settings keeps the pool from working, each with the cure.

Django runs them before its commands, so that a wrong setting stops `serve`, `pool run` or `migrate` with its key's
name and not with a traceback. They look at settings only: no query, no file is made. Only `check_server` asks the
database, and Django runs it where a database is named.
"""

import os
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string

from pool import failpoints, registry
from pool.conf import config_problems, database_alias, get_config, run_dir_path, run_dir_problem
from pool.domain.config import SETTINGS
from pool.store.advice import advice

BACKEND = "pool.backend.PoolBackend"
VENDORS = ("sqlite", "postgresql")
LEAST_TIMEOUT_S = 5
DURABLE = {"FULL", "NORMAL", "EXTRA", "1", "2", "3"}

PRAGMA = re.compile(r"pragma\s+(\w+)\s*=\s*['\"]?(\w+)['\"]?", re.IGNORECASE)


def check_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Every key of POOL and every POOL_ variable is known and holds an allowed value."""
    hint = "docs/settings.md lists every setting with its unit and default."
    return [Error(problem, hint=hint, id="pool.E001") for problem in config_problems()]


def check_variables(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """A variable that is nearly the name of a setting is a slip of the pen; others may be anybody's."""
    known = [item.metadata["env"] for item in SETTINGS.values()]
    strangers = [name for name in os.environ if name.startswith("POOL_") and name not in known]
    pairs = [(name, get_close_matches(name, known, n=1, cutoff=0.9)) for name in strangers]
    return [
        Warning(f"{name} is no setting of the pool. Did you mean {near[0]}?", id="pool.W001")
        for name, near in pairs
        if near
    ]


def check_database(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """The jobs' database is one the pool can work with."""
    alias = "default" if config_problems() else database_alias()
    if alias not in settings.DATABASES:
        return [Error(f"POOL['database'] is '{alias}', and DATABASES has no such entry.", id="pool.E002")]
    connection = connections[alias]
    if connection.vendor not in VENDORS:
        sentence = f"The pool works on SQLite and PostgreSQL; DATABASES['{alias}'] is {connection.display_name}."
        return [Error(sentence, hint="Name another entry in POOL['database'].", id="pool.E003")]
    return check_sqlite(alias, connection.settings_dict) if connection.vendor == "sqlite" else []


def check_sqlite(alias: str, database: dict[str, Any]) -> list[CheckMessage]:
    if is_in_memory(database):
        sentence = f"DATABASES['{alias}'] is in memory: jobs can be enqueued, but the pool's processes cannot share it."
        return [Warning(sentence, hint="Give it a file as NAME.", id="pool.W002")]
    lacking = lacking_options(database.get("OPTIONS") or {})
    if not lacking:
        return []
    lines = "".join(f"    {name!r}: {value!r},\n" for name, value in lacking.items())
    paste = f'DATABASES["{alias}"].setdefault("OPTIONS", {{}}).update({{\n{lines}}})'
    sentence = f"DATABASES['{alias}'] lacks options for several processes to write to SQLite: {', '.join(lacking)}."
    return [Error(sentence, hint=f"Add this to the end of your settings:\n\n{paste}\n", id="pool.E004")]


def check_server(app_configs: Any, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Ask the server itself: run by `check --database` and by `migrate`, as Django runs whatever makes a query."""
    if config_problems() or (alias := database_alias()) not in (databases or ()):
        return []
    connection: Any = connections[alias]
    if connection.vendor != "postgresql":
        return []
    try:
        connection.ensure_connection()
        flagged = bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
        found = advice(connection.connection, flagged, [get_config().max_workers])
    except (DatabaseError, connection.Database.Error):
        # Whoever goes on will tell.
        return []
    return [Warning(sentence, id="pool.W005") for sentence in found]


def check_tasks(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """The modules with tasks can be loaded. By `check --deploy` alone: they are the project's code, and may be slow."""
    if config_problems():
        return []
    try:
        registry.discover()
    except Exception as error:  # noqa: BLE001  it is code of the project, which may raise anything
        sentence = f"The tasks cannot be loaded: {type(error).__name__}: {error}"
        hint = "No worker starts before that is mended: `manage.py pool run` tells where it is."
        return [Error(sentence, hint=hint, id="pool.E008")]
    return []


def is_in_memory(database: dict[str, Any]) -> bool:
    name = str(database.get("NAME", ""))
    return name in {"", ":memory:"} or "mode=memory" in name


def lacking_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options to set, with values."""
    lacking: dict[str, Any] = {}
    if str(options.get("transaction_mode")).upper() not in {"IMMEDIATE", "EXCLUSIVE"}:
        lacking["transaction_mode"] = "IMMEDIATE"
    if options.get("timeout", LEAST_TIMEOUT_S) < LEAST_TIMEOUT_S:
        lacking["timeout"] = 20
    if missing := missing_pragmas(options.get("init_command") or ""):
        lacking["init_command"] = "; ".join(
            [part for part in [options.get("init_command", "").strip(" ;")] if part] + missing
        )
    return lacking


def missing_pragmas(init_command: str) -> list[str]:
    pragmas = {name.lower(): value.upper() for name, value in PRAGMA.findall(init_command)}
    wal = ["PRAGMA journal_mode=WAL"] if pragmas.get("journal_mode") != "WAL" else []
    return wal + (["PRAGMA synchronous=FULL"] if pragmas.get("synchronous") not in DURABLE else [])


def check_time_zone(app_configs: Any, **_: Any) -> list[CheckMessage]:
    if settings.USE_TZ:
        return []
    return [
        Error("The pool keeps its times in UTC and needs aware datetimes.", hint="Set USE_TZ = True.", id="pool.E005")
    ]


def check_run_dir(app_configs: Any, **_: Any) -> list[CheckMessage]:
    problem = None if config_problems() else run_dir_problem(run_dir_path())
    return [Error(problem, id="pool.E006")] if problem else []


def check_failpoints(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Nobody lets the pool's processes die on purpose, unless it is a test that says so."""
    armed = os.environ.get(failpoints.VARIABLE)
    if not armed:
        return []
    if os.environ.get(failpoints.FOLDER):
        return [Warning(f"This is a test: {failpoints.VARIABLE} lets processes fail at {armed}.", id="pool.W004")]
    sentence = f"{failpoints.VARIABLE} is for tests of crashes, and this is none: nothing is armed."
    return [Error(sentence, hint=f"Unset {failpoints.VARIABLE}.", id="pool.E007")]


def check_backend(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Some entry of TASKS sends jobs to the pool."""
    paths = [entry.get("BACKEND", "") for entry in getattr(settings, "TASKS", {}).values()]
    if any(is_ours(path) for path in paths):
        return []
    hint = f'Add this to your settings:\n\nTASKS = {{"default": {{"BACKEND": "{BACKEND}"}}}}\n'
    return [Warning("No entry of TASKS uses the pool, so no task will reach it.", hint=hint, id="pool.W003")]


def is_ours(path: str) -> bool:
    """The pool's backend, one of `pool.testing`, or a project's own subclass."""
    if path.startswith("pool."):
        return True
    try:
        return issubclass(import_string(path), import_string(BACKEND))
    except (ImportError, TypeError):
        return False


CHECKS: Sequence[Callable[..., list[CheckMessage]]] = (
    check_settings,
    check_variables,
    check_database,
    check_time_zone,
    check_run_dir,
    check_failpoints,
    check_backend,
)
