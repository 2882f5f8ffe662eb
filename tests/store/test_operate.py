"""The operator's verbs on every state: applied with its audit entry, or refused with the row as it was."""

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from pool.domain.errors import InvalidOption, JobNotFound, NotPossible, NotReady
from pool.domain.states import DEAD_LETTERS, EXECUTING, TERMINAL, WAITING, JobStatus, Outcome
from pool.models import Job, Node, PoolEvent, Queue
from pool.store.actor import Actor
from pool.store.operate import CancelAnswer, cancel, discard, pause, resume, retry
from pool.store.steer import request_restart, request_stop, scale, wanted_size
from tests.store.bells import rings
from tests.store.rows import NOW, assert_counted, claim_as, ended, held, moment, put, row, settle, unbegun

S = JobStatus
ADA = Actor("ada", "192.0.2.1")
RETRYABLE = {*DEAD_LETTERS, S.CANCELLED}


def counted(alias):
    return {name: count for name, count in assert_counted(alias)["default"].items() if count}


def events(alias):
    return list(PoolEvent.objects.using(alias).values_list("name", "actor", "source", "job"))


def lately(at):
    return timedelta(0) <= timezone.now() - at < timedelta(minutes=1)


def changes(before, after):
    return {name: value for name, value in after.items() if before[name] != value}


class TestCancel:
    @pytest.mark.parametrize("status", sorted(WAITING))
    def test_waiting_job_is_cancelled_at_once(self, alias, status):
        id = put(alias, status)
        before = row(alias, id)
        assert cancel(id, ADA) is CancelAnswer.CANCELLED
        changed = changes(before, row(alias, id))
        assert {"status", "finished_at", "cancel_requested_at", "cancelled_by"} == set(changed)
        assert (changed["status"], changed["cancelled_by"]) == ("CANCELLED", "ada")
        assert lately(changed["finished_at"])
        assert counted(alias) == {"submitted": 1, "cancelled": 1}
        assert events(alias) == [("job.cancelled", "ada", "192.0.2.1", id)]

    @pytest.mark.parametrize("status", sorted(EXECUTING))
    def test_executing_job_is_asked_to_end(self, alias, status):
        id = put(alias, status)
        before = row(alias, id)
        assert cancel(id, ADA) is CancelAnswer.REQUESTED
        changed = changes(before, row(alias, id))
        assert {"cancel_requested_at", "cancelled_by"} == set(changed)
        assert lately(changed["cancel_requested_at"])
        assert counted(alias) == {"submitted": 1, "executing": 1}
        assert events(alias) == [("job.cancel_requested", "ada", "192.0.2.1", id)]

    @pytest.mark.parametrize("status", sorted(EXECUTING))
    def test_asking_twice_is_asking_once(self, alias, status):
        id = put(alias, status)
        cancel(id, ADA)
        before = row(alias, id)
        assert cancel(id, Actor("bob")) is CancelAnswer.REQUESTED
        assert row(alias, id) == before
        assert len(events(alias)) == 1

    @pytest.mark.parametrize("status", sorted(TERMINAL))
    def test_finished_job_stays_as_it_is(self, alias, status):
        id = put(alias, status)
        before = row(alias, id)
        assert cancel(id, ADA) is CancelAnswer.FINISHED
        assert row(alias, id) == before
        assert events(alias) == []

    @pytest.mark.parametrize("status", sorted(WAITING))
    def test_cancelled_job_never_starts(self, alias, database, status):
        cancel(put(alias, status))
        assert claim_as(database) == []

    def test_wakes_the_node_once_it_can_see_it(self, alias, bell):
        id = put(alias, S.RUNNING)
        rings(bell)
        with transaction.atomic(using=alias):
            cancel(id)
            assert rings(bell) == []
        assert rings(bell) == [b"control"]


class TestRetry:
    @pytest.mark.parametrize("status", sorted(RETRYABLE))
    def test_gives_the_job_a_fresh_budget(self, alias, status):
        id = put(
            alias,
            status,
            attempts=3,
            epoch=7,
            interruptions=2,
            losses=1,
            expires_at=moment(NOW),
            cancelled_by="bob",
            progress=0.5,
            progress_message="half",
            error={"type": "T", "message": "m", "traceback": ""},
        )
        before = row(alias, id)
        retry(id, ADA)
        after = row(alias, id)
        empty = dict.fromkeys(
            ["started_at", "finished_at", "expires_at", "cancel_requested_at", "discarded_at", "progress"]
        )
        fresh = {"status": "PENDING", "attempts_base": 3, "interruptions": 0, "losses": 0} | empty
        fresh |= dict.fromkeys(["node", "worker", "cancelled_by", "progress_message"], "")
        assert after == before | fresh | {"run_at": after["run_at"]}
        assert lately(after["run_at"])
        assert counted(alias) == {"submitted": 1, "pending": 1}
        assert events(alias) == [("job.retried", "ada", "192.0.2.1", id)]

    @pytest.mark.parametrize("status", sorted(set(S) - RETRYABLE))
    def test_is_refused_for_any_other(self, alias, status):
        id = put(alias, status)
        before = row(alias, id)
        with pytest.raises(NotPossible, match=f"{id} is {status}"):
            retry(id, ADA)
        assert row(alias, id) == before
        assert events(alias) == []
        assert_counted(alias)

    @pytest.mark.parametrize("status", sorted(DEAD_LETTERS))
    def test_of_a_discarded_one_leaves_the_list_alone(self, alias, status):
        id = put(alias, status)
        discard(id)
        retry(id)
        assert row(alias, id)["discarded_at"] is None
        assert counted(alias) == {"submitted": 1, "pending": 1}

    def test_budget_is_that_of_a_new_job(self, alias, database):
        id = put(alias, S.PENDING, max_attempts=2)
        for _ in range(2):
            settle(database, ended(*claim_as(database), Outcome.ERROR))
            Job.objects.using(alias).filter(status=S.SCHEDULED).update(status=S.PENDING)
        assert row(alias, id)["status"] == "FAILED"
        retry(id)
        settle(database, ended(*claim_as(database), Outcome.ERROR))
        found = row(alias, id)
        assert (found["status"], found["attempts"], found["epoch"]) == ("SCHEDULED", 3, 3)

    def test_wakes_a_node_for_the_job(self, alias, bell):
        id = put(alias, S.FAILED)
        retry(id)
        assert rings(bell) == [b"jobs"]


class TestDiscard:
    @pytest.mark.parametrize("status", sorted(DEAD_LETTERS))
    def test_takes_a_dead_letter_off_the_list(self, alias, status):
        id = put(alias, status)
        before = row(alias, id)
        discard(id, ADA)
        changed = changes(before, row(alias, id))
        assert {"discarded_at"} == set(changed)
        assert lately(changed["discarded_at"])
        assert counted(alias) == {"submitted": 1}
        assert events(alias) == [("job.discarded", "ada", "192.0.2.1", id)]

    @pytest.mark.parametrize("status", sorted(set(S) - DEAD_LETTERS))
    def test_is_refused_for_any_other(self, alias, status):
        id = put(alias, status)
        before = row(alias, id)
        with pytest.raises(NotPossible, match=f"{id} is {status}"):
            discard(id, ADA)
        assert row(alias, id) == before
        assert events(alias) == []

    def test_twice_is_refused(self, alias):
        id = put(alias, S.FAILED)
        discard(id)
        before = row(alias, id)
        with pytest.raises(NotPossible):
            discard(id)
        assert row(alias, id) == before
        assert counted(alias) == {"submitted": 1}


@pytest.mark.parametrize("verb", [cancel, retry, discard])
class TestAnyJob:
    @pytest.mark.parametrize("id", [uuid.uuid4(), "", "no id", None, 7, "x" * 1000, "a\x00b"])
    def test_that_is_not_there_is_not_found(self, alias, verb, id):
        with pytest.raises(JobNotFound):
            verb(id, ADA)
        assert events(alias) == []

    def test_may_be_named_in_any_spelling(self, alias, verb):
        for spelling in (str, lambda id: id.hex, lambda id: str(id).upper(), lambda id: id):
            verb(spelling(put(alias, S.FAILED)))

    def test_is_left_as_it_was_when_the_caller_rolls_back(self, alias, verb):
        id = put(alias, S.FAILED)
        before = row(alias, id)
        with transaction.atomic(using=alias):
            verb(id, ADA)
            transaction.set_rollback(True, using=alias)
        assert row(alias, id) == before
        assert events(alias) == []
        assert_counted(alias)


class TestCancelAgainstRecord:
    """Both orders: what was committed first decides."""

    @pytest.fixture(params=sorted(EXECUTING))
    def id(self, alias, request):
        return put(alias, request.param)

    def test_completed_first_stays_completed(self, alias, database, id):
        settle(database, ended(held(database)))
        assert cancel(id) is CancelAnswer.FINISHED
        assert row(alias, id)["cancel_requested_at"] is None
        assert counted(alias) == {"submitted": 1, "completed": 1}

    def test_a_success_beats_the_request(self, alias, database, id):
        cancel(id)
        settle(database, ended(held(database)))
        found = row(alias, id)
        assert (found["status"], found["result"]) == ("COMPLETED", {"answer": 42})
        assert found["cancel_requested_at"] is not None
        assert counted(alias) == {"submitted": 1, "completed": 1}

    @pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.SUCCEEDED}))
    def test_the_request_beats_any_other_end(self, alias, database, id, outcome):
        cancel(id)
        settle(database, ended(held(database), outcome))
        assert row(alias, id)["status"] == "CANCELLED"
        assert claim_as(database) == []
        assert counted(alias) == {"submitted": 1, "cancelled": 1}

    def test_a_job_given_back_first_is_cancelled_while_it_waits(self, alias, database):
        id = put(alias, S.ASSIGNED)
        settle(database, unbegun(held(database)))
        assert cancel(id) is CancelAnswer.CANCELLED
        assert counted(alias) == {"submitted": 1, "cancelled": 1}

    def test_a_job_that_failed_first_is_cancelled_while_it_waits(self, alias, database, id):
        settle(database, ended(held(database), Outcome.ERROR))
        assert cancel(id) is CancelAnswer.CANCELLED
        assert counted(alias) == {"submitted": 1, "cancelled": 1, "retried": 1}

    def test_a_retried_job_forgets_that_it_was_cancelled(self, alias, database, id):
        cancel(id)
        settle(database, ended(held(database), Outcome.CANCELLED))
        retry(id)
        settle(database, ended(*claim_as(database), Outcome.ERROR))
        assert row(alias, id)["status"] == "SCHEDULED"


class TestPause:
    def queue(self, alias, name="mail"):
        return Queue.objects.using(alias).filter(name=name).values("paused", "paused_by").first()

    def test_and_resume_say_whether_they_changed_anything(self, alias):
        assert [pause("mail", ADA), pause("mail", Actor("bob"))] == [True, False]
        assert self.queue(alias) == {"paused": True, "paused_by": "ada"}
        assert lately(Queue.objects.using(alias).get().paused_at)
        assert [resume("mail", ADA), resume("mail", ADA)] == [True, False]
        assert self.queue(alias) == {"paused": False, "paused_by": ""}
        assert Queue.objects.using(alias).get().paused_at is None
        assert ["queue.paused", "queue.resumed"] == sorted(name for name, *_ in events(alias))

    def test_holds_jobs_that_come_later_too(self, alias, database):
        pause("mail")
        put(alias, S.PENDING, queue="mail")
        assert claim_as(database) == []
        resume("mail")
        assert len(claim_as(database)) == 1

    def test_leaves_other_queues_alone(self, alias, database):
        pause("mail")
        put(alias, S.PENDING, queue="default")
        assert len(claim_as(database)) == 1

    @pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "half \ud800", None, 7, " padded "])
    @pytest.mark.parametrize("verb", [pause, resume])
    def test_of_an_impossible_name_is_refused(self, alias, verb, name):
        with pytest.raises(InvalidOption, match="queue"):
            verb(name)
        assert not Queue.objects.using(alias).exists()

    def test_resuming_what_was_never_paused_makes_no_queue(self, alias):
        assert resume("mial") is False
        assert not Queue.objects.using(alias).exists()

    @pytest.mark.parametrize(("verb", "heard"), [(pause, b"control"), (resume, b"jobs")])
    def test_wakes_the_nodes(self, alias, bell, verb, heard):
        Queue.objects.using(alias).create(name="mail", paused=verb is resume)
        verb("mail")
        assert rings(bell) == [heard]


class TestNodes:
    @pytest.fixture
    def node(self, alias):
        def make(name, state="RUNNING"):
            at = moment(NOW + len(name))
            Node.objects.using(alias).create(
                id=name, host="h", pid=1, state=state, started_at=at, last_beat=at, wanted=2
            )

        return make

    def wanted(self, alias):
        return dict(Node.objects.using(alias).values_list("pk", "wanted"))

    def test_size_is_shared_evenly_the_oldest_first(self, alias, node):
        for name in ("a", "bb", "ccc"):
            node(name)
        assert scale(8, ADA) == 8
        assert self.wanted(alias) == {"a": 3, "bb": 3, "ccc": 2}
        assert wanted_size() == 8
        assert [("pool.scale_requested", "ada", "192.0.2.1", None)] == events(alias)

    def test_ended_nodes_get_no_share(self, alias, node):
        node("a", "STOPPED")
        node("bb", "LOST")
        node("ccc", "DRAINING")
        scale(5)
        assert self.wanted(alias) == {"a": 2, "bb": 2, "ccc": 5}
        assert wanted_size() == 5

    @pytest.mark.parametrize("size", [0, -1, 129, 10**9, True, 2.5, "3", None])
    def test_impossible_size_is_refused(self, alias, node, size):
        node("a")
        with pytest.raises(InvalidOption, match="from 1 to 128"):
            scale(size)
        assert self.wanted(alias) == {"a": 2}
        assert events(alias) == []

    def test_each_node_needs_a_worker(self, alias, node):
        node("a")
        node("bb")
        with pytest.raises(InvalidOption, match="ask for 2 or more"):
            scale(1)

    def test_nobody_there_to_scale(self, alias):
        with pytest.raises(NotReady, match="No node is running"):
            scale(2)

    @pytest.mark.parametrize(
        ("verb", "column"), [(request_stop, "stop_requested_at"), (request_restart, "restart_requested_at")]
    )
    def test_live_nodes_are_asked_all_or_one(self, alias, node, bell, verb, column):
        node("a")
        node("bb")
        node("ccc", "STOPPED")
        asked = Node.objects.using(alias).exclude(**{column: None}).order_by("pk")
        assert verb(ADA, "bb") == 1
        assert ["bb"] == [one.pk for one in asked.all()]
        assert verb(ADA) == 2
        assert ["a", "bb"] == [one.pk for one in asked.all()]
        assert verb(ADA, "ccc") == 0
        assert b"control" in rings(bell)
        assert {"ada"} == {actor for _, actor, _, _ in events(alias)}
