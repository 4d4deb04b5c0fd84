"""Walls r(s, angle) moved by hand: anchors that a wall must pass, and a smooth change of it between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import FloatArray
from .crosssection import ray_angles

ALONG_MM, AROUND_DEG = 1.0, 35.0
"""How far an anchor reaches: standard deviations along the tube and around it. Chosen: a drag moves about a millimetre of wall
and a third of its round, so that one anchor mends a local error and four reshape a section."""
APART = 0.7
"""Anchors nearer than this, in the units above, are one: the later takes the earlier's place. Chosen: two so near that asked for
different radii would throw the wall to both sides of them."""
LEAST_RADIUS_MM = 0.05
_RIDGE = 1e-6


@dataclass(frozen=True)
class Anchor:
    """A point that the wall must pass: distance along the tube (mm), angle from "up" towards "left" (degrees), radius (mm)."""

    arc_mm: float
    angle_deg: float
    radius_mm: float


def with_anchor(anchors: Sequence[Anchor], new: Anchor) -> tuple[Anchor, ...]:
    """Return anchors with a new one, which takes the place of those closer to it than :data:`APART`."""
    return (*(one for one in anchors if apart(one, new) >= APART), new)


def apart(one: Anchor, other: Anchor) -> float:
    """Return how far two anchors are apart, in units of :data:`ALONG_MM` along the tube and of :data:`AROUND_DEG` around it."""
    turn = (one.angle_deg - other.angle_deg + 180.0) % 360.0 - 180.0
    return float(np.hypot((one.arc_mm - other.arc_mm) / ALONG_MM, turn / AROUND_DEG))


def wall_at(edge_mm: FloatArray, arc_mm: FloatArray, place_mm: float, angle_deg: float) -> float:
    """Return the radius of a wall (N, J) at one place along the tube (``arc_mm`` (N,)) and one angle, linear between samples."""
    return _wall_at(edge_mm, arc_mm, place_mm, float(np.deg2rad(angle_deg)))


def pass_anchors(edge_mm: FloatArray, arc_mm: FloatArray, anchors: Sequence[Anchor]) -> FloatArray:
    """Return the wall that passes all anchors; far from them it is unchanged.

    The change is a sum of bumps about the anchors, whose heights follow from the wish that all be passed. Bumps along the
    artery are Gaussian, around it von Mises.

    Parameters
    ----------
    edge_mm
        (N, J) wall, angles evenly spaced.
    arc_mm
        (N,) distance along the tube, ascending.

    Raises
    ------
    ValueError
        When an anchor's radius is not positive, it lies outside the tube, or one of its numbers is none.
    """
    if not anchors:
        return edge_mm
    place = np.array([one.arc_mm for one in anchors])
    angle = np.deg2rad([one.angle_deg for one in anchors])
    radius = np.array([one.radius_mm for one in anchors])
    legal = (radius > 0) & (place >= arc_mm[0] - 1e-6) & (place <= arc_mm[-1] + 1e-6)
    if not (legal & np.isfinite(angle) & np.isfinite(radius)).all():
        raise ValueError(f"anchors need a positive radius and a place between {arc_mm[0]} and {arc_mm[-1]} mm, got {anchors!r}")
    rays = ray_angles(edge_mm.shape[1])
    now = np.array([_wall_at(edge_mm, arc_mm, one, turn) for one, turn in zip(place, angle, strict=True)])
    among = _reach(place[:, None] - place[None], angle[:, None] - angle[None])
    heights = np.linalg.solve(among + _RIDGE * np.eye(len(place)), radius - now)
    along = np.exp(-0.5 * ((arc_mm[:, None] - place[None]) / ALONG_MM) ** 2)
    around = _around(rays[:, None] - angle[None])
    return np.asarray(np.maximum(edge_mm + (along * heights) @ around.T, LEAST_RADIUS_MM))


def _wall_at(edge_mm: FloatArray, arc_mm: FloatArray, place: float, angle: float) -> float:
    count = edge_mm.shape[1]
    turn = (angle / (2.0 * np.pi) * count) % count
    low, part = int(turn), turn - int(turn)
    column = (1.0 - part) * edge_mm[:, low % count] + part * edge_mm[:, (low + 1) % count]
    return float(np.interp(place, arc_mm, column))


def _reach(along_mm: FloatArray, turn: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * (along_mm / ALONG_MM) ** 2) * _around(turn))


def _around(turn: FloatArray) -> FloatArray:
    return np.asarray(np.exp((np.cos(turn) - 1.0) / np.deg2rad(AROUND_DEG) ** 2))
