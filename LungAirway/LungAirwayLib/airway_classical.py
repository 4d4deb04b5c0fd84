"""The classical airway engine: a leak-free trunk by threshold, walled-in dark paths, fine and grey branches, the lumen."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.dark_tubes import RayOptions, wall_evidence
from SenseCarePlanningLib.tubes.simple_points import without_loops
from SenseCarePlanningLib.volume import bounding_box

from .fine_branches import find_fine_branches, near_mask
from .grey_branches import find_grey_branches
from .peripheral import FULL, Paths, grow_paths

logger = logging.getLogger(__name__)

THRESHOLDS_HU = tuple(range(-980, -690, 20))
LARGEST_ML = 160.0
EXPLOSION_ML = 12.0
"""A step of 20 HU that adds more than this has left the airway; the sum is not watched (one tree of the development
data holds 90 ml), the step is. Both main bronchi may open in one step (8 ml on a 2.5 mm scan); a leak into the lung
is hundreds of ml."""
SMOOTHING_MM = 0.45
BACKGROUND_MM = 1.6
HILUM_MM = 4.0
"""How far beyond the lungs' border branches are sought: between trunk and lung lies the hilum."""
TRUNK_EDGE_HU = -650.0
BRIGHTEST_HU = 0.0
"""Brighter values are cut: a calcified node or contrast beside a bronchus must not count as more than a wall."""
SEED_STEP = 3
CUBE = np.array([(k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1)])
FACES = CUBE[np.abs(CUBE).sum(axis=1) == 1]
DRAWN_RADIUS_MM = 0.8
"""Fine branches are drawn at least this wide where the voxels allow: the lumens sought are 1 to 2 mm across."""
LOWEST_EVIDENCE_HU, HIGHEST_EVIDENCE_HU = 30.0, 85.0
"""Bounds of the wall's rise above the lumen that counts as strong; in between, what 0.5 % of the lung exceeds."""


@dataclass(frozen=True, eq=False)
class ClassicalAirway:
    """Lumen (bool), evidence (float32, 0 to 1) and the smoothed CT on the crop, and the thresholds used."""

    lumen: NDArray[np.bool_]
    evidence: NDArray[np.float32]
    smooth_hu: NDArray[np.float32]
    trunk_threshold_hu: float
    wall_threshold_hu: float
    path_count: int


def find_airway(
    hu: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    spacing_mm: tuple[float, float, float],
    progress: Progress,
) -> ClassicalAirway:
    """Find the airway in a crop along the patient's axes.

    Parameters
    ----------
    hu
        (K, J, I) float32; the part above the trachea's top already set to soft tissue.
    lungs
        (K, J, I) bool; aerated lung with its dense parts, airways may be in or out.
    seeds
        (N, 3) voxels in the trachea.
    spacing_mm
        Voxel spacing.
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    wide = ndimage.gaussian_filter(hu, [0.7 / step for step in spacing_mm], truncate=3.0)
    trunk, trunk_hu = grow_trunk(wide, seeds, voxel_ml)
    del wide
    progress.update(0.3)
    cut = np.minimum(hu, BRIGHTEST_HU)
    smooth = ndimage.gaussian_filter(cut, [SMOOTHING_MM / step for step in spacing_mm], truncate=3.0)
    rises, threshold = _walls(smooth, lungs, trunk, spacing_mm)
    progress.update(0.6)
    evidence = rises / np.float32(threshold)
    paths = grow_paths(evidence, trunk, spacing_mm)
    lumen = _lumen(trunk, _lines(paths), smooth, rises, threshold)
    del rises
    progress.update(0.75)
    fine = find_fine_branches(cut, smooth, lungs, lumen, spacing_mm)
    whole = _with_fine_branches(lumen, _lines(fine.paths), fine.rises, fine.threshold_hu, spacing_mm)
    np.maximum(evidence, fine.rises / np.float32(fine.threshold_hu), out=evidence)
    fine_count = len(fine.paths.voxels)
    del fine
    progress.update(0.85)
    grey = find_grey_branches(smooth, lungs, whole, spacing_mm)
    dark = whole.copy()
    whole.ravel()[grey.voxels] = True
    np.maximum(evidence, grey.evidence, out=evidence)
    progress.update(0.9)
    lumen = cut_loops(one_piece(whole, dark), trunk, lumen, dark)
    count = len(paths.voxels) + fine_count + len(grey.paths.voxels)
    progress.update(0.95)
    np.minimum(evidence, 1.0, out=evidence)
    evidence[lumen] = 1.0
    logger.info("trunk at %.0f HU, walls from %.0f HU, %d paths", trunk_hu, threshold, count)
    return ClassicalAirway(lumen, evidence, smooth, trunk_hu, threshold, count)


def _lines(paths: Paths) -> NDArray[np.int64]:
    return np.unique(np.concatenate(paths.voxels)) if paths.voxels else np.zeros(0, dtype=np.int64)


def grow_trunk(smooth_hu: NDArray[np.float32], seeds: NDArray[np.int64], voxel_ml: float) -> tuple[NDArray[np.bool_], float]:
    """Grow from the trachea at the highest threshold that does not leak.

    Parameters
    ----------
    smooth_hu
        (K, J, I) smoothed CT.
    seeds
        (N, 3) voxels of the trachea.
    voxel_ml
        Volume of a voxel.

    Returns
    -------
    mask, threshold_hu
        The grown region and the threshold used.
    """
    inside = np.all((seeds >= 0) & (seeds < smooth_hu.shape), axis=1)
    seeds = seeds[inside]
    at_seeds = smooth_hu[tuple(seeds.T)]
    start = float(np.percentile(at_seeds, 30)) + 20.0
    best: NDArray[np.bool_] | None = None
    best_threshold = start
    previous_ml = 0.0
    for threshold in [start, *[value for value in THRESHOLDS_HU if value > start + 10.0]]:
        labels, count = ndimage.label(smooth_hu < threshold)
        hits = np.bincount(labels[tuple(seeds.T)], minlength=count + 1)
        hits[0] = 0
        region = labels == int(np.argmax(hits))
        volume_ml = float(np.count_nonzero(region)) * voxel_ml
        logger.debug("threshold %.0f HU: %.1f ml", threshold, volume_ml)
        if best is not None and (volume_ml > LARGEST_ML or volume_ml - previous_ml > max(EXPLOSION_ML, 0.6 * previous_ml)):
            break
        best, best_threshold, previous_ml = region, float(threshold), volume_ml
    assert best is not None
    return best, best_threshold


def _walls(
    smooth: NDArray[np.float32], lungs: NDArray[np.bool_], trunk: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[NDArray[np.float32], float]:
    """Measure the walls around dark voxels of lung and hilum; the threshold follows the noise of the parenchyma."""
    blurred = ndimage.gaussian_filter(smooth, [BACKGROUND_MM / step for step in spacing_mm], truncate=2.5)
    np.subtract(smooth, blurred, out=blurred)
    inside = lungs & ~trunk
    sample = blurred[inside][::7]
    spread = 1.48 * float(np.median(np.abs(sample - np.median(sample)))) if sample.size else 0.0
    domain = near_mask(lungs, HILUM_MM, spacing_mm) & ~trunk
    candidates = domain & (blurred < -max(12.0, 1.2 * spread)) & (smooth < -500.0)
    del blurred
    rises = wall_evidence(smooth, candidates, spacing_mm, RayOptions())
    values = rises[inside]
    typical = float(np.quantile(values, 0.995)) if values.size else LOWEST_EVIDENCE_HU
    return rises, float(np.clip(typical, LOWEST_EVIDENCE_HU, HIGHEST_EVIDENCE_HU))


def _lumen(
    trunk: NDArray[np.bool_],
    lines: NDArray[np.int64],
    smooth: NDArray[np.float32],
    rises: NDArray[np.float32],
    threshold: float,
) -> NDArray[np.bool_]:
    """Fill the lumen around trunk and paths up to about half the wall's height; one piece, no holes."""
    mask = trunk.copy()
    # The trunk's threshold lies below half height: one voxel outwards while it stays dark, no further, for behind a thin
    # wall lies lung that is dark again.
    shell = _around(np.flatnonzero(trunk), trunk.shape, FACES)
    mask.ravel()[shell[smooth.ravel()[shell] < TRUNK_EDGE_HU]] = True
    mask.ravel()[lines] = True
    near = _around(lines, trunk.shape, CUBE)
    mask.ravel()[near[rises.ravel()[near] > 0.5 * threshold]] = True
    return one_piece(mask, trunk)


def _with_fine_branches(
    lumen: NDArray[np.bool_],
    lines: NDArray[np.int64],
    rises: NDArray[np.float32],
    threshold: float,
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.bool_]:
    """Draw fine branches: their lines, what is dark beside them, and the neighbours within the least radius."""
    mask = lumen.copy()
    near = _around(lines, mask.shape, CUBE)
    mask.ravel()[near[rises.ravel()[near] > 0.5 * threshold]] = True
    beside = FACES[np.abs(FACES) @ np.array(spacing_mm) <= DRAWN_RADIUS_MM]
    mask.ravel()[_around(lines, mask.shape, np.concatenate([np.zeros((1, 3), dtype=beside.dtype), beside]))] = True
    return one_piece(mask, lumen)


def one_piece(mask: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the piece of a mask that holds most of ``core``, without holes."""
    box = bounding_box(mask, (1, 1, 1))
    labels, count = ndimage.label(mask[box], structure=FULL)
    if count > 1:
        mask[box] = labels == int(np.argmax(np.bincount(labels[core[box]], minlength=count + 1)))
    mask[box] = ndimage.binary_fill_holes(mask[box])
    return np.asarray(mask)


def cut_loops(lumen: NDArray[np.bool_], *stages: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the lumen as one piece without loops or cavities; where a loop is cut the earlier of ``stages`` wins."""
    box = bounding_box(lumen, (1, 1, 1))
    parts = tuple(part for stage in stages if (part := stage[box] & lumen[box]).any()) or (lumen[box],)
    thinned = parts[0][::SEED_STEP, ::SEED_STEP, ::SEED_STEP]  # a deep voxel is wanted, not the deepest
    if thinned.any():
        depth = ndimage.distance_transform_edt(thinned)
        seed = np.array(np.unravel_index(int(np.argmax(depth)), depth.shape)) * SEED_STEP
    else:
        seed = np.argwhere(parts[0])[0]
    out = np.zeros(lumen.shape, dtype=bool)
    out[box] = without_loops(lumen[box], (int(seed[0]), int(seed[1]), int(seed[2])), parts)
    return out


def _around(flat: NDArray[np.int64], shape: tuple[int, ...], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the flat indices of the neighbours of flat indices, each once; the array's border is not crossed."""
    index = np.stack(np.unravel_index(flat, shape), axis=1)
    spread = (index[:, None, :] + offsets[None, :, :]).reshape(-1, 3)
    spread = spread[np.all((spread >= 0) & (spread < np.array(shape)), axis=1)]
    return np.unique(np.ravel_multi_index(tuple(spread.T), shape))
