"""Cross-sections of a tube: rays in the plane across the centreline, and the contour they find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.ndimage import map_coordinates

from ..geometry import FloatArray
from ..volume import Volume


class Polarity(Enum):
    """Whether the lumen is darker (an airway) or brighter (an opacified vessel) than what is around it."""

    DARK = "dark"
    BRIGHT = "bright"


@dataclass(frozen=True, eq=False)
class CrossSection:
    """One cross-section of a lumen, for pictures and tables.

    Parameters
    ----------
    centre_lps_mm, frame
        (3,) the centreline point; (3, 3) rows normal (tangent), up, left.
    contour_lps_mm
        (R, 3) lumen edge, one point a ray, counted from "up" towards "left"; closed by its first point.
    area_mm2, d_min_mm, d_max_mm
        Area of the contour; axes of the ellipse with the same second moments.
    """

    centre_lps_mm: FloatArray
    frame: FloatArray
    contour_lps_mm: FloatArray
    area_mm2: float
    d_min_mm: float
    d_max_mm: float

    @property
    def equivalent_diameter_mm(self) -> float:
        """Diameter of the circle of the same area."""
        return float(2.0 * np.sqrt(self.area_mm2 / np.pi))


def ray_angles(count: int) -> FloatArray:
    """Return ``count`` angles from "up" towards "left", radians."""
    return np.asarray(np.arange(count) * (2.0 * np.pi / count))


def ray_directions(frames: FloatArray, count: int) -> FloatArray:
    """Return unit ray directions (N, R, 3) in the planes across frames (N, 3, 3)."""
    angle = ray_angles(count)
    return np.asarray(np.cos(angle)[None, :, None] * frames[:, None, 1, :] + np.sin(angle)[None, :, None] * frames[:, None, 2, :])


def ray_values(volume: Volume, points: FloatArray, directions: FloatArray, steps_mm: FloatArray) -> FloatArray:
    """Sample a volume linearly along rays: points (N, 3), directions (N, R, 3), steps (T,) to values (N, R, T).

    NaN outside the grid.
    """
    grid = volume.grid
    start = grid.kji_from_lps(points)
    along = directions @ np.linalg.inv(grid.affine_ijk_to_lps[:3, :3]).T[:, ::-1]
    index = start[:, None, None, :] + along[:, :, None, :] * steps_mm[None, None, :, None]
    return sample_index(volume.array_kji, index)


def sample_index(array_kji: FloatArray, index_kji: FloatArray) -> FloatArray:
    """Sample an array linearly at continuous array indices (..., 3); NaN outside the grid."""
    flat = index_kji.reshape(-1, 3).T
    values = map_coordinates(array_kji, flat, order=1, mode="nearest", output=np.float32)
    last = np.array(array_kji.shape, dtype=np.float64)[:, None] - 0.5
    values[((flat < -0.5) | (flat > last)).any(axis=0)] = np.nan
    return np.asarray(values.reshape(index_kji.shape[:-1]))


def polar_shape(edge_mm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return area, and minor and major axis of the moment-equal ellipse, of star-shaped contours.

    Parameters
    ----------
    edge_mm
        (N, R) distance of the edge from the centre along evenly spaced rays.

    Returns
    -------
    area_mm2, d_min_mm, d_max_mm
        (N,) each.
    """
    count = edge_mm.shape[1]
    angle, step = ray_angles(count), 2.0 * np.pi / count
    cosine, sine = np.cos(angle), np.sin(angle)
    area = 0.5 * step * (edge_mm**2).sum(axis=1)
    safe = np.maximum(area, 1e-12)
    first = [step / 3.0 * (edge_mm**3 * part).sum(axis=1) / safe for part in (cosine, sine)]
    quarter = step / 4.0 * edge_mm**4
    xx = (quarter * cosine**2).sum(axis=1) / safe - first[0] ** 2
    yy = (quarter * sine**2).sum(axis=1) / safe - first[1] ** 2
    xy = (quarter * cosine * sine).sum(axis=1) / safe - first[0] * first[1]
    middle, spread = 0.5 * (xx + yy), np.sqrt(0.25 * (xx - yy) ** 2 + xy**2)
    return area, 4.0 * np.sqrt(np.maximum(middle - spread, 0.0)), 4.0 * np.sqrt(np.maximum(middle + spread, 0.0))


def cross_section(point: FloatArray, frame: FloatArray, edge_mm: FloatArray) -> CrossSection:
    """Put one polar contour (R,) into the patient."""
    area, d_min, d_max = polar_shape(edge_mm[None])
    directions = ray_directions(frame[None], len(edge_mm))[0]
    contour = point + edge_mm[:, None] * directions
    return CrossSection(point, frame, contour, float(area[0]), float(d_min[0]), float(d_max[0]))


def mask_exit_mm(mask: Volume, points: FloatArray, directions: FloatArray, steps_mm: FloatArray) -> FloatArray:
    """Return how far (N, R) each ray runs before it leaves the mask (half level, linear); the last step where it does not.

    ``mask`` holds 0 and 1 as float32.
    """
    values = ray_values(mask, points, directions, steps_mm)
    outside = ~(np.nan_to_num(values, nan=0.0) >= 0.5)
    left = outside.any(axis=2)
    first = np.where(left, outside.argmax(axis=2), len(steps_mm) - 1)
    before = np.maximum(first - 1, 0)
    high = np.take_along_axis(values, before[..., None], axis=2)[..., 0]
    low = np.nan_to_num(np.take_along_axis(values, first[..., None], axis=2)[..., 0], nan=0.0)
    part = np.clip((high - 0.5) / np.maximum(high - low, 1e-6), 0.0, 1.0)
    between = steps_mm[before] + part * (steps_mm[first] - steps_mm[before])
    return np.where(left & (first > 0), between, steps_mm[first])
