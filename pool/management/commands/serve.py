"""`manage.py serve`: the whole pool with one command, in any project: migrates, then keeps web and node alive."""

import shutil
import socket
import sys
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError, InterfaceError, connections

from pool import logs
from pool.conf import database_alias, get_config, run_dir
from pool.management.arguments import add_workers, whole_number
from pool.management.command import Error, SentenceCommand, doubts
from pool.management.first_login import first_login, is_needed
from pool.management.migrating import migrate

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}


class Command(SentenceCommand):
    help = "Migrate the database, then serve the pages and run the pool's jobs until told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=DEFAULT_HOST, help=f"address to listen on (default: {DEFAULT_HOST})")
        parser.add_argument(
            "--port",
            type=whole_number(0, 65535),
            default=DEFAULT_PORT,
            help=f"port to listen on (default: {DEFAULT_PORT}; 0: any that is free)",
        )
        add_workers(parser)

    def perform(self, options: dict[str, Any]) -> int:
        from pool.engine.listening import address_of, listen
        from pool.engine.reload import SourceWatch, project_folders
        from pool.engine.serve import Serve
        from pool.engine.serving import ServeLock

        folder = run_dir()
        lock = ServeLock(folder)
        lock.take()
        host = options["host"]
        with listen(host, options["port"]) as sock:
            url = address_of(sock, host)
            lock.sign(url)
            logs.configure("serve")
            self.prepare(url, sock, host)
            config = get_config()
            sources = SourceWatch(project_folders()) if settings.DEBUG else None
            code = Serve(sock, host, options["workers"] or config.workers, config, folder, sources).run()
        lock.release()
        return code

    def prepare(self, url: str, sock: socket.socket, host: str) -> None:
        """Bring the database up to date and tell where everything is."""
        try:
            migrate(self.stderr)
        except (DatabaseError, InterfaceError) as error:
            raise Error(f"The database {database()} cannot be migrated: {error}") from error
        for line in greeting(url, first_login(url)):
            self.stdout.write(line)
        for line in [*doubts(), *warnings(sock, host)]:
            self.stderr.write(f"Warning: {line}")
        self.stdout.flush()
        connections.close_all()


def greeting(url: str, link: str | None) -> list[str]:
    """What somebody who starts it for the first time wants to know."""
    manage = how_to_manage()
    facts = [("open", f"{url}dashboard/" if apps.is_installed("dashboard") else url)]
    if link:
        facts += [("log in", f"{link}  once, within an hour, as administrator")]
        facts += [("", f"then choose a password: {manage} changepassword admin")]
    elif is_needed():
        facts += [("log in", f"nobody can yet: {manage} createsuperuser")]
    facts += [("try it", f"{manage} pool demo"), ("look", f"{manage} pool status"), ("database", database())]
    facts += [("stop", "Ctrl-C")] if sys.stdout.isatty() else []
    return ["", "  The pool is up.", "", *(f"  {name:<9} {text}" for name, text in facts), ""]


def how_to_manage() -> str:
    """How this very command was called, short enough to be typed again."""
    script = Path(sys.argv[0])
    if script.name != "manage.py":
        return "manage.py"
    found = shutil.which("python")
    program = "python" if found and Path(found) == Path(sys.executable) else short(sys.executable)
    return f"{program} {short(script)}"


def short(path: str | Path) -> str:
    """A path as one would type it here."""
    whole = Path(path).absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def database() -> str:
    connection = connections[database_alias()]
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"SQLite, {short(name)}"
    host = connection.settings_dict.get("HOST") or connection.settings_dict.get("OPTIONS", {}).get("host") or "local"
    return f"{connection.display_name}, {name} on {host}"


def warnings(sock: socket.socket, host: str) -> list[str]:
    from pool.engine.listening import is_loopback

    if is_loopback(sock):
        return []
    found = []
    if settings.DEBUG:
        found.append("DEBUG is on, and other machines can reach this one: error pages show them code and settings.")
    if sock.getsockname()[0] in ("0.0.0.0", "::") and set(settings.ALLOWED_HOSTS) <= LOCAL_NAMES and not settings.DEBUG:
        found.append("ALLOWED_HOSTS knows this machine only: set it to the names by which others will call the site.")
    return found
