"""What a dead node held goes back: unburnt where it certainly never began, as a loss where it may have."""

import pytest

from pool.domain.states import JobStatus, Outcome
from pool.domain.verdict import MAX_UNDELIVERED
from pool.models import Job
from pool.store.operate import retry
from pool.store.rescue import BATCH, held_by, release_unheld, rescue
from tests.store.rows import (
    BACKOFF,
    NODE,
    NOW,
    WORKER,
    assert_counted,
    attempts,
    claim_as,
    ended,
    enqueue,
    held,
    in_turn,
    moment,
    put,
    row,
    settle,
    statuses,
)

S = JobStatus
LATER = NOW + 60


def rescue_all(database, begun=None, node=NODE):
    """As a living node does it, one batch."""
    return in_turn(database, lambda deltas: rescue(database, node, begun, BACKOFF, deltas, LATER), "node-2")


def release(database, keep=()):
    return in_turn(database, lambda deltas: len(release_unheld(database, NODE, keep, BACKOFF, deltas, LATER).written))


class TestHeld:
    def test_are_the_jobs_leased_to_the_node(self, alias, database):
        wanted = {put(alias, S.ASSIGNED), put(alias, S.RUNNING)}
        for status in S:
            put(alias, status, node="node-2")
        for status in set(S) - {S.ASSIGNED, S.RUNNING}:
            put(alias, status, node=NODE)
        assert {id.hex for id in wanted} == {lease.job.id.replace("-", "") for lease in held_by(database, NODE)}

    def test_tell_what_is_known_of_them(self, alias, database):
        put(alias, S.RUNNING, started_at=moment(NOW + 5))
        (lease,) = held_by(database, NODE)
        assert (lease.status, lease.worker) == ("RUNNING", WORKER)
        assert lease.started_at == pytest.approx(NOW + 5, abs=0.001)

    def test_are_no_more_than_asked_for(self, alias, database):
        for status in (S.ASSIGNED, S.ASSIGNED, S.RUNNING):
            put(alias, status)
        assert len(held_by(database, NODE, most=2)) == 2


class TestLostNode:
    def test_running_job_is_pending_again_and_its_attempt_lost(self, alias, database):
        id = put(alias, S.RUNNING, started_at=moment(NOW + 5))
        recorded = rescue_all(database, begun=set())
        found = row(alias, id)
        assert [S.PENDING] == [status for _, status in recorded.written]
        assert (found["status"], found["attempts"], found["losses"], found["epoch"]) == ("PENDING", 1, 1, 1)
        assert (found["node"], found["worker"], found["started_at"]) == ("", "", None)
        (attempt,) = attempts(alias, id)
        assert (attempt.outcome, attempt.node, attempt.worker) == ("lost", NODE, WORKER)
        assert abs(attempt.started_at - moment(NOW + 5)).total_seconds() <= 0.001
        assert attempt.finished_at == moment(LATER)
        assert "node that held the job is gone" in attempt.error_message
        assert_counted(alias)

    def test_assigned_job_that_never_began_goes_back_unburnt(self, alias, database):
        id = put(alias, S.ASSIGNED)
        rescue_all(database, begun=set())
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["losses"]) == ("PENDING", 0, 0)
        assert attempts(alias, id) == []
        assert_counted(alias)

    @pytest.mark.parametrize("knows", [True, False], ids=["by the slots", "for want of slots"])
    def test_assigned_job_that_may_have_begun_is_lost(self, alias, database, knows):
        id = put(alias, S.ASSIGNED)
        rescue_all(database, begun={(id.hex, 1)} if knows else None)
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["losses"]) == ("PENDING", 1, 1)
        assert ["lost"] == [attempt.outcome for attempt in attempts(alias, id)]

    def test_assigned_job_that_began_under_an_earlier_claim_goes_back_unburnt(self, alias, database):
        id = put(alias, S.ASSIGNED, epoch=2, attempts=2)
        rescue_all(database, begun={(id.hex, 1)})
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["losses"]) == ("PENDING", 1, 0)

    def test_second_loss_waits(self, alias, database):
        id = put(alias, S.RUNNING, losses=1)
        rescue_all(database)
        assert (row(alias, id)["status"], row(alias, id)["run_at"]) == ("SCHEDULED", moment(LATER + 8))
        assert_counted(alias)

    @pytest.mark.parametrize("status", [S.ASSIGNED, S.RUNNING])
    def test_spent_job_becomes_a_dead_letter(self, alias, database, status):
        id = put(alias, status, max_attempts=1)
        rescue_all(database)
        assert (row(alias, id)["status"], row(alias, id)["finished_at"]) == ("FAILED", moment(LATER))
        assert assert_counted(alias)["default"]["dead"] == 1

    @pytest.mark.parametrize("status", [S.ASSIGNED, S.RUNNING])
    @pytest.mark.parametrize("begun", [None, set()], ids=["begun", "unbegun"])
    def test_job_that_was_to_be_cancelled_is(self, alias, database, status, begun):
        id = put(alias, status, cancel_requested_at=moment(NOW + 1))
        rescue_all(database, begun)
        assert row(alias, id)["status"] == "CANCELLED"
        assert assert_counted(alias)["default"]["cancelled"] == 1

    def test_jobs_of_others_and_finished_ones_stay(self, alias, database):
        others = [put(alias, status, node="node-3") for status in S]
        done = [put(alias, status) for status in (S.COMPLETED, S.FAILED, S.TIMEOUT, S.CANCELLED, S.PENDING)]
        before = [row(alias, id) for id in others + done]
        assert rescue_all(database).written == []
        assert [row(alias, id) for id in others + done] == before

    def test_late_ending_is_fenced_after_the_job_was_given_out_again(self, alias, database, other_database):
        id = put(alias, S.RUNNING)
        first = held(database)
        rescue_all(other_database)
        claim_as(other_database, "node-2")
        assert len(settle(database, ended(first)).fenced) == 1
        assert (row(alias, id)["status"], row(alias, id)["node"]) == ("ASSIGNED", "node-2")

    def test_late_ending_is_fenced_before_the_job_is_given_out_again(self, alias, database, other_database):
        id = put(alias, S.RUNNING)
        first = held(database)
        rescue_all(other_database)
        assert len(settle(database, ended(first)).fenced) == 1
        assert row(alias, id)["status"] == "PENDING"
        assert_counted(alias)

    def test_job_that_ended_between_look_and_rescue_stays_ended(self, alias, database, other_database):
        id = put(alias, S.RUNNING)
        found = held(database)
        settle(other_database, ended(found))
        assert len(settle(database, ended(found, Outcome.LOST), node="node-2").fenced) == 1
        assert row(alias, id)["status"] == "COMPLETED"
        assert_counted(alias)

    def test_twice_is_once(self, alias, database, other_database):
        id = put(alias, S.RUNNING)
        rescue_all(database)
        before = row(alias, id)
        assert rescue_all(other_database).written == []
        assert row(alias, id) == before
        assert len(attempts(alias, id)) == 1
        assert_counted(alias)

    def test_many_jobs_go_in_batches(self, alias, database):
        enqueue(alias, BATCH + 5)
        claim_as(database, most=BATCH + 5)
        assert [BATCH, 5, 0] == [len(rescue_all(database, begun=set()).written) for _ in range(3)]
        assert {"PENDING"} == set(Job.objects.using(alias).values_list("status", flat=True))
        assert_counted(alias)


class TestUndeliverable:
    def test_job_that_never_begins_does_not_circle_for_ever(self, alias, database):
        (id,) = enqueue(alias)
        given_out = 0
        while claim_as(database):
            given_out += 1
            assert given_out <= MAX_UNDELIVERED + 1
            rescue_all(database, begun=set())
        assert given_out == MAX_UNDELIVERED + 1
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["losses"]) == ("FAILED", 0, 0)
        assert (found["started_at"], found["finished_at"]) == (None, moment(LATER))
        assert found["error"]["type"] == "pool.domain.errors.JobUndeliverable"
        assert "undeliverable" in found["error"]["message"]
        assert attempts(alias, id) == []
        assert assert_counted(alias)["default"]["dead"] == 1

    def test_attempts_that_began_do_not_count(self, alias, database):
        id = put(alias, S.ASSIGNED, epoch=40, attempts=40 - MAX_UNDELIVERED + 1, max_attempts=100)
        rescue_all(database, begun=set())
        assert row(alias, id)["status"] == "PENDING"

    def test_nor_does_a_job_that_may_have_begun(self, alias, database):
        id = put(alias, S.ASSIGNED, epoch=40)
        rescue_all(database, begun=None)
        assert (row(alias, id)["status"], row(alias, id)["losses"]) == ("PENDING", 1)

    def test_job_that_was_to_be_cancelled_is(self, alias, database):
        id = put(alias, S.ASSIGNED, epoch=40, cancel_requested_at=moment(NOW + 1))
        rescue_all(database, begun=set())
        assert row(alias, id)["status"] == "CANCELLED"
        assert assert_counted(alias)["default"]["cancelled"] == 1

    def test_retried_it_gets_another_chance(self, alias, database):
        id = put(alias, S.ASSIGNED, epoch=40)
        rescue_all(database, begun=set())
        retry(id)
        (job,) = claim_as(database)
        settle(database, ended(job))
        assert row(alias, id)["status"] == "COMPLETED"
        assert_counted(alias)


class TestReleaseUnheld:
    def test_remembering_an_earlier_claim_is_not_holding_the_job(self, alias, database):
        """The ruling on epoch 1 was committed with a new claim of the same job, and the answer never came."""
        put(alias, S.ASSIGNED, epoch=2, attempts=2)
        (lease,) = held_by(database, NODE)
        assert release(database, keep={(lease.job.id, 1)}) == 1

    def test_gives_back_what_the_node_does_not_know_of(self, alias, database):
        """Its claim was committed although the answer never came: nobody has begun these."""
        kept, unknown = put(alias, S.ASSIGNED), put(alias, S.ASSIGNED)
        (known,) = [lease.job for lease in held_by(database, NODE) if lease.job.id.replace("-", "") == kept.hex]
        before = row(alias, kept)
        assert release(database, keep={(known.id, known.epoch)}) == 1
        assert row(alias, kept) == before
        found = row(alias, unknown)
        assert (found["status"], found["attempts"], found["losses"]) == ("PENDING", 0, 0)
        assert_counted(alias)

    def test_counts_a_running_one_as_lost(self, alias, database):
        id = put(alias, S.RUNNING)
        assert release(database) == 1
        assert (row(alias, id)["status"], row(alias, id)["losses"]) == ("PENDING", 1)
        assert "what became of it is unknown" in attempts(alias, id)[0].error_message
        assert_counted(alias)

    def test_leaves_other_nodes_alone(self, alias, database):
        ids = [put(alias, status, node="node-2") for status in (S.ASSIGNED, S.RUNNING)]
        assert release(database) == 0
        assert [S.ASSIGNED, S.RUNNING] == statuses(alias, ids)
