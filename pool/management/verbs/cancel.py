"""`pool cancel ID`: a waiting job is cancelled at once, a running one is asked to end, in stages."""

from argparse import Namespace

from django.core.management.base import CommandParser

from pool.management.arguments import add_job, operator
from pool.management.command import Error
from pool.management.output import Output
from pool.store.operate import CancelAnswer, cancel
from pool.store.read import get_job

HELP = "Cancel a job: at once when it waits, in stages when it runs."
PRINTS_FACTS = True


def add_arguments(parser: CommandParser) -> None:
    add_job(parser)


def run(options: Namespace, out: Output) -> None:
    answer = cancel(options.job, operator())
    job = get_job(options.job)
    if answer is CancelAnswer.FINISHED:
        raise Error(f"Job {job.pk} has ended already: it is {job.status}.")
    facts = {"id": str(job.pk), "answer": answer, "status": job.status}
    if answer is CancelAnswer.CANCELLED:
        out.tell(facts, f"Job {job.pk} is cancelled.")
    else:
        out.tell(facts, f"Job {job.pk} is asked to end. See: manage.py pool job {job.pk}")
