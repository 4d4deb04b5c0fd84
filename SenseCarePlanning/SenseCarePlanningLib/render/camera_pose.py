"""A camera's place and its picture axes: the one convention of left, right and clock hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..geometry import FloatArray, unit

NEAREST_MM = 0.05
"""Points less far ahead than this have no place in a picture."""


@dataclass(frozen=True, eq=False)
class CameraPose:
    """Where the tip is (3,), what it looks at (3,), and what is up in its picture (3,); LPS mm."""

    position_lps_mm: FloatArray
    focal_lps_mm: FloatArray
    up: FloatArray

    @property
    def axes(self) -> FloatArray:
        """Rows (3, 3): right, up and forward of the picture, orthonormal.

        Right is forward x up. With the scope going down the trachea (forward caudal) and anterior up, right is the
        patient's right: the view of an operator who stands at the head of a supine patient.
        """
        forward = unit(self.focal_lps_mm - self.position_lps_mm)
        right = unit(np.cross(forward, self.up))
        return np.stack([right, np.cross(right, forward), forward])


def clock_angle_deg(pose: CameraPose, direction: ArrayLike) -> float:
    """Return where a direction points in the picture, degrees clockwise from 12 o'clock (0 to 360)."""
    right, up, _ = pose.axes @ np.asarray(direction, dtype=np.float64)
    return float(np.degrees(np.arctan2(right, up)) % 360.0)


def project(pose: CameraPose, points_lps_mm: ArrayLike, size: int, field_of_view_deg: float) -> tuple[FloatArray, FloatArray]:
    """Project points (N, 3) into a square picture.

    Returns
    -------
    pixels, depth_mm
        (N, 2) as (x, y) from the top left; (N,) along the view. Points behind the tip have the pixel NaN.
    """
    local = (np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64)) - pose.position_lps_mm) @ pose.axes.T
    depth = local[:, 2]
    scale = 0.5 * size / np.tan(np.radians(field_of_view_deg) / 2.0)
    safe = np.where(depth > NEAREST_MM, depth, np.nan)
    x = 0.5 * size + scale * local[:, 0] / safe
    y = 0.5 * size - scale * local[:, 1] / safe
    return np.stack([x, y], axis=1), depth
