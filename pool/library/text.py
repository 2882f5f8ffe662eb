"""Tasks over text: the figures of a source or prose file. They run in a worker.

Bytes that are not UTF-8 are counted and replaced, so that every file gets an answer; memory is bounded by the limits.
"""

import re
from collections import Counter
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.paths import readable_file, shown

MAX_BYTES = 64 << 20
MAX_TOKENS = 200_000
MAX_SHOWN = 200
TOKEN = re.compile(r"[^\W\d]\w*")


@task(kind="ANALYSIS", timeout=300, max_attempts=2)
def text_statistics(path: str, *, most_common: int = 20, grant: str = "") -> dict[str, Any]:
    """Count lines, words and characters of a text file and name its longest line and most common words."""
    if not 0 <= most_common <= MAX_SHOWN:
        raise LibraryError(f"most_common must be from 0 to {MAX_SHOWN}, not {most_common!r}.")
    source = readable_file(path, grant)
    with source.open("rb") as reading:
        data = reading.read(MAX_BYTES + 1)
    text = data[:MAX_BYTES].decode(errors="replace")
    lines = text.splitlines()
    longest = max(range(len(lines)), key=lambda i: len(lines[i]), default=None)
    tokens = _tokens(lines)
    return {
        "path": shown(source),
        "bytes": min(len(data), MAX_BYTES),
        "complete": len(data) <= MAX_BYTES,
        "characters": len(text),
        "lines": len(lines),
        "blank_lines": sum(1 for line in lines if not line.strip()),
        "words": sum(len(line.split()) for line in lines),
        "undecodable": text.count("\N{REPLACEMENT CHARACTER}"),
        "longest_line": None if longest is None else {"number": longest + 1, "characters": len(lines[longest])},
        "distinct_tokens": len(tokens),
        "most_common": [[token[:MAX_SHOWN], count] for token, count in tokens.most_common(most_common)],
    }


def _tokens(lines: list[str]) -> Counter[str]:
    tokens: Counter[str] = Counter()
    for line in lines:
        tokens.update(TOKEN.findall(line))
        if len(tokens) > MAX_TOKENS:
            tokens = Counter(dict(tokens.most_common(MAX_TOKENS // 2)))
    return tokens
