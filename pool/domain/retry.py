"""How long a failed job waits for its next attempt."""

import json
from dataclasses import dataclass
from random import Random

_random = Random()


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential: `base_s`, times `factor` each time, at most `cap_s`, spread by `jitter` (0.1: 10 % either way)."""

    base_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 30.0
    jitter: float = 0.1

    def delay_s(self, failures: int, random: Random = _random) -> float:
        """Seconds to wait after the given number of failures (1 = the first)."""
        # A large exponent would overflow long after the cap decided.
        exponent = min(max(failures - 1, 0), 1000)
        try:
            delay = min(self.base_s * self.factor**exponent, self.cap_s)
        except OverflowError:
            delay = self.cap_s if self.base_s else 0.0
        return float(delay * (1.0 + self.jitter * random.uniform(-1.0, 1.0)))


def read_backoff(stored: str | None, default: Backoff) -> Backoff:
    """The job's own backoff as it is stored (a number of seconds, or an object), else the pool's."""
    if not stored:
        return default
    value = json.loads(stored)
    if isinstance(value, (int, float)):
        return Backoff(float(value), default.factor, max(float(value), default.cap_s), default.jitter)
    return Backoff(
        float(value.get("base", default.base_s)),
        float(value.get("factor", default.factor)),
        float(value.get("cap", default.cap_s)),
        float(value.get("jitter", default.jitter)),
    )
