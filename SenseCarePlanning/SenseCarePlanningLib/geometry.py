"""Affines and polylines in the one world frame: LPS, millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

FloatArray = NDArray[np.float64]


def apply_affine(affine: ArrayLike, points: ArrayLike) -> FloatArray:
    """Map points (..., 3) through a 4x4 affine; returns float64 (..., 3)."""
    matrix = np.asarray(affine, dtype=np.float64)
    return np.asarray(np.asarray(points, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3])


def lps_from_ras(points: ArrayLike) -> FloatArray:
    """Turn RAS points (..., 3) into LPS, or LPS into RAS: the first two axes change sign."""
    return np.asarray(np.asarray(points, dtype=np.float64) * np.array([-1.0, -1.0, 1.0]))


def unit(vectors: ArrayLike) -> FloatArray:
    """Normalise vectors (..., 3); a zero vector stays zero."""
    array = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    return np.asarray(np.divide(array, length, out=np.zeros_like(array), where=length > 0))


def angle_deg(first: ArrayLike, second: ArrayLike) -> float:
    """Return the angle between two vectors (3,), 0 to 180 degrees."""
    cosine = float(np.dot(unit(first), unit(second)))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def arc_length_mm(points_mm: ArrayLike) -> FloatArray:
    """Return the cumulative length (N,) along a polyline (N, 3), starting at 0."""
    points = np.asarray(points_mm, dtype=np.float64)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def mean_step_mm(arc_mm: FloatArray) -> float:
    """Return the mean distance between places (N,) along a line: the first or last one alone may be shorter."""
    return float(arc_mm[-1] - arc_mm[0]) / (len(arc_mm) - 1)


def runs_of(mask: NDArray[np.bool_]) -> list[slice]:
    """Return the runs of true values of a mask (N,), in order."""
    return [one for (one,) in ndimage.find_objects(ndimage.label(mask)[0])]


def resample_polyline(points_mm: ArrayLike, step_mm: float) -> FloatArray:
    """Resample a polyline (N, 3) at about ``step_mm``, keeping both ends; at least two points.

    Raises
    ------
    ValueError
        When the polyline has fewer than two points or ``step_mm`` is not positive.
    """
    points = np.asarray(points_mm, dtype=np.float64)
    if len(points) < 2 or step_mm <= 0:
        raise ValueError(f"a polyline needs two points and a positive step, got {len(points)} points, step {step_mm} mm")
    arc = arc_length_mm(points)
    count = max(round(arc[-1] / step_mm) + 1, 2)
    wanted = np.linspace(0.0, arc[-1], count)
    return np.stack([np.interp(wanted, arc, points[:, axis]) for axis in range(3)], axis=1)


def smooth_polyline(points_mm: ArrayLike, sigma_mm: float, step_mm: float = 0.5) -> FloatArray:
    """Resample a polyline at ``step_mm`` and smooth it with a Gaussian of ``sigma_mm``; end points stay fixed.

    The smoothing runs on the deviation from the chord-preserving reflection about each end, so the ends
    neither shrink nor kink.
    """
    points = resample_polyline(points_mm, step_mm)
    if len(points) < 4 or sigma_mm <= 0:
        return points
    pad = min(len(points) - 1, int(np.ceil(4.0 * sigma_mm / step_mm)))
    head = 2.0 * points[0] - points[pad:0:-1]
    tail = 2.0 * points[-1] - points[-2 : -pad - 2 : -1]
    padded = np.concatenate([head, points, tail])
    smooth = ndimage.gaussian_filter1d(padded, sigma_mm / step_mm, axis=0, mode="nearest")[pad : pad + len(points)]
    smooth[0], smooth[-1] = points[0], points[-1]
    return np.asarray(smooth, dtype=np.float64)


def tangents(points_mm: ArrayLike) -> FloatArray:
    """Return unit tangents (N, 3) of a polyline by central differences."""
    points = np.asarray(points_mm, dtype=np.float64)
    return unit(np.gradient(points, axis=0))
