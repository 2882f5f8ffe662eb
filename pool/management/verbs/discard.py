"""`pool discard ID`: take a dead letter off the list. It is pruned with the finished jobs."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.management.arguments import add_job, operator
from pool.management.output import Output
from pool.store.operate import discard
from pool.store.read import job_detail

HELP = "Take a failed or timed out job off the list of dead letters."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    add_job(parser)


def run(options: Namespace, out: Output) -> None:
    discard(options.job, operator())
    job = job_detail(options.job)
    out.tell(job, f"Job {job['id']} is off the list of dead letters.")
