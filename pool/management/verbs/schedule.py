"""`pool schedule`: list the schedules, look at one, pause, resume, run, make or remove it."""

from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from pool.adapters import django_q
from pool.conf import database_alias
from pool.domain.wording import UNKNOWN, age
from pool.management.arguments import operator, whole_number
from pool.management.command import bad_usage
from pool.management.output import Output
from pool.management.verbs.submit import moment, read_arguments
from pool.schedules import MOST_LISTED, add, listed, run_now, shown
from pool.store import schedules

HELP = "List schedules; pause, resume, run, make or remove one."
PRINTS_FACTS = True

COLUMNS = ("id", "status", "schedule", "task", "rhythm", "next run", "last run", "last job", "missed>", "problem")
MOST_MINUTES = 32_767


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("deed", nargs="?", default="list", choices=list(DEEDS), help="what to do (default: list)")
    parser.add_argument("schedule", nargs="?", metavar="ID", help="number or name of a schedule; to add one: its task")
    parser.add_argument("arguments", nargs="?", default="[]", metavar="JSON", help="to add one: as with pool submit")
    parser.add_argument("--search", default="", help="list: part of a name, or of a task's name")
    parser.add_argument("--name", help="add: what it is called")
    parser.add_argument("--cron", metavar="LINE", help="add: its times, as in '0 3 * * *'")
    parser.add_argument(
        "--every", metavar="WHAT", help="add: a number of minutes, or hourly, daily, weekly, monthly, quarterly, yearly"
    )
    parser.add_argument("--at", type=moment, metavar="TIME", help="add: the first run, or the only one")
    parser.add_argument(
        "--repeats", type=whole_number(1, 10**9), metavar="N", help="add: how often it runs (default: without end)"
    )


def run(options: Namespace, out: Output) -> None:
    if options.schedule is None and options.deed != "list":
        raise bad_usage(f"Say which: pool schedule {options.deed} {'TASK' if options.deed == 'add' else 'ID'}")
    DEEDS[options.deed](options, out)


def show_all(options: Namespace, out: Output) -> None:
    part = listed(options.search or options.schedule or "", soonest=True)
    if out.as_json:
        out.facts({"results": part.rows, "has_more": part.has_more})
        return
    if part.rows:
        out.table("", COLUMNS, [_line(one) for one in part.rows])
    else:
        out.say("No such schedule." if options.search or options.schedule else "No schedules yet.")
    if part.has_more:
        out.warn(f"These are the {MOST_LISTED} that run next: --search finds others.")
    if part.has_others:
        out.warn(f"Others belong to clusters of django-q2: one is the pool's when its cluster is {django_q.CLUSTER}.")


def show(options: Namespace, out: Output) -> None:
    facts = shown(options.schedule)
    if out.as_json:
        out.facts(facts)
    else:
        out.pairs([(name, _plain(value)) for name, value in facts.items()])


def pause(options: Namespace, out: Output) -> None:
    changed = schedules.pause(options.schedule, operator())
    _tell(options.schedule, changed, "is paused" if changed else "was paused already", out)


def resume(options: Namespace, out: Output) -> None:
    changed = schedules.resume(options.schedule, operator())
    _tell(options.schedule, changed, "goes on" if changed else "was not paused", out)


def run_it(options: Namespace, out: Output) -> None:
    job = run_now(options.schedule, operator())
    out.tell({"schedule": options.schedule, "job": str(job)}, str(job))


def make(options: Namespace, out: Output) -> None:
    args, kwargs = read_arguments(options.arguments)
    schedules.require_schedules(database_alias())
    row = add(options.schedule, args, kwargs, operator(), **_rhythm(options))
    facts = shown(row.pk)
    out.tell(facts, f"Schedule {row.pk} runs {facts['rhythm']}, next at {facts['next_run']}.")


def remove(options: Namespace, out: Output) -> None:
    schedules.remove(options.schedule, operator())
    out.tell({"schedule": options.schedule, "removed": True}, f"Schedule {options.schedule} is gone.")


DEEDS: dict[str, Callable[[Namespace, Output], None]] = {
    "list": show_all,
    "show": show,
    "pause": pause,
    "resume": resume,
    "run-now": run_it,
    "add": make,
    "remove": remove,
}


def _rhythm(options: Namespace) -> dict[str, Any]:
    """When it runs, as fields of its row."""
    fields: dict[str, Any] = {"name": options.name, "repeats": options.repeats or -1}
    if options.cron and (options.every or options.at):
        raise bad_usage("--cron says all there is to say of its times: leave out --every and --at.")
    if options.cron:
        return {**fields, "schedule_type": django_q.kinds()["cron"], "cron": options.cron}
    if not options.every and not options.at:
        raise bad_usage("Say when it runs: --cron LINE, --every WHAT, or --at TIME.")
    kind, minutes = _kind(options.every or "once")
    return {**fields, "schedule_type": kind, "minutes": minutes, "next_run": options.at or datetime.now(UTC)}


def _kind(every: str) -> tuple[str, int | None]:
    known = {name: kind for name, kind in django_q.kinds().items() if name not in ("minutes", "cron")}
    if every in known:
        return known[every], None
    if every.isascii() and every.isdigit() and 1 <= int(every[:9]) <= MOST_MINUTES:
        return django_q.kinds()["minutes"], int(every)
    raise bad_usage(f"--every must be a number of minutes up to {MOST_MINUTES:,}, or one of {', '.join(known)}.")


def _line(one: dict[str, Any]) -> tuple[Any, ...]:
    when = one["next_run"] or UNKNOWN
    state = f"{one['status']} {age(one['late'])}" if one["late"] else one["status"]
    last = one["last_status"] or (one["last_job"] and "gone")
    ran = one["last_fired_at"]
    return (one["id"], state, one["name"], one["task"], one["rhythm"], when, ran, last, one["missed"], one["problem"])


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _tell(schedule: str, changed: bool, said: str, out: Output) -> None:
    out.tell({**shown(schedule), "changed": changed}, f"Schedule {schedule} {said}.")
