"""Endings are written once, by the attempt that holds the fence; what one row holds spoils no other."""

import json

import pytest
from django.db import DatabaseError

from pool.domain.jobs import Failure, Verdict
from pool.domain.states import TERMINAL, WAITING, JobStatus, Outcome
from pool.domain.transitions import TRANSITIONS
from pool.domain.verdict import UNKNOWN_TASK_DELAY_S, judge
from pool.models import Attempt, Job
from pool.store.deltas import Deltas
from pool.store.record import Redo, record
from tests.store.rows import (
    BACKOFF,
    BOOM,
    NODE,
    NOW,
    WORKER,
    assert_counted,
    attempts,
    claim_as,
    ended,
    enqueue,
    held,
    moment,
    promote_all,
    put,
    row,
    settle,
    statuses,
    unbegun,
)

S = JobStatus
EXECUTING = (S.ASSIGNED, S.RUNNING)
UNSURE = (Outcome.CRASHED, Outcome.LOST, Outcome.MEMORY_LIMIT)
REFUSED = {
    "no JSON": {"result": "{nothing"},
    "no number": {"result": "NaN"},
    "no text": {"result": object()},
    "half a character": {"result": '"\ud800"'},
    "usage that is no JSON": {"usage": "{nothing"},
}
"""What no worker sends, and what a database must refuse."""


def one(alias, database, **values):
    """A job that is claimed: its id and the claim."""
    (id,) = enqueue(alias, **values)
    (job,) = claim_as(database)
    return id, job


def counted(alias, queue="default"):
    """The counters that are not zero."""
    return {name: count for name, count in assert_counted(alias)[queue].items() if count}


def ask_to_cancel(alias, id):
    Job.objects.using(alias).filter(pk=id).update(cancel_requested_at=moment(NOW + 2))


class TestFirstSuccess:
    def test_is_written_whole_and_keeps_no_attempt(self, alias, database):
        id, job = one(alias, database)
        before = row(alias, id)
        recorded = settle(database, ended(job))
        changed = {
            "status": "COMPLETED",
            "worker": WORKER,
            "started_at": moment(NOW + 1),
            "finished_at": moment(NOW + 3),
            "result": {"answer": 42},
        }
        assert row(alias, id) == before | changed
        assert recorded.written == [(ended(job), S.COMPLETED)]
        assert attempts(alias, id) == []
        assert counted(alias) == {"submitted": 1, "completed": 1}

    def test_of_many_jobs_is_one_batch(self, alias, database):
        ids = enqueue(alias, 50) + enqueue(alias, 50, queue="other")
        recorded = settle(database, *[ended(job, result=f'"{job.id}"') for job in claim_as(database)])
        assert len(recorded.written) == 100
        results = dict(Job.objects.using(alias).values_list("pk", "result"))
        assert {id: id.hex for id in ids} == {id: result.replace("-", "") for id, result in results.items()}
        assert counted(alias) == counted(alias, "other") == {"submitted": 50, "completed": 50}

    @pytest.mark.parametrize("result", ["null", '""', "[]", "0", '"\\ud83d\\ude00 ☃"', "0.25", '{"a": [1, {}]}'])
    def test_may_return_any_json(self, alias, database, result):
        id, job = one(alias, database)
        settle(database, ended(job, result=result))
        assert row(alias, id)["result"] == json.loads(result)

    def test_finishes_its_progress(self, alias, database):
        ids = enqueue(alias, 2)
        Job.objects.using(alias).filter(pk=ids[0]).update(progress=0.3)
        settle(database, *map(ended, claim_as(database)))
        assert [1.0, None] == [row(alias, id)["progress"] for id in ids]

    def test_may_have_used_something(self, alias, database):
        id, job = one(alias, database)
        settle(database, ended(job, usage='{"input_tokens": 3}'))
        assert row(alias, id)["usage"] == {"input_tokens": 3}
        assert attempts(alias, id) == []


class TestFailure:
    def test_waits_for_its_backoff_and_keeps_its_attempt(self, alias, database):
        id, job = one(alias, database)
        before = row(alias, id)
        recorded = settle(database, ended(job, Outcome.ERROR, cpu_ms=1.5, peak_rss=1000))
        changed = {
            "status": "SCHEDULED",
            "node": "",
            "run_at": moment(NOW + 3 + 8),
            "error": {"type": BOOM.type, "message": BOOM.message, "traceback": BOOM.traceback},
        }
        assert row(alias, id) == before | changed
        assert [S.SCHEDULED] == [status for _, status in recorded.written]
        (attempt,) = attempts(alias, id)
        assert (attempt.epoch, attempt.number, attempt.outcome) == (1, 1, "error")
        assert (attempt.node, attempt.worker) == (NODE, WORKER)
        assert (attempt.started_at, attempt.finished_at) == (moment(NOW + 1), moment(NOW + 3))
        assert (attempt.cpu_ms, attempt.peak_rss) == (1.5, 1000)
        assert (attempt.error_type, attempt.error_message, attempt.traceback) == (
            BOOM.type,
            BOOM.message,
            BOOM.traceback,
        )
        assert counted(alias) == {"submitted": 1, "scheduled": 1, "retried": 1}

    def test_ends_as_a_dead_letter_when_its_budget_is_spent(self, alias, database):
        id, job = one(alias, database, max_attempts=1)
        settle(database, ended(job, Outcome.ERROR))
        found = row(alias, id)
        assert (found["status"], found["worker"], found["node"]) == ("FAILED", WORKER, NODE)
        assert (found["started_at"], found["finished_at"]) == (moment(NOW + 1), moment(NOW + 3))
        assert counted(alias) == {"submitted": 1, "dead": 1, "failed": 1}

    def test_is_tried_as_often_as_its_job_says(self, alias, database):
        (id,) = enqueue(alias, max_attempts=3)
        for wait in (8, 16):
            (job,) = claim_as(database)
            settle(database, ended(job, Outcome.ERROR))
            assert row(alias, id)["run_at"] == moment(NOW + 3 + wait)
            assert promote_all(database, NOW + 100) == 1
        (job,) = claim_as(database)
        settle(database, ended(job, Outcome.TIMEOUT))
        assert row(alias, id)["status"] == "TIMEOUT"
        assert [(1, "error"), (2, "error"), (3, "timeout")] == [(a.number, a.outcome) for a in attempts(alias, id)]
        assert counted(alias) == {"submitted": 1, "dead": 1, "timeout": 1, "retried": 2}

    def test_may_be_one_that_no_retry_mends(self, alias, database):
        id, job = one(alias, database)
        settle(database, ended(job, Outcome.ERROR, retryable=False))
        assert row(alias, id)["status"] == "FAILED"
        assert len(attempts(alias, id)) == 1

    def test_is_forgotten_when_a_later_try_succeeds(self, alias, database):
        id, job = one(alias, database)
        settle(database, ended(job, Outcome.ERROR))
        promote_all(database, NOW + 100)
        settle(database, ended(*claim_as(database)))
        found = row(alias, id)
        assert (found["status"], found["error"], found["result"]) == ("COMPLETED", None, {"answer": 42})
        assert ["error", "succeeded"] == [attempt.outcome for attempt in attempts(alias, id)]
        assert counted(alias) == {"submitted": 1, "completed": 1, "retried": 1}

    def test_takes_its_progress_with_it(self, alias, database):
        id = put(alias, S.RUNNING, progress=0.7, progress_message="nearly")
        settle(database, ended(held(database), Outcome.ERROR))
        assert (None, "") == (row(alias, id)["progress"], row(alias, id)["progress_message"])

    def test_at_the_end_leaves_its_progress(self, alias, database):
        id = put(alias, S.RUNNING, progress=0.7, progress_message="nearly", max_attempts=1)
        settle(database, ended(held(database), Outcome.ERROR))
        assert (0.7, "nearly") == (row(alias, id)["progress"], row(alias, id)["progress_message"])

    def test_of_a_long_name_is_cut_to_its_column(self, alias, database):
        id, job = one(alias, database)
        settle(database, ended(job, Outcome.ERROR, failure=Failure("x" * 300, "m" * 20_000)))
        (attempt,) = attempts(alias, id)
        assert (len(attempt.error_type), len(attempt.error_message)) == (200, 20_000)


class TestLoss:
    @pytest.mark.parametrize("outcome", UNSURE)
    def test_first_is_free_of_waiting_the_next_is_not(self, alias, database, outcome):
        (id,) = enqueue(alias)
        for status, losses in ((S.PENDING, 1), (S.SCHEDULED, 2), (S.SCHEDULED, 3)):
            (job,) = claim_as(database)
            settle(database, ended(job, outcome))
            assert (row(alias, id)["status"], row(alias, id)["losses"]) == (status, losses)
            promote_all(database, NOW + 1000)
        settle(database, ended(*claim_as(database), outcome))
        assert row(alias, id)["status"] == "FAILED"
        assert [str(outcome)] * 4 == [attempt.outcome for attempt in attempts(alias, id)]
        assert counted(alias) == {"submitted": 1, "dead": 1, "failed": 1, "retried": 3}

    def test_waits_are_counted_from_the_loss(self, alias, database):
        id, job = one(alias, database)
        settle(database, ended(job, Outcome.CRASHED))
        assert row(alias, id)["run_at"] == moment(NOW + 3)


class TestInterruption:
    def test_before_the_start_costs_no_attempt(self, alias, database):
        id, job = one(alias, database)
        settle(database, unbegun(job))
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["epoch"], found["interruptions"]) == ("PENDING", 0, 1, 0)
        assert found["run_at"] == moment(NOW)
        assert attempts(alias, id) == []
        assert counted(alias) == {"submitted": 1, "pending": 1}

    def test_after_the_start_is_counted_apart(self, alias, database):
        id, job = one(alias, database, max_attempts=1)
        settle(database, ended(job, Outcome.INTERRUPTED))
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["interruptions"]) == ("PENDING", 1, 1)
        assert ["interrupted"] == [attempt.outcome for attempt in attempts(alias, id)]
        assert counted(alias) == {"submitted": 1, "pending": 1, "retried": 1}

    def test_leaves_the_budget_as_it_was(self, alias, database):
        id, job = one(alias, database, max_attempts=1)
        settle(database, ended(job, Outcome.INTERRUPTED))
        settle(database, ended(*claim_as(database), Outcome.ERROR))
        assert row(alias, id)["status"] == "FAILED"

    def test_a_job_of_an_unknown_task_goes_out_of_the_way_unburnt(self, alias, database):
        id, job = one(alias, database)
        later = Verdict(S.SCHEDULED, delay_s=UNKNOWN_TASK_DELAY_S, refund=True)
        settle(database, unbegun(job), verdict=later)
        found = row(alias, id)
        assert (found["status"], found["attempts"]) == ("SCHEDULED", 0)
        assert found["run_at"] == moment(NOW + 3 + UNKNOWN_TASK_DELAY_S)
        assert counted(alias) == {"submitted": 1, "scheduled": 1}

    def test_what_kept_it_waiting_is_forgotten_when_it_succeeds(self, alias, database):
        id, job = one(alias, database)
        why = ended(job, Outcome.INTERRUPTED, worker="", started_at=None, failure=BOOM)
        settle(database, why, verdict=Verdict(S.SCHEDULED, delay_s=1.0, refund=True))
        assert row(alias, id)["error"]["message"] == "boom"
        promote_all(database, NOW + 10)
        settle(database, ended(*claim_as(database)))
        assert (row(alias, id)["status"], row(alias, id)["error"]) == ("COMPLETED", None)

    def test_a_job_that_came_too_late_fails_without_an_attempt(self, alias, database):
        id, job = one(alias, database)
        late = ended(job, Outcome.ERROR, worker="", started_at=None, retryable=False)
        settle(database, late)
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["started_at"]) == ("FAILED", 0, None)
        assert found["finished_at"] == moment(NOW + 3)
        assert attempts(alias, id) == []
        assert counted(alias) == {"submitted": 1, "failed": 1, "dead": 1}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(
    ("status", "begun"),
    [(S.RUNNING, True), (S.ASSIGNED, True), (S.ASSIGNED, False)],
    ids=["running", "begun", "unbegun"],
)
class TestEveryOutcome:
    def job(self, alias, database, status, **values):
        id = put(alias, status, progress=0.5, **values)
        return id, held(database)

    def ending(self, job, outcome, begun):
        if begun or outcome is Outcome.SUCCEEDED:
            return ended(job, outcome)
        return ended(job, outcome, worker="", started_at=None)

    @pytest.mark.parametrize("spent", [True, False], ids=["spent", "left"])
    def test_becomes_what_was_ruled(self, alias, database, status, outcome, begun, spent):
        id, job = self.job(alias, database, status, max_attempts=1 if spent else 4)
        ending = self.ending(job, outcome, begun)
        verdict = judge(ending, BACKOFF)
        if outcome is Outcome.CANCELLED:
            ask_to_cancel(alias, id)
        recorded = settle(database, ending)
        found = row(alias, id)
        assert recorded.written == [(ending, verdict.status)]
        assert found["status"] == verdict.status
        assert verdict.status in TRANSITIONS[status]
        assert found["attempts"] == 1 - verdict.refund
        assert (found["finished_at"] is not None) == (verdict.status in TERMINAL)
        assert (found["node"] == "") == (verdict.status in WAITING)
        assert (found["result"] is not None) == (verdict.status is S.COMPLETED)
        assert_counted(alias)

    def test_is_cancelled_when_asked_for_unless_it_completed(self, alias, database, status, outcome, begun):
        id, job = self.job(alias, database, status)
        ask_to_cancel(alias, id)
        recorded = settle(database, self.ending(job, outcome, begun))
        wanted = S.COMPLETED if outcome is Outcome.SUCCEEDED else S.CANCELLED
        assert row(alias, id)["status"] == wanted
        assert [wanted] == [status for _, status in recorded.written]
        assert {str(wanted).lower(): 1, "submitted": 1} == counted(alias)
        assert {"cancelled"} >= {attempt.outcome for attempt in attempts(alias, id)}

    def test_of_another_claim_changes_nothing(self, alias, database, status, outcome, begun):
        id, job = self.job(alias, database, status, epoch=5)
        before = row(alias, id)
        for epoch in (4, 6):
            job.epoch = epoch
            recorded = settle(database, self.ending(job, outcome, begun))
            assert (recorded.written, len(recorded.fenced)) == ([], 1)
        assert row(alias, id) == before
        assert attempts(alias, id) == []
        assert counted(alias) == {"submitted": 1, "executing": 1}


@pytest.mark.parametrize("outcome", [Outcome.INTERRUPTED, Outcome.CANCELLED])
@pytest.mark.parametrize("asked", [True, False], ids=["cancelled", "wanted"])
def test_an_attempt_that_runs_is_not_refunded(alias, database, outcome, asked):
    """Whoever says that it never began is wrong."""
    id = put(alias, S.RUNNING)
    if asked:
        ask_to_cancel(alias, id)
    before = row(alias, id)
    assert len(settle(database, unbegun(held(database), outcome)).fenced) == 1
    assert row(alias, id) == before
    assert counted(alias) == {"submitted": 1, "executing": 1}


class TestCancelThatWasTakenBack:
    """Somebody cancelled the job and tried it again by hand: its node still knows of the cancel, the row does not."""

    def test_gives_back_what_had_not_begun(self, alias, database):
        id, job = one(alias, database)
        recorded = settle(database, unbegun(job, Outcome.CANCELLED))
        assert [S.PENDING] == list(recorded.statuses())
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["node"]) == ("PENDING", 0, "")
        assert attempts(alias, id) == []
        assert counted(alias) == {"submitted": 1, "pending": 1}

    def test_spends_nothing_of_the_budget_of_what_had(self, alias, database):
        id, job = one(alias, database, max_attempts=1)
        settle(database, ended(job, Outcome.CANCELLED))
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["interruptions"]) == ("PENDING", 1, 1)
        assert [attempt.outcome for attempt in attempts(alias, id)] == ["interrupted"]
        assert counted(alias) == {"submitted": 1, "pending": 1, "retried": 1}


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.ERROR, Outcome.CANCELLED, Outcome.INTERRUPTED])
@pytest.mark.parametrize("status", sorted(set(JobStatus) - set(EXECUTING)))
def test_a_job_that_is_not_executing_takes_no_ending(alias, database, status, outcome):
    id = put(alias, S.ASSIGNED)
    job = held(database)
    other = put(alias, status, epoch=1)
    job.id = other.hex
    before = row(alias, other)
    recorded = settle(database, ended(job, outcome))
    assert row(alias, other) == before
    assert (recorded.written, len(recorded.fenced)) == ([], 1)
    assert row(alias, id)["status"] == S.ASSIGNED
    assert Attempt.objects.using(alias).count() == 0


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.ERROR])
def test_a_job_that_was_pruned_takes_no_ending(alias, database, outcome):
    id, job = one(alias, database)
    Job.objects.using(alias).filter(pk=id).delete()
    assert len(settle(database, ended(job, outcome)).fenced) == 1
    assert Attempt.objects.using(alias).count() == 0


class TestTwice:
    def test_the_same_ending_is_written_once(self, alias, database):
        id, job = one(alias, database)
        settle(database, ended(job, Outcome.ERROR))
        before = row(alias, id)
        assert len(settle(database, ended(job, Outcome.ERROR)).fenced) == 1
        assert row(alias, id) == before
        assert len(attempts(alias, id)) == 1
        assert counted(alias) == {"submitted": 1, "scheduled": 1, "retried": 1}

    def test_in_one_batch_too(self, alias, database):
        id, job = one(alias, database)
        recorded = settle(database, ended(job), ended(job))
        assert (len(recorded.written), len(recorded.fenced)) == (1, 1)
        assert row(alias, id)["status"] == "COMPLETED"
        assert counted(alias) == {"submitted": 1, "completed": 1}

    def test_a_late_result_of_a_job_given_out_again_is_rejected(self, alias, database):
        id, first = one(alias, database)
        settle(database, ended(first, Outcome.LOST))
        (second,) = claim_as(database, "node-2")
        assert len(settle(database, ended(first, result='"late"')).fenced) == 1
        settle(database, ended(second, result='"new"'), node="node-2")
        assert row(alias, id)["result"] == "new"
        assert [(1, NODE), (2, "node-2")] == [(a.epoch, a.node) for a in attempts(alias, id)]


class TestBatch:
    def mixed(self, alias, database):
        """One job for each outcome, and two of them fenced."""
        enqueue(alias, len(Outcome) + 2)
        jobs = claim_as(database)
        ask_to_cancel(alias, jobs[list(Outcome).index(Outcome.CANCELLED)].id)
        jobs[-1].epoch += 1
        jobs[-2].epoch -= 1
        outcomes = [*Outcome, Outcome.SUCCEEDED, Outcome.ERROR]
        return [ended(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]

    def test_of_everything_is_written_and_counted(self, alias, database):
        endings = self.mixed(alias, database)
        recorded = settle(database, *endings)
        assert [one.job.id for one in endings[:-2]] == [one.job.id for one, _ in recorded.written]
        assert [one.job.id for one in endings[-2:]] == [one.job.id for one in recorded.fenced]
        wanted = [judge(one, BACKOFF).status for one in endings[:-2]]
        assert wanted == statuses(alias, [one.job.id for one in endings[:-2]])
        assert wanted == [status for _, status in recorded.written]
        assert counted(alias)["executing"] == 2

    def test_says_the_same_whether_done_quickly_or_carefully(self, alias, database):
        endings = self.mixed(alias, database)[:-2]
        rulings = [(one, judge(one, BACKOFF)) for one in endings]
        found = []
        for careful in (False, True):
            database.begin()
            recorded = record(database, NODE, rulings, Deltas(), careful=careful)
            columns = "id, status, worker, started_at, finished_at, run_at, attempts, node, result, error"
            rows = database.execute(f"SELECT {columns} FROM pool_job ORDER BY id").fetchall()
            kept = database.execute("SELECT job_id, epoch, outcome FROM pool_attempt ORDER BY job_id").fetchall()
            database.rollback()
            found.append((rows, kept, recorded.written))
        assert found[0][:2] == found[1][:2]
        assert sorted(str(one) for one in found[0][2]) == sorted(str(one) for one in found[1][2])

    def test_with_a_fenced_success_is_done_again_carefully(self, alias, database):
        enqueue(alias, 2)
        first, second = claim_as(database)
        first.epoch += 1
        rulings = [(ended(job), judge(ended(job), BACKOFF)) for job in (first, second)]
        with pytest.raises(Redo), database.transaction():
            record(database, NODE, rulings, Deltas())
        assert {"ASSIGNED"} == set(Job.objects.using(alias).values_list("status", flat=True))
        assert len(settle(database, *[one for one, _ in rulings]).written) == 1
        assert counted(alias) == {"submitted": 2, "executing": 1, "completed": 1}

    def test_of_nothing_is_nothing(self, database):
        assert settle(database).written == []


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("attempt", [1, 2], ids=["first attempt", "second attempt"])
def test_a_row_the_database_refuses_spoils_only_itself(alias, database, refused, attempt):
    ids = enqueue(alias, 5)
    Job.objects.using(alias).filter(pk__in=ids).update(attempts=attempt - 1)
    jobs = claim_as(database)
    endings = [ended(job) for job in jobs]
    endings[2] = ended(jobs[2], **refused)
    recorded = settle(database, *endings)
    wanted = [S.COMPLETED, S.COMPLETED, S.FAILED, S.COMPLETED, S.COMPLETED]
    assert wanted == statuses(alias, [job.id for job in jobs])
    assert wanted == [status for _, status in recorded.written]
    assert "The database refused the outcome" in row(alias, jobs[2].id)["error"]["message"]
    assert ["unserialisable"] == [a.outcome for a in attempts(alias, jobs[2].id)]
    assert counted(alias) == {"submitted": 5, "completed": 4, "failed": 1, "dead": 1}


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800", "\\u0000"], ids=["NUL", "surrogate", "backslash"])
def test_a_failure_no_database_can_store_is_written_all_the_same(alias, database, text):
    enqueue(alias, 3, max_attempts=1)
    jobs = claim_as(database)
    endings = [ended(job, Outcome.ERROR) for job in jobs]
    endings[1] = ended(jobs[1], Outcome.ERROR, failure=Failure(text, text, text))
    settle(database, *endings)
    assert [S.FAILED] * 3 == statuses(alias, [job.id for job in jobs])
    assert counted(alias) == {"submitted": 3, "failed": 3, "dead": 3}


def test_a_refused_row_that_was_to_be_cancelled_is_cancelled(alias, database):
    id, job = one(alias, database)
    ask_to_cancel(alias, id)
    settle(database, ended(job, Outcome.ERROR, failure=Failure("T", "a\x00b"), usage="{nothing"))
    assert row(alias, id)["status"] == "CANCELLED"
    assert counted(alias) == {"submitted": 1, "cancelled": 1}


def test_a_refused_row_of_another_claim_stays_as_it_is(alias, database):
    id, job = one(alias, database)
    before = row(alias, id)
    job.epoch += 1
    assert len(settle(database, ended(job, result="{nothing")).fenced) == 1
    assert row(alias, id) == before
    assert_counted(alias)


def test_other_errors_of_the_database_are_told(alias, database):
    """They say nothing about the rows: the node tries again."""
    _, job = one(alias, database)
    with database.transaction():
        database.execute("ALTER TABLE pool_attempt RENAME TO pool_attempt_gone")
    try:
        with pytest.raises(DatabaseError):
            settle(database, ended(job, Outcome.ERROR))
    finally:
        with database.transaction():
            database.execute("ALTER TABLE pool_attempt_gone RENAME TO pool_attempt")
    assert counted(alias) == {"submitted": 1, "executing": 1}
