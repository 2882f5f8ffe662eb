"""Routing where workers and jobs differ: eligibility, affinity, the strategies. By the thousand, without a worker."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.kinds import KINDS, OFFERS
from pool.domain.routing import (
    ONE_AHEAD_US,
    STRATEGIES,
    Appetite,
    Call,
    Homes,
    Mix,
    Moment,
    Place,
    Predictions,
    Router,
    appetite,
)
from pool.domain.routing.strategies import Memory

AHEAD = 5000.0
HERE = Moment(AHEAD)

REQUIREMENTS = [frozenset(), frozenset(), frozenset({"gpu"}), frozenset({"io"}), frozenset({"gpu", "io"})]

calls = st.builds(
    Call,
    task=st.sampled_from(["a", "b", "c"]),
    cost=st.one_of(st.none(), st.floats(20, 1e7)),
    is_async=st.booleans(),
    alone=st.sampled_from([False, False, True]),
    requires=st.sampled_from(
        [frozenset(), frozenset(), frozenset({"gpu"}), frozenset({"io"}), frozenset({"gpu", "io"})]
    ),
    affinity=st.sampled_from(["", "", "x", "y"]),
    kind=st.sampled_from(["", "", *KINDS]),
    likes=st.sampled_from(["", *KINDS]),
)


@st.composite
def pools(draw):
    places = []
    for key in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(KINDS))
        count = draw(st.integers(0, 4))
        fresh = draw(st.booleans()) and not count
        places.append(
            Place(
                key,
                draw(st.floats(1, 2 * AHEAD)) if count else 0.0,
                count,
                draw(st.integers(0, 8)),
                kind=kind,
                offers=OFFERS[kind] | draw(st.sampled_from([frozenset(), frozenset({"gpu"})])),
                streams=6 if kind == "io" else 1,
                side_by_side=kind == "io" and count > 0 and draw(st.booleans()),
                fresh=fresh,
            )
        )
    return places


def routed(strategy, jobs, places, *, blocking=None):
    blocking = any(place.streams == 1 for place in places) if blocking is None else blocking
    router = Router(strategy, Memory(0.2, random=Random(1)))
    return router.route(jobs, places, Moment(AHEAD, blocking, {place.worker for place in places}))


strategies = st.sampled_from(sorted(STRATEGIES))


class TestWhateverTheStrategy:
    @given(strategies, st.lists(calls, max_size=30), pools())
    def test_every_job_is_given_once_or_left_over(self, strategy, jobs, places):
        left = routed(strategy, jobs, places)
        given_out = [index for place in places for index in place.taken]
        assert sorted(given_out + left) == list(range(len(jobs)))
        assert left == sorted(left)

    @given(strategies, st.lists(calls, max_size=30), pools())
    def test_no_worker_gets_what_it_does_not_offer(self, strategy, jobs, places):
        routed(strategy, jobs, places)
        for place in places:
            assert all(jobs[index].requires <= place.offers for index in place.taken)

    @given(strategies, st.lists(calls, max_size=30), pools())
    def test_no_worker_gets_more_than_it_may_hold_or_both_sorts_at_once(self, strategy, jobs, places):
        before = {place.key: (place.count, place.most, place.side_by_side) for place in places}
        routed(strategy, jobs, places)
        for place in places:
            count, most, side_by_side = before[place.key]
            assert place.count == count + len(place.taken)
            assert len(place.taken) <= max(most - count, 0)
            if place.streams > 1 and place.taken:
                sorts = {jobs[index].is_async and not jobs[index].alone for index in place.taken}
                alone = any(jobs[index].alone for index in place.taken)
                assert len(sorts) == 1 or alone
                assert place.count <= place.streams or not place.side_by_side
                assert not side_by_side or place.side_by_side

    @given(strategies, st.lists(calls, max_size=30), pools())
    def test_a_job_that_is_alone_is_the_first_and_last_of_its_worker(self, strategy, jobs, places):
        fresh = {place.key: place.fresh and not place.count for place in places}
        routed(strategy, jobs, places)
        for place in places:
            if any(jobs[index].alone for index in place.taken):
                assert (len(place.taken), fresh[place.key], place.sealed) == (1, True, True)

    @given(strategies, st.lists(calls, max_size=30), pools())
    def test_nobody_is_left_over_while_a_worker_would_take_him_that_is_kept_for_nobody_else(
        self, strategy, jobs, places
    ):
        blocking = any(place.streams == 1 for place in places)
        left = [jobs[index] for index in routed(strategy, jobs, places)]
        willing = {
            place.key for job in left for place in places if place.takes(job, AHEAD, blocking_elsewhere=blocking)
        }
        for place in (place for place in places if place.key in willing):
            waiting = [job for job in left if not job.alone and place.suits(job, blocking_elsewhere=blocking)]
            assert [job for job in waiting if not place.takes(job, AHEAD, blocking_elsewhere=blocking)]
        assert len(willing) <= len(left)

    @given(strategies)
    def test_async_jobs_that_wait_for_a_stream_keep_no_worker_from_jobs_that_block(self, strategy):
        full = Place(0, 0.0, 6, 512, kind="io", streams=6, side_by_side=True)
        busy = Place(1, AHEAD / 2, 1, 512)
        jobs = [Call("waits", 1e6, is_async=True)] * 3 + [Call("short", 10.0)]
        assert routed(strategy, jobs, [full, busy]) == [0, 1, 2]
        assert busy.taken == [3]

    @given(strategies, st.sampled_from(["", "home"]))
    def test_a_job_gets_a_worker_however_many_shorter_ones_come_behind_it(self, strategy, affinity):
        router, job = Router(strategy, Memory(0.2, random=Random(1))), Call("long", 1e6, affinity=affinity)
        loads = [(AHEAD, 20)] * 2
        for _ in range(5):
            places = [Place(key, load_us, count, 512) for key, (load_us, count) in enumerate(loads)]
            jobs = [job] + [Call("short", 100.0, affinity=affinity)] * 100
            if 0 not in router.route(jobs, places, Moment(AHEAD, True, {"0", "1"})):
                return
            loads = [(rest, 1) if (rest := place.load_us - AHEAD / 3) > 0 else (0.0, 0) for place in places]
        raise AssertionError("it waits for ever")

    @given(strategies, st.lists(calls, max_size=30), pools())
    def test_no_job_stands_behind_more_work_than_allowed(self, strategy, jobs, places):
        before = {place.key: place.load_us for place in places}
        routed(strategy, jobs, places)
        for place in places:
            if place.side_by_side or not place.taken:
                continue
            costs = [AHEAD if jobs[index].cost is None else jobs[index].cost for index in place.taken]
            one_ahead = place.count == 2 and max(before[place.key], *costs) <= ONE_AHEAD_US
            if place.count > 1 and not one_ahead:
                assert before[place.key] + sum(costs) <= AHEAD * (1 + 1e-9)

    def test_behind_a_job_of_some_milliseconds_stands_one_more_and_no_second(self):
        for job in (Call("t", ONE_AHEAD_US, affinity="a"), Call("t", ONE_AHEAD_US, requires=frozenset({"cpu"}))):
            place = Place(0, ONE_AHEAD_US, 1, 8, offers=frozenset({"cpu"}))
            assert [1] == routed("least-loaded", [job, job], [place])
            assert [0] == routed("least-loaded", [job], [Place(0, 2 * ONE_AHEAD_US, 1, 8, offers=frozenset({"cpu"}))])


def general(key, load=0.0, count=0, **more):
    return Place(key, load, count, 8, offers=OFFERS["general"], **more)


def of_kind(key, kind, **more):
    facts = {"offers": OFFERS[kind], "streams": 6 if kind == "io" else 1} | more
    return Place(key, 0.0, 0, 8, kind=kind, **facts)


LONG = 1e6


class TestEligibility:
    def test_async_jobs_go_side_by_side(self):
        places = [general(0), of_kind(1, "io")]
        assert routed("least-loaded", [Call("t", LONG, is_async=True)] * 7, places) == []
        assert [1, 6] == [len(place.taken) for place in places]

    def test_jobs_that_block_leave_streams_alone_where_there_are_others(self):
        places = [general(0), of_kind(1, "io")]
        assert [1, 2] == routed("least-loaded", [Call("t", LONG)] * 3, places)
        assert [[0], []] == [place.taken for place in places]

    def test_jobs_that_block_run_one_at_a_time_where_all_workers_have_streams(self):
        places = [of_kind(0, "io"), of_kind(1, "io", side_by_side=True)]
        places[1].count = 1
        assert [1] == routed("least-loaded", [Call("t", LONG)] * 2, places)
        assert [[0], []] == [place.taken for place in places]

    def test_job_that_requires_it_may_block_a_worker_with_streams(self):
        places = [general(0), of_kind(1, "io")]
        assert [] == routed("least-loaded", [Call("t", LONG, requires=frozenset({"io"}))], places)
        assert [0] == places[1].taken

    def test_what_can_go_to_few_places_goes_first(self):
        places = [general(0), of_kind(1, "compute")]
        jobs = [Call("t", LONG), Call("t", LONG), Call("t", LONG, requires=frozenset({"compute"}))]
        assert [1] == routed("least-loaded", jobs, places)
        assert [[0], [2]] == [place.taken for place in places]

    def test_job_that_is_alone_waits_for_a_fresh_worker(self):
        jobs = [Call("t", 10.0), Call("t", 10.0, alone=True)]
        assert [1] == routed("least-loaded", jobs, [general(0)])
        places = [general(0), general(1, fresh=True)]
        assert [] == routed("least-loaded", jobs, places)
        assert [[0], [1]] == [place.taken for place in places]


class TestAffinity:
    def test_jobs_of_a_key_follow_the_first(self):
        router, keys = Router(), ["x", "y", "z"]
        went = Counter()
        for _ in range(50):
            for key in keys:
                places = [general(number) for number in range(8)]
                assert [] == router.route([Call("t", LONG, affinity=key)], places, Moment(AHEAD, True, set("01234567")))
                went[key, next(place.key for place in places if place.taken)] += 1
        assert {50} == set(went.values())

    def test_another_takes_it_while_there_is_no_room_and_after_a_death(self):
        router, living = Router(), {"0", "1"}
        router.route([Call("t", LONG, affinity="x")], [general(0)], Moment(AHEAD, True, living))
        places = [general(0, LONG, 1), general(1)]
        router.route([Call("t", LONG, affinity="x")], places, Moment(AHEAD, True, living))
        assert [[], [0]] == [place.taken for place in places]
        places = [general(0), general(1)]
        router.route([Call("t", LONG, affinity="x")], places, Moment(AHEAD, True, living))
        assert [[0], []] == [place.taken for place in places], "it is at home where it was"
        places = [general(1), general(2)]
        router.route([Call("t", LONG, affinity="x")], places, Moment(AHEAD, True, {"1", "2"}))
        assert "1" == router.homes.of("x", [general(1)]).worker

    def test_a_key_that_names_a_worker_goes_to_whoever_has_its_place(self):
        router, living = Router(), {"0", "1", "2"}
        for key, expected in (("w2", 2), ("w0", 0), ("w2", 2)):
            places = [general(number) for number in range(3)]
            router.route([Call("t", LONG, affinity=key)], places, Moment(AHEAD, True, living))
            assert [expected] == [place.key for place in places if place.taken]
        places = [general(0), general(2, LONG, 1)]
        assert [] == router.route([Call("t", LONG, affinity="w2")], places, Moment(AHEAD, True, living))
        assert [[0], []] == [place.taken for place in places], "it has no room"
        places = [general(0), general(2)]
        router.route([Call("t", LONG, affinity="w2")], places, Moment(AHEAD, True, living))
        assert [[], [0]] == [place.taken for place in places]
        assert [] == router.route([Call("t", LONG, affinity="w9")], [general(0)], Moment(AHEAD, True, living))

    def test_keys_used_last_are_remembered(self):
        homes = Homes(most=3)
        for number in range(5):
            homes.settle(f"k{number}", str(number), ())
        assert 3 == len(homes)
        assert None is homes.of("k1", [general(1)])
        assert 4 == homes.of("k4", [general(4)]).key

    @pytest.mark.parametrize("strategy", sorted(STRATEGIES))
    def test_kind_of_a_pattern_comes_first_and_any_other_after_it(self, strategy):
        places = [general(0), of_kind(1, "memory"), general(2)]
        jobs = [Call("t", LONG, kind="memory")] * 2
        assert [] == routed(strategy, jobs, places)
        assert [0] == places[1].taken


class TestStrategies:
    def test_round_robin_goes_around(self):
        router = Router("round-robin")
        went = []
        for _ in range(9):
            places = [general(key) for key in (2, 5, 7)]
            router.route([Call("t", LONG)], places, HERE)
            went += [place.key for place in places if place.taken]
        assert [2, 5, 7] * 3 == went

    def test_least_loaded_takes_the_least_loaded(self):
        places = [general(0, 3000, 1), general(1, 1000, 1), general(2, 2000, 1)]
        routed("least-loaded", [Call("t", 10.0)], places)
        assert [[], [0], []] == [place.taken for place in places]

    def test_best_capability_is_the_kind_made_for_it_and_keeps_the_rare_free(self):
        places = [general(0), of_kind(1, "compute"), of_kind(2, "compute", offers=OFFERS["compute"] | {"gpu"})]
        routed("capability-based", [Call("t", LONG, likes="compute")] * 2, places)
        assert [[], [0], [1]] == [place.taken for place in places]
        places = [of_kind(0, "memory"), general(1)]
        routed("capability-based", [Call("t", LONG)], places)
        assert [[], [0]] == [place.taken for place in places]

    @pytest.mark.parametrize("exploration", [0.0, 1.0])
    @pytest.mark.parametrize("strategy", sorted(STRATEGIES))
    def test_while_nothing_is_known_what_requires_a_place_gets_the_first_of_equal_ones(self, strategy, exploration):
        places = [of_kind(0, "compute"), *(of_kind(key, "compute", offers=frozenset({"gpu"})) for key in (1, 2, 3))]
        Router(strategy, Memory(exploration)).route([Call("t", requires=frozenset({"gpu"}))], places, HERE)
        assert [[], [0], [], []] == [place.taken for place in places]

    def test_predictive_learns_which_kind_is_faster(self):
        memory = Memory(0.0)
        for _ in range(20):
            memory.predictions.learn("t", "general", 9000.0, succeeded=True)
            memory.predictions.learn("t", "compute", 3000.0, succeeded=True)
        places = [general(0), of_kind(1, "compute")]
        Router("predictive", memory).route([Call("t", LONG)], places, HERE)
        assert [0] == places[1].taken

    def test_predictive_counts_tries_that_fail(self):
        memory = Memory(0.0)
        for number in range(40):
            memory.predictions.learn("t", "general", 9000.0, succeeded=True)
            memory.predictions.learn("t", "compute", 6000.0, succeeded=number % 2 == 0)
        places = [general(0), of_kind(1, "compute")]
        Router("predictive", memory).route([Call("t", LONG)], places, HERE)
        assert [0] == places[0].taken

    def test_predictive_weighs_the_work_that_waits(self):
        memory = Memory(0.0)
        memory.predictions.learn("t", "general", 2000.0, succeeded=True)
        places = [general(0, 4000, 1), general(1, 100, 1)]
        Router("predictive", memory).route([Call("t", 500.0)], places, HERE)
        assert [0] == places[1].taken

    def test_predictive_tries_what_it_knows_little_of_by_its_share(self):
        memory = Memory(0.1, random=Random(7))
        memory.predictions.learn("t", "general", 1000.0, succeeded=True)
        went = Counter()
        router = Router("predictive", memory)
        for _ in range(2000):
            places = [general(0), of_kind(1, "memory")]
            router.route([Call("t", LONG)], places, HERE)
            went[next(place.kind for place in places if place.taken)] += 1
        assert 120 < went["memory"] < 280, "the rest stays with what is known"

    def test_predictive_finds_the_best_kind_by_itself(self):
        """Nobody told it: what it explores it learns."""
        true_cost = {"general": 5000.0, "compute": 1000.0, "memory": 9000.0}
        memory = Memory(0.1, random=Random(3))
        router, went = Router("predictive", memory), []
        for _ in range(400):
            places = [general(0), of_kind(1, "compute"), of_kind(2, "memory")]
            router.route([Call("t", LONG)], places, HERE)
            kind = next(place.kind for place in places if place.taken)
            memory.predictions.learn("t", kind, true_cost[kind], succeeded=True)
            went.append(kind)
        assert Counter(went[200:])["compute"] > 170


class TestPredictions:
    def test_nothing_is_known_before_the_first(self):
        predictions = Predictions()
        assert (None, 0) == (predictions.cost_us("t", "general"), predictions.count("t", "general"))

    @given(st.lists(st.tuples(st.floats(1, 1e7), st.booleans()), min_size=1, max_size=60))
    def test_means_stay_among_what_was_seen(self, runs):
        predictions = Predictions()
        for run_us, succeeded in runs:
            predictions.learn("t", "io", run_us, succeeded=succeeded)
        known = predictions._known["t", "io"]
        assert min(run for run, _ in runs) <= known.latency_us * (1 + 1e-9)
        assert known.latency_us <= max(run for run, _ in runs) * (1 + 1e-9)
        assert 0 <= known.success <= 1
        assert predictions.cost_us("t", "io") >= known.latency_us


NOBODY = Appetite(0, 0)
SOME = st.builds(Appetite, st.integers(0, 500), st.integers(0, 500))


def stream_place(**facts):
    return Place(0, 0.0, 0, 200, kind="io", streams=100, **facts)


class TestAppetite:
    def test_streams_and_other_workers_have_room_of_their_own(self):
        places = [stream_place(), general(1), general(2)]
        assert (2, 100) == appetite(places, None, AHEAD, blocking=True)
        places[0].count, places[0].side_by_side = 90, True
        assert (2, 10) == appetite(places, None, AHEAD, blocking=True)

    def test_without_others_one_with_streams_takes_a_job_that_blocks_instead(self):
        assert (1, 100) == appetite([stream_place()], None, AHEAD, blocking=False)
        busy = stream_place()
        busy.count = 1
        assert (0, 0) == appetite([busy], 1e6, AHEAD, blocking=False)


class TestMix:
    def test_claims_follow_the_share_that_was_met(self):
        mix = Mix()
        assert 100 == mix.wanted(Appetite(0, 100), NOBODY, 0.0)
        mix.learn(25, 100, 0.0)
        assert (0.25, 25 + 2) == (mix.share, mix.wanted(Appetite(2, 100), NOBODY, 0.0))

    def test_while_none_is_met_it_asks_ever_more_seldom_and_never_stops(self):
        mix, now, asked = Mix(), 0.0, []
        while now < 10.0:
            if mix.wanted(Appetite(0, 100), NOBODY, now):
                asked.append(now)
                mix.learn(0, 10, now)
            now += 0.005
        assert len(asked) < 20
        assert 0.9 < asked[-1] - asked[-2] < 1.1
        mix.learn(1, 10, now)
        assert mix.wanted(Appetite(0, 100), NOBODY, now), "one is enough to be awake again"

    def test_what_waits_already_is_not_claimed_again(self):
        mix = Mix()
        assert 60 == mix.wanted(Appetite(0, 100), Appetite(0, 40), 0.0)
        assert 0 == mix.wanted(Appetite(2, 100), Appetite(100, 0), 0.0), "there is enough that cannot be placed"
        assert 102 == mix.wanted(Appetite(5, 100), Appetite(3, 0), 0.0)

    @given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=40), SOME, SOME)
    def test_it_is_never_more_than_there_is_room_for(self, claims, room, ready):
        mix = Mix()
        for number, (streams, others) in enumerate(claims):
            mix.learn(streams, streams + others, float(number))
            assert 0 <= mix.share <= 1
            assert 0 <= mix.wanted(room, ready, number + 0.5) <= room.one_by_one + room.streams
