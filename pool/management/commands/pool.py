"""`manage.py pool VERB`: run and steer the pool. One file per verb in `pool.management.verbs`."""

from argparse import SUPPRESS, Namespace
from importlib import import_module
from typing import Any, Protocol, TextIO

from django.core.management.base import CommandParser

from pool.management.command import OneLineParser, SentenceCommand
from pool.management.output import Output

VERBS = (
    "run",
    "start",
    "stop",
    "restart",
    "status",
    "top",
    "scale",
    "pause",
    "resume",
    "queue",
    "schedule",
    "submit",
    "jobs",
    "job",
    "cancel",
    "retry",
    "discard",
    "alert",
    "check",
    "prune",
    "token",
    "demo",
    "bench",
)


class Verb(Protocol):
    """What a module in `pool.management.verbs` offers."""

    HELP: str
    PRINTS_FACTS: bool
    """Whether it takes --json."""

    def add_arguments(self, parser: CommandParser) -> None: ...

    def run(self, options: Namespace, out: Output) -> int | None: ...


class Command(SentenceCommand):
    help = "Run, steer and watch the pool of workers."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=OneLineParser)
        for name in VERBS:
            verb = find(name)
            if name == "bench":
                # All that follows is for the bench, options as well: so nothing here begins an option.
                add_rest(
                    verbs.add_parser(name, help=verb.HELP, description=verb.HELP, prefix_chars="\0", add_help=False)
                )
                continue
            below = verbs.add_parser(name, help=verb.HELP, description=verb.HELP)
            verb.add_arguments(below)
            if verb.PRINTS_FACTS:
                below.add_argument("--json", action="store_true", dest="as_json", help="print JSON, and nothing else")
            add_djangos_own(below)

    def perform(self, options: dict[str, Any]) -> int | None:
        out = Output(
            unwrapped(self.stdout),
            unwrapped(self.stderr),
            as_json=options.get("as_json", False),
            colour=not options["no_color"],
        )
        return find(options["verb"]).run(Namespace(**options), out)


def find(name: str) -> Verb:
    verb: Any = import_module(f"pool.management.verbs.{name}")
    return verb


def unwrapped(stream: Any) -> TextIO:
    """The stream behind Django's, which would end every piece of a line with a line break."""
    behind: TextIO = getattr(stream, "_out", stream)
    return behind


def add_rest(parser: CommandParser) -> None:
    parser.add_argument("rest", nargs="*")


def add_djangos_own(parser: CommandParser) -> None:
    """Let Django's options stand behind the verb too: they are read before, or from the same place."""
    for flags in (("--settings",), ("--pythonpath",), ("-v", "--verbosity")):
        parser.add_argument(*flags, default=SUPPRESS, help=SUPPRESS)
    for flag in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(flag, action="store_true", default=SUPPRESS, help=SUPPRESS)
