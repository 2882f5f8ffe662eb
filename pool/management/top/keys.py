"""What a terminal sends, as names of keys. Pure: bytes in, names out, in whatever pieces they come.

A printable character is its own name; others are "up", "tab", "escape", "ctrl-u" and so on. What was pasted comes as
one piece, so that pasted text never gives orders. Sequences that mean nothing here are swallowed whole.
"""

import re

PASTED = "pasted:"
"""The name of pasted text begins with this."""

ESC = b"\x1b"
PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
MOST_KEPT = 65_536

COMPLETE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)")
BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O|[\]PX^_][^\x07\x1b]*\x1b?)?")
MODIFIED = re.compile(rb"\[1;[0-9:]+([A-Z])")
"""An arrow pressed with a modifier is an arrow."""

SEQUENCES = {
    b"[A": "up", b"[B": "down", b"[C": "right", b"[D": "left", b"[H": "home", b"[F": "end",
    b"OA": "up", b"OB": "down", b"OC": "right", b"OD": "left", b"OH": "home", b"OF": "end",
    b"[1~": "home", b"[4~": "end", b"[7~": "home", b"[8~": "end", b"[5~": "pageup", b"[6~": "pagedown",
    b"[Z": "backtab", b"OM": "enter", b"[3~": "delete",
}  # fmt: skip
CONTROLS = {"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace"}


class Parser:
    """Keeps what was begun and is not complete."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_waiting(self) -> bool:
        """Whether something was begun: if nothing more comes soon, it was the Escape key."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[str]:
        """The keys that are complete with these bytes."""
        self._rest = (self._rest + data)[-MOST_KEPT:]
        keys: list[str] = []
        while self._rest:
            length, name = _first(self._rest)
            if length == 0:
                break
            self._rest = self._rest[length:]
            if name:
                keys.append(name)
        return keys

    def flush(self) -> list[str]:
        """Nothing more came: what was begun is Escape, or nothing."""
        rest, self._rest = self._rest, b""
        return ["escape"] if rest == ESC else []


def _first(data: bytes) -> tuple[int, str]:
    """How many bytes the first key takes, and its name; no bytes when it is not complete."""
    if data[:1] != ESC:
        return _character(data)
    if data.startswith(PASTE_BEGINS):
        return _pasted(data)
    if found := COMPLETE.match(data):
        return found.end(), _named(found[0][1:])
    if BEGUN.fullmatch(data):
        return 0, ""
    return 1, "escape"


def _named(sequence: bytes) -> str:
    if found := MODIFIED.fullmatch(sequence):
        sequence = b"[" + found[1]
    return SEQUENCES.get(sequence, "")


def _pasted(data: bytes) -> tuple[int, str]:
    end = data.find(PASTE_ENDS)
    if end < 0:
        return 0, ""
    return end + len(PASTE_ENDS), PASTED + data[len(PASTE_BEGINS) : end].decode(errors="ignore")


def _character(data: bytes) -> tuple[int, str]:
    length = _length(data[0])
    if any(not 0x80 <= byte < 0xC0 for byte in data[1:length]):
        return 1, ""
    if len(data) < length:
        return 0, ""
    try:
        character = data[:length].decode()
    except UnicodeDecodeError:
        return 1, ""
    if character in CONTROLS:
        return length, CONTROLS[character]
    if character < " ":
        return length, f"ctrl-{chr(ord(character) + 96)}"
    return length, character if character.isprintable() else ""


def _length(first: int) -> int:
    """Bytes of the UTF-8 character that begins with this one."""
    if first < 0xC0 or first >= 0xF8:
        return 1
    return 2 if first < 0xE0 else 3 if first < 0xF0 else 4
