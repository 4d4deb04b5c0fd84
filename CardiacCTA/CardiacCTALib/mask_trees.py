"""Coronary trees from a mask of their lumen that came from elsewhere: one tree for each piece that begins at the aorta."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.build import BuildOptions, build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, bounding_box

BoolArray = NDArray[np.bool_]

REACH_MM = 3.0
"""A piece begins at the aorta when it comes this near to it: between two masks lies the wall of the aorta. Chosen."""
LEAST_MM3 = 60.0
"""Smaller pieces are no artery. Chosen: 20 mm of an artery 2 mm wide."""
PIECES = "Pieces of the coronary mask that do not reach the aorta were left out; they are not assessed."
_THINNING_MM, _SMOOTH_MM = 0.6, 1.5


def trees_of_mask(mask: LabelMap, aorta_kji: BoolArray) -> tuple[tuple[Tree, ...], tuple[str, ...]]:
    """Build the trees of a coronary mask, and say what of it was left out.

    Parameters
    ----------
    mask
        Any label above 0 is lumen.
    aorta_kji
        (K, J, I) on the same grid.

    Raises
    ------
    InputError
        When the grids differ, the aorta is empty, or no piece of the mask begins at it.
    """
    if mask.array_kji.shape != aorta_kji.shape or not aorta_kji.any():
        raise InputError("The coronary mask needs the aorta on its own grid: the arteries begin there.")
    spacing = mask.grid.spacing_kji_mm
    lumen = mask.mask() & ~aorta_kji
    labels, count = ndimage.label(lumen, np.ones((3, 3, 3)))
    margin = tuple(int(np.ceil(REACH_MM / size)) + 1 for size in spacing)
    box = bounding_box(aorta_kji, (margin[0], margin[1], margin[2]))
    near = np.zeros(lumen.shape, dtype=bool)
    near[box] = ndimage.distance_transform_edt(~aorta_kji[box], sampling=spacing) <= REACH_MM
    size = np.bincount(labels.ravel(), minlength=count + 1) * mask.grid.voxel_volume_mm3
    large = [number for number in range(1, count + 1) if size[number] >= LEAST_MM3]
    begins = [number for number in large if (near & (labels == number)).any()]
    if not begins:
        raise InputError("No piece of the coronary mask begins at the aorta; check that both belong to this scan.")
    trees = tuple(_tree(mask, labels == number, near) for number in sorted(begins, key=lambda number: -size[number]))
    return trees, ((PIECES,) if len(begins) < len(large) else ())


def _tree(mask: LabelMap, piece: BoolArray, near: BoolArray) -> Tree:
    box = bounding_box(piece, (4, 4, 4))
    part = LabelMap(piece[box].astype(np.uint8), mask.grid.cropped(box).affine_ijk_to_lps, {1: "coronary_artery"})
    root = mask.grid.lps_from_kji(np.argwhere(piece & near).mean(axis=0))
    return build_tree(part, root_lps_mm=root, options=BuildOptions(_THINNING_MM, _SMOOTH_MM))
