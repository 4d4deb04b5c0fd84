"""Paints tubes as shares of voxels, exact in cross-sectional area down to tubes thinner than a voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from ..volume import Grid

ByteArray = NDArray[np.uint8]


def painted_radius_mm(radius_mm: FloatArray, width_mm: float) -> FloatArray:
    """Return the radius to paint with a linear edge of ``width_mm`` so that the painted area is that of ``radius_mm``.

    A tube of radius R painted with share ``clip(0.5 - (rho - R) / w, 0, 1)`` has the area pi (R^2 + w^2 / 12), and
    pi (R + w/2)^3 / (3 w) once R is below w / 2; both solved for R.
    """
    radius = np.asarray(radius_mm, dtype=np.float64)
    wide = np.sqrt(np.maximum(radius**2 - width_mm**2 / 12.0, 0.0))
    thin = np.cbrt(3.0 * width_mm * radius**2) - 0.5 * width_mm
    return np.where(wide >= 0.5 * width_mm, wide, thin)


def paint_segments(
    share: ByteArray, grid: Grid, start_lps_mm: FloatArray, end_lps_mm: FloatArray, start_mm: FloatArray, end_mm: FloatArray
) -> None:
    """Paint cones with round ends into ``share`` (0 to 255, the larger share stays).

    Parameters
    ----------
    share
        [k, j, i] on ``grid``, changed in place.
    start_lps_mm, end_lps_mm
        (N, 3) ends of the segments.
    start_mm, end_mm
        (N,) radii there.
    """
    spacing = np.array(grid.spacing_kji_mm)
    width = float(spacing.mean())
    origin = grid.affine_ijk_to_lps[:3, 3][::-1]
    first = np.asarray(start_lps_mm)[:, ::-1] - origin
    last = np.asarray(end_lps_mm)[:, ::-1] - origin
    r0, r1 = painted_radius_mm(start_mm, width), painted_radius_mm(end_mm, width)
    reach = (np.maximum(r0, r1) + 0.5 * width)[:, None]
    low = np.clip(np.ceil((np.minimum(first, last) - reach) / spacing), 0, share.shape).astype(int)
    high = np.clip(np.floor((np.maximum(first, last) + reach) / spacing) + 1, 0, share.shape).astype(int)
    step = last - first
    square = np.maximum((step**2).sum(axis=1), 1e-9)
    lines = [(np.arange(size) * gap).astype(np.float32) for size, gap in zip(share.shape, spacing, strict=True)]
    for n in np.flatnonzero((high > low).all(axis=1)):
        (k0, j0, i0), (k1, j1, i1) = low[n], high[n]
        dz = lines[0][k0:k1, None, None] - first[n, 0]
        dy = lines[1][None, j0:j1, None] - first[n, 1]
        dx = lines[2][None, None, i0:i1] - first[n, 2]
        t = np.clip((dz * step[n, 0] + dy * step[n, 1] + dx * step[n, 2]) / square[n], 0.0, 1.0)
        gap = np.sqrt((dz - t * step[n, 0]) ** 2 + (dy - t * step[n, 1]) ** 2 + (dx - t * step[n, 2]) ** 2)
        value = np.clip(255.0 * (0.5 - (gap - (r0[n] + t * (r1[n] - r0[n]))) / width) + 0.5, 0.0, 255.0).astype(np.uint8)
        part = share[k0:k1, j0:j1, i0:i1]
        np.maximum(part, value, out=part)


def paint_polyline(share: ByteArray, grid: Grid, points_lps_mm: FloatArray, radius_mm: FloatArray) -> None:
    """Paint a tube along a polyline (N, 3) with radii (N,)."""
    paint_segments(share, grid, points_lps_mm[:-1], points_lps_mm[1:], radius_mm[:-1], radius_mm[1:])
