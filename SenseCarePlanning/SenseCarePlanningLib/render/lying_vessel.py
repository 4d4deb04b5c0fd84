"""A straightened vessel lying on its side, start at the left: for a window that is wide and low."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..tubes.reformat import ReformatImage
from ..tubes.sheets import StraightenedSheet
from ..tubes.wall_lines import wall_lines
from .offscreen import RgbImage
from .overlay import Shapes, draw_text, text_size
from .vessel_picture import FAINT, GROUND, INK, VESSEL_WINDOW, DrawnWall, Stretch, windowed

MARK = (255, 82, 82)
_TICK_MM, _NUMBER_MM = 10.0, 20.0


@dataclass(frozen=True, eq=False)
class LyingStyle:
    """What is drawn on a lying vessel.

    Parameters
    ----------
    walls
        Drawn where they cut the picture.
    stretches
        Lesions; only the first of their lines is written, below the picture.
    divisions
        Where segments begin (mm along the line) and their names, written above the picture.
    """

    walls: tuple[DrawnWall, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    divisions: tuple[tuple[float, str], ...] = ()
    window_hu: tuple[float, float] = VESSEL_WINDOW
    text_px: int = 12


@dataclass(frozen=True, eq=False)
class LyingPicture:
    """The picture, and how places along the vessel and columns of it belong together.

    Parameters
    ----------
    picture
        (H, W, 3).
    start_mm, pixel_mm
        Place along the vessel of the left edge, and size of a pixel.
    top, bottom
        Rows between which the reformat lies.
    """

    picture: RgbImage
    start_mm: float
    pixel_mm: float
    top: int
    bottom: int

    def column_of(self, at_mm: float) -> int:
        """Return the column of a place along the vessel, within the picture."""
        return int(np.clip((at_mm - self.start_mm) / self.pixel_mm, 0, self.picture.shape[1] - 1))

    def place_of(self, column: float) -> float:
        """Return the place along the vessel (mm) of a column's middle."""
        return self.start_mm + (column + 0.5) * self.pixel_mm

    def marked(self, at_mm: float) -> RgbImage:
        """Return the picture with a line at a place; the middle of the vessel stays free to be seen."""
        marked = self.picture.copy()
        column = self.column_of(at_mm)
        middle, free = (self.top + self.bottom) // 2, (self.bottom - self.top) // 5
        marked[self.top - 3 : middle - free, max(column - 1, 0) : column + 1] = MARK
        marked[middle + free : self.bottom + 3, max(column - 1, 0) : column + 1] = MARK
        return np.asarray(marked)


def lying_vessel(image: ReformatImage, style: LyingStyle) -> LyingPicture:
    """Draw a straightened reformat lying on its side.

    Raises
    ------
    ValueError
        For another kind of reformat.
    """
    sheet = image.sheet
    if not isinstance(sheet, StraightenedSheet):
        raise ValueError(f"expected a straightened reformat, got one on a {type(sheet).__name__}")
    size = style.text_px
    top, below = round(1.6 * size), round(2.9 * size)
    canvas = np.full((top + sheet.columns + below, sheet.rows, 3), GROUND, dtype=np.uint8)
    canvas[top : top + sheet.columns] = windowed(image, style.window_hu).transpose(1, 0, 2)
    drawn = LyingPicture(canvas, sheet.top_mm, sheet.pixel_mm, top, top + sheet.columns)
    shapes = Shapes()
    for wall, lines in zip(style.walls, wall_lines([one.wall for one in style.walls], sheet), strict=True):
        for line in lines:
            shapes.line(line[:, ::-1] + np.array([0.0, top]), (*wall.colour, 235), 1.0)
    _add_ruler(shapes, drawn, sheet)
    for one in style.stretches:
        first, last = drawn.column_of(one.first_mm), drawn.column_of(one.last_mm)
        row = drawn.bottom + 0.35 * size
        ends = np.array([[first, row - 3.0], [first, row], [last, row], [last, row - 3.0]])
        shapes.line(ends, (*one.colour, 255), 2.0)
    shapes.draw(canvas)
    _write_divisions(drawn, style)
    _write_stretches(drawn, style.stretches, size)
    return drawn


def _add_ruler(shapes: Shapes, drawn: LyingPicture, sheet: StraightenedSheet) -> None:
    """Add a tick every 10 mm at the lower edge of the reformat, a longer one every 20."""
    for place in np.arange(0.0, float(sheet.line.arc_mm[-1]) + 1e-6, _TICK_MM):
        column = (place - sheet.top_mm) / sheet.pixel_mm
        length = 6.0 if place % _NUMBER_MM == 0 else 3.0
        shapes.line(np.array([[column, drawn.bottom - length], [column, drawn.bottom]]), (*INK, 200), 1.0)


def _write_divisions(drawn: LyingPicture, style: LyingStyle) -> None:
    size, width = style.text_px, drawn.picture.shape[1]
    starts = [drawn.column_of(start) for start, _ in style.divisions]
    shapes = Shapes()
    for start in starts[1:]:
        shapes.line(np.array([[start, drawn.top - 0.9 * size], [start, drawn.top + 4]]), (*FAINT, 255), 1.0)
    shapes.draw(drawn.picture)
    for (_, name), start, end in zip(style.divisions, starts, [*starts[1:], width], strict=True):
        if text_size(name, size)[0] < end - start:
            draw_text(drawn.picture, name, (start + end) / 2.0, 0.8 * size, size, colour=INK, halo=None, anchor="mm")


def _write_stretches(drawn: LyingPicture, stretches: Sequence[Stretch], size: int) -> None:
    """Write the first line of each stretch below it, moved along where two are near; two rows are tried, the rest is left out."""
    width = drawn.picture.shape[1]
    ends = [0.0, 0.0]
    for one in sorted(stretches, key=lambda each: each.at_mm):
        if not one.lines:
            continue
        room = text_size(one.lines[0], size)[0]
        middle = float(np.clip(drawn.column_of(one.at_mm), room / 2.0 + 2, max(width - room / 2.0 - 2, room / 2.0 + 2)))
        row = next((at for at, end in enumerate(ends) if middle - room / 2.0 > end), None)
        if row is None:
            continue
        ends[row] = middle + room / 2.0 + 4
        y = drawn.bottom + (1.05 + 1.15 * row) * size
        draw_text(drawn.picture, one.lines[0], middle, y, size, colour=one.colour, halo=None, anchor="mm")
