"""What `serve` and `pool` have in common: wrong settings, bad usage and failures are told in one sentence each.

A failure that a person can act on is printed as "Error: ..." on stderr, with exit code 1, or 2 for bad usage, and never
as a traceback. Anything else is a bug and keeps its traceback.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import partial
from typing import Any, NoReturn

from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connections

from pool.adapters.tasks_api import InvalidTask
from pool.conf import config_problems, database_alias
from pool.domain.errors import InvalidOption, InvalidPayload, PoolError

FAILED, BAD_USAGE = 1, 2

OURS = "pool"
"""The tag of our system checks."""


class Error(CommandError):
    """What the command prints as "Error: ..."."""

    def __init__(self, sentence: str, code: int = FAILED, *, keep_lines: bool = False) -> None:
        super().__init__(sentence if keep_lines else " ".join(sentence.split()), returncode=code)


def bad_usage(sentence: str) -> Error:
    """The command line itself is wrong."""
    return Error(sentence, BAD_USAGE)


class OneLineParser(CommandParser):
    """A parser for `add_subparsers`: its errors are one line."""

    def error(self, message: str) -> NoReturn:
        complain(self, message)


class SentenceCommand(BaseCommand):
    """A command that fails in sentences. Subclasses define `perform`."""

    # Ours run first, and are told our way: a wrong setting must not need a traceback's worth of reading.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.error = partial(complain, parser)  # type: ignore[method-assign]
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        forgive_strange_characters()
        with failing_in_sentences():
            self.require_good_settings()
            code = self.perform(options)
        if code:
            sys.exit(code)

    def perform(self, options: dict[str, Any]) -> int | None:
        """Do it; the exit code."""
        raise NotImplementedError

    def require_good_settings(self) -> None:
        """Stop when our system checks find an error; tell every one of them."""
        errors = [found for found in run_checks(tags=[OURS]) if found.is_serious()]
        for error in errors[:-1]:
            self.stderr.write(f"Error: {told(error)}")
        if errors:
            raise Error(told(errors[-1]), keep_lines=True)


def doubts() -> list[str]:
    """What our system checks warn of, for commands that stay."""
    found = [problem for problem in run_checks(tags=[OURS]) if not problem.is_serious() and not problem.is_silenced()]
    return [told(problem) for problem in found]


def told(problem: CheckMessage) -> str:
    """A check's message and hint; lines to paste keep their lines."""
    hint = (problem.hint or "").rstrip()
    return f"{problem.msg}{' ' if hint else ''}{hint}"


def complain(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    """End with one line about a wrong command line."""
    sentence = f"{message[:1].upper()}{message[1:]}".rstrip(".")
    sentence = f"{sentence}. See: {parser.prog} --help"
    if getattr(parser, "called_from_command_line", True):
        parser.exit(BAD_USAGE, f"Error: {sentence}\n")
    raise bad_usage(sentence)


@contextmanager
def failing_in_sentences() -> Iterator[None]:
    """Turn what a person can act on into an Error."""
    try:
        yield
    except (InvalidOption, InvalidPayload, InvalidTask) as error:
        raise bad_usage(str(error)) from error
    except (PoolError, ImproperlyConfigured) as error:
        raise Error(str(error)) from error
    except (DatabaseError, InterfaceError) as error:
        raise Error(why_the_database_fails(error)) from error
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is left in the buffer must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        raise Error("Interrupted.") from None


def why_the_database_fails(error: Exception) -> str:
    """A sentence about a database error: most often the tables are missing."""
    from pool.engine.launch import require_schema

    if config_problems():
        return str(error)
    alias = database_alias()
    with suppress(DatabaseError, InterfaceError):
        connections[alias].close()
    try:
        require_schema(alias)
    except PoolError as cause:
        return str(cause)
    return f"The database {alias!r} failed: {str(error).strip()}"


def forgive_strange_characters() -> None:
    """A terminal that cannot show a character gets a question mark, not a traceback."""
    with suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is nearly one we know; empty when there is none."""
    near = get_close_matches(name, known, n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""
