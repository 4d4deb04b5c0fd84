"""What lies around the tree and the target: lungs, lobes, vessels and the CT, asked by point in LPS mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

from .constants import LOBE_CODES
from .plan import Target

WIDE_VESSEL_MM = 3.0
"""A vessel at least this wide is not crossed without saying so and paying for it."""
SPECK_MM3 = 20.0
"""Pieces of a vessel mask smaller than this (2 mm wide, 6 mm long) are taken for noise where vessels guide a path."""
SAMPLE_STEP_MM = 0.5
TOLERATED_OUTSIDE_MM = 2.0
"""A path may read as outside the lung for this long: masks leave out bronchial walls, vessels and the nodule itself."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The images a route is judged with; any of them may be missing.

    Parameters
    ----------
    volume
        CT in HU.
    airway, lungs, lobes, vessels
        Label maps, each on its own grid; ``lungs`` with the values of ``constants.LUNG_NAMES`` or any non-zero value.
    probability
        Airway probability 0 to 1, on its own grid.
    """

    volume: Volume | None = None
    airway: LabelMap | None = None
    probability: Volume | None = None
    lungs: LabelMap | None = None
    lobes: LabelMap | None = None
    vessels: LabelMap | None = None


@dataclass(frozen=True)
class Crossing:
    """What a path runs through on its way, in mm of its length; None where there is no image to tell."""

    outside_lung_mm: float | None
    fissures: int | None
    wide_vessel_mm: float | None


NOTHING_KNOWN = Crossing(None, None, None)


def target_surface(target: Target) -> FloatArray:
    """Return the target's surface points (N, 3), N >= 1: the centre where it has none."""
    return np.atleast_2d(target.surface_lps_mm if len(target.surface_lps_mm) else target.centre_lps_mm)


def sample_nearest(array_kji: NDArray[Any], grid: Grid, points_lps_mm: ArrayLike) -> NDArray[Any]:
    """Return the voxel value (N,) at each point (N, 3); 0 outside the grid."""
    index = np.rint(grid.kji_from_lps(points_lps_mm)).astype(np.int64)
    inside = np.all((index >= 0) & (index < np.array(array_kji.shape)), axis=-1)
    values = np.zeros(len(index), dtype=array_kji.dtype)
    values[inside] = array_kji[tuple(index[inside].T)]
    return values


def box_around(grid: Grid, points_lps_mm: FloatArray, margin_mm: float) -> tuple[slice, slice, slice] | None:
    """Return the box [k, j, i] of the grid that holds the points and a margin; None when it is empty."""
    low, high = points_lps_mm.min(axis=0) - margin_mm, points_lps_mm.max(axis=0) + margin_mm
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    index = grid.kji_from_lps(corners)
    start = np.clip(np.floor(index.min(axis=0)).astype(int), 0, grid.shape_kji)
    stop = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, grid.shape_kji)
    if np.any(stop <= start):
        return None
    k, j, i = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return (k, j, i)


def lobe_at(lobes: LabelMap | None, point_lps_mm: FloatArray) -> str | None:
    """Return the lobe code at a point; None without lobes or outside them."""
    if lobes is None:
        return None
    return LOBE_CODES.get(int(sample_nearest(lobes.array_kji, lobes.grid, point_lps_mm[None])[0]))


class PathJudge:
    """Tells what straight or bent paths near one target run through; the local vessel widths are computed once.

    Parameters
    ----------
    surroundings
        The images.
    target
        Its neighbourhood is exempt from the lung test, since lung masks often leave the nodule out.
    reach_lps_mm
        (N, 3) points that the judged paths stay near.
    """

    def __init__(self, surroundings: Surroundings, target: Target, reach_lps_mm: FloatArray) -> None:
        self._images = surroundings
        self._target = target
        self._vessel_width: tuple[FloatArray, Grid] | None = None
        vessels = surroundings.vessels
        box = None if vessels is None else box_around(vessels.grid, reach_lps_mm, 5.0)
        if vessels is not None and box is not None:
            grid = vessels.grid.cropped(box)
            self._vessel_width = (local_width_mm(vessels.array_kji[box] > 0, grid), grid)

    def crossing(self, path_lps_mm: FloatArray) -> Crossing:
        """Judge a path (N, 3) sampled at about 0.5 mm; the first and last 3 mm are not asked whether they are in the lung."""
        steps = np.linalg.norm(np.diff(path_lps_mm, axis=0), axis=1)
        length = np.concatenate([[0.0], np.cumsum(steps)])
        weight = np.gradient(length) if len(length) > 1 else np.zeros(len(length))
        return Crossing(
            self._outside_lung(path_lps_mm, length, weight),
            self._fissures(path_lps_mm),
            self._wide_vessel(path_lps_mm, weight),
        )

    def _outside_lung(self, path: FloatArray, length: FloatArray, weight: FloatArray) -> float | None:
        lungs = self._images.lungs
        if lungs is None:
            return None
        outside = sample_nearest(lungs.array_kji, lungs.grid, path) == 0
        for solid in (self._images.airway, self._images.vessels):
            if solid is not None:
                outside &= sample_nearest(solid.array_kji, solid.grid, path) == 0
        near_target = np.linalg.norm(path - self._target.centre_lps_mm, axis=1) < self._target.radius_mm + 3.0
        outside &= ~near_target & (length > 3.0)
        return float(weight[outside].sum())

    def _fissures(self, path: FloatArray) -> int | None:
        lobes = self._images.lobes
        if lobes is None:
            return None
        codes = sample_nearest(lobes.array_kji, lobes.grid, path)
        codes = codes[codes > 0]
        return int(np.count_nonzero(np.diff(codes.astype(np.int64))))

    def _wide_vessel(self, path: FloatArray, weight: FloatArray) -> float | None:
        if self._images.vessels is None:
            return None
        if self._vessel_width is None:
            return 0.0
        width, grid = self._vessel_width
        wide = sample_nearest(width, grid, path) >= WIDE_VESSEL_MM
        wide &= np.linalg.norm(path - self._target.centre_lps_mm, axis=1) > self._target.radius_mm
        return float(weight[wide].sum())


def without_specks(mask_kji: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Return the mask (K, J, I) without its pieces (26-connected) of less than 20 mm3."""
    pieces, count = ndi.label(mask_kji, structure=np.ones((3, 3, 3)))
    if count == 0:
        return mask_kji
    large = np.bincount(pieces.ravel()) * grid.voxel_volume_mm3 >= SPECK_MM3
    large[0] = False
    return np.asarray(large[pieces])


def local_width_mm(mask_kji: NDArray[np.bool_], grid: Grid) -> FloatArray:
    """Return the local width of a mask (K, J, I): twice the largest inscribed radius within reach of each voxel.

    The inscribed radius of the nearest ridge is carried to the wall by a grey dilation of 2 mm, so a voxel at the rim
    of a wide vessel counts as wide; a voxel just outside does not.
    """
    depth = ndi.distance_transform_edt(mask_kji, sampling=grid.spacing_kji_mm)
    size = tuple(round(4.0 / step) | 1 for step in grid.spacing_kji_mm)
    return np.asarray(np.where(mask_kji, 2.0 * ndi.maximum_filter(depth, size=size), 0.0), dtype=np.float64)
