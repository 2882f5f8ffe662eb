"""Tracebacks as a reader wants them: the frames of the project's own code, and everything else folded away. Pure."""

import re
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$')
FOREIGN = ("/site-packages/", "/dist-packages/", "/pool/engine/", "<frozen ", sysconfig.get_path("stdlib") + "/")
HEADER = "Traceback (most recent call last):"


@dataclass(slots=True)
class Frame:
    path: str
    line: int
    name: str
    code: list[str] = field(default_factory=list)

    @property
    def is_own(self) -> bool:
        return not any(part in self.path for part in FOREIGN)

    @property
    def text(self) -> str:
        return "\n".join(self.code)

    @property
    def place(self) -> str:
        """The end of the path, which is what differs."""
        return "/".join(self.path.split("/")[-3:])


@dataclass(frozen=True, slots=True)
class Part:
    """Frames to show, frames to fold, or the text between two errors."""

    kind: str
    """own, foreign or text"""
    frames: Sequence[Frame] = ()
    text: str = ""


def read(text: str) -> list[Part]:
    """Cut a traceback into parts. What cannot be read as frames stays text."""
    parts = [part for item in _joined(_items(text)) for part in _folded(item)]
    if not any(part.kind == "own" for part in parts):
        # Without a frame of ours the innermost one is what matters.
        parts = list(_with_last_shown(parts))
    return parts


def _items(text: str) -> Iterator[str | list[Frame]]:
    frames: list[Frame] = []
    for line in text.splitlines():
        if match := FRAME.match(line):
            frames.append(Frame(match["path"], int(match["line"]), match["name"] or ""))
        elif frames and line.startswith("    "):
            if set(line.strip()) - set("~^"):
                frames[-1].code.append(line.strip())
        else:
            if frames:
                yield frames
                frames = []
            if line.strip() and line.strip() != HEADER:
                yield line
    if frames:
        yield frames


def _joined(items: Iterator[str | list[Frame]]) -> Iterator[str | list[Frame]]:
    """Lines of text that follow each other are one text."""
    for is_text, group in groupby(items, key=lambda item: isinstance(item, str)):
        if is_text:
            yield "\n".join(str(line) for line in group)
        else:
            yield from group


def _folded(item: str | list[Frame]) -> Iterator[Part]:
    if isinstance(item, str):
        yield Part("text", text=item)
        return
    for is_own, frames in groupby(item, key=lambda frame: frame.is_own):
        yield Part("own" if is_own else "foreign", list(frames))


def _with_last_shown(parts: Sequence[Part]) -> Iterator[Part]:
    last = max((place for place, part in enumerate(parts) if part.frames), default=None)
    for place, part in enumerate(parts):
        if place != last:
            yield part
            continue
        if len(part.frames) > 1:
            yield Part("foreign", part.frames[:-1])
        yield Part("own", part.frames[-1:])
