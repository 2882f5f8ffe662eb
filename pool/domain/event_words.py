"""Events in words, for the pages and the live view: one short sentence each, from the facts that are stored.

Pure. An event whose name is not known here reads as its name, so that an old page can show what a newer node wrote.
"""

from collections.abc import Mapping
from typing import Any

from pool.domain.events import EVENTS

SENTENCES = {event.name: event.sentence for event in EVENTS.values() if event.sentence}
SOMEBODY = "Somebody"
UNKNOWN = "–"


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return UNKNOWN


def in_words(name: str, actor: str, data: Mapping[str, Any]) -> str:
    """Write an event as a sentence."""
    sentence = SENTENCES.get(name)
    if sentence is None:
        return name.replace(".", " ").replace("_", " ").capitalize() + "."
    text = sentence.format_map(_Facts(data, actor=actor or SOMEBODY))
    return f"{text[:-1]}: {data['why']}." if data.get("why") else text
