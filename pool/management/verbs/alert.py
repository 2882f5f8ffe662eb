"""`pool alert list|mute|unmute`: what is wrong with the pool, and which of it people want to hear no more of."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from pool.conf import database_alias
from pool.management.arguments import operator, whole_number
from pool.management.command import bad_usage
from pool.management.output import Output
from pool.store import alerts
from pool.store.muting import LONGEST_S, mute_alert, unmute_alert

HELP = "List the alerts, or mute one."
PRINTS_FACTS = True

DEEDS = ("list", "mute", "unmute")


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("deed", nargs="?", default="list", choices=DEEDS, help="what to do (default: list)")
    parser.add_argument("id", nargs="?", type=whole_number(1, 10**17), metavar="ID", help="number of the alert")
    seconds = whole_number(1, LONGEST_S)
    parser.add_argument("--for", dest="seconds", type=seconds, metavar="S", help="mute it for so many seconds only")
    parser.add_argument("--resolved", action="store_true", help="list those that are over")


def run(options: Namespace, out: Output) -> None:
    if options.deed == "list":
        _list(options, out)
        return
    if options.id is None:
        raise bad_usage(f"Say which alert: pool alert {options.deed} ID. Their numbers are in: pool alert list")
    if options.deed == "mute":
        alert = mute_alert(options.id, options.seconds, operator())
        until = f"until {alert['muted_until']}" if options.seconds else "until it is over"
        out.tell(alert, f"Alert {alert['id']} ({alert['name']}) is muted {until}.")
    else:
        alert = unmute_alert(options.id, operator())
        out.tell(alert, f"Alert {alert['id']} ({alert['name']}) is told again.")


def _list(options: Namespace, out: Output) -> None:
    found = alerts.listed(database_alias(), timezone.now(), resolved=options.resolved)
    if out.as_json:
        out.facts({"alerts": found})
    elif not found:
        out.say("No alert is over yet." if options.resolved else "Nothing is wrong.")
    else:
        out.table("", ("id>", "level", "name", "since", "what"), [_row(alert) for alert in found])


def _row(alert: dict[str, Any]) -> tuple[str, ...]:
    muted = " (muted)" if alert["muted"] else ""
    muted += " (clear)" if alert["clear_since"] and not alert["resolved_at"] else ""
    return str(alert["id"]), alert["level"] + muted, alert["name"], alert["opened_at"][:19], alert["message"]
