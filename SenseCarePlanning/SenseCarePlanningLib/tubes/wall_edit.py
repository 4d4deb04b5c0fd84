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
LEAST_RADIUS_MM = 0.05
_RIDGE = 1e-6


@dataclass(frozen=True)
class Anchor:
    """A point that the wall must pass: distance along the tube (mm), angle from "up" towards "left" (degrees), radius (mm)."""

    arc_mm: float
    angle_deg: float
    radius_mm: float


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
        When an anchor's radius is not positive or it lies outside the tube.
    """
    if not anchors:
        return edge_mm
    place = np.array([one.arc_mm for one in anchors])
    angle = np.deg2rad([one.angle_deg for one in anchors])
    radius = np.array([one.radius_mm for one in anchors])
    if (radius <= 0).any() or (place < arc_mm[0] - 1e-6).any() or (place > arc_mm[-1] + 1e-6).any():
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
