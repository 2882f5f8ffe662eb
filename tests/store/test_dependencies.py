"""Jobs wait for others: they start when the last parent ended well, and no end is missed or counted twice."""

from contextlib import suppress

import pytest
from django.db import connections, transaction

from pool.domain.errors import InvalidOption, UnknownParent
from pool.domain.ids import new_id
from pool.domain.states import JobStatus, Outcome
from pool.domain.verdict import judge
from pool.models import Job, JobDependency
from pool.store import operate
from pool.store.bulk import cancel_many, retry_many
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.dependencies import follow
from pool.store.enqueue import enqueue_rows
from pool.store.record import record
from pool.store.rescue import rescue
from tests.store.bells import rings
from tests.store.graphs import ANY, FAILURE, SUCCESS, after, claimed, end, linked_job, status, ties, turn
from tests.store.rows import (
    BACKOFF,
    NODE,
    NOW,
    ON_POSTGRES,
    assert_counted,
    check_columns,
    claim_as,
    ended,
    enqueue,
    in_turn,
    moment,
    new_job,
    promote_all,
    put,
    row,
    settle,
    statuses,
)

S = JobStatus
BLOCKED, PENDING, CANCELLED = S.BLOCKED, S.PENDING, S.CANCELLED
BAD = Outcome.ERROR


@pytest.fixture(autouse=True)
def counted(alias):
    """Whatever a test does, the counters say in the end what a recount says."""
    yield
    assert_counted(alias)
    for found in Job.objects.using(alias).values():
        check_columns(found)


class TestEnqueue:
    def test_a_child_is_blocked_and_counted_as_such(self, alias):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        assert (BLOCKED, 1) == (row(alias, child)["status"], row(alias, child)["waits_for"])
        assert [(parent, SUCCESS, False, True)] == ties(alias, child)
        assert 1 == assert_counted(alias)["default"]["blocked"]

    def test_it_is_not_claimed(self, alias, database):
        (parent,) = enqueue(alias)
        after(alias, parent)
        assert [parent.hex] == [job.id.replace("-", "") for job in claim_as(database)]

    def test_parents_that_completed_are_not_waited_for(self, alias):
        done = put(alias, S.COMPLETED)
        child = after(alias, done)
        assert (PENDING, 0) == (row(alias, child)["status"], row(alias, child)["waits_for"])
        assert [(done, SUCCESS, True, False)] == ties(alias, child)

    def test_of_several_parents_only_the_others_are(self, alias):
        (waiting,) = enqueue(alias)
        child = after(alias, put(alias, S.COMPLETED), waiting)
        assert (BLOCKED, 1) == (row(alias, child)["status"], row(alias, child)["waits_for"])

    def test_with_a_later_time_it_becomes_due_after_its_parent(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent, run_at=moment(NOW + 100))
        end(database, parent)
        assert (S.SCHEDULED, moment(NOW + 100)) == (row(alias, child)["status"], row(alias, child)["run_at"])
        promote_all(database, NOW + 101)
        assert PENDING == status(alias, child)

    def test_an_unknown_parent_is_refused_and_nothing_is_stored(self, alias):
        missing = new_id()
        with pytest.raises(UnknownParent, match=f"^depends_on names {missing}, and there is no job or batch with") as e:
            enqueue_rows(alias, [new_job(), child := linked_job(missing)])
        assert child.id == e.value.child
        assert not Job.objects.using(alias).exists()

    def test_a_job_cannot_wait_for_itself(self, alias):
        id = new_id()
        with pytest.raises(InvalidOption, match=r"^depends_on: a job cannot wait for itself\.$"):
            after(alias, id, id=id)

    @pytest.mark.parametrize("count", [3, 40])
    def test_many_children_of_one_parent_are_stored_together(self, alias, database, count):
        (parent,) = enqueue(alias)
        ids = enqueue_rows(alias, [linked_job(parent) for _ in range(count)])
        assert count == JobDependency.objects.using(alias).count()
        end(database, parent)
        assert [PENDING] * count == statuses(alias, ids)

    def test_a_rollback_leaves_nothing(self, alias, bell):
        (parent,) = enqueue(alias)
        rings(bell)
        with transaction.atomic(using=alias):
            after(alias, parent)
            transaction.set_rollback(True, using=alias)
        assert [] == rings(bell)
        assert not JobDependency.objects.using(alias).exists()

    def test_a_parent_of_the_same_transaction_is_known(self, alias, database):
        with transaction.atomic(using=alias):
            (parent,) = enqueue(alias)
            child = after(alias, parent)
        end(database, parent)
        assert PENDING == status(alias, child)

    def test_it_locks_nothing_of_the_parent(self, alias, database):
        """A parent that somebody holds for long may be waited for all the same."""
        (parent,) = enqueue(alias)
        if database.is_sqlite:
            after(alias, parent)
            return
        with database.transaction():
            database.execute("SELECT 1 FROM pool_job WHERE id = %s::uuid FOR UPDATE", (str(parent),))
            after(alias, parent)


class TestEnds:
    """A child of two parents, by what becomes of them."""

    def test_it_starts_with_the_last_one(self, alias, database):
        first, second = enqueue(alias, 2)
        child = after(alias, first, second)
        job, other = claimed(database, first, second)
        assert 0 == turn(database, ended(job)).started
        assert (BLOCKED, 1) == (status(alias, child), row(alias, child)["waits_for"])
        assert 1 == turn(database, ended(other)).started
        assert (PENDING, 0) == (status(alias, child), row(alias, child)["waits_for"])
        assert {(True, False)} == {tie[2:] for tie in ties(alias, child)}

    def test_both_in_one_turn_are_two(self, alias, database):
        parents = enqueue(alias, 2)
        child = after(alias, *parents)
        assert 1 == end(database, *parents).started
        assert PENDING == status(alias, child)

    def test_the_wait_is_counted_from_then(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        end(database, parent, now=NOW + 7)
        assert moment(NOW + 7) == row(alias, child)["run_at"]

    @pytest.mark.parametrize(
        ("wants", "outcome", "becomes"),
        [
            (SUCCESS, Outcome.SUCCEEDED, PENDING),
            (SUCCESS, Outcome.ERROR, CANCELLED),
            (SUCCESS, Outcome.CANCELLED, CANCELLED),
            (FAILURE, Outcome.SUCCEEDED, CANCELLED),
            (FAILURE, Outcome.ERROR, PENDING),
            (FAILURE, Outcome.CANCELLED, CANCELLED),
            (ANY, Outcome.SUCCEEDED, PENDING),
            (ANY, Outcome.ERROR, PENDING),
            (ANY, Outcome.CANCELLED, PENDING),
        ],
    )
    def test_each_end_for_each_wish(self, alias, database, wants, outcome, becomes):
        (parent,) = enqueue(alias)
        child = after(alias, parent, wants=wants)
        (job,) = claimed(database, parent)
        if outcome is Outcome.CANCELLED:
            operate.cancel(parent)
        turn(database, ended(job, outcome, retryable=False))
        assert becomes == status(alias, child)

    def test_a_retry_is_no_end(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        (job,) = claimed(database, parent)
        turn(database, ended(job, Outcome.ERROR))
        assert (S.SCHEDULED, BLOCKED) == (status(alias, parent), status(alias, child))

    def test_one_cancelled_parent_is_enough(self, alias, database):
        first, second = enqueue(alias, 2)
        child = after(alias, first, second)
        end(database, first, outcome=BAD)
        found = row(alias, child)
        assert (CANCELLED, 0, moment(NOW + 5), None) == (
            found["status"],
            found["waits_for"],
            found["finished_at"],
            found["cancel_requested_at"],
        )
        assert found["error"]["type"] == "pool.domain.errors.ParentFailed"
        assert found["error"]["message"] == f"It waited for {first}, which ended as FAILED."

    def test_the_other_parents_end_then_changes_nothing(self, alias, database):
        first, second = enqueue(alias, 2)
        child = after(alias, first, second)
        jobs = claimed(database, first, second)
        turn(database, ended(jobs[0], BAD, retryable=False))
        before = row(alias, child)
        followed = turn(database, ended(jobs[1]))
        assert (before, 0, 0) == (row(alias, child), followed.started, followed.cancelled)
        assert {(True, False)} == {tie[2:] for tie in ties(alias, child)}

    def test_cancels_go_on_to_the_last_descendant(self, alias, database):
        (parent,) = enqueue(alias)
        line = [parent]
        for _ in range(20):
            line.append(after(alias, line[-1]))
        beside = after(alias, line[10], wants=ANY)
        assert 20 == end(database, parent, outcome=BAD).cancelled
        assert {CANCELLED} == {status(alias, job) for job in line[1:]}
        assert PENDING == status(alias, beside)

    def test_a_rescued_job_that_is_dead_ends_as_well(self, alias, database):
        (parent,) = enqueue(alias, max_attempts=1)
        child = after(alias, parent)
        claim_as(database)
        in_turn(database, lambda deltas: rescue(database, NODE, None, BACKOFF, deltas, NOW + 2))
        turn(database)
        assert (S.FAILED, CANCELLED) == (status(alias, parent), status(alias, child))


class TestOperators:
    def test_a_cancelled_parent_is_told_of_and_the_nodes_are_woken(self, alias, database, bell):
        (parent,) = enqueue(alias)
        child, other = after(alias, parent), after(alias, parent, wants=ANY)
        turn(database)
        rings(bell)
        operate.cancel(parent)
        assert [b"jobs"] == rings(bell)
        turn(database)
        assert [CANCELLED, PENDING] == statuses(alias, [child, other])

    def test_many_cancelled_parents(self, alias, database):
        parents = enqueue(alias, 3)
        children = [after(alias, parent) for parent in parents]
        cancel_many(parents[:2])
        turn(database)
        assert [CANCELLED, CANCELLED, BLOCKED] == statuses(alias, children)

    def test_a_cancel_that_is_taken_back_at_once_changes_nothing(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        operate.cancel(parent)
        operate.retry(parent)
        turn(database)
        assert [PENDING, BLOCKED] == statuses(alias, [parent, child])
        end(database, parent)
        assert PENDING == status(alias, child)

    def test_a_cancelled_child_waits_for_nobody(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        grandchild = after(alias, child)
        assert "cancelled" == operate.cancel(child)
        end(database, parent)
        assert [CANCELLED, CANCELLED] == statuses(alias, [child, grandchild])

    @pytest.mark.parametrize("retry", [operate.retry, lambda id: retry_many([id])], ids=["alone", "among many"])
    def test_a_retry_by_hand_starts_it_whatever_its_parents_do(self, alias, database, retry):
        first, second = enqueue(alias, 2)
        child = after(alias, first, second)
        end(database, first, outcome=BAD)
        retry(child)
        assert (PENDING, 0) == (status(alias, child), row(alias, child)["waits_for"])
        end(database, child)
        assert S.COMPLETED == status(alias, child)


class TestFollow:
    def test_without_dependencies_a_record_asks_one_question(self, alias, database):
        asked = []
        jobs = claimed(database, *enqueue(alias, 3))
        execute = database.execute
        database.execute = lambda text, params=(): asked.append(text) or execute(text, params)
        settle(database, *map(ended, jobs))
        assert 1 == len([text for text in asked if "pool_jobdependency" in text or "pool_batch" in text])

    def test_more_than_fits_into_a_turn_is_gone_on_with(self, alias, database, monkeypatch):
        monkeypatch.setattr("pool.store.dependencies.PORTION", 2)
        monkeypatch.setattr("pool.store.dependencies.MOST", 4)
        (parent,) = enqueue(alias)
        children = enqueue_rows(alias, [linked_job(parent) for _ in range(7)])
        while turn(database).more:
            pass
        followed = end(database, parent)
        assert 4 == followed.started
        while followed.more:
            assert JobDependency.objects.using(alias).filter(fresh=True).exists(), "what a new node would go on from"
            followed = turn(database)
        assert [PENDING] * 7 == statuses(alias, children)

    @pytest.mark.parametrize("children", [1, 3])
    def test_more_parents_than_a_portion_end_at_once_and_each_has_its_children_started(
        self, alias, database, monkeypatch, children
    ):
        monkeypatch.setattr("pool.store.dependencies.PORTION", 2)
        parents = enqueue(alias, 7)
        waiting = enqueue_rows(alias, [linked_job(parent) for parent in parents for _ in range(children)])
        turn(database)
        followed = end(database, *parents)
        while followed.more:
            followed = turn(database)
        assert [PENDING] * len(waiting) == statuses(alias, waiting)

    def test_cancels_go_on_from_more_jobs_than_a_portion(self, alias, database, monkeypatch):
        monkeypatch.setattr("pool.store.dependencies.PORTION", 2)
        (parent,) = enqueue(alias)
        children = enqueue_rows(alias, [linked_job(parent) for _ in range(5)])
        grandchildren = enqueue_rows(alias, [linked_job(child) for child in children for _ in range(3)])
        turn(database)
        followed = end(database, parent, outcome=BAD)
        while followed.more:
            followed = turn(database)
        assert [CANCELLED] * 20 == statuses(alias, [*children, *grandchildren])

    def test_a_cancel_tells_a_part_and_a_node_the_rest(self, alias, database, monkeypatch):
        monkeypatch.setattr("pool.store.dependencies.PORTION", 2)
        (parent,) = enqueue(alias)
        children = enqueue_rows(alias, [linked_job(parent) for _ in range(7)])
        turn(database)
        operate.cancel(parent)
        assert 2 == JobDependency.objects.using(alias).filter(fresh=True).count()
        turn(database)
        assert [CANCELLED] * 7 == statuses(alias, children)

    def test_a_fresh_row_whose_parent_has_not_ended_is_not_looked_at_again(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        turn(database)
        assert [(parent, SUCCESS, False, False)] == ties(alias, child)

    def test_a_parent_that_is_gone_counts_as_cancelled(self, alias, database):
        (parent,) = enqueue(alias)
        child, other = after(alias, parent), after(alias, parent, wants=ANY)
        with connections[alias].cursor() as cursor:
            cursor.execute("DELETE FROM pool_job WHERE status = 'PENDING'")
            cursor.execute("UPDATE pool_tally SET pending = 0, submitted = 0 WHERE pending > 0")
        turn(database)
        assert [CANCELLED, PENDING] == statuses(alias, [child, other])

    def test_a_child_that_is_gone_is_forgotten(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        with connections[alias].cursor() as cursor:
            cursor.execute("DELETE FROM pool_job WHERE status = 'BLOCKED'")
            cursor.execute("UPDATE pool_tally SET blocked = 0, submitted = 0 WHERE blocked > 0")
        end(database, parent)
        assert [(parent, SUCCESS, True, False)] == ties(alias, child)

    def test_what_breaks_before_the_commit_is_done_again(self, alias, database):
        (parent,) = enqueue(alias)
        child = after(alias, parent)
        operate.cancel(parent)
        with suppress(ZeroDivisionError), database.transaction():
            follow(database, NOW, Deltas())
            raise ZeroDivisionError
        assert BLOCKED == status(alias, child)
        turn(database)
        assert CANCELLED == status(alias, child)


@ON_POSTGRES
class TestAtOnce:
    """Two connections; on SQLite there is one writer, and nothing can come between."""

    def test_a_parent_that_ends_while_its_child_is_enqueued_is_not_missed(self, alias, database):
        (parent,) = enqueue(alias)
        (job,) = claimed(database, parent)
        with transaction.atomic(using=alias):
            child = after(alias, parent)
            # The child cannot be seen yet.
            assert 0 == turn(database, ended(job)).started
        assert (S.COMPLETED, BLOCKED) == (status(alias, parent), status(alias, child))
        assert 1 == turn(database).started
        assert PENDING == status(alias, child)

    def test_a_parent_that_ends_while_somebody_looks_at_its_child_is_not_missed(self, alias, database, other_database):
        (parent,) = enqueue(alias)
        (job,) = claimed(database, parent)
        child = after(alias, parent)
        deltas = Deltas()
        with other_database.transaction():
            # Ended, and not committed: this node leaves the row as it is.
            record_alone(other_database, ended(job))
            assert 0 == turn(database).started
            assert [(parent, SUCCESS, False, True)] == ties(alias, child)
            follow(other_database, NOW + 5, deltas)
            deltas.write(other_database, "other")
        turn(database)
        assert PENDING == status(alias, child)

    def test_a_parent_whose_end_is_not_committed_is_not_taken_for_one_that_goes_on(
        self, alias, database, other_database
    ):
        """It was ended by somebody who cannot see the child: only who looks at the child can find out."""
        (parent,) = enqueue(alias)
        (job,) = claimed(database, parent)
        with other_database.transaction():
            record_alone(other_database, ended(job))
            child = after(alias, parent)
            assert turn(database).left
            assert [(parent, SUCCESS, False, True)] == ties(alias, child)
        turn(database)
        assert PENDING == status(alias, child)

    def test_who_looks_at_a_row_keeps_its_parent_from_ending(self, alias, database, other_database):
        (parent,) = enqueue(alias)
        (job,) = claimed(database, parent)
        after(alias, parent)
        impatient = Database(alias, lock_wait_ms=20)
        try:
            with other_database.transaction():
                follow(other_database, NOW, Deltas())
                with pytest.raises(Exception, match="lock timeout"):
                    turn(impatient, ended(job))
        finally:
            impatient.close()
        assert 1 == turn(database, ended(job)).started

    def test_two_nodes_end_two_parents_of_one_child(self, alias, database, other_database):
        first, second = enqueue(alias, 2)
        child = after(alias, first, second)
        turn(database)
        jobs = claimed(database, first, second)
        deltas = Deltas()
        with other_database.transaction():
            record_alone(other_database, ended(jobs[0]))
            follow(other_database, NOW + 5, deltas)
            # The child is locked: this node leaves its row fresh, and records the end all the same.
            assert turn(database, ended(jobs[1])).left
            deltas.write(other_database, "other")
        assert BLOCKED == status(alias, child)
        assert 1 == turn(database).started
        assert PENDING == status(alias, child)

    def test_more_children_than_a_portion_that_a_user_holds_hold_up_nobody(self, alias, database, monkeypatch):
        monkeypatch.setattr("pool.store.dependencies.PORTION", 2)
        monkeypatch.setattr("pool.store.dependencies.MOST", 2)
        parent, other = enqueue(alias, 2)
        held = enqueue_rows(alias, [linked_job(parent) for _ in range(5)])
        child = after(alias, other)
        with transaction.atomic(using=alias):
            Job.objects.using(alias).select_for_update().get(pk=parent)
            followed = end(database, other)
            for _ in range(9):
                deltas = Deltas()
                with database.transaction():
                    followed = follow(database, NOW + 5, deltas, followed.place)
                    deltas.write(database, NODE)
            assert PENDING == status(alias, child)
            assert followed.left
        end(database, parent)
        while turn(database).more:
            pass
        assert [PENDING] * 5 == statuses(alias, held)

    def test_a_child_that_a_user_holds_holds_up_nobody(self, alias, database):
        parent, other = enqueue(alias, 2)
        child, free = after(alias, parent), after(alias, other)
        turn(database)
        with transaction.atomic(using=alias):
            Job.objects.using(alias).select_for_update().get(pk=child)
            followed = end(database, parent, other)
            assert (1, True) == (followed.started, followed.left)
        assert [BLOCKED, PENDING] == statuses(alias, [child, free])
        turn(database)
        assert PENDING == status(alias, child)


def record_alone(database, ending):
    """The first half of a turn."""
    deltas = Deltas()
    record(database, NODE, [(ending, judge(ending, BACKOFF))], deltas)
    deltas.write(database, "other")
