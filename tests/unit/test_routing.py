"""Which worker gets which job, and how many jobs to hold ahead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.routing import ONE_AHEAD_US, OVERHEAD_US, Estimates, Seat, route, wanted

AHEAD = 5000.0
MOST = 8

costs = st.lists(st.one_of(st.none(), st.floats(OVERHEAD_US, 1e8)), max_size=60)
rooms = st.lists(st.tuples(st.floats(0, 3 * AHEAD), st.integers(0, MOST + 2)), max_size=12)


def seats_of(rooms):
    return [Seat(key, load if count else 0.0, count, MOST) for key, (load, count) in enumerate(rooms)]


def taken(seats):
    return [seat.taken for seat in seats]


class TestRoute:
    def test_idle_workers_get_one_long_job_each(self):
        seats = seats_of([(0, 0)] * 3)
        assert route([1e6] * 5, seats, AHEAD) == [3, 4]
        assert sorted(taken(seats)) == [[0], [1], [2]]

    def test_jobs_of_which_nothing_is_known_go_to_idle_workers_alone(self):
        seats = seats_of([(0, 0), (100, 1)])
        assert route([None, None], seats, AHEAD) == [1]
        assert taken(seats) == [[0], []]

    def test_tiny_jobs_travel_together(self):
        seats = seats_of([(0, 0)])
        assert route([100.0] * 12, seats, AHEAD) == list(range(MOST, 12))
        assert taken(seats) == [list(range(MOST))]

    def test_the_least_loaded_comes_first(self):
        seats = seats_of([(3000, 1), (1000, 1), (2000, 1)])
        assert route([100.0], seats, AHEAD) == []
        assert taken(seats) == [[], [0], []]

    def test_a_short_job_passes_one_that_finds_no_seat_but_leaves_it_the_one_that_is_free_first(self):
        seats = seats_of([(1000, 1), (500, 1)])
        assert route([1e6, 100.0], seats, AHEAD) == [0]
        assert taken(seats) == [[1], []]
        assert route([1e6, 100.0], seats_of([(1000, 1)]), AHEAD) == [0, 1]

    @pytest.mark.parametrize("cost", [None, 1e6, AHEAD])
    def test_a_job_gets_its_seat_however_many_shorter_ones_come_behind_it(self, cost):
        loads = [(AHEAD, 20)] * 2
        for _ in range(5):
            seats = seats_of(loads)
            left = route([cost] + [100.0] * 100, seats, AHEAD)
            if 0 not in left:
                return
            # A turn later they have done less than what they hold.
            loads = [(rest, 1) if (rest := seat.load_us - AHEAD / 3) > 0 else (0.0, 0) for seat in seats]
        raise AssertionError("it waits for ever")

    def test_a_worker_that_has_nearly_done_enough_gets_no_more_than_that(self):
        seats = [Seat(0, 0.0, 0, 2), Seat(1, 0.0, 0, 0)]
        assert route([10.0] * 3, seats, AHEAD) == [2]
        assert taken(seats) == [[0, 1], []]
        assert wanted([Seat(0, 0.0, 0, 2), Seat(1, 0.0, 0, 0)], 10.0, AHEAD) == 2
        assert wanted([Seat(1, 0.0, 0, 0)], None, AHEAD) == 0

    def test_behind_a_job_of_some_milliseconds_stands_one_more_and_no_second(self):
        seats = seats_of([(ONE_AHEAD_US, 1)])
        assert wanted(seats_of([(ONE_AHEAD_US, 1)]), ONE_AHEAD_US, AHEAD) == 1
        assert route([ONE_AHEAD_US] * 2, seats, AHEAD) == [1]
        assert taken(seats) == [[0]]
        assert wanted(seats, ONE_AHEAD_US, AHEAD) == 0

    @pytest.mark.parametrize(
        ("load", "cost"), [(2 * ONE_AHEAD_US, 100.0), (ONE_AHEAD_US, 2 * ONE_AHEAD_US), (100.0, None)]
    )
    def test_but_none_behind_a_long_one_and_none_that_is_long_or_unknown(self, load, cost):
        assert route([cost], seats_of([(load, 1)]), AHEAD) == [0]

    def test_it_goes_to_an_idle_worker_first(self):
        seats = seats_of([(ONE_AHEAD_US, 1), (0, 0)])
        assert route([ONE_AHEAD_US], seats, AHEAD) == []
        assert taken(seats) == [[], [0]]

    def test_without_seats_all_are_left_over(self):
        assert route([1.0, None], [], AHEAD) == [0, 1]

    @given(costs, rooms)
    def test_every_job_is_given_once_or_left_over(self, jobs, rooms):
        seats = seats_of(rooms)
        left = route(jobs, seats, AHEAD)
        given_out = [index for indexes in taken(seats) for index in indexes]
        assert sorted(given_out + left) == list(range(len(jobs)))
        assert left == sorted(left)

    @given(costs, rooms)
    def test_each_seat_gets_its_jobs_in_order_and_no_more_than_it_may_hold(self, jobs, rooms):
        seats = seats_of(rooms)
        route(jobs, seats, AHEAD)
        for seat, (_, count) in zip(seats, rooms, strict=True):
            assert seat.taken == sorted(seat.taken)
            assert seat.count == count + len(seat.taken)
            assert seat.count <= max(MOST, count)

    @given(costs, rooms)
    def test_no_job_stands_behind_more_work_than_allowed(self, jobs, rooms):
        seats = seats_of(rooms)
        before = [seat.load_us for seat in seats]
        route(jobs, seats, AHEAD)
        for seat, load, (_, count) in zip(seats, before, rooms, strict=True):
            for place, index in enumerate(seat.taken):
                cost = AHEAD if jobs[index] is None else jobs[index]
                one_ahead = count + place == 1 and jobs[index] is not None and max(load, cost) <= ONE_AHEAD_US
                if count + place and not one_ahead:
                    assert load + cost <= AHEAD
                load += cost

    @given(costs, rooms)
    def test_no_worker_stays_idle_while_a_job_is_left_over(self, jobs, rooms):
        seats = seats_of(rooms)
        if route(jobs, seats, AHEAD):
            assert all(seat.count for seat in seats)


class TestWanted:
    def test_while_nothing_is_known_one_for_each_idle_worker(self):
        assert wanted(seats_of([(0, 0), (100, 1), (0, 0)]), None, AHEAD) == 2

    def test_tiny_jobs_are_claimed_by_the_worker_full(self):
        assert wanted(seats_of([(0, 0), (0, 0)]), 100.0, AHEAD) == 2 * MOST

    def test_long_jobs_one_for_each_idle_worker(self):
        assert wanted(seats_of([(0, 0), (1e6, 1)]), 1e6, AHEAD) == 1

    def test_without_seats_none(self):
        assert wanted([], 100.0, AHEAD) == 0

    @given(rooms, st.one_of(st.none(), st.floats(OVERHEAD_US, 1e8)))
    def test_is_never_less_than_the_idle_nor_more_than_all_may_hold(self, rooms, mean):
        seats = seats_of(rooms)
        idle = sum(seat.count == 0 for seat in seats)
        assert idle <= wanted(seats, mean, AHEAD) <= sum(max(MOST - seat.count, 0) for seat in seats)

    @given(rooms, st.floats(OVERHEAD_US, 1e8))
    def test_what_is_claimed_finds_a_seat(self, rooms, mean):
        count = wanted(seats_of(rooms), mean, AHEAD)
        left = route([mean] * count, seats_of(rooms), AHEAD)
        # A sum of floats may be a hair more than its product.
        assert len(left) <= len(rooms)


class TestEstimates:
    def test_of_an_unknown_task_nothing_is_known(self):
        assert Estimates().of("t") is None

    def test_the_first_run_is_believed(self):
        estimates = Estimates()
        estimates.learn("t", 1000.0)
        assert estimates.of("t") == 1000.0 + OVERHEAD_US
        assert estimates.of("other") is None

    def test_a_rise_counts_at_once_and_a_fall_by_and_by(self):
        estimates = Estimates()
        estimates.learn("t", 100.0)
        estimates.learn("t", 1e6)
        assert estimates.of("t") == pytest.approx(1e6, rel=0.001)
        estimates.learn("t", 100.0)
        assert estimates.of("t") > 0.5e6

    @given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
    def test_an_estimate_stays_among_what_was_seen(self, runs):
        estimates = Estimates()
        for run in runs:
            estimates.learn("t", run)
        found = estimates.of("t")
        assert min(runs) + OVERHEAD_US <= found * (1 + 1e-9)
        assert found <= (max(runs) + OVERHEAD_US) * (1 + 1e-9)
