"""The sheets that reformats are cut on: exact ways from any pixel to the patient and from any point to its pixel.

A sheet is ruled: each row of the picture is a straight line in the patient. The three curved ones are those of Kanitsar et
al., "CPR - Curved Planar Reformation", IEEE Visualization 2002, doi:10.1109/VISUAL.2002.1183754:

*straightened*: rows lie across the curve, in frames that do not spin; the vessel becomes a straight band, its length and its
diameters are true.
*stretched*: all rows are parallel to one direction, and the surface that they sweep along the curve is unrolled without
distortion: lengths are true, and the vessel keeps its shape along the rows.
*projected*: the same surface seen from the side, not unrolled: what the eye knows from an angiogram, shorter where the vessel
runs towards the viewer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import FloatArray, unit
from .frames import ANTERIOR_LPS, filled_tangents, perpendicular_up
from .tube_line import TubeLine


@dataclass(frozen=True, eq=False)
class Sheet(ABC):
    """Where the pixels of a picture lie. Pixel coordinates (x, y) count from the top left corner; the first pixel's middle
    is (0.5, 0.5).

    Parameters
    ----------
    rows, columns, pixel_mm
        Size of the picture; pixels are square.
    left_mm, top_mm
        Coordinates on the sheet of the picture's left and upper edge.
    """

    rows: int
    columns: int
    pixel_mm: float
    left_mm: float
    top_mm: float

    @abstractmethod
    def rulings(self, down_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return origin, unit direction and unit normal (..., 3) of the rows at places (...) down the sheet."""

    @abstractmethod
    def coordinates(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return where points (M, 3) lie on the sheet: (M, 3) across, down and off it (along its normal), mm."""

    def to_lps(self, pixels: ArrayLike, depth_mm: ArrayLike = 0.0) -> FloatArray:
        """Return where pixels (M, 2) as (x, y) lie in the patient (M, 3), at depths (M,) or one depth off the sheet."""
        place = np.atleast_2d(np.asarray(pixels, dtype=np.float64)) * self.pixel_mm
        origin, direction, normal = self.rulings(place[:, 1] + self.top_mm)
        depth = np.broadcast_to(np.asarray(depth_mm, dtype=np.float64), len(place))
        return np.asarray(origin + (place[:, :1] + self.left_mm) * direction + depth[:, None] * normal)

    def to_pixels(self, points_lps_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the pixels (M, 2) as (x, y) that points (M, 3) belong to, and how far (M,) off the sheet they lie, mm.

        Both together lead back: ``to_lps(*to_pixels(points))`` are the points. The pixel may lie outside of the picture.
        """
        place = self.coordinates(np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64)))
        return self._pixels(place[:, 0], place[:, 1]), place[:, 2]

    def _pixels(self, across_mm: FloatArray, down_mm: FloatArray) -> FloatArray:
        return np.stack([across_mm - self.left_mm, down_mm - self.top_mm], axis=1) / self.pixel_mm

    @property
    def across_mm(self) -> FloatArray:
        """Coordinates (columns,) across of the pixels' middles."""
        return np.asarray(self.left_mm + self.pixel_mm * (np.arange(self.columns) + 0.5))

    @property
    def down_mm(self) -> FloatArray:
        """Coordinates (rows,) down of the pixels' middles."""
        return np.asarray(self.top_mm + self.pixel_mm * (np.arange(self.rows) + 0.5))


@dataclass(frozen=True, eq=False)
class StraightenedSheet(Sheet):
    """Rows across a curve, turned by ``angle_deg`` from "up" towards "left"; down the sheet is along the curve."""

    line: TubeLine
    angle_deg: float

    def rulings(self, down_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See :class:`Sheet`."""
        points, frames = self.line.at(down_mm)
        return points, _turned(frames, self.angle_deg), _turned(frames, self.angle_deg + 90.0)

    def coordinates(self, points_lps_mm: FloatArray) -> FloatArray:
        """See :class:`Sheet`."""
        arc, across = self.line.beside(points_lps_mm)
        cosine, sine = _wave(self.angle_deg)
        return np.stack([cosine * across[:, 0] + sine * across[:, 1], arc, cosine * across[:, 1] - sine * across[:, 0]], axis=1)

    def along(self, arc_mm: ArrayLike) -> FloatArray:
        """Return the pixels (M, 2) of places (M,) on the vessel's own line."""
        arc = np.atleast_1d(np.asarray(arc_mm, dtype=np.float64))
        return self._pixels(np.zeros(len(arc)), arc)

    def folded(self) -> NDArray[np.bool_]:
        """Return where (rows, columns) the sheet folds: inside a bend, past its centre, the picture shows tissue twice."""
        step = 0.5 * self.pixel_mm
        ends = [self.rulings(self.down_mm + shift) for shift in (-step, step)]
        tangent = self.line.at(self.down_mm)[1][:, 0]
        moved = (ends[1][0] - ends[0][0])[:, None] + self.across_mm[None, :, None] * (ends[1][1] - ends[0][1])[:, None]
        return np.asarray((moved * tangent[:, None]).sum(axis=2) <= 0.0)


@dataclass(frozen=True, eq=False)
class StretchedSheet(Sheet):
    """Parallel rows; ``profile`` is the curve seen along them: its frames are tangent, row and normal, its arc the place down.

    ``line`` is the vessel's curve, ``line_down_mm`` (N,) how far down the sheet each of its samples lies.
    """

    line: TubeLine
    profile: TubeLine
    line_down_mm: FloatArray

    def rulings(self, down_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See :class:`Sheet`."""
        points, frames = self.profile.at(down_mm)
        return points, frames[..., 1, :], frames[..., 2, :]

    def coordinates(self, points_lps_mm: FloatArray) -> FloatArray:
        """See :class:`Sheet`."""
        arc, across = self.profile.beside(points_lps_mm, self.profile.frames[0, 1])
        return np.stack([across[:, 0], arc, across[:, 1]], axis=1)

    def along(self, arc_mm: ArrayLike) -> FloatArray:
        """Return the pixels (M, 2) of places (M,) on the vessel's own line."""
        arc = np.atleast_1d(np.asarray(arc_mm, dtype=np.float64))
        down = np.interp(arc, self.line.arc_mm, self.line_down_mm)
        return self._pixels(self.line.at(arc)[0] @ self.profile.frames[0, 1], down)


@dataclass(frozen=True, eq=False)
class ProjectedSheet(Sheet):
    """Parallel rows seen along ``axes[2]``; where the curve turns back, its part nearer to the viewer is shown.

    ``axes`` (3, 3) are the picture's down, across and away from the viewer, ``line`` the vessel's curve.
    """

    line: TubeLine
    axes: FloatArray

    def rulings(self, down_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See :class:`Sheet`."""
        down = np.asarray(down_mm, dtype=np.float64)
        origin = down[..., None] * self.axes[0] + self._depth_mm(down)[..., None] * self.axes[2]
        shape = origin.shape
        return origin, np.broadcast_to(self.axes[1], shape), np.broadcast_to(self.axes[2], shape)

    def coordinates(self, points_lps_mm: FloatArray) -> FloatArray:
        """See :class:`Sheet`."""
        seen = points_lps_mm @ self.axes.T
        return np.stack([seen[:, 1], seen[:, 0], seen[:, 2] - self._depth_mm(seen[:, 0])], axis=1)

    def along(self, arc_mm: ArrayLike) -> FloatArray:
        """Return the pixels (M, 2) of places (M,) on the vessel's own line, hidden ones too."""
        seen = self.line.at(np.atleast_1d(np.asarray(arc_mm, dtype=np.float64)))[0] @ self.axes.T
        return self._pixels(seen[:, 1], seen[:, 0])

    def _depth_mm(self, down_mm: FloatArray) -> FloatArray:
        """Return how far (...) from the viewer the surface lies at each height; past the curve's ends as at the ends."""
        first = [part[0][0] for part in self._pieces]
        last = [part[0][-1] for part in self._pieces]
        asked = np.clip(down_mm, min(first), max(last))
        depths = [
            np.where((asked >= height[0]) & (asked <= height[-1]), np.interp(asked, height, depth), np.inf)
            for height, depth in self._pieces
        ]
        return np.asarray(np.min(depths, axis=0))

    @cached_property
    def _pieces(self) -> list[tuple[FloatArray, FloatArray]]:
        """Height and depth of the curve between the places where it turns back, each by ascending height."""
        seen = self.line.points_lps_mm @ self.axes.T
        height, depth = seen[:, 0], seen[:, 2]
        rising = np.diff(height) >= 0.0
        ends = np.flatnonzero(np.diff(rising)) + 1
        edges = [0, *ends.tolist(), len(height) - 1]
        parts = [slice(low, high + 1) for low, high in pairwise(edges)]
        return [(height[part], depth[part]) if rising[part.start] else (height[part][::-1], depth[part][::-1]) for part in parts]


@dataclass(frozen=True, eq=False)
class SectionSheet(Sheet):
    """A plane: ``centre_lps_mm`` (3,) lies in the middle, ``axes`` (3, 3) are the picture's right, down and normal."""

    centre_lps_mm: FloatArray
    axes: FloatArray

    def rulings(self, down_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """See :class:`Sheet`."""
        origin = self.centre_lps_mm + np.asarray(down_mm)[..., None] * self.axes[1]
        return origin, np.broadcast_to(self.axes[0], origin.shape), np.broadcast_to(self.axes[2], origin.shape)

    def coordinates(self, points_lps_mm: FloatArray) -> FloatArray:
        """See :class:`Sheet`."""
        return np.asarray((points_lps_mm - self.centre_lps_mm) @ self.axes.T)


CurvedSheet = StraightenedSheet | StretchedSheet | ProjectedSheet


def straightened(line: TubeLine, angle_deg: float = 0.0, width_mm: float = 24.0, pixel_mm: float = 0.2) -> StraightenedSheet:
    """Return the sheet of a straightened reformat: the start of the line at the top."""
    columns = _count(width_mm, pixel_mm)
    return StraightenedSheet(
        _count(line.length_mm, pixel_mm), columns, pixel_mm, -0.5 * columns * pixel_mm, float(line.arc_mm[0]), line, angle_deg
    )


def stretched(
    line: TubeLine, angle_deg: float = 0.0, margin_mm: float = 12.0, pixel_mm: float = 0.2, end_mm: float = 0.0
) -> StretchedSheet:
    """Return the sheet of a stretched reformat.

    Parameters
    ----------
    angle_deg
        Turns the rows about the vessel's main axis (:func:`turning_axes`).
    margin_mm
        Left and right of the vessel.
    end_mm
        Above its start and below its end, where the sheet goes straight on.
    """
    row = _turned(turning_axes(line), angle_deg)
    along = line.points_lps_mm @ row
    flat = line.points_lps_mm - along[:, None] * row
    down = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    kept = np.concatenate([[True], np.diff(down) > 1e-6])
    if kept.sum() < 2:
        raise ValueError("the vessel is a straight line along the rows: choose another angle")
    profile, arc = flat[kept], down[kept]
    tangent = filled_tangents(profile)
    rows = np.broadcast_to(row, profile.shape)
    frames = np.stack([tangent, rows, np.cross(rows, tangent)], axis=1)
    left, columns = _extent(along, margin_mm, pixel_mm)
    return StretchedSheet(
        _count(float(arc[-1]) + 2.0 * end_mm, pixel_mm),
        columns,
        pixel_mm,
        left,
        -end_mm,
        line,
        TubeLine(profile, frames, arc),
        down,
    )


def projected(line: TubeLine, angle_deg: float = 0.0, margin_mm: float = 12.0, pixel_mm: float = 0.2) -> ProjectedSheet:
    """Return the sheet of a projected reformat; parameters as for :func:`stretched`."""
    frame = turning_axes(line)
    axes = np.stack([frame[0], _turned(frame, angle_deg), _turned(frame, angle_deg + 90.0)])
    seen = line.points_lps_mm @ axes.T
    left, columns = _extent(seen[:, 1], margin_mm, pixel_mm)
    top = float(seen[:, 0].min())
    return ProjectedSheet(_count(float(np.ptp(seen[:, 0])), pixel_mm), columns, pixel_mm, left, top, line, axes)


def cross_section(line: TubeLine, arc_mm: float, width_mm: float = 12.0, pixel_mm: float = 0.1) -> SectionSheet:
    """Return the plane across the line at a place: seen along the vessel, "up" at the top and "left" on the left."""
    centre, frame = line.at(arc_mm)
    count = _count(width_mm, pixel_mm)
    half = -0.5 * count * pixel_mm
    return SectionSheet(count, count, pixel_mm, half, half, centre, np.stack([-frame[2], -frame[1], frame[0]]))


def probe_strip(line: TubeLine, places_mm: ArrayLike, width_mm: float = 12.0, pixel_mm: float = 0.1) -> tuple[SectionSheet, ...]:
    """Return the planes across the line at several places (K,)."""
    return tuple(cross_section(line, float(place), width_mm, pixel_mm) for place in np.atleast_1d(np.asarray(places_mm)))


def turning_axes(line: TubeLine) -> FloatArray:
    """Return the frame (3, 3) about which stretched and projected reformats turn.

    Its first row is the direction in which the vessel is the longest, pointing from start to end; the second is as anterior
    as can be (angle 0), the third lies at 90 degrees.
    """
    points = line.points_lps_mm
    main = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
    main = main if np.dot(points[-1] - points[0], main) >= 0.0 else -main
    up = perpendicular_up(main, ANTERIOR_LPS)
    return np.stack([main, up, np.cross(up, main)])


def _wave(angle_deg: float) -> tuple[float, float]:
    return float(np.cos(np.radians(angle_deg))), float(np.sin(np.radians(angle_deg)))


def _turned(frames: FloatArray, angle_deg: float) -> FloatArray:
    """Return the direction (..., 3) at an angle from "up" towards "left" of frames (..., 3, 3)."""
    cosine, sine = _wave(angle_deg)
    return unit(cosine * frames[..., 1, :] + sine * frames[..., 2, :])


def _count(length_mm: float, pixel_mm: float) -> int:
    if pixel_mm <= 0:
        raise ValueError(f"a pixel needs a positive size, got {pixel_mm} mm")
    return max(int(np.ceil(length_mm / pixel_mm - 1e-9)), 1)


def _extent(along_mm: FloatArray, margin_mm: float, pixel_mm: float) -> tuple[float, int]:
    """Return left edge and number of columns that hold a vessel with a margin."""
    low, high = float(along_mm.min()) - margin_mm, float(along_mm.max()) + margin_mm
    return low, _count(high - low, pixel_mm)
