"""Graphs of jobs and batches at random, ended in any order and in any way, on the real store and on a dict.

GRAPH_EXAMPLES=2000 in the environment plays that many graphs on each database.
"""

import os
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pool.domain.ids import new_id
from pool.domain.links import batch_end, goes_on
from pool.domain.states import TERMINAL, WAITING, JobStatus, Outcome, ParentEnd
from pool.models import Batch, Job, JobDependency
from pool.store import operate
from pool.store.linked import enqueue_linked
from pool.store.new_job import LinkedJob, NewBatch, Parent
from tests.store.graphs import linked_job, turn
from tests.store.rows import NOW, assert_counted, claim_as, ended, moment
from tests.tables import empty

S = JobStatus
EXAMPLES = {"sqlite": 60, "postgresql": 20}
ENDS = {Outcome.SUCCEEDED: S.COMPLETED, Outcome.ERROR: S.FAILED, Outcome.CANCELLED: S.CANCELLED}


@dataclass
class Modelled:
    """A job or batch: what it waits for, and how it ended."""

    parents: dict[UUID, ParentEnd] = field(default_factory=dict)
    members: list[UUID] | None = None
    end: JobStatus | None = None
    batch: UUID | None = None


class Model:
    """The rules in a few lines: a job starts when all its parents ended as it wants; when one did not, it ends."""

    def __init__(self) -> None:
        self.all: dict[UUID, Modelled] = {}

    def settle(self) -> None:
        """Until nothing changes any more."""
        before = None
        while before != (now := [one.end for one in self.all.values()]):
            before = now
            for one in self.all.values():
                one.end = one.end or self._end_of(one)

    def _end_of(self, one: Modelled) -> JobStatus | None:
        if one.members is not None:
            ends = [self.all[id].end for id in one.members]
            counts = (ends.count(S.COMPLETED), ends.count(S.FAILED), ends.count(S.CANCELLED))
            return batch_end(len(ends), *counts)
        ends_of_parents = [(wants, self.all[id].end) for id, wants in one.parents.items()]
        return S.CANCELLED if any(end and not goes_on(wants, end) for wants, end in ends_of_parents) else None

    def ready(self) -> set[UUID]:
        """Jobs that may run."""
        return {
            id
            for id, one in self.all.items()
            if one.members is None and one.end is None and all(self.all[parent].end for parent in one.parents)
        }


class Play:
    def __init__(self, alias, database, data):
        self.alias, self.database, self.data, self.model = alias, database, data, Model()

    def draw(self, strategy):
        return self.data.draw(strategy)

    def grow(self):
        """A few more jobs, alone or as a batch, that wait for any that there are."""
        is_batch = self.draw(st.booleans())
        batch = new_id() if is_batch else None
        jobs = [self._job(batch) for _ in range(self.draw(st.integers(0 if is_batch else 1, 4)))]
        if batch is None:
            enqueue_linked(self.alias, jobs)
        else:
            self.model.all[batch] = Modelled(members=[job.id for job in jobs])
            callbacks = tuple(self._callback(batch) for _ in range(self.draw(st.integers(0, 2))))
            made = NewBatch(id=batch, name="", created_at=moment(NOW), callbacks=callbacks)
            enqueue_linked(self.alias, jobs, made)
        self._turn()

    def _job(self, batch) -> LinkedJob:
        # Not for a batch that is being made: its jobs would wait for each other's end.
        known = [id for id, one in self.model.all.items() if one.members is not None or one.batch in (None, batch)]
        parents = self.draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
        return self._linked(parents, batch)

    def _callback(self, batch) -> LinkedJob:
        return self._linked([batch], None)

    def _linked(self, parents, batch) -> LinkedJob:
        wishes = {id: self.draw(st.sampled_from(ParentEnd)) for id in parents}
        job = linked_job(batch=batch, parents=tuple(Parent(id, wants) for id, wants in wishes.items()))
        self.model.all[job.id] = Modelled(wishes, batch=batch)
        return job

    def work(self):
        """Jobs end, several in one turn."""
        claimed = claim_as(self.database, most=self.draw(st.integers(1, 4)))
        assert {UUID(job.id) for job in claimed} <= self.model.ready()
        endings = []
        for job in claimed:
            outcome = self.draw(st.sampled_from(list(ENDS)))
            if outcome is Outcome.CANCELLED:
                operate.cancel(job.id)
            endings.append(ended(job, outcome, retryable=False))
            self.model.all[UUID(job.id)].end = ENDS[outcome]
        self._turn(*endings)

    def cancel(self):
        """Somebody cancels a job that waits; a node follows, at once or later."""
        waiting = list(Job.objects.using(self.alias).filter(status__in=WAITING).order_by("pk"))
        if waiting:
            job = self.draw(st.sampled_from(waiting))
            operate.cancel(job.pk)
            self.model.all[job.pk].end = S.CANCELLED
            self._turn()

    def _turn(self, *endings):
        while turn(self.database, *endings).more:
            endings = ()

    def check(self):
        self.model.settle()
        rows = {job.pk: job for job in Job.objects.using(self.alias)}
        ready = self.model.ready()
        for id, one in self.model.all.items():
            if one.members is not None:
                continue
            if one.end is not None:
                assert rows[id].status == one.end
            elif id in ready:
                assert rows[id].status == S.PENDING
            else:
                assert rows[id].status == S.BLOCKED
                assert rows[id].waits_for == sum(self.model.all[parent].end is None for parent in one.parents)
        for batch in Batch.objects.using(self.alias):
            assert (batch.finished_at is None) == (self.model.all[batch.pk].end is None)
        assert_counted(self.alias)

    def finish(self):
        """All that is ready ends well, until nothing is: then nothing may be left."""
        while claimed := claim_as(self.database):
            for job in claimed:
                self.model.all[UUID(job.id)].end = S.COMPLETED
            self._turn(*map(ended, claimed))
            self.check()
        assert set(Job.objects.using(self.alias).values_list("status", flat=True)) <= TERMINAL
        assert not JobDependency.objects.using(self.alias).filter(met=False).exists()


@pytest.mark.timeout(0)
def test_any_graph_ends_as_modelled_and_nothing_is_stuck(alias, database, monkeypatch):
    vendor = "sqlite" if database.is_sqlite else "postgresql"

    @settings(
        max_examples=int(os.environ.get("GRAPH_EXAMPLES", EXAMPLES[vendor])),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(st.data())
    def run(data):
        empty(alias)
        # Small ones too: what has no room in a portion must be gone on with.
        monkeypatch.setattr("pool.store.dependencies.PORTION", portion := data.draw(st.sampled_from([1, 2, 3, 1000])))
        monkeypatch.setattr("pool.store.dependencies.MOST", 2 * portion)
        play = Play(alias, database, data)
        play.grow()
        play.check()
        for step in data.draw(st.lists(st.sampled_from(["grow", "work", "work", "cancel"]), max_size=8)):
            getattr(play, step)()
            play.check()
        play.finish()

    run()
