"""A film: pictures, tables and texts of the page model in boxes on a sheet of film, black between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..dicomio.film import FILM_SIZES_MM
from .model import DataTable, Figure, Notice

REGULAR_LAYOUTS = ("3x3", "3x4", "3x5", "4x4", "4x5", "4x6", "4x7", "4x8", "4x9", "6x6", "7x6")
"""Columns by rows, as film printing of coronary workstations offers them."""


@dataclass(frozen=True)
class Box:
    """A part of a sheet, in units of its grid: left column and upper row, counted from 0, and how many of each."""

    column: int
    row: int
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True)
class Layout:
    """Boxes on a grid, in the order in which they are filled.

    Raises
    ------
    ValueError
        When a box lies outside of the grid, or two overlap.
    """

    columns: int
    rows: int
    boxes: tuple[Box, ...]

    def __post_init__(self) -> None:
        taken: set[tuple[int, int]] = set()
        for box in self.boxes:
            cells = {
                (column, row)
                for column in range(box.column, box.column + box.columns)
                for row in range(box.row, box.row + box.rows)
            }
            inside = all(0 <= column < self.columns and 0 <= row < self.rows for column, row in cells)
            if not cells or not inside or cells & taken:
                raise ValueError(f"the box {box} lies outside of a grid of {self.columns} by {self.rows} or over another box")
            taken |= cells


def regular_layout(name: str) -> Layout:
    """Return the layout of ``3x4``: three columns, four rows, filled row by row.

    Raises
    ------
    ValueError
        When it is none of :data:`REGULAR_LAYOUTS`.
    """
    if name not in REGULAR_LAYOUTS:
        raise ValueError(f"expected a layout in {REGULAR_LAYOUTS}, got {name!r}")
    columns, rows = (int(part) for part in name.split("x"))
    return Layout(columns, rows, tuple(Box(column, row) for row in range(rows) for column in range(columns)))


def _row_of(count: int, row: int, rows: int, width: int = 12) -> tuple[Box, ...]:
    return tuple(Box(at * width // count, row, width // count, rows) for at in range(count))


SPECIAL_LAYOUTS = {
    "L1": Layout(12, 12, (Box(0, 0, 12, 8), *_row_of(3, 8, 4))),
    "L2": Layout(12, 12, (Box(0, 0, 8, 12), *(Box(8, row, 4, 4) for row in (0, 4, 8)))),
    "L3": Layout(12, 12, (*_row_of(2, 0, 6), *_row_of(4, 6, 3), *_row_of(4, 9, 3))),
    "L4": Layout(12, 12, (*_row_of(3, 0, 8), *_row_of(6, 8, 2), *_row_of(6, 10, 2))),
    "L5": Layout(12, 12, (*_row_of(3, 0, 4), *_row_of(3, 4, 4), *_row_of(6, 8, 2), *_row_of(6, 10, 2))),
    "L6": Layout(12, 12, (Box(0, 0, 6, 12), *(Box(column, row, 3, 3) for row in (0, 3, 6, 9) for column in (6, 9)))),
    "L7": Layout(12, 12, (Box(0, 0, 12, 6), *_row_of(2, 6, 6))),
}
"""Layouts with boxes of unlike size. Chosen: products name seven and do not describe them."""


def layout_of(name: str) -> Layout:
    """Return a regular or special layout by name.

    Raises
    ------
    ValueError
        For another name.
    """
    return SPECIAL_LAYOUTS[name] if name in SPECIAL_LAYOUTS else regular_layout(name)


FilmBlock = Figure | DataTable | Notice


@dataclass(frozen=True)
class FilmCell:
    """What stands in a box: a picture with its caption, a table, or a text.

    Pictures in a row are equally large where room for as many ``caption_lines`` is kept below each.
    """

    box: Box
    block: FilmBlock
    caption_lines: int = 0


@dataclass(frozen=True)
class FilmSheet:
    """One film.

    Parameters
    ----------
    layout
        Its grid.
    size
        Film Size ID.
    landscape
        Lying instead of upright.
    title, patient_line, purpose_line
        Above the boxes, and below.
    page_label
        Such as ``1 / 2``.
    """

    layout: Layout
    cells: tuple[FilmCell, ...]
    size: str = "14INX17IN"
    landscape: bool = False
    title: str = ""
    patient_line: str = ""
    purpose_line: str = ""
    page_label: str = ""

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the sheet.

        Raises
        ------
        ValueError
            For an unknown size.
        """
        if self.size not in FILM_SIZES_MM:
            raise ValueError(f"expected a film size in {tuple(FILM_SIZES_MM)}, got {self.size!r}")
        width, height = FILM_SIZES_MM[self.size]
        return (height, width) if self.landscape else (width, height)


def fill(layout: Layout, blocks: Sequence[FilmBlock], small: Collection[int] = ()) -> list[tuple[FilmCell, ...]]:
    """Return the cells of as many sheets as the blocks need, each filled in the order of the layout's boxes.

    Parameters
    ----------
    small
        Numbers of blocks that need no large box, such as cross-sections: where boxes are unlike, they go to the small ones first
        and all others to the large ones.
    """
    largest = max(box.columns * box.rows for box in layout.boxes)
    unlike = any(box.columns * box.rows < largest for box in layout.boxes)
    waiting = {True: deque[FilmBlock](), False: deque[FilmBlock]()}
    for number, block in enumerate(blocks):
        waiting[unlike and number in small].append(block)
    sheets = []
    while any(waiting.values()):
        cells = []
        for box in layout.boxes:
            wanted = waiting[unlike and 2 * box.columns * box.rows < largest] or waiting[True] or waiting[False]
            if wanted:
                cells.append(FilmCell(box, wanted.popleft()))
        sheets.append(tuple(cells))
    return sheets
