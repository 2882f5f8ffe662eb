"""A migrated database for each site: copied from a template that is made once in a test run.

On PostgreSQL it is the tests' own server, started with the first site that wants it.
"""

import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests import postgres
from tests.settings import TEST_DIR

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
        postgres.start().drop(name)


def _make_postgres(environment: dict[str, str], migrated: bool) -> str:
    server, name = postgres.start(), f"site_{secrets.token_hex(6)}"
    if not migrated:
        return server.create(name)
    server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_postgres_template(environment)}"')
    return server.url(name)


def _sqlite_template(environment: dict[str, str]) -> str:
    path = Path(TEST_DIR) / "template.sqlite3"
    if "sqlite" not in _templates:
        _migrate(f"sqlite:///{path}", environment)
        _templates["sqlite"] = str(path)
    return _templates["sqlite"]


def _postgres_template(environment: dict[str, str]) -> str:
    if "postgresql" not in _templates:
        name = f"template_{secrets.token_hex(6)}"
        _migrate(postgres.start().create(name), environment)
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
