"""Events in words, for the pages and the live view: one short sentence each, from the facts that are stored.

Pure. An event whose name is not known here reads as its name, so that an old page can show what a newer node wrote.
"""

from collections.abc import Mapping
from typing import Any

SENTENCES = {
    "node.started": "Node started on {host}.",
    "node.lost": "Node lost; {jobs} of its jobs given back.",
    "database.recovered": "Node could write again after {seconds} s: {problem}.",
    "worker.exited": "Worker ended: {how}.",
    "pool.scaled": "Workers scaled from {from} to {to}.",
    "pool.scale_requested": "{actor} asked for {size} workers.",
    "pool.stop_requested": "{actor} asked the pool to stop.",
    "pool.restart_requested": "{actor} asked for a restart of the workers.",
    "job.submitted": "{actor} submitted a job.",
    "jobs.submitted": "{actor} submitted {jobs} jobs.",
    "token.revoked": "{actor} revoked a token of {user}.",
    "job.cancelled": "{actor} cancelled a job.",
    "job.cancel_requested": "{actor} asked to cancel a running job.",
    "job.retried": "{actor} retried a job.",
    "job.discarded": "{actor} discarded a dead letter.",
    "jobs.retried": "{actor} retried {jobs} jobs.",
    "jobs.discarded": "{actor} discarded {jobs} dead letters.",
    "queue.paused": "{actor} paused queue {queue}.",
    "queue.resumed": "{actor} resumed queue {queue}.",
}
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
    return sentence.format_map(_Facts(data, actor=actor or SOMEBODY))
