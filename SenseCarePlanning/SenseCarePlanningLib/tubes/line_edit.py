"""A centreline moved by hand: points that it must pass, and a smooth change of it between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import FloatArray

REACH_MM = 4.0
"""How far along the line a moved point takes it along: the standard deviation of a Gaussian. Chosen: a vessel of 3 mm that is
mended at one place is mended over the length of a usual lesion, and bends no more sharply than vessels do."""
APART_MM = 0.7 * REACH_MM
"""Points nearer than this along the line are one: the later takes the earlier's place. Chosen as for walls."""
_RIDGE = 1e-6


@dataclass(frozen=True)
class LinePoint:
    """Where a place of the line, mm from its start, is moved to, LPS mm."""

    arc_mm: float
    point_lps_mm: tuple[float, float, float]


def with_point(points: Sequence[LinePoint], new: LinePoint) -> tuple[LinePoint, ...]:
    """Return moved points with a new one, which takes the place of those closer to it than :data:`APART_MM`."""
    return (*(one for one in points if abs(one.arc_mm - new.arc_mm) >= APART_MM), new)


def point_at(line_lps_mm: FloatArray, arc_mm: FloatArray, place_mm: float) -> FloatArray:
    """Return the point (3,) of a line (N, 3) at a place along it, linear between samples; past its ends the end."""
    return np.array([np.interp(place_mm, arc_mm, column) for column in line_lps_mm.T])


def pass_points(line_lps_mm: FloatArray, arc_mm: FloatArray, points: Sequence[LinePoint]) -> FloatArray:
    """Return the line that passes all moved points; far from them it is unchanged.

    Parameters
    ----------
    line_lps_mm, arc_mm
        (N, 3) line and (N,) distance along it, ascending.

    Raises
    ------
    ValueError
        When a point is moved from a place that is not on the line, or one of its numbers is none.
    """
    if not points:
        return line_lps_mm
    place = np.array([one.arc_mm for one in points])
    to = np.array([one.point_lps_mm for one in points], dtype=np.float64)
    legal = (place >= arc_mm[0] - 1e-6) & (place <= arc_mm[-1] + 1e-6)
    if not (legal & np.isfinite(to).all(axis=1)).all():
        raise ValueError(f"points need a place between {arc_mm[0]} and {arc_mm[-1]} mm on the line, got {points!r}")
    away = to - np.array([point_at(line_lps_mm, arc_mm, float(one)) for one in place])
    among = np.exp(-0.5 * ((place[:, None] - place[None]) / REACH_MM) ** 2)
    heights = np.linalg.solve(among + _RIDGE * np.eye(len(place)), away)
    return np.asarray(line_lps_mm + np.exp(-0.5 * ((arc_mm[:, None] - place[None]) / REACH_MM) ** 2) @ heights)
