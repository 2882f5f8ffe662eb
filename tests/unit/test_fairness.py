"""Turns between tenants, shares between queues, and what waits too long: the promises, over thousands of cases."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool.domain.fairness import (
    STEP,
    Front,
    Head,
    Shares,
    allot,
    in_turn,
    next_ranks,
    overdue,
    part_of,
    step_of,
)
from pool.domain.jobs import ClaimedJob

WEIGHTS = st.sampled_from([0.1, 0.5, 1.0, 2.0, 5.0])
QUEUES = st.sampled_from("abcdef")
PRIORITIES = st.integers(-3, 3)


# Turns between tenants -----------------------------------------------------------


@pytest.mark.parametrize(("weight", "step"), [(1, 1000), (2, 500), (0.5, 2000), (100, 10), (0, 100_000), (1e9, 10)])
def test_heavier_tenants_take_shorter_steps(weight, step):
    assert step == step_of(weight)


def test_the_first_job_of_all_has_a_turn():
    assert [STEP] == list(next_ranks(None, None, 1.0, 1))


@given(st.none() | st.integers(1, 10**12), st.none() | st.integers(1, 10**12), WEIGHTS, st.integers(1, 50))
def test_ranks_rise_from_the_present_turn_or_from_the_tenants_last_job(last, turn, weight, count):
    ranks = list(next_ranks(last, turn, weight, count))
    assert len(ranks) == count
    assert ranks == sorted(set(ranks))
    assert ranks[0] >= (turn or 0)
    assert last is None or ranks[0] > last
    assert ranks[0] in {STEP, turn, None if last is None else last + step_of(weight)}


class Line:
    """A queue at one priority, as enqueuing processes and claims see it."""

    def __init__(self):
        self.waiting: list[tuple[int, int, str]] = []
        self.made = 0

    def enqueue(self, tenant, jobs, weight=1.0):
        last = max((rank for rank, _, whose in self.waiting if whose == tenant), default=None)
        turn = min((rank for rank, *_ in self.waiting), default=None)
        for rank in next_ranks(last, turn, weight, jobs):
            self.made += 1
            self.waiting.append((rank, self.made, tenant))

    def claim(self, jobs):
        self.waiting.sort()
        taken, self.waiting = self.waiting[:jobs], self.waiting[jobs:]
        return [tenant for *_, tenant in taken]


@pytest.mark.parametrize("claimed_before", [0, 1, 17, 5000])
def test_ten_jobs_of_one_tenant_pass_the_many_of_another(claimed_before):
    line = Line()
    line.enqueue("a", 10_000)
    line.claim(claimed_before)
    line.enqueue("b", 10)
    assert 10 == line.claim(21).count("b")


def test_nobody_saves_turns_by_waiting_for_nothing():
    line = Line()
    line.enqueue("a", 1000)
    line.claim(500)
    line.enqueue("b", 1000)
    assert Counter(a=50, b=50) == Counter(line.claim(100))


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.lists(WEIGHTS, min_size=2, max_size=5))
def test_tenants_who_always_wait_get_their_shares(seed, weights):
    chance, line = random.Random(seed), Line()
    tenants = dict(zip("abcde", weights, strict=False))
    for tenant, weight in tenants.items():
        line.enqueue(tenant, 100, weight)
    got: Counter[str] = Counter()
    while got.total() < 200:
        claimed = Counter(line.claim(chance.randint(1, 20)))
        got += claimed
        for tenant, jobs in claimed.items():
            line.enqueue(tenant, jobs, tenants[tenant])
    for tenant, weight in tenants.items():
        assert abs(got[tenant] - got.total() * weight / sum(weights)) <= 2 + weight / min(weights)


# Shares between queues -----------------------------------------------------------


@st.composite
def some_heads(draw):
    heads = []
    for queue in draw(st.lists(QUEUES, unique=True, min_size=1)):
        counts = draw(st.dictionaries(PRIORITIES, st.integers(1, 30), min_size=1, max_size=4))
        room = draw(st.none() | st.integers(0, 40))
        whole = draw(st.booleans())
        heads.append(Head(queue, sorted(counts.items(), reverse=True), draw(WEIGHTS), room, whole))
    return heads


@given(st.integers(1, 60), some_heads())
def test_no_more_than_there_is_room_for(most, heads):
    parts, _ = allot(most, heads, {})
    assert sum(parts.values()) <= most
    for head in heads:
        waiting = sum(jobs for _, jobs in head.counts)
        assert parts.get(head.queue, 0) <= min(waiting, most if head.room is None else head.room)


@given(st.integers(1, 60), some_heads())
def test_nothing_is_left_that_could_be_taken(most, heads):
    """Unless something more urgent may wait where nobody has looked."""
    known = [Head(head.queue, head.counts, head.weight, head.room) for head in heads]
    parts, _ = allot(most, known, {})
    could = sum(min(sum(jobs for _, jobs in head.counts), most if head.room is None else head.room) for head in known)
    assert min(most, could) == sum(parts.values())


def taken_at(head, part):
    """The priorities of so many jobs from the front of a queue."""
    return [priority for priority, jobs in head.counts for _ in range(jobs)][:part]


@given(st.integers(1, 60), some_heads())
def test_no_job_waits_for_a_less_urgent_one(most, heads):
    parts, _ = allot(most, heads, {})
    taken = [priority for head in heads for priority in taken_at(head, parts.get(head.queue, 0))]
    for head in heads:
        part = parts.get(head.queue, 0)
        has_room = head.room is None or part < head.room
        left = [priority for priority, jobs in head.counts for _ in range(jobs)][part:]
        if not head.is_whole:
            left.append(head.counts[-1][0])
        if taken and left and has_room:
            assert left[0] <= min(taken)


@given(st.integers(0, 2**32), st.lists(WEIGHTS, min_size=2, max_size=6))
def test_queues_that_always_wait_get_their_weights(seed, weights):
    """However small the claims are: what one got too much is remembered."""
    chance = random.Random(seed)
    heads = [Head(queue, [(0, 100)], weight) for queue, weight in zip("abcdef", weights, strict=False)]
    got: Counter[str] = Counter()
    debts: dict[tuple[str, int], float] = {}
    while got.total() < 400:
        parts, debts = allot(chance.randint(1, 7), heads, debts)
        got.update(parts)
    for head in heads:
        assert abs(got[head.queue] - got.total() * head.weight / sum(weights)) <= 1 + head.weight / min(weights)


def test_a_queue_that_had_nothing_to_do_does_not_catch_up():
    busy, idle = Head("a", [(0, 100)]), Head("b", [(0, 100)])
    debts: dict[tuple[str, int], float] = {}
    for _ in range(50):
        _, debts = allot(10, [busy], debts)
    parts, _ = allot(10, [busy, idle], debts)
    assert {"a": 5, "b": 5} == parts


def test_debts_are_forgotten_when_everybody_had_enough():
    heads = [Head("a", [(0, 3)]), Head("b", [(0, 3)])]
    assert {("a", 0): 1.0} == allot(1, heads, {})[1]
    assert {} == allot(6, heads, {("a", 0): 1.0})[1]


def test_debts_of_one_priority_do_not_count_at_another():
    heads = [Head("a", [(5, 10), (0, 10)]), Head("b", [(0, 10)])]
    parts, debts = allot(10, heads, {})
    assert {"a": 10} == parts
    rest = [Head("a", [(0, 10)]), Head("b", [(0, 10)])]
    assert {"a": 5, "b": 5} == allot(10, rest, debts)[0]


def test_what_is_not_looked_at_may_be_more_urgent():
    heads = [Head("a", [(9, 8)], is_whole=False), Head("b", [(5, 100)])]
    assert {"a": 8} == allot(50, heads, {})[0]
    assert {"a": 8, "b": 42} == allot(50, [Head("a", [(9, 8)]), heads[1]], {})[0]


def job(queue, priority, rank, id):
    return ClaimedJob(
        id, "t", queue, "[]", "{}", 1, 1, 0, 0, 0, 4, None, None, priority, rank, 0.0, 0.0, None
    )  # fmt: skip


def test_jobs_of_one_queue_start_in_their_order():
    jobs = [job("a", 0, 2, "x"), job("a", 0, 1, "z"), job("a", 0, 1, "y"), job("a", 5, 9, "w")]
    assert ["w", "y", "z", "x"] == [one.id for one in in_turn(jobs, {"a": 1.0})]


def test_queues_take_turns_in_the_order_of_starts():
    jobs = [job("a", 0, 0, f"a{n}") for n in range(4)] + [job("b", 0, 0, f"b{n}") for n in range(2)]
    assert ["a0", "a1", "b0", "a2", "a3", "b1"] == [one.id for one in in_turn(jobs, {"a": 2.0, "b": 1.0})]


# What waits too long -------------------------------------------------------------


def test_only_the_less_urgent_is_overdue_and_the_longest_wait_comes_first():
    fronts = [Front("a", 5, 900.0), Front("a", 0, 61.0), Front("b", 0, 59.0), Front("b", -5, 100.0)]
    assert [("b", -5), ("a", 0)] == [(front.queue, front.priority) for front in overdue(fronts, 60.0)]
    assert [] == overdue([Front("a", 0, 900.0), Front("b", 0, 900.0)], 60.0)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.floats(0, 1))
def test_a_share_comes_out_exact_over_time(claims, share):
    total, owed = 0, 0.0
    for jobs in claims:
        part, owed = part_of(jobs, share, owed)
        assert 0 <= part <= jobs
        total += part
    assert abs(total - sum(claims) * share) <= 1 + len(claims) * 1e-9


class TestShares:
    def test_a_pool_that_takes_all_there_is_never_looks(self):
        shares = Shares()
        assert not shares.wants_look(1000.0)

    def test_a_busy_one_looks_once_a_second(self):
        shares = Shares(busy=True)
        assert shares.wants_look(1000.0)
        shares.saw([], 1000.0)
        assert not shares.wants_look(1000.9)
        assert shares.wants_look(1001.0)
        assert shares.wants_look(900.0), "the clock stepped back"

    def test_one_of_twenty_goes_to_what_is_overdue(self):
        shares = Shares(starvation_after_s=60.0, starvation_share=0.05, busy=True)
        assert 0 == shares.for_late(1000)
        shares.saw([Front("a", 5, 1.0), Front("a", 0, 70.0)], 1000.0)
        assert 10 == sum(shares.for_late(1) for _ in range(200))

    def test_without_a_share_nobody_is_overdue(self):
        shares = Shares(starvation_share=0.0, busy=True)
        shares.saw([Front("a", 5, 1.0), Front("a", 0, 900.0)], 1000.0)
        assert 0 == shares.for_late(1000)

    def test_tenants_get_half_of_a_queue_in_which_others_were_first(self):
        shares = Shares(busy=True)
        shares.saw([Front("a", 5, 1.0, 0, 3000), Front("a", 0, 1.0, 0, 9000), Front("b", 5, 1.0, 1000, 3000)], 1000.0)
        assert {"a": 5} == shares.mixed
        assert (50, 0) == (shares.for_tenants("a", 100), shares.for_tenants("b", 100))

    def test_what_was_seen_is_forgotten_when_the_rush_is_over(self):
        shares = Shares(busy=True)
        shares.saw([Front("a", 5, 1.0, 0, 3000), Front("a", 0, 70.0)], 1000.0)
        shares.busy = False
        assert not shares.wants_look(1005.0)
        assert ([], {}) == (shares.late, shares.mixed)
