"""Bypass grafts: what leaves the ascending aorta above the sinuses, thin and filled with contrast, and runs down to the heart.

Only grafts that begin at the ascending aorta are seen; a mammary artery comes from the subclavian artery, which a coronary CT
seldom holds. A graft is seen, never graded: nothing here measures its lumen.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, smooth_polyline
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.edit import delete
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from .atlas_fit import FittedHeart
from .chambers import Chambers
from .coronaries import HeartPlace
from .heart_region import CoarseImage
from .heart_segmentation import CoronaryOstium, Graft, Tip
from .structures import AORTA, MYOCARDIUM

logger = logging.getLogger(__name__)

BoolArray = NDArray[np.bool_]

ABOVE_MM = 15.0
"""A graft begins at least this much higher than the coronary ostia are expected: above the sinotubular junction."""
TOUCH_MM, MOST_PATCH_MM2 = 2.5, 120.0
"""How near to the aorta's blood a graft begins, and the largest patch of contact: a vein graft is 3 to 6 mm wide."""
WIDEST_MM = 3.6
"""Half of the widest graft; what is thicker is a chamber, a vein or an appendage."""
LEAST_MM, LEAST_DOWN_MM = 40.0, 20.0
"""Least length, and how far below its start it must come: branches of the arch go up."""
AWAY_MM, AWAY_AFTER_MM = 5.0, 18.0
"""So far from the aorta a graft must have come after so much of its way: what creeps along the aorta is its wall or a vein."""
BLOOD_SHARE = 0.45
"""Of the way from muscle to the aorta's blood: least brightness of a graft, thin as it is."""
LEAST_FILLING, MOST_FILLING, LEAST_FILLED = 0.7, 1.3, 0.8
"""Brightness of a graft over the aorta's, and least share of its way that has it: what is brighter than the aorta is filled from
a vein, as the superior caval vein and the right appendage are, or metal."""
SMOOTH_MM = 2.0
UNKNOWN_VESSEL = (
    "A vessel of {length} mm leaves the ascending aorta; not both coronary arteries were found, so it cannot be told what it is."
)
STREAK = (
    "What seems a vessel of {length} mm from the ascending aorta runs beside metal: whether it is a bypass graft or a streak "
    "cannot be told."
)
METAL_HU, LEAST_METAL_MM3, BESIDE_METAL_MM = 1000.0, 50.0, 12.0
"""Metal in voxels of about a millimetre, of so large a piece (a lead; the clips of a graft are smaller), and how near half of a
way lies to it that its streaks may feign. Chosen; along a digital lead one lay 5 to 6 mm from it."""
ON_PATH_MM, ANASTOMOSIS_MM, ON_PATH_SHARE = 3.0, 6.0, 0.7
"""A branch of a coronary tree that lies on a graft for so much of its length, its end at the artery left out, is the graft."""


def find_grafts(
    place: HeartPlace, fit: FittedHeart, trees: tuple[Tree, ...], progress: Progress | None = None
) -> tuple[Graft, ...]:
    """Find bypass grafts in a segmented heart.

    Parameters
    ----------
    place
        The heart's box in the scan.
    fit
        Where coronary ostia are expected.
    trees
        The coronary trees found.
    progress
        May stop it.
    """
    chambers, small = place.chambers, place.chambers.small
    factor, spacing = np.array(small.factor), np.array(small.spacing_mm)
    points = [one.points_lps_mm for tree in trees for one in tree]
    artery = np.empty((0, 3))
    if points:
        fine = place.region.axes.index_from_lps(place.grid, np.concatenate(points)) - [part.start for part in chambers.box]
        artery = ((fine + 0.5) / factor - 0.5) * spacing
    top = float(place.box_mm(fit.ostia_mm)[:, 0].max())
    paths = find_graft_paths(chambers, top, artery, progress)
    logger.info("bypass grafts: %d", len(paths))
    metal = _metal(small)
    return tuple(
        Graft(smooth_polyline(place.lps((path / spacing + 0.5) * factor - 0.5), SMOOTH_MM, 0.5), _is_beside(metal, path))
        for path in paths
    )


def _metal(small: CoarseImage) -> FloatArray:
    """Return the places (N, 3), k, j, i times the spacing, of large pieces of metal."""
    bright = small.array > METAL_HU
    if not bright.any():
        return np.empty((0, 3))
    pieces, count = ndimage.label(bright, np.ones((3, 3, 3)))
    size = np.bincount(pieces.ravel(), minlength=count + 1) * float(np.prod(small.spacing_mm))
    size[0] = 0.0
    return np.asarray(np.argwhere(size[pieces] >= LEAST_METAL_MM3) * np.array(small.spacing_mm))


def _is_beside(metal_mm: FloatArray, path_mm: FloatArray) -> bool:
    return len(metal_mm) > 0 and float(np.median(cKDTree(metal_mm).query(path_mm)[0])) < BESIDE_METAL_MM


def claimed(grafts: tuple[Graft, ...], ostia: Sequence[CoronaryOstium]) -> tuple[tuple[Graft, ...], tuple[str, ...]]:
    """Return the grafts that can be called so, and what is said of the others.

    Where the left or the right coronary artery was not found at the aorta, a vessel there may as well be that one; beside metal
    it may be a streak.
    """
    both = {one.side for one in ostia} >= {"left", "right"}
    told = [STREAK if one.beside_metal else "" if both else UNKNOWN_VESSEL for one in grafts]
    said = tuple(text.format(length=f"{one.length_mm:.0f}") for one, text in zip(grafts, told, strict=True) if text)
    return tuple(one for one, text in zip(grafts, told, strict=True) if not text), said


def find_graft_paths(
    chambers: Chambers, ostia_top_mm: float, artery_mm: FloatArray, progress: Progress | None = None
) -> list[FloatArray]:
    """Return the courses of grafts, (N, 3) k, j, i of the small image times its spacing.

    Parameters
    ----------
    ostia_top_mm
        Height (k times the spacing) of the higher of the expected ostia.
    artery_mm
        (M, 3) places on the coronary arteries found: a graft ends where it meets them; may be empty.
    progress
        May stop it.
    """
    progress = progress or Progress()
    small = chambers.small
    spacing = np.array(small.spacing_mm)
    aorta = chambers.labels == AORTA
    if not aorta.any():
        return []
    free = _thin_vessels(chambers)
    progress.check()
    gap = ndimage.distance_transform_edt(~aorta, sampling=spacing)
    height = np.arange(free.shape[0]) * spacing[0]
    start = free & (gap <= TOUCH_MM) & (height >= ostia_top_mm + ABOVE_MM)[:, None, None]
    patches, _ = ndimage.label(start, np.ones((3, 3, 3)))
    pieces, _ = ndimage.label(free, np.ones((3, 3, 3)))
    boxes = ndimage.find_objects(pieces)
    found = []
    for number, around in enumerate(ndimage.find_objects(patches), 1):
        progress.check()
        patch = np.argwhere(patches[around] == number) + [part.start for part in around]
        if len(patch) * float(np.prod(spacing)) / TOUCH_MM > MOST_PATCH_MM2:
            continue
        # a way stays within the piece that it begins in, and most pieces go down too little to be a graft
        box = boxes[pieces[tuple(patch[0])] - 1]
        low = np.array([part.start for part in box])
        if (patch[:, 0].max() - low[0]) * spacing[0] < LEAST_DOWN_MM:
            continue
        path = _longest_way(free[box], patch - low, spacing, artery_mm - low * spacing)
        if path is not None and _is_graft(path + low, gap, chambers):
            found.append((path + low) * spacing)
    return _apart(found)


def _thin_vessels(chambers: Chambers) -> BoolArray:
    """Return bright voxels outside cavities and great vessels, thick ones with their rims left out."""
    image, spacing = chambers.small.array, chambers.small.spacing_mm
    levels = chambers.levels
    limit = levels.muscle_hu + BLOOD_SHARE * (levels.blood[AORTA] - levels.muscle_hu)
    labelled = (chambers.labels > 0) & (chambers.labels != MYOCARDIUM)
    free = (image > limit) & ~labelled
    core = ndimage.distance_transform_edt(free, sampling=spacing) > WIDEST_MM
    if core.any():
        free &= ndimage.distance_transform_edt(~core, sampling=spacing) > WIDEST_MM + 1.5
    return np.asarray(free)


def _longest_way(free: BoolArray, patch: NDArray[np.int_], spacing: FloatArray, artery_mm: FloatArray) -> NDArray[np.int_] | None:
    """Return the voxels (N, 3) from a patch to the first artery that is met, else to the farthest place that is reached."""
    walk = MCP_Geometric(np.where(free, 1.0, -1.0), sampling=tuple(spacing), fully_connected=True)
    cost, _ = walk.find_costs(patch.tolist())
    reached = np.isfinite(cost)
    if not reached.any():
        return None
    end = np.array(np.unravel_index(int(np.where(reached, cost, -1.0).argmax()), cost.shape))
    if len(artery_mm):
        at = np.unique(np.rint(artery_mm / spacing).astype(int), axis=0)
        at = at[((at >= 0) & (at < np.array(free.shape))).all(axis=1)]
        met = at[reached[tuple(at.T)] & (cost[tuple(at.T)] >= LEAST_MM)]
        if len(met):
            end = met[int(cost[tuple(met.T)].argmin())]
    return np.array(walk.traceback(tuple(int(one) for one in end)))


def _is_graft(path: NDArray[np.int_], gap: FloatArray, chambers: Chambers) -> bool:
    spacing = np.array(chambers.small.spacing_mm)
    places = path * spacing
    arc = arc_length_mm(places)
    if arc[-1] < LEAST_MM or float(places[0, 0] - places[:, 0].min()) < LEAST_DOWN_MM:
        return False
    far = gap[tuple(path.T)]
    if float(far[arc <= AWAY_AFTER_MM].max()) < AWAY_MM:
        return False
    values = chambers.small.array[tuple(path.T)]
    blood = chambers.levels.blood[AORTA]
    filled = (ndimage.maximum_filter1d(values, 3) > LEAST_FILLING * blood) & (values < MOST_FILLING * blood)
    return bool(filled.mean() >= LEAST_FILLED)


def _apart(paths: list[FloatArray]) -> list[FloatArray]:
    """Return paths that are not mostly the same, the longest first."""
    kept: list[FloatArray] = []
    for path in sorted(paths, key=len, reverse=True):
        same = [np.linalg.norm(path[:, None] - other[None], axis=2).min(axis=1) < ON_PATH_MM for other in kept]
        if all(one.mean() < ON_PATH_SHARE for one in same):
            kept.append(path)
    return kept


def without_grafts(trees: tuple[Tree, ...], grafts: tuple[Graft, ...]) -> tuple[Tree, ...]:
    """Return coronary trees without branches that are a graft, followed backwards from where it meets an artery."""
    result = []
    for tree in trees:
        rest = tree
        while True:
            own = [one.id for one in rest if one.id != rest.root_id and any(_lies_on(one, graft) for graft in grafts)]
            if not own:
                break
            rest = delete(rest, own[0])
        result.append(rest)
    return tuple(result)


def tips_of(trees: tuple[Tree, ...]) -> tuple[Tip, ...]:
    """Return the ends of all branches."""
    return tuple(Tip(one.points_lps_mm[-1], number, one.id) for number, tree in enumerate(trees) for one in tree.tips)


def _lies_on(branch: Branch, graft: Graft) -> bool:
    course = graft.points_lps_mm[arc_length_mm(graft.points_lps_mm) < graft.length_mm - ANASTOMOSIS_MM]
    if len(course) == 0:
        return False
    away = np.linalg.norm(branch.points_lps_mm[:, None] - course[None], axis=2).min(axis=1)
    return bool((away < ON_PATH_MM).mean() >= ON_PATH_SHARE)
