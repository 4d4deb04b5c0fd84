"""A vessel's reformat lying on its side, start at the left: for a window that is wide and low."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..geometry import FloatArray, unit
from ..tubes.reformat import ReformatImage
from ..tubes.sheets import CurvedSheet, StraightenedSheet
from ..tubes.wall_lines import wall_lines
from .offscreen import RgbImage
from .overlay import Shapes, draw_text, text_size
from .vessel_picture import FAINT, GROUND, INK, VESSEL_WINDOW, DrawnWall, Stretch, beside_px, windowed

MARK = (255, 82, 82)
_TICK_MM, _NUMBER_MM, _SCALE_MM = 10.0, 20.0, 20.0
_FREE_MM, _MARKED_MM = 2.0, 6.0
"""Where a vessel keeps its shape, the mark across it begins and ends so far from its line."""
_NAME_MM, _BRACKET_MM, _TEXT_MM = 3.6, 3.2, 6.2
"""There too, so far from the line stand names of segments, brackets of lesions, and what is written of them."""


@dataclass(frozen=True, eq=False)
class LyingStyle:
    """What is drawn on a lying vessel.

    Parameters
    ----------
    walls
        Drawn where they cut the picture.
    stretches
        Lesions; only the first of their lines is written, below the picture or, where the vessel keeps its shape, beside it.
    divisions
        Where segments begin (mm along the line) and their names, written above the picture or beside the vessel.
    scale_text
        Text at the scale bar, with ``{length}``; a straightened vessel has a ruler instead.
    """

    walls: tuple[DrawnWall, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    divisions: tuple[tuple[float, str], ...] = ()
    window_hu: tuple[float, float] = VESSEL_WINDOW
    text_px: int = 12
    scale_text: str = "{length} mm"


@dataclass(frozen=True, eq=False)
class LyingPicture:
    """The picture, and how places along the vessel and pixels of it belong together.

    The upright reformat is turned by a quarter, never mirrored: what lay right of the vessel lies above it.

    Parameters
    ----------
    picture
        (H, W, 3).
    sheet
        What the upright reformat was cut on.
    top, bottom
        Rows between which the reformat lies.
    """

    picture: RgbImage
    sheet: CurvedSheet
    top: int
    bottom: int

    @property
    def pixel_mm(self) -> float:
        """Size of a pixel."""
        return self.sheet.pixel_mm

    def lying(self, upright: ArrayLike) -> FloatArray:
        """Return where pixels (M, 2) as (x, y) of the upright reformat lie in the picture."""
        place = np.atleast_2d(np.asarray(upright, dtype=np.float64))
        return np.stack([place[:, 1], self.bottom - place[:, 0]], axis=1)

    def upright(self, x: float, y: float) -> FloatArray:
        """Return the pixel (2,) of the upright reformat that lies at a place of the picture."""
        return np.array([self.bottom - y, x])

    @cached_property
    def _path(self) -> FloatArray:
        return self.lying(self.sheet.along(self.sheet.line.arc_mm))

    def point_of(self, at_mm: float) -> tuple[float, float]:
        """Return where (x, y) a place along the vessel lies."""
        x, y = self.lying(self.sheet.along(at_mm))[0]
        return float(x), float(y)

    def column_of(self, at_mm: float) -> int:
        """Return the column of a place along the vessel, within the picture."""
        return int(np.clip(np.floor(self.point_of(at_mm)[0] + 1e-9), 0, self.picture.shape[1] - 1))

    def place_of(self, column: float, row: float | None = None) -> float:
        """Return the place along the vessel (mm) at a pixel.

        Where the vessel is straight the column alone tells it; else it is the place on its line that is nearest to the pixel,
        or, without a row, in the column.
        """
        if isinstance(self.sheet, StraightenedSheet):
            return float(self.sheet.top_mm + (column + 0.5) * self.sheet.pixel_mm)
        away = self._path - np.array([column + 0.5, 0.0 if row is None else row + 0.5])
        distance = np.abs(away[:, 0]) if row is None else np.linalg.norm(away, axis=1)
        return float(self.sheet.line.arc_mm[int(distance.argmin())])

    def marked(self, at_mm: float) -> RgbImage:
        """Return the picture with a line across the vessel at a place; its middle stays free to be seen."""
        marked = self.picture.copy()
        if isinstance(self.sheet, StraightenedSheet):
            column = self.column_of(at_mm)
            middle, free = (self.top + self.bottom) // 2, (self.bottom - self.top) // 5
            marked[self.top - 3 : middle - free, max(column - 1, 0) : column + 1] = MARK
            marked[middle + free : self.bottom + 3, max(column - 1, 0) : column + 1] = MARK
            return np.asarray(marked)
        x, y = self.point_of(at_mm)
        ends = [self.point_of(at_mm + step) for step in (-0.5, 0.5)]
        ahead = unit(np.array(ends[1]) - np.array(ends[0]))
        for side in (-1.0, 1.0):
            along = side * np.arange(_FREE_MM, _MARKED_MM, 0.4 * self.pixel_mm) / self.pixel_mm
            for shift in (0.0, 1.0):
                columns = np.rint(x - along * ahead[1] + shift * ahead[0]).astype(np.int64)
                rows = np.rint(y + along * ahead[0] + shift * ahead[1]).astype(np.int64)
                inside = (columns >= 0) & (rows >= 0) & (columns < marked.shape[1]) & (rows < marked.shape[0])
                marked[rows[inside], columns[inside]] = MARK
        return np.asarray(marked)


def lying_vessel(image: ReformatImage, style: LyingStyle) -> LyingPicture:
    """Draw a reformat lying on its side.

    Raises
    ------
    ValueError
        When it does not run along a vessel.
    """
    sheet = image.sheet
    if not isinstance(sheet, CurvedSheet):
        raise ValueError(f"expected a reformat along a vessel, got one on a {type(sheet).__name__}")
    straight, size = isinstance(sheet, StraightenedSheet), style.text_px
    top, below = (round(1.6 * size), round(2.9 * size)) if straight else (0, 0)
    canvas = np.full((top + sheet.columns + below, sheet.rows, 3), GROUND, dtype=np.uint8)
    canvas[top : top + sheet.columns] = np.rot90(windowed(image, style.window_hu))
    drawn = LyingPicture(canvas, sheet, top, top + sheet.columns)
    shapes = Shapes()
    for wall, lines in zip(style.walls, wall_lines([one.wall for one in style.walls], sheet), strict=True):
        for line in lines:
            shapes.line(drawn.lying(line), (*wall.colour, 235), 1.0)
    if straight:
        _add_ruler(shapes, drawn)
        for one in style.stretches:
            first, last = drawn.column_of(one.first_mm), drawn.column_of(one.last_mm)
            row = drawn.bottom + 0.35 * size
            ends = np.array([[first, row - 3.0], [first, row], [last, row], [last, row - 3.0]])
            shapes.line(ends, (*one.colour, 255), 2.0)
        shapes.draw(canvas)
        _write_divisions(drawn, style)
        _write_stretches(drawn, style.stretches, size)
    else:
        _add_beside(shapes, drawn, style)
        shapes.draw(canvas)
        _write_beside(drawn, style)
    return drawn


def _add_ruler(shapes: Shapes, drawn: LyingPicture) -> None:
    """Add a tick every 10 mm at the lower edge of the reformat, a longer one every 20."""
    for place in np.arange(0.0, float(drawn.sheet.line.arc_mm[-1]) + 1e-6, _TICK_MM):
        column = drawn.point_of(place)[0]
        length = 6.0 if place % _NUMBER_MM == 0 else 3.0
        shapes.line(np.array([[column, drawn.bottom - length], [column, drawn.bottom]]), (*INK, 200), 1.0)


def _add_beside(shapes: Shapes, drawn: LyingPicture, style: LyingStyle) -> None:
    """Add a bracket beside each stretch, a tick where each segment begins, and a scale bar."""
    sheet = drawn.sheet
    for one in style.stretches:
        arc = np.linspace(one.first_mm, one.last_mm, max(int((one.last_mm - one.first_mm) / 0.4), 2))
        shapes.line(drawn.lying(beside_px(sheet, arc, _BRACKET_MM)), (*one.colour, 255), 2.0)
    for start, _ in style.divisions[1:]:
        ends = beside_px(sheet, [start, start], [-_NAME_MM + 1.6, -_NAME_MM - 1.0])
        shapes.line(drawn.lying(ends), (*INK, 230), 1.2)
    right, low, length = drawn.picture.shape[1] - 6.0, drawn.picture.shape[0] - 6.0, _SCALE_MM / drawn.pixel_mm
    shapes.line([[right - length, low], [right, low]], (*INK, 255), 2.0)


def _write_beside(drawn: LyingPicture, style: LyingStyle) -> None:
    """Write names beside the middles of their segments and what is told of lesions beside these, within the picture."""
    size, starts = style.text_px, [start for start, _ in style.divisions]
    ends = [*starts[1:], float(drawn.sheet.line.arc_mm[-1])]
    for (_, name), start, end in zip(style.divisions, starts, ends, strict=True):
        _write_at(drawn, name, 0.5 * (start + end), -_NAME_MM, INK, size)
    for one in style.stretches:
        if one.lines:
            _write_at(drawn, one.lines[0], one.at_mm, _TEXT_MM, one.colour, size)
    text = style.scale_text.format(length=f"{_SCALE_MM:.0f}")
    draw_text(drawn.picture, text, drawn.picture.shape[1] - 6.0, drawn.picture.shape[0] - 9.0, size, colour=INK, anchor="rb")


def _write_at(drawn: LyingPicture, text: str, at_mm: float, away_mm: float, colour: tuple[int, int, int], size: int) -> None:
    x, y = drawn.lying(beside_px(drawn.sheet, at_mm, away_mm))[0]
    room = np.array(text_size(text, size)) / 2.0 + 2.0
    x, y = (float(np.clip(value, one, max(whole - one, one))) for value, one, whole in zip(
        (x, y), room, (drawn.picture.shape[1], drawn.picture.shape[0]), strict=True))  # fmt: skip
    draw_text(drawn.picture, text, x, y, size, colour=colour, anchor="mm")


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
