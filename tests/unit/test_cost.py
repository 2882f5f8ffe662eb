"""The price of a job's tokens."""

from pool.domain.cost import priced


def test_tokens_are_priced_by_the_million() -> None:
    usage = priced({"input_tokens": 500_000, "output_tokens": 200_000}, 3.0, 15.0)
    assert usage["cost_usd"] == 4.5


def test_usage_without_tokens_has_no_cost() -> None:
    assert priced({"pages": 3}, 3.0, 15.0) == {"pages": 3}


def test_a_cost_the_job_names_itself_stays() -> None:
    assert priced({"input_tokens": 1, "cost_usd": 9.0}, 3.0, 15.0)["cost_usd"] == 9.0
