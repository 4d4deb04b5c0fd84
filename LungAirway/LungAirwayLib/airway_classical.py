"""The airway from trachea to the leak-free reach of a threshold: the engine's first half, which needs no weights."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

logger = logging.getLogger(__name__)

THRESHOLDS_HU = tuple(range(-980, -690, 20))
LARGEST_ML = 160.0
EXPLOSION_ML = 6.0
"""A step of 20 HU that adds more than this has left the airway: CIP stops its bisection at 30 ml in all (reference of
the Chest Imaging Platform); large trees hold 90 ml, so the step, not the sum, is watched."""


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
        if best is not None and (volume_ml > LARGEST_ML or volume_ml - previous_ml > max(EXPLOSION_ML, 0.25 * previous_ml)):
            break
        best, best_threshold, previous_ml = region, float(threshold), volume_ml
    assert best is not None
    return best, best_threshold
