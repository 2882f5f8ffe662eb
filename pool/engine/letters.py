"""What people and programs are told of an alert: the JSON of the webhook and the words of the mail."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pool.domain.alerting import Open, Told

SUBJECT_CHARS = 120
SENTENCES = {Told.OPENED: "", Told.LASTS: "still ", Told.RESOLVED: "over: "}

Letter = tuple[Told, Open]


def payload(letter: Letter, pool: str, now: float) -> bytes:
    """One alert as JSON. `text` is for chats, which show that and nothing else."""
    what, alert = letter
    facts: dict[str, Any] = {
        "type": "alert",
        "state": what,
        "id": alert.id,
        "name": alert.name,
        "subject": alert.subject,
        "level": alert.level,
        "message": alert.message,
        "text": f"[{pool}] {line(letter)}",
        "pool": pool,
        "opened_at": _iso(alert.opened_at),
        "resolved_at": None if what is not Told.RESOLVED else _iso(alert.resolved_at or now),
    }
    return json.dumps(facts, ensure_ascii=False).encode()


def mail(letters: Sequence[Letter], pool: str) -> tuple[str, str]:
    """Subject and text of one mail about several alerts."""
    more = f" (and {len(letters) - 1} more)" if len(letters) > 1 else ""
    subject = " ".join(f"[{pool}] {line(letters[0])}".split())
    rows = [f"{line(letter)}\nsince {_iso(letter[1].opened_at)}" for letter in letters]
    return subject[: SUBJECT_CHARS - len(more)] + more, "\n\n".join(rows) + "\n"


def line(letter: Letter) -> str:
    """Write an alert in a line: how bad it is, and the sentence."""
    what, alert = letter
    return f"{alert.level.capitalize()}, {SENTENCES[what]}{alert.message}" if what else alert.message


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
