"""What a job's usage cost, from its token counts, and what of it belongs to a part of the job."""

from collections.abc import Mapping

INPUT, OUTPUT, COST = "input_tokens", "output_tokens", "cost_usd"

MILLION = 1_000_000


def priced(usage: Mapping[str, float], per_million_input: float, per_million_output: float) -> dict[str, float]:
    """The usage with its cost in USD, when it counts tokens and does not name its cost itself."""
    if COST in usage or not (INPUT in usage or OUTPUT in usage):
        return dict(usage)
    cost = usage.get(INPUT, 0) * per_million_input + usage.get(OUTPUT, 0) * per_million_output
    return {**usage, COST: round(cost / MILLION, 6)}


def left_of(usage: Mapping[str, float], part: Mapping[str, float]) -> dict[str, float]:
    """What of the usage is not in that part of it."""
    rests = {name: round(amount - part.get(name, 0), 9) for name, amount in usage.items()}
    return {name: rest for name, rest in rests.items() if rest}
