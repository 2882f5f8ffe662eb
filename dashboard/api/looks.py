"""A closer look at one job over the API: why it does not run yet, and where it is while it runs."""

from django.utils import timezone
from rest_framework import serializers as s
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.api import schema
from dashboard.api.endpoint import Endpoint, needing
from dashboard.policy import Action
from pool.domain.blockers import Code
from pool.domain.errors import NotPossible
from pool.domain.estimating import Sure
from pool.domain.states import JobStatus, ParentEnd
from pool.store import stacks
from pool.store.explain import explain
from pool.store.read import get_job
from pool.store.status import iso


class Blocker(s.Serializer):
    code = s.ChoiceField(list(Code))
    sentence = s.CharField()
    subject = s.CharField(help_text="The queue, key, task, tenant, worker or host that it is about.")
    since = schema.nullable(s.DateTimeField)
    until = schema.nullable(s.DateTimeField, help_text="When it ends, where that is known.")
    blocks = s.BooleanField(help_text="False: it stands in nobody's way, and is good to know.")


class Estimate(s.Serializer):
    at = s.DateTimeField()
    seconds = s.FloatField(help_text="From now.")
    at_least = s.BooleanField(help_text="Not before then; how much later is not known.")
    sure = s.ChoiceField(list(Sure), allow_null=True)
    rate = schema.nullable(s.FloatField, help_text="Jobs of its queue in a second that it was made with.")


class UnmetParent(s.Serializer):
    id = s.UUIDField()
    name = s.CharField(help_text="Task of the job, or name of the batch.")
    is_batch = s.BooleanField()
    status = s.ChoiceField(list(JobStatus), allow_null=True)
    wants = s.ChoiceField(list(ParentEnd))
    done = schema.nullable(s.IntegerField, help_text="Of a batch: jobs that have ended.")
    total = schema.nullable(s.IntegerField)


class Parents(s.Serializer):
    done = s.IntegerField()
    total = s.IntegerField()
    unmet = UnmetParent(many=True, help_text="The first of them.")
    are_more = s.BooleanField()


class Explanation(s.Serializer):
    id = s.UUIDField()
    status = s.ChoiceField(list(JobStatus))
    summary = s.CharField()
    position = schema.nullable(s.IntegerField, help_text="Jobs before it in its queue.")
    more_before = s.BooleanField(help_text="There are more than are counted.")
    estimate = Estimate(allow_null=True, help_text="When it may start; null: nobody knows.")
    blockers = Blocker(many=True, help_text="The most important first.")
    parents = Parents(allow_null=True)


class Stack(s.Serializer):
    id = s.UUIDField()
    worker = schema.nullable(s.CharField)
    at = schema.nullable(s.DateTimeField, help_text="When it was there; null: its node has not answered yet.")
    text = schema.nullable(s.CharField, help_text="As in a traceback, the innermost call last.")


class Explain(Endpoint):
    """Why a job waits."""

    needs = needing(GET=Action.READ)

    @schema.described("jobs_explain", responses={200: Explanation, **schema.UNKNOWN})
    def get(self, request: Request, job_id: str) -> Response:
        """Say what stands between a job and its start, where it stands in its queue and when it may start."""
        return Response(explain(job_id))


class JobStack(Endpoint):
    """Where a running job is."""

    needs = needing(GET=Action.READ)

    @schema.described("jobs_stack", responses={200: Stack, 202: Stack, **schema.FINISHED})
    def get(self, request: Request, job_id: str) -> Response:
        """Show where a running job is: what is known (200), or that its node was asked just now (202). Ask again."""
        job = get_job(job_id)
        if job.status != JobStatus.RUNNING:
            raise NotPossible(f"Only a running job is somewhere. This one is {job.status}.")
        last = stacks.look(job, timezone.now())
        shown = {"id": str(job.pk), "worker": job.worker or None, "at": None, "text": None}
        if last is None:
            return Response(shown, status=status.HTTP_202_ACCEPTED)
        return Response(shown | {"at": iso(last.at), "text": last.text})
