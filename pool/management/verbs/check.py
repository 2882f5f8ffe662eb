"""`pool check`: ask every worker for a sign of life now, and say how the pool is."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser

from pool.domain.health import Status
from pool.domain.wording import percent
from pool.management.arguments import operator
from pool.management.output import Output
from pool.store.health import check_health

HELP = "Ask every worker for a sign of life, and say how the pool is."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    """None."""


def run(options: Namespace, out: Output) -> int:
    health = check_health(operator())
    if out.as_json:
        out.facts(health)
    else:
        out.pairs(_facts(health))
        for alert in health["alerts"]:
            out.say(f"{alert['level'].capitalize()}: {alert['message']}")
    return 1 if health["status"] == Status.CRITICAL else 0


def _facts(health: dict[str, Any]) -> list[tuple[str, Any]]:
    workers = health["workers"]
    return [
        ("status", health["status"]),
        ("capacity", percent(health["capacity"])),
        ("workers", f"{workers['healthy']} of {workers['total']} healthy"),
        ("answered", f"{health['checked'] - len(health['silent'])} of {health['checked']}"),
        *[("silent", worker) for worker in health["silent"]],
    ]
