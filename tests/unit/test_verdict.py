"""What becomes of a job when an attempt of it ended."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.jobs import ClaimedJob, Ended, Failure, Verdict
from pool.domain.retry import Backoff
from pool.domain.states import EXECUTING, TERMINAL, JobStatus, Outcome
from pool.domain.transitions import TRANSITIONS
from pool.domain.verdict import MAX_INTERRUPTIONS, expired, judge

S = JobStatus
BACKOFF = Backoff(base_s=1.0, factor=2.0, cap_s=1e9, jitter=0.0)
LOSSES = (Outcome.CRASHED, Outcome.LOST, Outcome.MEMORY_LIMIT)
TRIED_AGAIN = {Outcome.ERROR: S.FAILED, Outcome.UNSERIALISABLE: S.FAILED, Outcome.TIMEOUT: S.TIMEOUT}
"""And what they become when the budget is spent."""


def claimed(**values):
    made = {
        "id": "1",
        "task": "t",
        "queue": "q",
        "args": "[]",
        "kwargs": "{}",
        "epoch": 1,
        "attempts": 1,
        "attempts_base": 0,
        "interruptions": 0,
        "losses": 0,
        "max_attempts": 4,
        "timeout": None,
        "backoff": None,
        "priority": 0,
        "rank": 0,
        "run_at": 0.0,
        "created_at": 0.0,
        "expires_at": None,
    }
    return ClaimedJob(**(made | values))


def ended(job, outcome, *, begun=True, retryable=True):
    return Ended(job, outcome, "w", 1.0 if begun else None, 2.0, failure=Failure("T", "m"), retryable=retryable)


def ruled(outcome, *, begun=True, retryable=True, **values):
    return judge(ended(claimed(**values), outcome, begun=begun, retryable=retryable), BACKOFF)


@st.composite
def endings(draw):
    """Any ending of any job that could have been claimed."""
    base = draw(st.integers(0, 50))
    interruptions = draw(st.integers(0, MAX_INTERRUPTIONS + 5))
    spent = draw(st.integers(1, 60))
    job = claimed(
        attempts=base + interruptions + spent,
        attempts_base=base,
        interruptions=interruptions,
        losses=draw(st.integers(0, 60)),
        max_attempts=draw(st.integers(1, 60)),
        backoff=draw(st.sampled_from([None, "3", '{"base": 2, "cap": 60}'])),
    )
    return ended(job, draw(st.sampled_from(Outcome)), begun=draw(st.booleans()), retryable=draw(st.booleans()))


def test_a_success_completes():
    assert ruled(Outcome.SUCCEEDED) == Verdict(S.COMPLETED)


@pytest.mark.parametrize("begun", [True, False])
def test_a_cancelled_attempt_cancels_its_job(begun):
    assert ruled(Outcome.CANCELLED, begun=begun) == Verdict(S.CANCELLED, refund=not begun)


class TestFailure:
    @pytest.mark.parametrize("outcome", TRIED_AGAIN)
    def test_waits_longer_each_time(self, outcome):
        found = [ruled(outcome, attempts=attempts) for attempts in (1, 2, 3)]
        assert found == [Verdict(S.SCHEDULED, delay_s=wait) for wait in (1, 2, 4)]

    @pytest.mark.parametrize(("outcome", "status"), TRIED_AGAIN.items())
    def test_with_the_budget_spent_is_a_dead_letter(self, outcome, status):
        assert ruled(outcome, attempts=4) == Verdict(status)

    def test_that_no_retry_mends_is_one_at_once(self):
        assert ruled(Outcome.ERROR, retryable=False) == Verdict(S.FAILED)

    def test_before_the_start_costs_no_attempt(self):
        assert ruled(Outcome.ERROR, retryable=False, begun=False) == Verdict(S.FAILED, refund=True)

    def test_waits_as_the_job_says_itself(self):
        assert ruled(Outcome.ERROR, backoff="7", attempts=2) == Verdict(S.SCHEDULED, delay_s=14.0)

    def test_after_a_retry_by_hand_counts_from_there(self):
        assert ruled(Outcome.ERROR, attempts=5, attempts_base=4) == Verdict(S.SCHEDULED, delay_s=1.0)
        assert ruled(Outcome.ERROR, attempts=8, attempts_base=4) == Verdict(S.FAILED)

    def test_does_not_count_what_our_own_shutdown_cut_short(self):
        assert ruled(Outcome.ERROR, attempts=6, interruptions=3) == Verdict(S.SCHEDULED, delay_s=4.0)
        assert ruled(Outcome.ERROR, attempts=7, interruptions=3) == Verdict(S.FAILED)


@pytest.mark.parametrize("outcome", LOSSES)
class TestLoss:
    def test_first_does_not_wait(self, outcome):
        assert ruled(outcome) == Verdict(S.PENDING, lost=True)

    def test_later_ones_do(self, outcome):
        found = [ruled(outcome, losses=losses, max_attempts=9) for losses in (1, 2, 3)]
        assert found == [Verdict(S.SCHEDULED, delay_s=wait, lost=True) for wait in (1, 2, 4)]

    def test_with_the_budget_spent_is_a_dead_letter(self, outcome):
        assert ruled(outcome, max_attempts=1) == Verdict(S.FAILED, lost=True)


class TestInterruption:
    def test_before_the_start_costs_nothing(self):
        assert ruled(Outcome.INTERRUPTED, begun=False) == Verdict(S.PENDING, refund=True)

    def test_after_the_start_is_counted_apart(self):
        assert ruled(Outcome.INTERRUPTED, max_attempts=1) == Verdict(S.PENDING, interrupted=True)

    def test_past_the_limit_counts_like_any_other_attempt(self):
        often = {"interruptions": MAX_INTERRUPTIONS, "attempts": MAX_INTERRUPTIONS + 1}
        assert ruled(Outcome.INTERRUPTED, max_attempts=2, **often) == Verdict(S.PENDING)
        assert ruled(Outcome.INTERRUPTED, max_attempts=1, **often) == Verdict(S.FAILED)


class TestAlways:
    @given(endings())
    def test_the_state_machine_allows_it(self, ending):
        for status in EXECUTING:
            assert judge(ending, BACKOFF).status in TRANSITIONS[status]

    @given(endings())
    def test_only_a_success_completes_and_only_a_cancel_cancels(self, ending):
        status = judge(ending, BACKOFF).status
        assert (status is S.COMPLETED) == (ending.outcome is Outcome.SUCCEEDED)
        assert (status is S.CANCELLED) == (ending.outcome is Outcome.CANCELLED)

    @given(endings())
    def test_what_began_is_never_refunded(self, ending):
        assert not (judge(ending, BACKOFF).refund and ending.started_at is not None)

    @given(endings())
    def test_only_what_is_scheduled_waits(self, ending):
        verdict = judge(ending, BACKOFF)
        assert (verdict.delay_s > 0) == (verdict.status is S.SCHEDULED)

    @given(endings())
    def test_a_job_ends_only_when_its_budget_is_spent_or_no_retry_mends_it(self, ending):
        verdict = judge(ending, BACKOFF)
        if verdict.status in (S.FAILED, S.TIMEOUT):
            assert ending.job.attempts_left <= 0 or (ending.outcome in TRIED_AGAIN and not ending.retryable)

    @given(endings())
    def test_it_decides_alike_when_asked_again(self, ending):
        assert judge(ending, BACKOFF) == judge(ending, BACKOFF)

    @given(st.lists(st.sampled_from([*TRIED_AGAIN, *LOSSES, Outcome.INTERRUPTED]), min_size=80, max_size=80))
    def test_a_job_that_never_succeeds_ends_within_its_budgets(self, outcomes):
        """Played as the store does it: every claim counts an attempt, every verdict is carried out."""
        job, tries = claimed(attempts=0), 0
        for outcome in outcomes:
            tries += 1
            job = msgspec.structs.replace(job, attempts=job.attempts + 1)
            verdict = judge(ended(job, outcome), BACKOFF)
            if verdict.status in TERMINAL:
                break
            job = msgspec.structs.replace(
                job, interruptions=job.interruptions + verdict.interrupted, losses=job.losses + verdict.lost
            )
        assert verdict.status in (S.FAILED, S.TIMEOUT)
        assert tries <= job.max_attempts + MAX_INTERRUPTIONS


@pytest.mark.parametrize(("expires_at", "late"), [(None, False), (99.9, True), (100.0, True), (100.1, False)])
def test_too_late_is_at_the_moment_and_after(expires_at, late):
    assert expired(claimed(expires_at=expires_at), 100.0) is late
