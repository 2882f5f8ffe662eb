"""`pool retry ID`: give a failed, timed out or cancelled job a fresh budget of attempts."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.management.arguments import add_job, operator
from pool.management.output import Output
from pool.store.operate import retry
from pool.store.read import job_detail

HELP = "Give a failed, timed out or cancelled job a fresh budget of attempts."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    add_job(parser)


def run(options: Namespace, out: Output) -> None:
    retry(options.job, operator())
    job = job_detail(options.job)
    out.tell(job, f"Job {job['id']} may run again.")
