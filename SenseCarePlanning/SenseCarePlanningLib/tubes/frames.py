"""Rotation-minimising frames: a camera or a cross-section that follows a curve without spinning about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..geometry import FloatArray, tangents, unit

ANTERIOR_LPS = np.array([0.0, -1.0, 0.0])
SUPERIOR_LPS = np.array([0.0, 0.0, 1.0])
_SAME_DIRECTION = 1e-12


def rotation_minimising_frames(points: ArrayLike, first_up: ArrayLike | None = None) -> FloatArray:
    """Carry a frame along a curve by double reflection.

    Parameters
    ----------
    points
        (N, 3) curve in mm, N >= 2.
    first_up
        (3,) wished "up" at the first point; its part along the curve is removed. Anterior by default, superior
        where the curve itself runs anterior.

    Returns
    -------
    frames
        (N, 3, 3); rows are tangent, up and left (``left = up x tangent``, the left hand of a viewer who looks along
        the tangent), orthonormal. The three rows in this order are left-handed (determinant -1).

    Raises
    ------
    ValueError
        When there are fewer than two points, or all coincide.

    References
    ----------
    Wang, Juettler, Zheng, Liu: Computation of rotation minimizing frames, ACM Trans. Graph. 27(1), 2008.
    """
    curve = np.asarray(points, dtype=np.float64)
    if curve.ndim != 2 or curve.shape[1] != 3 or len(curve) < 2:
        raise ValueError(f"a frame needs a curve (N, 3) with N >= 2, got shape {curve.shape}")
    tangent = filled_tangents(curve)
    up = np.empty_like(curve)
    up[0] = perpendicular_up(tangent[0], first_up)
    for at in range(len(curve) - 1):
        up[at + 1] = _carried(up[at], tangent[at], tangent[at + 1], curve[at + 1] - curve[at])
    return np.stack([tangent, up, np.cross(up, tangent)], axis=1)


def filled_tangents(curve: FloatArray) -> FloatArray:
    """Return unit tangents (N, 3); where points coincide the nearest defined tangent is taken.

    Raises
    ------
    ValueError
        When all points coincide.
    """
    tangent = tangents(curve)
    defined = np.flatnonzero(np.linalg.norm(tangent, axis=1) > 0.5)
    if len(defined) == 0:
        raise ValueError("all points of the curve coincide")
    nearest = (
        defined[np.abs(np.arange(len(curve))[:, None] - defined[None, :]).argmin(axis=1)]
        if len(defined) < len(curve)
        else defined
    )
    return np.asarray(tangent[nearest])


def perpendicular_up(tangent: FloatArray, wished: ArrayLike | None) -> FloatArray:
    """Return the unit vector perpendicular to ``tangent`` that is nearest to ``wished`` (anterior by default)."""
    candidates = (
        [ANTERIOR_LPS, SUPERIOR_LPS] if wished is None else [np.asarray(wished, dtype=np.float64), ANTERIOR_LPS, SUPERIOR_LPS]
    )
    for candidate in candidates:
        across = unit(candidate) - np.dot(unit(candidate), tangent) * tangent
        if np.linalg.norm(across) > 0.1:
            return unit(across)
    return unit(np.cross(tangent, np.array([1.0, 0.0, 0.0])))


def minimal_rotation(vector: FloatArray, from_direction: FloatArray, to_direction: FloatArray) -> FloatArray:
    """Turn ``vector`` by the smallest rotation that takes one unit direction into the other.

    Opposite directions have no smallest rotation: then the vector stays.
    """
    if np.dot(from_direction, to_direction) < -0.999999:
        return vector
    return _reflect(_reflect(vector, from_direction + to_direction), to_direction)


def _reflect(vector: FloatArray, normal: FloatArray) -> FloatArray:
    squared = float(np.dot(normal, normal))
    if squared < _SAME_DIRECTION:
        return vector
    return np.asarray(vector - (2.0 * np.dot(normal, vector) / squared) * normal)


def _carried(up: FloatArray, tangent: FloatArray, next_tangent: FloatArray, step: FloatArray) -> FloatArray:
    reflected_up, reflected_tangent = _reflect(up, step), _reflect(tangent, step)
    carried = _reflect(reflected_up, next_tangent - reflected_tangent)
    return unit(carried - np.dot(carried, next_tangent) * next_tangent)
