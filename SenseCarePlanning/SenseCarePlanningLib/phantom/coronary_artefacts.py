"""What real cardiac scans do: a step where two heart beats meet, a pacemaker lead and its streaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ..geometry import FloatArray, resample_polyline
from ..volume import Grid
from .coronary_heart import Heart
from .fields import Float32Array, SliceReader
from .tubepaint import paint_polyline

STEP_Z_MM = -66.0
"""Height of the step: through the middle of the heart."""

STEP_DIRECTION = np.array([0.8, -0.6, 0.0])
FADE_MM = 12.0
"""Outside the pericardium the tissue moves less and less over this distance."""

LEAD_RADIUS_MM, LEAD_HU = 0.9, 3000.0
LEAD_COURSE = (
    (-27.0, -18.0, 12.0),
    (-28.0, -17.0, -30.0),
    (-32.0, -20.0, -56.0),
    (-22.0, -26.0, -68.0),
    (0.0, -38.0, -82.0),
    (24.0, -47.0, -92.0),
    (40.0, -53.0, -97.0),
)
"""Through the superior vena cava and the tricuspid valve to the apex of the right ventricle, in the heart's template."""


@dataclass(frozen=True, eq=False)
class Lead:
    """A pacemaker lead: (N, 3) points LPS mm."""

    points_lps_mm: FloatArray


def make_lead(heart: Heart) -> Lead:
    """Lay a lead through the right heart."""
    return Lead(resample_polyline(heart.pose.place(np.array(LEAD_COURSE)), 2.0))


def paint_lead(image_kji: Float32Array, grid: Grid, lead: Lead) -> None:
    """Paint a lead into an ideal image, in place."""
    share = np.zeros(grid.shape_kji, dtype=np.uint8)
    paint_polyline(share, grid, lead.points_lps_mm, np.full(len(lead.points_lps_mm), LEAD_RADIUS_MM))
    at = share > 0
    image_kji[at] += share[at].astype(np.float32) / np.float32(255.0) * (np.float32(LEAD_HU) - image_kji[at])


def add_streaks(image_kji: Float32Array, grid: Grid, lead: Lead, rng: np.random.Generator) -> None:
    """Add dark and bright streaks that leave the lead within its slices and fade with the distance."""
    x = grid.affine_ijk_to_lps[0, 3] + grid.spacing_ijk_mm[0] * np.arange(grid.shape_kji[2])
    y = grid.affine_ijk_to_lps[1, 3] + grid.spacing_ijk_mm[1] * np.arange(grid.shape_kji[1])
    order = np.argsort(lead.points_lps_mm[:, 2])
    points = lead.points_lps_mm[order]
    phase = float(rng.uniform(0.0, 2.0 * np.pi))
    for k in range(len(image_kji)):
        z = grid.affine_ijk_to_lps[2, 3] + grid.spacing_ijk_mm[2] * k
        if not points[0, 2] <= z <= points[-1, 2]:
            continue
        centre = [float(np.interp(z, points[:, 2], points[:, axis])) for axis in range(2)]
        dx, dy = (x - centre[0])[None, :], (y - centre[1])[:, None]
        distance = np.hypot(dx, dy)
        angle = np.arctan2(dy, dx)
        waves = np.cos(9.0 * angle + phase + 0.1 * z) + 0.8 * np.cos(4.0 * angle - phase + 0.06 * z)
        image_kji[k] += (260.0 * waves * np.exp(-distance / 14.0) * (distance > LEAD_RADIUS_MM)).astype(np.float32)


def stepped_points(points_lps_mm: FloatArray, step_mm: float) -> FloatArray:
    """Return points (N, 3) where a stepped scan shows them: those below the step moved."""
    below = points_lps_mm[:, 2:] < STEP_Z_MM
    return np.asarray(points_lps_mm + step_mm * STEP_DIRECTION * below)


def step_slices(array_kji: NDArray[Any], grid: Grid, heart: Heart, step_mm: float) -> None:
    """Move the heart in all slices below the step, in place; labels (uint8) keep their values."""
    reader = SliceReader(heart.lattice, grid)
    order = 0 if array_kji.dtype == np.uint8 else 1
    rows, columns = np.meshgrid(np.arange(grid.shape_kji[1]), np.arange(grid.shape_kji[2]), indexing="ij")
    shift = step_mm * STEP_DIRECTION[:2] / grid.spacing_ijk_mm[:2]
    for k, plane in enumerate(array_kji):
        if grid.affine_ijk_to_lps[2, 3] + grid.spacing_ijk_mm[2] * k >= STEP_Z_MM:
            break
        weight = np.clip(1.0 - (reader.read(heart.fields["sac"], k) - 2.0) / FADE_MM, 0.0, 1.0)
        plane[:] = map_coordinates(plane, [rows - weight * shift[1], columns - weight * shift[0]], order=order, mode="nearest")
