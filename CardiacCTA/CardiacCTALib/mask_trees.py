"""Coronary trees from a mask of their lumen that came from elsewhere: one tree for each piece that begins at the aorta."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.distances import distance_to
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.build import BuildOptions, build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume, bounding_box

from .structures import LEFT_ATRIUM, LEFT_VENTRICLE, PULMONARY_ARTERY, RIGHT_ATRIUM, RIGHT_VENTRICLE

BoolArray = NDArray[np.bool_]

REACH_MM = 3.0
"""A piece begins at the aorta when it comes this near to it: between two masks lies the wall of the aorta. Chosen."""
LEAST_MM3 = 60.0
"""Smaller pieces are no artery. Chosen: 20 mm of an artery 2 mm wide."""
CAVITIES = (LEFT_VENTRICLE, LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE, PULMONARY_ARTERY)
MOST_IN_CAVITIES = 0.25
"""Largest share of a mask of arteries inside chambers and the pulmonary artery: two masks may differ by a voxel."""
WIDE_MM, MOST_WIDE, LOOK_MM = 12.0, 0.5, 0.8
"""An artery is narrower than the first, aneurysms of 10 mm are; so large a share may be wider, for a mask may take in a bit of
the aorta. Looked at in voxels of about the third."""
MOST_ML = 50.0
"""Both coronary arteries hold 2 to 10 ml of blood, with ectasia several times as much. Chosen."""
LEAST_FILLED_HU = 130.0
"""Half of a mask of filled arteries is brighter than muscle (120 to 130 HU). Chosen: the lumen of a digital heart has 363 HU,
grown by a voxel 235, turned front to back 62."""
NO_MASK = "The coronary mask given is no mask of arteries: "
PIECES = "Pieces of the coronary mask that do not reach the aorta were left out; they are not assessed."
_THINNING_MM, _SMOOTH_MM = 0.6, 1.5
_MARGIN = 4


def trees_of_mask(
    mask: LabelMap, aorta_kji: BoolArray, heart_kji: NDArray[np.uint8] | None = None
) -> tuple[tuple[Tree, ...], tuple[str, ...]]:
    """Build the trees of a coronary mask, and say what of it was left out.

    Parameters
    ----------
    mask
        Any label above 0 is lumen.
    aorta_kji
        (K, J, I) on the same grid.
    heart_kji
        (K, J, I) on the same grid, labels as in :mod:`.structures`.

    Raises
    ------
    InputError
        When the grids differ, the aorta is empty, no piece of the mask begins at it, or the mask is one of something else.
    """
    if mask.array_kji.shape != aorta_kji.shape or not aorta_kji.any():
        raise InputError("The coronary mask needs the aorta on its own grid: the arteries begin there.")
    spacing = mask.grid.spacing_kji_mm
    lumen = mask.mask() & ~aorta_kji
    if lumen.any():
        check_mask(mask, lumen, heart_kji)
    box = bounding_box(lumen | aorta_kji)
    near = distance_to(aorta_kji[box], spacing, REACH_MM) <= REACH_MM
    labels, count = ndimage.label(lumen[box], np.ones((3, 3, 3)))
    size = np.bincount(labels[lumen[box]], minlength=count + 1) * mask.grid.voxel_volume_mm3
    large = [number for number in range(1, count + 1) if size[number] >= LEAST_MM3]
    touching = set(np.unique(labels[near]).tolist())
    begins = sorted((number for number in large if number in touching), key=lambda number: -size[number])
    if not begins:
        raise InputError("No piece of the coronary mask begins at the aorta; check that both belong to this scan.")
    grid, boxes = mask.grid.cropped(box), ndimage.find_objects(labels)
    trees = tuple(_tree(grid, labels, number, boxes[number - 1], near) for number in begins)
    return trees, ((PIECES,) if len(begins) < len(large) else ())


def check_filled(mask: LabelMap, volume: Volume) -> None:
    """Refuse a mask whose arteries hold no contrast: it belongs to another scan, or was turned or moved.

    Raises
    ------
    InputError
        With the brightness of what it marks.
    """
    marked = volume.array_kji[mask.mask()]
    level = float(np.median(marked)) if len(marked) else np.inf
    if level < LEAST_FILLED_HU:
        raise InputError(
            f"{NO_MASK}what it marks has {level:.0f} HU, not more than muscle. It may belong to another scan, or be turned."
        )


def check_mask(mask: LabelMap, lumen: BoolArray, heart_kji: NDArray[np.uint8] | None) -> None:
    """Refuse a mask that cannot be one of arteries: inside the chambers, wider, or larger than arteries are.

    Parameters
    ----------
    mask
        Whose grid it is.
    lumen
        (K, J, I), not empty: the mask without the aorta.

    Raises
    ------
    InputError
        With one sentence that says why.
    """
    inside = 0.0 if heart_kji is None else float(np.isin(heart_kji[lumen], CAVITIES).mean())
    if inside > MOST_IN_CAVITIES:
        raise InputError(f"{NO_MASK}{100.0 * inside:.0f} % of it lies in the chambers and great vessels.")
    volume_ml = float(lumen.sum()) * mask.grid.voxel_volume_mm3 / 1000.0
    if volume_ml > MOST_ML:
        raise InputError(f"{NO_MASK}it holds {volume_ml:.0f} ml.")
    by = tuple(max(1, int(LOOK_MM / size)) for size in mask.grid.spacing_kji_mm)
    part = np.pad(lumen[bounding_box(lumen)][:: by[0], :: by[1], :: by[2]], 1)
    spacing = [size * step for size, step in zip(mask.grid.spacing_kji_mm, by, strict=True)]
    depth = ndimage.distance_transform_edt(part, sampling=spacing)
    core = depth > 0.5 * (WIDE_MM + max(spacing))
    if core.any():
        wide = part & (ndimage.distance_transform_edt(~core, sampling=spacing) <= 0.5 * WIDE_MM)
        if float(wide.sum()) > MOST_WIDE * float(part.sum()):
            raise InputError(f"{NO_MASK}most of it is more than {WIDE_MM:.0f} mm wide.", detail=f"up to {2 * depth.max():.0f} mm")


def _tree(grid: Grid, labels: NDArray[np.int32], number: int, around: tuple[slice, ...], near: BoolArray) -> Tree:
    ends = zip(around, labels.shape, strict=True)
    k, j, i = (slice(max(part.start - _MARGIN, 0), min(part.stop + _MARGIN, last)) for part, last in ends)
    box = (k, j, i)
    piece = labels[box] == number
    part_grid = grid.cropped(box)
    part = LabelMap(piece.astype(np.uint8), part_grid.affine_ijk_to_lps, {1: "coronary_artery"})
    root = part_grid.lps_from_kji(np.argwhere(piece & near[box]).mean(axis=0))
    return build_tree(part, root_lps_mm=root, options=BuildOptions(_THINNING_MM, _SMOOTH_MM))
