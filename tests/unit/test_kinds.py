"""Which kinds a pool has, what they offer, and why a job finds none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.config import PoolConfig, find_problems
from pool.domain.kinds import KINDS, OFFERS, goal_for, kinds_of, lacking, missing, offers_of, read_patterns

kinds = st.lists(st.sampled_from(KINDS), max_size=12)


class TestSizes:
    @given(st.integers(0, 128), kinds)
    def test_a_pool_has_those_named_and_general_ones_beyond(self, size, named):
        found = kinds_of(size, named)
        assert size == len(found)
        assert named[:size] == found[: len(named)]
        assert {"general"} >= set(found[len(named) :])

    @given(kinds, kinds)
    def test_what_is_lacking_makes_up_the_whole(self, wanted, present):
        found = lacking(wanted, present)
        for kind in KINDS:
            assert max(wanted.count(kind) - present.count(kind), 0) == found.count(kind)


class TestOffers:
    def test_each_kind_offers_its_name_and_what_the_setting_adds(self):
        capabilities = ("gpu", "io:s3", "compute:avx", "site:berlin")
        assert OFFERS["io"] | {"gpu", "s3", "site:berlin"} == offers_of("io", capabilities)
        assert OFFERS["general"] | {"gpu", "site:berlin"} == offers_of("general", capabilities)
        assert all(kind in offers_of(kind, ()) for kind in KINDS)

    @pytest.mark.parametrize(
        ("requires", "offers", "sentence"),
        [
            ((), [], "No worker offers  together."),
            (("gpu",), [{"io"}, {"general"}], "No worker offers gpu."),
            (("gpu", "tpu"), [{"io"}], "No worker offers gpu and tpu."),
            (("a", "b"), [{"a"}, {"b"}], "No worker offers a and b together."),
            (("a",), [{"a", "b"}], ""),
        ],
    )
    def test_why_nobody_can_do_it_is_said(self, requires, offers, sentence):
        if requires:
            assert sentence == missing(requires, [frozenset(one) for one in offers])


class TestPatterns:
    def test_first_that_fits_names_the_kind(self):
        patterns = read_patterns(("shop.tasks.pay*=io", "shop.*=compute", "*=memory"))
        assert "io" == goal_for("shop.tasks.pay_all", patterns)
        assert "compute" == goal_for("shop.tasks.sum", patterns)
        assert "memory" == goal_for("other", patterns)
        assert "" == goal_for("other", patterns[:2])

    def test_one_may_name_a_worker(self):
        assert [("shop.*", "w3"), ("*", "w12")] == read_patterns(("shop.*=w3", " * = w12 "))

    @pytest.mark.parametrize("text", ["shop.*", "=io", "shop.*=gpu", "", "a=b=c", "shop.*=w", "shop.*=w03"])
    def test_one_that_names_no_kind_is_refused(self, text):
        with pytest.raises(ValueError, match="^" if not text else None):
            read_patterns((text,))
        assert "affinity_patterns" in " ".join(find_problems({"affinity_patterns": [text or "x"]}, {}))


class TestSettings:
    def test_kinds_are_among_those_there_are(self):
        assert [] == find_problems({"worker_kinds": ["io", "compute"]}, {})
        assert "POOL['worker_kinds'] must be a list of" in find_problems({"worker_kinds": ["fast"]}, {})[0]
        assert ("io",) == PoolConfig.from_mapping({}, {"POOL_WORKER_KINDS": "io"}).worker_kinds
