"""Where a vessel's walls cut the sheet of a reformat: lines to be drawn on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..geometry import FloatArray
from .sheets import CurvedSheet, SectionSheet, StraightenedSheet
from .tube_line import TubeLine

GRID_MM = 0.4
"""Walls are looked for on this grid; the line between its places is linear in the distance from the wall."""


@dataclass(frozen=True, eq=False)
class TubeWall:
    """A wall r(s, angle) around a line.

    Parameters
    ----------
    line
        N samples.
    centre_mm
        (N, 2) middle of the wall in the plane across the line, along "up" and "left".
    radius_mm
        (N, J) distance of the wall from that middle, angles evenly spaced from "up" towards "left".
    """

    line: TubeLine
    centre_mm: FloatArray
    radius_mm: FloatArray

    @cached_property
    def reach_mm(self) -> FloatArray:
        """How far (N,) the wall reaches from the line."""
        return np.asarray(self.radius_mm.max(axis=1) + np.linalg.norm(self.centre_mm, axis=1))

    def depth_mm(self, arc_mm: FloatArray, across_mm: FloatArray) -> FloatArray:
        """Return how far (M,) inside the wall places lie (negative: outside), given (M,) along and (M, 2) across the line."""
        place = np.interp(arc_mm, self.line.arc_mm, np.arange(len(self.line.arc_mm)))
        low = np.minimum(place.astype(np.int64), len(self.line.arc_mm) - 2)
        part = place - low
        centre = (1.0 - part)[:, None] * self.centre_mm[low] + part[:, None] * self.centre_mm[low + 1]
        away = across_mm - centre
        count = self.radius_mm.shape[1]
        turn = np.arctan2(away[:, 1], away[:, 0]) / (2.0 * np.pi) * count
        column = np.floor(turn).astype(np.int64)
        share = turn - column
        ring = [
            (1.0 - share) * self.radius_mm[low + row, column % count] + share * self.radius_mm[low + row, (column + 1) % count]
            for row in (0, 1)
        ]
        return np.asarray((1.0 - part) * ring[0] + part * ring[1] - np.hypot(away[:, 0], away[:, 1]))

    def ring_lps_mm(self, arc_mm: float) -> FloatArray:
        """Return the wall (J + 1, 3) in the plane across the line at a place, closed."""
        point, frame = self.line.at(arc_mm)
        at = [np.interp(arc_mm, self.line.arc_mm, column) for column in (*self.centre_mm.T, *self.radius_mm.T)]
        radius = np.array(at[2:])
        angle = np.arange(len(radius)) * (2.0 * np.pi / len(radius))
        up, left = at[0] + radius * np.cos(angle), at[1] + radius * np.sin(angle)
        ring = point + up[:, None] * frame[1] + left[:, None] * frame[2]
        return np.concatenate([ring, ring[:1]])


def prepare_wall_lines() -> None:
    """Load what finds contours: the first picture of a vessel then takes no longer than the next one."""
    from skimage.measure import find_contours

    find_contours(np.array([[0.0, 1.0], [1.0, 1.0]]), 0.5)


def wall_lines(walls: Sequence[TubeWall], sheet: CurvedSheet) -> list[list[FloatArray]]:
    """Return for each of several walls around one line the lines (K, 2), in pixels, along which it cuts a curved sheet.

    They end where the picture or the vessel ends.
    """
    from skimage.measure import find_contours  # Slicer lacks it until the user installs it

    if not walls:
        return []
    stride = max(round(GRID_MM / sheet.pixel_mm), 1)
    x, y = np.arange(0.5, sheet.columns, stride), np.arange(0.5, sheet.rows, stride)
    near = _near(walls, sheet, x, y)
    rows, columns = np.nonzero(near)
    place = _across(walls[0].line, sheet, np.stack([x[columns], y[rows]], axis=1))
    first, last = float(walls[0].line.arc_mm[0]), float(walls[0].line.arc_mm[-1])
    found = []
    for wall in walls:
        field = np.full(near.shape, -1.0)
        depth = np.maximum(wall.depth_mm(*place), -1.0)
        depth[(place[0] < first) | (place[0] > last)] = np.nan  # no line is drawn there: the wall ends open
        field[rows, columns] = depth
        found.append([stride * line[:, ::-1] + 0.5 for line in find_contours(field, 0.0)])
    return found


def section_ring(wall: TubeWall, sheet: SectionSheet, arc_mm: float) -> FloatArray:
    """Return the wall (J + 1, 2), in pixels, closed, on the plane across the line at a place."""
    return sheet.to_pixels(wall.ring_lps_mm(arc_mm))[0]


def _across(line: TubeLine, sheet: CurvedSheet, pixels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return place along (M,) and across (M, 2) the line of pixels; on a straightened sheet both are known at once."""
    if isinstance(sheet, StraightenedSheet) and sheet.line is line:
        across = pixels[:, 0] * sheet.pixel_mm + sheet.left_mm
        angle = np.radians(sheet.angle_deg)
        return pixels[:, 1] * sheet.pixel_mm + sheet.top_mm, across[:, None] * np.array([np.cos(angle), np.sin(angle)])
    return line.beside(sheet.to_lps(pixels))


def _near(walls: Sequence[TubeWall], sheet: CurvedSheet, x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    """Return which places (rows, columns) of the grid may lie within a wall or beside it."""
    path = sheet.along(sheet.line.arc_mm)
    reach = 0.8 + max(float(wall.reach_mm.max()) for wall in walls)
    step = float(x[1] - x[0]) if len(x) > 1 else 1.0
    away = np.ones((len(y), len(x)), dtype=bool)
    column, row = np.rint((path - 0.5) / step).astype(np.int64).T
    inside = (column >= 0) & (row >= 0) & (column < len(x)) & (row < len(y))
    away[row[inside], column[inside]] = False
    if away.all():
        return ~away
    # where a sheet bends, the way on it to a wall is longer than the straight one
    slack = 1.0 if isinstance(sheet, StraightenedSheet) else 1.4
    return np.asarray(distance_transform_edt(away) * step * sheet.pixel_mm <= slack * reach)
