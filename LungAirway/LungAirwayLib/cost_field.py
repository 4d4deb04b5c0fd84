"""What it costs to push on past the visible tree, per mm, in a local cube around exit and target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.volume import Grid

from .plan import Target
from .surroundings import WIDE_VESSEL_MM, Surroundings, local_width_mm, sample_nearest, without_specks

CUBE_MARGIN_MM = 8.0
FINE_MM, COARSE_MM = 0.7, 1.0
FINE_UP_TO_MM = 30.0
LUMEN, ALONG_ARTERY, PARENCHYMA, SMALL_VESSEL, FORBIDDEN = 1.0, 20.0, 100.0, 300.0, 5000.0
"""Costs per mm. Centreline and parenchyma keep the ratio 1:100 of the Virtual Bronchoscopic Pathfinder (Kim 2026,
doi:10.3390/tomography12070095); the companion artery's sheath is a fifth of parenchyma because bronchus and artery run
together. FORBIDDEN is finite, so a path is always found, and what it crosses is said. The other values are chosen."""
SHEATH_MM = (1.0, 3.0)
OWN_LUMEN_MM = 3.0
"""Only so near to the exit is visible lumen free to use: from outside nobody gets into another visible airway."""
BACKWARD_FACTOR = 5.0
"""An instrument leaves forwards: what lies behind the exit costs this much more."""


@dataclass(frozen=True, eq=False)
class CostField:
    """Cost per mm (K, J, I) on an isotropic grid along the LPS axes."""

    cost_kji: FloatArray
    grid: Grid

    def index(self, point_lps_mm: FloatArray) -> tuple[int, int, int]:
        """Return the voxel (k, j, i) nearest to a point, clipped to the cube."""
        k, j, i = np.clip(np.rint(self.grid.kji_from_lps(point_lps_mm)), 0, np.array(self.cost_kji.shape) - 1)
        return (int(k), int(j), int(i))

    def along(self, path_lps_mm: FloatArray) -> float:
        """Integrate the cost along a path (N, 3)."""
        steps = np.linalg.norm(np.diff(path_lps_mm, axis=0), axis=1)
        middle = 0.5 * (path_lps_mm[1:] + path_lps_mm[:-1])
        values = ndi.map_coordinates(self.cost_kji, self.grid.kji_from_lps(middle).T, order=0, mode="nearest")
        return float((steps * values).sum())


def build_cost_field(
    exit_lps_mm: FloatArray, heading: FloatArray, surface_lps_mm: FloatArray, target: Target, images: Surroundings
) -> CostField | None:
    """Build the local field around the exit and the target; None when no image but the airway mask is there.

    ``heading`` (3,) is the airway's direction at the exit. The cube holds the exit and the nearest part of the target with
    a margin of 8 mm, at 0.7 mm (1 mm for gaps over 30 mm). Where an airway probability p of at least 0.05 is known, a
    voxel costs at most ``1 / (p + 0.05)``.
    """
    if images.lungs is None and images.vessels is None and images.probability is None:
        return None
    nearest = surface_lps_mm[int(np.argmin(np.linalg.norm(surface_lps_mm - exit_lps_mm, axis=1)))]
    gap = float(np.linalg.norm(nearest - exit_lps_mm))
    step = FINE_MM if gap <= FINE_UP_TO_MM else COARSE_MM
    low = np.minimum(exit_lps_mm, nearest) - CUBE_MARGIN_MM
    high = np.maximum(exit_lps_mm, nearest) + CUBE_MARGIN_MM
    size = np.ceil((high - low) / step).astype(int) + 1
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low
    grid = Grid((int(size[2]), int(size[1]), int(size[0])), affine)
    points = grid.lps_from_kji(np.moveaxis(np.indices(grid.shape_kji), 0, -1).reshape(-1, 3))
    cost = _costs(points, grid, images)
    if images.airway is not None:
        lumen = sample_nearest(images.airway.array_kji, images.airway.grid, points) > 0
        own = np.linalg.norm(points - exit_lps_mm, axis=1) <= OWN_LUMEN_MM
        cost[lumen.reshape(grid.shape_kji)] = SMALL_VESSEL
        cost[(lumen & own).reshape(grid.shape_kji)] = LUMEN
    cost[((points - exit_lps_mm) @ heading < 0.0).reshape(grid.shape_kji)] *= BACKWARD_FACTOR
    inside = np.linalg.norm(points - target.centre_lps_mm, axis=1).reshape(grid.shape_kji) <= target.radius_mm
    cost[inside] = np.minimum(cost[inside], PARENCHYMA)
    return CostField(cost, grid)


def _costs(points: FloatArray, grid: Grid, images: Surroundings) -> FloatArray:
    cost = np.full(grid.shape_kji, PARENCHYMA)
    vessel: NDArray[np.bool_] = np.zeros(grid.shape_kji, dtype=bool)
    if images.vessels is not None:
        vessel = (sample_nearest(images.vessels.array_kji, images.vessels.grid, points) > 0).reshape(grid.shape_kji)
        vessel = without_specks(vessel, grid)
        away = ndi.distance_transform_edt(~vessel, sampling=grid.spacing_kji_mm) if vessel.any() else None
        if away is not None:
            cost[(away >= SHEATH_MM[0]) & (away <= SHEATH_MM[1])] = ALONG_ARTERY
    if images.probability is not None:
        chance = sample_nearest(images.probability.array_kji, images.probability.grid, points).reshape(grid.shape_kji)
        cost = np.where(chance >= 0.05, np.minimum(cost, 1.0 / (chance.astype(np.float64) + 0.05)), cost)
    if images.lungs is not None:
        outside = (sample_nearest(images.lungs.array_kji, images.lungs.grid, points) == 0).reshape(grid.shape_kji)
        cost[ndi.binary_opening(outside & ~vessel, iterations=1)] = FORBIDDEN
    if vessel.any():
        wide = local_width_mm(vessel, grid) >= WIDE_VESSEL_MM
        cost[vessel] = SMALL_VESSEL
        cost[wide] = FORBIDDEN
    return np.asarray(cost)
