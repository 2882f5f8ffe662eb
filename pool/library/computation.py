"""Tasks that only compute: matrices, a simulation, hashes, a neural network's answer. They run in a worker.

Same arguments, same result: the seed decides what is random. numpy is loaded inside, since it starts threads. All do
on any worker; on one of the kind `compute` they hold up no other process.
"""

import hashlib
import math
from time import perf_counter
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.extra import load

MAX_SIZE = 4096
MAX_SAMPLES = 10_000_000_000
SAMPLES_AT_ONCE = 1_000_000
MAX_ROUNDS = 100_000_000
MAX_VALUES = 100_000
MAX_LAYERS, MAX_WIDTH = 20, 2048


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


@task(kind="ENCRYPTION", timeout=300)
def crypto_hash(text: str, *, algorithm: str = "sha256", rounds: int = 100_000, salt: str = "") -> dict[str, Any]:
    """Derive a key from a text by hashing it over and over (PBKDF2)."""
    if not 0 < rounds <= MAX_ROUNDS:
        raise LibraryError(f"rounds must be from 1 to {MAX_ROUNDS}, not {rounds!r}.")
    try:
        digest = hashlib.pbkdf2_hmac(algorithm, text.encode(), salt.encode(), rounds)
    except ValueError as error:
        raise LibraryError(f"There is no algorithm {algorithm!r:.60} for this: use sha256, for example.") from error
    return {"algorithm": algorithm, "rounds": rounds, "digest": digest.hex()}


@task(kind="DATA_PROCESSING", timeout=300, takes_context=True)
def data_transform(
    context: Any, values: list[float], *, steps: list[str] | tuple[str, ...] = ("standard",)
) -> list[float]:
    """Change a row of numbers step by step: standard, unit, log, square, difference, cumulate, sort or reverse."""
    numpy = load("numpy")
    if not 0 < len(values) <= MAX_VALUES:
        raise LibraryError(f"values must be a list of 1 to {MAX_VALUES} numbers.")
    known = _steps(numpy)
    unknown = [step for step in steps if step not in known]
    if unknown:
        raise LibraryError(f"There is no step {unknown[0]!r:.60}: choose among {', '.join(known)}.")
    # In memory that the worker has ready, where it is of the kind for it.
    with context.worker.buffers.borrow(8 * len(values)) as memory:
        row = numpy.frombuffer(memory, dtype=float)
        try:
            row[:] = values
        except (TypeError, ValueError) as error:
            raise LibraryError("values must be a list of numbers.") from error
        for step in steps:
            row[:] = known[step](row)
        return [float(value) for value in row]


def _steps(numpy: Any) -> dict[str, Any]:
    return {
        "standard": lambda row: (row - row.mean()) / (row.std() or 1.0),
        "unit": lambda row: (row - row.min()) / ((row.max() - row.min()) or 1.0),
        "log": lambda row: numpy.sign(row) * numpy.log1p(numpy.abs(row)),
        "square": lambda row: row * row,
        "difference": lambda row: numpy.diff(row, prepend=row[0]),
        "cumulate": lambda row: row.cumsum(),
        "sort": lambda row: numpy.sort(row),
        "reverse": lambda row: row[::-1].copy(),
    }


@task(kind="COMPUTATION", timeout=300)
def inference(
    inputs: list[float], *, layers: list[int] | tuple[int, ...] = (64, 32, 10), seed: int = 0
) -> dict[str, Any]:
    """Let a small neural network with random weights answer: the way and the cost of a real one, not its wisdom."""
    numpy = load("numpy")
    widths_fit = all(isinstance(width, int) and 0 < width <= MAX_WIDTH for width in layers)
    if not 0 < len(layers) <= MAX_LAYERS or not widths_fit or not 0 < len(inputs) <= MAX_WIDTH:
        raise LibraryError(f"inputs and each of up to {MAX_LAYERS} layers have from 1 to {MAX_WIDTH} places.")
    random, signal = numpy.random.default_rng(seed), numpy.asarray(inputs, dtype=float)
    for width in layers[:-1]:
        signal = numpy.maximum(_weights(random, len(signal), width) @ signal, 0)
    answer = _weights(random, len(signal), layers[-1]) @ signal
    chances = numpy.exp(answer - answer.max())
    chances /= chances.sum()
    return {"best": int(chances.argmax()), "chances": [round(float(chance), 6) for chance in chances]}


def _weights(random: Any, inputs: int, outputs: int) -> Any:
    return random.standard_normal((outputs, inputs)) / math.sqrt(inputs)
