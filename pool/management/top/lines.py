"""Rows in columns, as lines of text that are exactly as wide as they shall be. Pure.

A table that measures its cells would move its columns with every change of a figure. Here the widths follow from the
width of the screen alone, and the first columns without a name leave their place to the heading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from pool.management.output import GREY

GUTTER = "  "
POINTER = "› "
SELECTED = "reverse"


Cell = Text | str | tuple[Text, ...]
"""Several are the same at different lengths, the longest first: the first one that fits is shown."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    cell: Callable[[Any], Cell]
    width: int = 0
    """Columns of the screen; 0 for a share of what is left over."""
    share: int = 1
    is_number: bool = False


def widths_of(columns: Sequence[Column], width: int) -> list[int]:
    """How wide each column is, with one blank behind it."""
    shares = sum(column.share for column in columns if not column.width)
    left = width - len(GUTTER) - sum(column.width for column in columns) - len(columns)
    given = [column.width or max(left * column.share // max(shares, 1), 0) for column in columns]
    flexible = [index for index, column in enumerate(columns) if not column.width]
    if flexible:
        given[flexible[-1]] += max(left - sum(given[index] for index in flexible), 0)
    return given


def heading_line(heading: Text, columns: Sequence[Column], width: int) -> Text:
    """The heading, and the names of the columns over what they name."""
    widths, line = widths_of(columns, width), Text(no_wrap=True)
    unnamed = next((index for index, column in enumerate(columns) if column.name), len(columns))
    line.append_text(_cell(heading, len(GUTTER) + sum(widths[:unnamed]) + unnamed - 1, is_number=False)).append(" ")
    for column, cell_width in zip(columns[unnamed:], widths[unnamed:], strict=True):
        line.append_text(_cell(Text(column.name, style=GREY), cell_width, column.is_number)).append(" ")
    return _exactly(line, width)


def row_line(row: Any, columns: Sequence[Column], width: int, *, is_selected: bool = False) -> Text:
    line = Text(POINTER if is_selected else GUTTER, no_wrap=True)
    for column, cell_width in zip(columns, widths_of(columns, width), strict=True):
        line.append_text(_cell(_fitting(column.cell(row), cell_width), cell_width, column.is_number)).append(" ")
    # One colour for the whole row: what is reversed piece by piece is hard to read.
    return _exactly(Text(line.plain, style=SELECTED, no_wrap=True) if is_selected else line, width)


def _fitting(cell: Cell, width: int) -> Text:
    if isinstance(cell, tuple):
        return next((text for text in cell if text.cell_len <= width), cell[-1])
    return cell if isinstance(cell, Text) else Text(cell)


def _cell(text: Text, width: int, is_number: bool) -> Text:
    if width <= 0:
        return Text()
    cut = text.copy()
    cut.truncate(width, overflow="ellipsis")
    blank = width - cut.cell_len
    if is_number:
        cut.pad_left(blank)
    else:
        cut.pad_right(blank)
    return cut


def _exactly(line: Text, width: int) -> Text:
    line.truncate(width, overflow="crop", pad=True)
    return line
