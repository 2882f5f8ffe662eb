"""Tasks that only compute: a matrix product and a simulation, with numpy. They run in a worker.

Same arguments, same result: the seed decides what is random. numpy is loaded inside, since it starts threads.
"""

import math
from time import perf_counter
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.extra import load

MAX_SIZE = 4096
MAX_SAMPLES = 10_000_000_000
SAMPLES_AT_ONCE = 1_000_000


@task(kind="COMPUTATION", timeout=300)
def matrix_multiply(size: int = 512, *, seed: int = 0) -> dict[str, Any]:
    """Multiply two random square matrices and tell the trace of the product."""
    if not 0 < size <= MAX_SIZE:
        raise LibraryError(f"size must be from 1 to {MAX_SIZE}, not {size!r}.")
    random = load("numpy").random.default_rng(seed)
    left, right = random.random((size, size)), random.random((size, size))
    began = perf_counter()
    product = left @ right
    seconds = perf_counter() - began
    return {
        "size": size,
        "trace": float(product.trace()),
        "gigaflops": round(2 * size**3 / max(seconds, 1e-9) / 1e9, 2),
    }


@task(kind="COMPUTATION", timeout=600, takes_context=True)
def estimate_pi(context: Any, samples: int = 1_000_000, *, seed: int = 0) -> dict[str, Any]:
    """Throw points at a square and count those within the circle; tell progress and listen to a cancel."""
    if not 0 < samples <= MAX_SAMPLES:
        raise LibraryError(f"samples must be from 1 to {MAX_SAMPLES}, not {samples!r}.")
    random = load("numpy").random.default_rng(seed)
    inside = thrown = 0
    while thrown < samples:
        count = min(SAMPLES_AT_ONCE, samples - thrown)
        x, y = random.random((2, count))
        inside += int((x * x + y * y <= 1).sum())
        thrown += count
        context.check_cancelled()
        context.progress(thrown / samples, f"{thrown} of {samples} points")
    pi = 4 * inside / samples
    return {"samples": samples, "pi": pi, "error": abs(pi - math.pi)}
