"""The SCCT segments as a label map: the lumen of every named artery, painted from its measured walls or its tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap

from .label_names import OTHER
from .segments import SEGMENTS, segment_of
from .vessel_result import VesselResult
from .vessels import code_of

OTHER_NUMBER = 19
SEGMENT_NAMES = {segment.number: segment.code for segment in SEGMENTS} | {OTHER_NUMBER: OTHER}
"""Label value -> SCCT code; branches without a number have 19."""
_LEAST_MM = 0.3


def segment_map(trees: Sequence[Tree], vessels: Sequence[VesselResult], grid: Grid) -> LabelMap:
    """Return the label map of the segments on a grid.

    Parameters
    ----------
    vessels
        Where a vessel was measured its lumen is painted, elsewhere the circle of the tree's radius.
    """
    labels = np.zeros(grid.shape_kji, dtype=np.uint8)
    for number, points, radius in (*_from_trees(trees), *_from_walls(vessels)):
        _paint(labels, grid, number, points, radius)
    return LabelMap(labels, grid.affine_ijk_to_lps, SEGMENT_NAMES)


def _from_trees(trees: Sequence[Tree]) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    for tree in trees:
        for branch in tree:
            code, _ = code_of(branch)
            yield (segment_of(code).number if code else OTHER_NUMBER), branch.points_lps_mm, branch.radius_mm


def _from_walls(vessels: Sequence[VesselResult]) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    for one in vessels:
        if one.measured is None:
            continue
        walls = one.measured.walls
        for stretch in one.vessel.stretches:
            inside = (walls.arc_mm >= stretch.from_mm) & (walls.arc_mm <= stretch.to_mm)
            if inside.any():
                yield segment_of(stretch.code).number, walls.points_lps_mm[inside], 0.5 * walls.diameter_mm[inside]


def _paint(labels: np.ndarray, grid: Grid, number: int, points_lps_mm: FloatArray, radius_mm: FloatArray) -> None:
    """Set the voxels whose centre lies within the radius of a point; later names win."""
    spacing = np.array(grid.spacing_kji_mm)
    index = grid.kji_from_lps(points_lps_mm)
    for middle, radius in zip(index, np.maximum(radius_mm, _LEAST_MM), strict=True):
        reach = radius / spacing
        low = np.maximum(np.ceil(middle - reach), 0).astype(int)
        high = np.minimum(np.floor(middle + reach), np.array(labels.shape) - 1).astype(int) + 1
        if (high <= low).any():
            continue
        axes = [((np.arange(a, b) - at) * size) ** 2 for a, b, at, size in zip(low, high, middle, spacing, strict=True)]
        inside = axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :] <= radius**2
        labels[low[0] : high[0], low[1] : high[1], low[2] : high[2]][inside] = number
