"""Everything that is said on a socket. What a page may say is decoded strictly; what it hears is one line of JSON.

page → server   {"type": "ack", "seq": 7}
                {"type": "since", "seq": 3}                      for a job: and "log", the last piece it has
                {"type": "cancel" | "retry" | "discard", "id": "…", "csrf": "…", "seq": 1}
                {"type": "pause" | "resume", "queue": "…", "csrf": "…", "seq": 2}
                {"type": "scale", "size": 4, "csrf": "…", "seq": 3}
server → page   {"v": 1, "type": "snapshot" | "job", "seq": 7, "data": {…}}
                {"v": 1, "type": "beat", "seq": 7, "data": {"at": …}}  nothing is new; needs no ack
                {"v": 1, "type": "answer", "seq": (that of the order), "data": {"do": "cancel", "ok": true, …}}
"""

import json
from enum import IntEnum
from typing import Annotated, Any

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder

VERSION = 1
LONGEST = 4096
"""Characters of a message from a page."""

Number = Annotated[int, Meta(ge=0, le=2**53)]
Text = Annotated[str, Meta(max_length=200)]


class Close(IntEnum):
    """Why the server closed a socket. Applications have the numbers from 4000 on; these read like those of HTTP."""

    MALFORMED = 4400
    """No message of ours, or a longer one than any of them."""
    SIGNED_OUT = 4401
    """No session any more: logged out, expired, deactivated, password changed."""
    FORBIDDEN = 4403
    """Still signed in, but may not watch any more."""
    NO_SUCH_JOB = 4404
    SILENT = 4408
    """A message was not acknowledged in time."""
    TOO_MANY = 4429
    """Messages, or sockets of one user."""


class Ack(Struct, tag="ack", frozen=True):
    seq: Number


class Since(Struct, tag="since", frozen=True):
    seq: Number
    log: Number | None = None


class Order(Struct, frozen=True):
    """Base of what an operator may ask for."""

    csrf: Text = ""
    seq: Number = 0


class Cancel(Order, tag="cancel", frozen=True):
    id: Text = ""


class Retry(Order, tag="retry", frozen=True):
    id: Text = ""


class Discard(Order, tag="discard", frozen=True):
    id: Text = ""


class Pause(Order, tag="pause", frozen=True):
    queue: Text = ""


class Resume(Order, tag="resume", frozen=True):
    queue: Text = ""


class Scale(Order, tag="scale", frozen=True):
    size: Number = 0


Heard = Ack | Since | Cancel | Retry | Discard | Pause | Resume | Scale

_decoder = Decoder(Heard)


def read(text: str) -> Heard | None:
    """Decode what a page said; None when it makes no sense."""
    try:
        return _decoder.decode(text)
    except (DecodeError, RecursionError, UnicodeError):
        return None


def write(kind: str, seq: int, data: Any) -> str:
    """One line of ASCII: whatever odd text a job holds, it can be sent."""
    return json.dumps({"v": VERSION, "type": kind, "seq": seq, "data": data}, separators=(",", ":"), default=str)
