"""Second pass near the known airway: thin branches whose lumen is only a little darker than their wall.

What the first pass finds makes its neighbourhood likely to hold more, so that the evidence may be weaker there: the CT is
smoothed less, and a voxel need not be darker than its wider surroundings. Where wall and lumen blur together a bronchus is a
grey line; it may join dark stretches, but no branch ends on one. Clefts of lung beside vessels, pleura and disease are walled
in as well: thin branches are sought in aerated surroundings only, and short ones only where they prolong the end of a branch.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.tubes.dark_tubes import RayOptions, wall_evidence

from .lungs import block_mean, upsample
from .peripheral import GrowthRules, Paths, grow_paths

logger = logging.getLogger(__name__)

COARSE = (3, 3, 3)


@dataclass(frozen=True)
class FineRules:
    """How the second pass looks.

    Parameters
    ----------
    near_mm
        Distance from the known airway within which branches are sought.
    smoothing_mm, background_mm, reach_mm
        Gaussians of the image and of its close surroundings, and the length of the rays: about half of the first pass's.
    aerated_hu, aerated_mm
        Mean of the surroundings (Gaussian) below which they count as aerated: lung with the artery that goes along.
    brightest_hu
        Lumens are darker than this, though the wall shines in.
    lowest_hu, highest_hu, times_lung
        The rise that counts as strong: ``times_lung`` what 0.5 % of the lung near the airway exceeds, within these bounds.
    grey_hu
        A bronchus with a lumen of about 1 mm and a wall of 0.4 mm reads so on a CT of 0.7 to 1.25 mm; an artery wider than
        about 1.3 mm is brighter.
    grey_fall_hu, grey_weight
        Fall to all sides that makes a grey line full, and the evidence that a full one is worth: less than 1, so that it can
        carry a branch between dark stretches but not end it.
    growth
        When a path becomes a branch.
    sideways_mm
        Shorter paths count only at the end of a branch: most bulges and side pockets of a noisy lumen are shorter.
    end_mm, end_share, turn_deg
        A path prolongs an end where the directions to the lumen within ``end_mm`` of its start have a mean length of
        ``end_share`` at least (1: all alike; along a tube they cancel out), and where it turns by ``turn_deg`` at most.
    """

    near_mm: float = 15.0
    smoothing_mm: float = 0.3
    background_mm: float = 1.0
    reach_mm: float = 2.4
    aerated_hu: float = -600.0
    aerated_mm: float = 3.0
    brightest_hu: float = -500.0
    lowest_hu: float = 50.0
    highest_hu: float = 250.0
    times_lung: float = 1.5
    grey_hu: tuple[float, float] = (-790.0, -580.0)
    grey_fall_hu: float = 35.0
    grey_weight: float = 0.7
    growth: GrowthRules = field(default_factory=lambda: GrowthRules(minimum_mm=2.5, minimum_evidence=0.7))
    sideways_mm: float = 5.0
    end_mm: float = 5.0
    end_share: float = 0.75
    turn_deg: float = 50.0


@dataclass(frozen=True, eq=False)
class FineBranches:
    """Accepted paths, the rise in HU (K, J, I) they were found in, and the rise that counts as strong."""

    paths: Paths
    rises: NDArray[np.float32]
    threshold_hu: float


def find_fine_branches(
    hu: NDArray[np.float32],
    smooth: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    lumen: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    rules: FineRules | None = None,
) -> FineBranches:
    """Find branches that leave or prolong the known airway.

    Parameters
    ----------
    hu, smooth
        (K, J, I) CT, bright values cut, and the same as smoothed for the first pass.
    lungs, lumen
        (K, J, I) bool; lungs and what is known of the airway.
    spacing_mm
        Voxel spacing.
    """
    rules = rules or FineRules()
    domain = near_mask(lumen, rules.near_mm, spacing_mm) & aerated(hu, rules, spacing_mm) & lungs & ~lumen
    fine = ndimage.gaussian_filter(hu, [rules.smoothing_mm / step for step in spacing_mm], truncate=3.0)
    close = ndimage.gaussian_filter(fine, [rules.background_mm / step for step in spacing_mm], truncate=2.5)
    candidates = domain & (fine < close) & (fine < rules.brightest_hu)
    del close
    rays = RayOptions(reach_mm=rules.reach_mm)
    rises = wall_evidence(fine, candidates, spacing_mm, rays)
    del fine
    values = rises[domain]
    usual = float(np.quantile(values, 0.995)) if values.size else 0.0
    threshold = float(np.clip(rules.times_lung * usual, rules.lowest_hu, rules.highest_hu))
    evidence = rises / np.float32(threshold)
    grey = domain & (smooth > rules.grey_hu[0]) & (smooth < rules.grey_hu[1]) & (evidence < rules.grey_weight)
    falls = wall_evidence(-smooth, grey, spacing_mm, rays)
    np.multiply(falls, np.float32(rules.grey_weight / rules.grey_fall_hu), out=falls)
    np.minimum(falls, np.float32(rules.grey_weight), out=falls)
    np.maximum(evidence, falls, out=evidence)
    paths = _without_pockets(grow_paths(evidence, lumen, spacing_mm, rules.growth), lumen, spacing_mm, rules)
    logger.info("fine walls from %.0f HU, %d paths", threshold, len(paths.voxels))
    return FineBranches(paths, rises, threshold)


def aerated(hu: NDArray[np.float32], rules: FineRules, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Tell where the wider surroundings are lung, measured on a coarse grid."""
    mean = block_mean(hu, COARSE)
    sigma = [rules.aerated_mm / (step * part) for step, part in zip(spacing_mm, COARSE, strict=True)]
    low = ndimage.gaussian_filter(mean, sigma, truncate=2.5) < rules.aerated_hu
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    return np.asarray(upsample(low, COARSE, shape), dtype=bool)


def _without_pockets(paths: Paths, lumen: NDArray[np.bool_], spacing_mm: tuple[float, float, float], rules: FineRules) -> Paths:
    """Drop short paths that do not prolong the end of a branch, and what hangs on them."""
    number: dict[int, int] = {-1: -1}
    kept: list[NDArray[np.int64]] = []
    parents: list[int] = []
    scale = np.array(spacing_mm)
    for at, (voxels, parent) in enumerate(zip(paths.voxels, paths.parents, strict=True)):
        if parent not in number:
            continue
        points = np.stack(np.unravel_index(voxels, lumen.shape), axis=1)
        length = float(np.linalg.norm(np.diff(points * scale, axis=0), axis=1).sum())
        if length < rules.sideways_mm and not (parent < 0 and _prolongs(points, lumen, scale, rules)):
            continue
        number[at] = len(kept)
        kept.append(voxels)
        parents.append(number[parent])
    return Paths(tuple(kept), tuple(parents))


def _prolongs(points: NDArray[np.int64], lumen: NDArray[np.bool_], scale: NDArray[np.float64], rules: FineRules) -> bool:
    """Tell whether a path goes on from an end of the lumen in about the same direction."""
    reach = np.ceil(rules.end_mm / scale).astype(int)
    low = np.maximum(points[0] - reach, 0)
    around = lumen[tuple(slice(start, stop) for start, stop in zip(low, points[0] + reach + 1, strict=True))]
    away = (np.argwhere(around) + low - points[0]) * scale
    distance = np.linalg.norm(away, axis=1)
    near = (distance > 0) & (distance <= rules.end_mm)
    if not near.any():
        return False
    mean = (away[near] / distance[near, None]).mean(axis=0)
    share = float(np.linalg.norm(mean))
    course = (points[-1] - points[0]) * scale
    forward = -float(course @ mean) / max(share * float(np.linalg.norm(course)), 1e-9)
    return share >= rules.end_share and forward >= float(np.cos(np.radians(rules.turn_deg)))


def near_mask(mask: NDArray[np.bool_], reach_mm: float, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Return what lies within ``reach_mm`` of a mask, measured on a coarse grid."""
    blocks = block_mean(mask, COARSE) > 0
    sampling = [step * part for step, part in zip(spacing_mm, COARSE, strict=True)]
    close = ndimage.distance_transform_edt(~blocks, sampling=sampling) <= reach_mm
    shape = (mask.shape[0], mask.shape[1], mask.shape[2])
    return np.asarray(upsample(close, COARSE, shape), dtype=bool)
