"""Third pass: bronchi so thin that wall and lumen blur into one grey tube.

A lumen of 1 to 1.5 mm reads brighter than the lung around it, as a vessel does, yet the two differ in shape. A vessel that is
grey is so because it is narrower than the scanner's point spread: a peak that falls from its middle at once. Lumen and wall
together are wider than that, and the lumen takes away what would have been the peak: the grey is a plateau, often with its
artery, brighter, on one side. The flank of a wide vessel is grey too, but steep.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import unit

from .fine_branches import near_mask
from .peripheral import GrowthRules, Paths, grow_paths

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
RAYS = unit(
    np.array([(k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) != (0, 0, 0)], dtype=float)
)
LOWEST_LUNG_HU = -950.0
"""No contrast is larger than the distance to this."""
AXES = RAYS[np.abs(RAYS).max(axis=1) > 0.99]


@dataclass(frozen=True)
class GreyRules:
    """What a grey tube is.

    Parameters
    ----------
    near_mm
        Distance from the known airway within which branches are sought.
    grey_hu
        Range of the middle; wider lumens are darker, wider vessels brighter.
    plateau_mm, edge_mm
        Distances at which the plateau must still hold and must have ended.
    contrast_hu
        Range of the contrast: the fall within ``edge_mm`` that one ray in four exceeds. Fainter tubes are lost among noise
        and patches of ground glass.
    lung_hu
        What lies around (middle less contrast) is lung darker than this: in denser lung nothing is followed.
    steep_share, flat_share
        Fall within ``plateau_mm`` on the steepest ray, as a share of the contrast: evidence 0 and 1. In a CT simulated around
        a deep tree (ATM'22) the middle of a grey bronchus loses 0.26 (median), other grey voxels 0.71; the latter lose
        0.68 and 0.71 on two real CTs.
    open_share
        Share of the rays that need not fall to half of the contrast: along the tube both ways, and the artery's side.
    drawn_evidence
        Voxels that touch the path are drawn as lumen where the evidence is above this.
    growth
        When a path becomes a branch.
    """

    near_mm: float = 18.0
    grey_hu: tuple[float, float] = (-800.0, -450.0)
    plateau_mm: float = 0.7
    edge_mm: float = 2.8
    contrast_hu: tuple[float, float] = (120.0, 420.0)
    lung_hu: float = -770.0
    steep_share: float = 0.55
    flat_share: float = 0.35
    open_share: float = 0.6
    drawn_evidence: float = 0.6
    growth: GrowthRules = field(default_factory=lambda: GrowthRules(minimum_mm=5.0, minimum_evidence=0.8))


@dataclass(frozen=True, eq=False)
class GreyBranches:
    """Accepted paths, the evidence (K, J, I) they follow, and the flat indices of the voxels to draw."""

    paths: Paths
    evidence: NDArray[np.float32]
    voxels: NDArray[np.int64]


def find_grey_branches(
    smooth: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    lumen: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    rules: GreyRules | None = None,
) -> GreyBranches:
    """Find grey tubes that go on from the known airway.

    Parameters
    ----------
    smooth
        (K, J, I) CT in HU, as smoothed for the first pass.
    lungs, lumen
        (K, J, I) bool; lungs and what is known of the airway.
    spacing_mm
        Voxel spacing.
    """
    rules = rules or GreyRules()
    evidence = plateau_evidence(smooth, lungs & near_mask(lumen, rules.near_mm, spacing_mm) & ~lumen, spacing_mm, rules)
    paths = grow_paths(evidence, lumen, spacing_mm, rules.growth)
    logger.info("grey branches: %d paths", len(paths.voxels))
    return GreyBranches(paths, evidence, _drawn(paths, evidence, rules))


def _drawn(paths: Paths, evidence: NDArray[np.float32], rules: GreyRules) -> NDArray[np.int64]:
    """Return the voxels of the paths and those that touch them on the plateau."""
    if not paths.voxels:
        return np.zeros(0, dtype=np.int64)
    lines = np.unique(np.concatenate(paths.voxels))
    index = np.stack(np.unravel_index(lines, evidence.shape), axis=1)
    around = (index[:, None, :] + np.rint(RAYS).astype(np.int64)[None, :, :]).reshape(-1, 3)
    around = around[np.all((around >= 0) & (around < np.array(evidence.shape)), axis=1)]
    around = around[evidence[tuple(around.T)] > rules.drawn_evidence]
    return np.unique(np.concatenate([lines, np.ravel_multi_index(tuple(around.T), evidence.shape)]))


def plateau_evidence(
    smooth: NDArray[np.float32], domain: NDArray[np.bool_], spacing_mm: tuple[float, float, float], rules: GreyRules
) -> NDArray[np.float32]:
    """Return how flat the grey is around each voxel: (K, J, I), 1 is strong, 0 none."""
    index = np.argwhere(domain & (smooth > rules.grey_hu[0]) & (smooth < rules.grey_hu[1]))
    for axis in AXES:  # cheap: most grey voxels are flanks and fall too far on one of these rays whatever their contrast
        largest = rules.steep_share * np.minimum(smooth[tuple(index.T)] - LOWEST_LUNG_HU, rules.contrast_hu[1])
        index = index[_falls(smooth, index, axis[None], rules.plateau_mm, spacing_mm)[0] < largest]
    far = np.sort(_falls(smooth, index, RAYS, rules.edge_mm, spacing_mm), axis=0)
    contrast = far[-1 - len(RAYS) // 4]
    enough = (contrast > rules.contrast_hu[0]) & (contrast < rules.contrast_hu[1])
    enough &= smooth[tuple(index.T)] - contrast < rules.lung_hu
    enough &= far[int(rules.open_share * len(RAYS))] > 0.5 * contrast
    index, contrast = index[enough], contrast[enough]
    steepest = _falls(smooth, index, RAYS, rules.plateau_mm, spacing_mm).max(axis=0, initial=0.0)
    flat = (rules.steep_share - steepest / contrast) / (rules.steep_share - rules.flat_share)
    evidence = np.zeros(smooth.shape, dtype=np.float32)
    evidence[tuple(index.T)] = np.clip(flat, 0.0, 2.0)
    return evidence


def _falls(
    smooth: NDArray[np.float32],
    index: NDArray[np.int64],
    rays: FloatArray,
    distance_mm: float,
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Return how far the image falls from each voxel (N, 3) to its points on the rays (R, 3): (R, N)."""
    own = smooth[tuple(index.T)]

    def fall(ray: FloatArray) -> NDArray[np.float32]:
        """Return how much darker a voxel is than the place at the end of a ray."""
        places = (index + ray * distance_mm / np.array(spacing_mm)).T
        return np.asarray(own - ndimage.map_coordinates(smooth, places, order=1, mode="nearest"), dtype=np.float32)

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return np.stack(list(pool.map(fall, rays)))
