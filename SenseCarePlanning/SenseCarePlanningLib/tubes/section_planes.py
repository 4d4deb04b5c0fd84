"""Plane samples of a scan across a curve, by cubic splines: blur added by the sampling is negligible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter

from ..geometry import FloatArray
from ..volume import Volume


@dataclass(frozen=True, eq=False)
class SplineBox:
    """Cubic spline coefficients of the part of a scan around a curve."""

    coefficients: NDArray[np.float32]
    volume: Volume

    def sample(self, points_lps_mm: FloatArray) -> FloatArray:
        """Return values at points (..., 3); NaN outside the box."""
        grid = self.volume.grid
        index = grid.kji_from_lps(points_lps_mm)
        flat = index.reshape(-1, 3).T
        values = map_coordinates(self.coefficients, flat, order=3, mode="mirror", prefilter=False, output=np.float32)
        last = np.array(grid.shape_kji, dtype=np.float64)[:, None] - 0.5
        values[((flat < -0.5) | (flat > last)).any(axis=0)] = np.nan
        return np.asarray(values.reshape(index.shape[:-1]))


def spline_box(volume: Volume, points_lps_mm: FloatArray, margin_mm: float) -> SplineBox:
    """Prepare the box around points (N, 3) for sampling.

    Raises
    ------
    ValueError
        When no voxel of the scan lies in the box.
    """
    grid = volume.grid
    index = grid.kji_from_lps(points_lps_mm)
    spacing = np.array(grid.spacing_kji_mm)
    margin = np.ceil(margin_mm / spacing) + 4.0
    start = np.maximum(np.floor(index.min(axis=0) - margin), 0).astype(int)
    stop = np.minimum(np.ceil(index.max(axis=0) + margin) + 1, np.array(grid.shape_kji)).astype(int)
    if (stop <= start).any():
        raise ValueError(
            f"the curve lies outside the scan: indices {index.min(axis=0)} to {index.max(axis=0)} of {grid.shape_kji}"
        )
    part = volume.cropped((slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2])))
    return SplineBox(spline_filter(part.array_kji, order=3, output=np.float32, mode="mirror"), part)


def plane_grid(reach_mm: float, step_mm: float) -> FloatArray:
    """Return the places (M, 2) of a square lattice within a circle, centred on 0."""
    line = np.arange(-np.floor(reach_mm / step_mm), np.floor(reach_mm / step_mm) + 1.0) * step_mm
    places = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(places[(places**2).sum(axis=1) <= reach_mm**2])


def plane_values(box: SplineBox, points: FloatArray, frames: FloatArray, places_mm: FloatArray) -> FloatArray:
    """Sample planes across a curve.

    Parameters
    ----------
    points, frames
        (N, 3) curve and (N, 3, 3) frames (rows tangent, up, left).
    places_mm
        (M, 2) places in the plane along "up" and "left".

    Returns
    -------
    values
        (N, M); NaN outside the scan.
    """
    at = points[:, None, :] + places_mm[None, :, :1] * frames[:, None, 1] + places_mm[None, :, 1:] * frames[:, None, 2]
    return box.sample(at)
