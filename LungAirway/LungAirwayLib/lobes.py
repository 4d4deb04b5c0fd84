"""The five lobes as a partition of the lungs: territories of the labelled airway tree, refined at the fissures.

Work happens on a coarse grid of about 2 mm made by taking whole blocks of voxels, so that oblique and left-handed grids
need no special case.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume, bounding_box

from .constants import LLL, LOBE_CODES, LUL, LUNG_LEFT, LUNG_RIGHT, RLL, RML, RUL
from .naming import lobe_of

logger = logging.getLogger(__name__)

COARSE_MM = 2.0
LOBES_OF_LUNG = {LUNG_RIGHT: (RUL, RML, RLL), LUNG_LEFT: (LUL, LLL)}

LabelArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Coarse:
    """The coarse grid inside the lungs' box: block factors per axis and the box on the fine grid."""

    box_kji: tuple[slice, slice, slice]
    factors_kji: tuple[int, int, int]
    spacing_kji_mm: tuple[float, float, float]
    grid: Grid
    lungs: LabelArray

    def reduce(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Take the middle voxel of every block."""
        part = array[self.box_kji]
        return part[tuple(slice(factor // 2, None, factor) for factor in self.factors_kji)]


def _coarse(lungs: LabelMap) -> _Coarse:
    box = bounding_box(lungs.array_kji > 0)
    spacing = lungs.grid.spacing_kji_mm
    k, j, i = (max(1, round(COARSE_MM / size)) for size in spacing)
    shape = tuple(part.stop - part.start for part in box)
    k, j, i = (min(factor, size) for factor, size in zip((k, j, i), shape, strict=True))
    fine = lungs.grid.cropped(box)
    affine = fine.affine_ijk_to_lps.copy()
    affine[:3, 3] = fine.lps_from_kji(np.array([k // 2, j // 2, i // 2], dtype=np.float64))
    affine[:3, :3] = affine[:3, :3] * np.array([i, j, k], dtype=np.float64)
    small = lungs.array_kji[box][k // 2 :: k, j // 2 :: j, i // 2 :: i]
    grid = Grid((small.shape[0], small.shape[1], small.shape[2]), affine)
    return _Coarse(box, (k, j, i), grid.spacing_kji_mm, grid, np.ascontiguousarray(small))


def _airway_seeds(tree: Tree, grid: Grid) -> LabelArray:
    """Return the lobe of every coarse voxel that a branch of a known lobe runs through."""
    seeds = np.zeros(grid.shape_kji, dtype=np.uint8)
    shape = np.array(grid.shape_kji)
    for branch in tree:
        lobe = lobe_of(branch.label.code) if branch.label is not None else None
        if lobe is None:
            continue
        indices = np.rint(grid.kji_from_lps(branch.points_lps_mm)).astype(int)
        inside = indices[((indices >= 0) & (indices < shape)).all(axis=1)]
        seeds[tuple(inside.T)] = lobe
    return seeds


def _nearest(seeds: LabelArray, spacing_kji_mm: tuple[float, float, float]) -> LabelArray:
    indices = ndimage.distance_transform_edt(seeds == 0, sampling=spacing_kji_mm, return_distances=False, return_indices=True)
    return np.asarray(seeds[tuple(indices)])


def segment_lobes(volume: Volume | None, lungs: LabelMap, tree: Tree, vessels: LabelMap | None = None) -> LabelMap:
    """Part the lungs into five lobes.

    Parameters
    ----------
    volume
        CT on the grid of ``lungs``; None gives territories only.
    lungs
        Right lung 1, left lung 2.
    tree
        Labelled (see ``labels.label_tree``).
    vessels
        Arteries and veins, on the grid of ``lungs``.

    Returns
    -------
    LabelMap
        RUL 1, RML 2, RLL 3, LUL 4, LLL 5 on the grid of ``lungs``; every lung voxel has one lobe if any branch of its
        lung is labelled, and is 0 otherwise.
    """
    result = np.zeros(lungs.array_kji.shape, dtype=np.uint8)
    if not lungs.array_kji.any():
        return LabelMap(result, lungs.affine_ijk_to_lps, dict(LOBE_CODES))
    coarse = _coarse(lungs)
    seeds = _airway_seeds(tree, coarse.grid)
    small = np.zeros_like(coarse.lungs)
    for lung, members in LOBES_OF_LUNG.items():
        own = np.where(np.isin(seeds, members), seeds, 0).astype(np.uint8)
        if own.any():
            small = np.where(coarse.lungs == lung, _nearest(own, coarse.spacing_kji_mm), small)
    _write_fine(result, small, coarse, lungs)
    return LabelMap(result, lungs.affine_ijk_to_lps, dict(LOBE_CODES))


def _write_fine(result: LabelArray, small: LabelArray, coarse: _Coarse, lungs: LabelMap) -> None:
    """Spread the coarse lobes to every lung voxel: nearest coarse voxel of the same lung."""
    for lung in LOBES_OF_LUNG:
        own = np.where(coarse.lungs == lung, small, 0).astype(np.uint8)
        if not own.any():
            continue
        own = _nearest(own, coarse.spacing_kji_mm)
        part = lungs.array_kji[coarse.box_kji]
        fine = own
        for axis, factor in enumerate(coarse.factors_kji):
            fine = np.repeat(fine, factor, axis=axis)
        fine = _fitted(fine, part.shape)
        target = result[coarse.box_kji]
        np.copyto(target, fine, where=part == lung)


def _fitted(array: LabelArray, shape: tuple[int, ...]) -> LabelArray:
    padding = [(0, max(want - have, 0)) for want, have in zip(shape, array.shape, strict=True)]
    padded = np.pad(array, padding, mode="edge") if any(after for _, after in padding) else array
    return padded[tuple(slice(0, want) for want in shape)]
