"""`pool submit TASK [JSON]`: enqueue one job. The JSON is a list of arguments, an object of named ones, or both."""

import json
import re
import sys
from argparse import ArgumentTypeError, Namespace
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

import pool
from pool import registry
from pool.domain.errors import InvalidPayload
from pool.domain.links import MAX_RUNNING, OnParentFailure
from pool.domain.options import PRIORITY_NAMES
from pool.domain.states import JobStatus
from pool.management.arguments import whole_number
from pool.management.command import FAILED
from pool.management.output import Output
from pool.management.presence import NO_NODE
from pool.store.read import job_detail
from pool.store.status import nodes

HELP = "Enqueue one job of a task."
PRINTS_FACTS = True

CHOSEN = (
    "queue",
    "priority",
    "max_attempts",
    "run_after",
    "expires_at",
    "tenant",
    "affinity",
    "requires",
    "tags",
    "depends_on",
    "on_parent_failure",
    "on_success",
    "on_failure",
    "unique_key",
    "limit_key",
    "limit_running",
    "limit_rate",
)

Arguments = tuple[list[Any], dict[str, Any]]


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("task", metavar="TASK", help="dotted name of the task")
    parser.add_argument(
        "arguments",
        nargs="?",
        default="[]",
        metavar="JSON",
        help='[1, 2], {"name": 1} or {"args": [1], "kwargs": {"name": 2}}; - reads it from standard input',
    )
    parser.add_argument("--queue", help="name of the queue")
    parser.add_argument("--priority", type=priority, help=f"-100 to 100, or {', '.join(PRIORITY_NAMES)}")
    parser.add_argument("--timeout", type=timeout, metavar="SECONDS", help='how long an attempt may run, or "none"')
    parser.add_argument("--max-attempts", type=whole_number(1, 100), metavar="N", help="how often it is tried in all")
    parser.add_argument("--run-after", type=moment, metavar="TIME", help="not before this, as 2030-01-31T12:00+01:00")
    parser.add_argument(
        "--expires-at", type=moment, metavar="TIME", help="not after this: then it fails without a start"
    )
    parser.add_argument("--tenant", help="for whom, for fairness between tenants")
    parser.add_argument("--affinity", metavar="KEY", help="jobs with the same key go to the same worker if they can")
    parser.add_argument("--requires", type=tags, metavar="A,B", help="what its worker must offer")
    parser.add_argument("--tags", type=tags, metavar="A,B", help="words to find it again")
    parser.add_argument("--depends-on", type=tags, metavar="ID,ID", help="jobs or batches it waits for")
    parser.add_argument("--on-parent-failure", choices=list(OnParentFailure), help="when one of them does not complete")
    parser.add_argument("--on-success", metavar="TASK", help="a task to run when it has completed; gets its id")
    parser.add_argument("--on-failure", metavar="TASK", help="a task to run when it is a dead letter; gets its id")
    parser.add_argument("--unique-key", metavar="KEY", help="no second job while one with this key has not ended")
    parser.add_argument("--limit-key", metavar="KEY", help="jobs with the same key share the two limits:")
    parser.add_argument("--limit-running", type=whole_number(1, MAX_RUNNING), metavar="N", help="so many at a time")
    parser.add_argument("--limit-rate", type=rate, metavar="N", help="so many starts in a second")
    parser.add_argument("--wait", action="store_true", help="until it has ended; exit code 1 unless it COMPLETED")


def run(options: Namespace, out: Output) -> int:
    args, kwargs = read_arguments(sys.stdin.read() if options.arguments == "-" else options.arguments)
    task = registry.find(options.task).using(**chosen(options))
    job = task.enqueue(*args, **kwargs).id
    if options.wait:
        wait_for(job, out)
    facts = job_detail(job)
    if out.as_json:
        out.facts(facts)
    else:
        out.say(told(facts, options.wait))
    return FAILED if options.wait and facts["status"] != JobStatus.COMPLETED else 0


def chosen(options: Namespace) -> dict[str, Any]:
    """The job's options that were given."""
    names = {"queue": "queue_name"}
    given = {names.get(name, name): getattr(options, name) for name in CHOSEN if getattr(options, name) is not None}
    if options.timeout is not None:
        given["timeout"] = options.timeout or None
    return given


def read_arguments(text: str) -> Arguments:
    """Read the JSON; an InvalidPayload says where it is wrong."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidPayload(f"The arguments are not valid JSON: {error.msg} at {place}.") from None
    except RecursionError:
        raise InvalidPayload("The arguments are nested too deeply.") from None
    if isinstance(value, list):
        return value, {}
    if not isinstance(value, dict):
        raise InvalidPayload("The arguments must be a JSON list or object.")
    args, kwargs = value.get("args", []), value.get("kwargs", {})
    if value and set(value) <= {"args", "kwargs"} and isinstance(args, list) and isinstance(kwargs, dict):
        return args, kwargs
    return [], value


def wait_for(job: str, out: Output) -> None:
    if not nodes():
        out.warn(f"It waits. {NO_NODE}")
    try:
        pool.wait(job)
    except KeyboardInterrupt:
        out.warn(f"Stopped waiting. The job goes on: manage.py pool job {job}")


def told(job: dict[str, Any], waited: bool) -> str:
    if not waited:
        return str(job["id"])
    if job["status"] == JobStatus.COMPLETED:
        return json.dumps(job["result"], ensure_ascii=False)
    error = job["error"] or {}
    said = f": {error.get('type', '')}: {error.get('message', '')}" if error else ""
    return f"{job['id']} is {job['status']}{said}"


def priority(text: str) -> int | str:
    if re.fullmatch(r"[+-]?[0-9]{1,3}", text):
        return int(text)
    if text.lower() in PRIORITY_NAMES:
        return text.lower()
    raise ArgumentTypeError(f"must be a whole number from -100 to 100, or one of {', '.join(PRIORITY_NAMES)}")


def timeout(text: str) -> float:
    """Seconds; 0 stands for no limit."""
    if text.lower() == "none":
        return 0.0
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) and float(text) > 0:
        return float(text)
    raise ArgumentTypeError(f'must be a number of seconds above 0, or "none", not {text[:50]!r}')


def rate(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,9})?", text) and float(text) > 0:
        return float(text)
    raise ArgumentTypeError(f"must be a number above 0, not {text[:50]!r}")


def moment(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"must be a time as 2030-01-31T12:00+01:00, not {text[:50]!r}") from None
    if read.tzinfo is None:
        raise ArgumentTypeError(f"needs a time zone: {text[:50]}Z for UTC, or {text[:50]}+01:00")
    return read


def tags(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]
