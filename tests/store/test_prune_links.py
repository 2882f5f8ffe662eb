"""Ties go with the jobs they are of, batches after their last job, and nothing that somebody waits for goes at all."""

from dataclasses import replace

import pytest

from pool.domain.config import PoolConfig
from pool.models import Batch, Job, JobDependency, UniqueKey
from pool.store import operate
from pool.store.enqueue import enqueue_row
from pool.store.prune import prune
from tests.store.graphs import after, claimed, end, linked_job, put_batch, turn, unique
from tests.store.rows import NOW, assert_counted, ended, enqueue
from tests.store.test_prune import id_made_at

KEEP = replace(PoolConfig(), keep_completed_s=100.0, keep_dead_s=200.0)
LATER = NOW + 1000


@pytest.fixture(autouse=True)
def counted(alias):
    yield
    assert_counted(alias)


def parent_and_child(alias, database):
    parent, child = id_made_at(NOW), id_made_at(NOW)
    enqueue(alias, id=parent)
    after(alias, parent, id=child)
    return parent, child


def test_a_job_goes_with_its_ties_and_keys(alias, database):
    parent, child = parent_and_child(alias, database)
    key = enqueue_row(alias, linked_job(unique=unique("k"), id=id_made_at(NOW)))
    end(database, parent, key)
    end(database, child)
    assert 3 == prune(database, LATER, KEEP)
    assert not JobDependency.objects.using(alias).exists()
    assert not UniqueKey.objects.using(alias).exists()


def test_a_parent_stays_while_a_child_has_not_heard_of_its_end(alias, database):
    parent, _ = parent_and_child(alias, database)
    operate.cancel(parent)
    Job.objects.using(alias).filter(pk=parent).update(finished_at="2020-01-01T00:00:00Z")
    assert 0 == prune(database, LATER, KEEP)
    turn(database, now=NOW)
    assert 2 == prune(database, LATER, KEEP)


def test_the_child_of_a_parent_that_went_keeps_its_tie(alias, database):
    parent, child = parent_and_child(alias, database)
    end(database, parent)
    assert 1 == prune(database, LATER, KEEP)
    assert [(child, parent, True)] == list(JobDependency.objects.using(alias).values_list("child", "parent", "met"))


def test_a_job_stays_for_the_period_of_its_key(alias, database):
    id = enqueue_row(alias, linked_job(unique=unique("k", "period", 2000), id=id_made_at(NOW)))
    end(database, id)
    assert 0 == prune(database, LATER, KEEP)
    assert 1 == prune(database, NOW + 2001, KEEP)


def test_a_batch_goes_after_its_last_job(alias, database):
    put_batch(alias, 1)
    Job.objects.using(alias).update(id=id_made_at(NOW))
    (job,) = claimed(database, *Job.objects.using(alias).values_list("pk", flat=True))
    assert 0 == prune(database, LATER, KEEP)
    turn(database, ended(job))
    prune(database, NOW + 50, KEEP)
    assert Batch.objects.using(alias).exists()
    assert 1 == prune(database, LATER, KEEP)
    assert not Batch.objects.using(alias).exists()
