"""What a job's usage cost, from its token counts."""

from collections.abc import Mapping

INPUT, OUTPUT, COST = "input_tokens", "output_tokens", "cost_usd"

MILLION = 1_000_000


def priced(usage: Mapping[str, float], per_million_input: float, per_million_output: float) -> dict[str, float]:
    """The usage with its cost in USD, when it counts tokens and does not name its cost itself."""
    if COST in usage or not (INPUT in usage or OUTPUT in usage):
        return dict(usage)
    cost = usage.get(INPUT, 0) * per_million_input + usage.get(OUTPUT, 0) * per_million_output
    return {**usage, COST: round(cost / MILLION, 6)}
