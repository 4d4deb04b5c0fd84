"""The airway mask after a person cut branches off the tree: what belonged to them goes, too."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

SAME_PLACE_MM = 0.75
"""Centreline samples of a kept branch lie within this of the old ones (half a step of 0.5 mm, and a new sample at a cut)."""
NEAREST = 6


def without_cut_branches(airway: LabelMap, before: Tree, after: Tree) -> LabelMap:
    """Return the mask without the voxels whose nearest wall is that of a centreline that is no longer there.

    Parameters
    ----------
    airway
        The lumen mask that ``before`` was built on.
    before, after
        The tree as computed and as corrected by hand; branches that were only drawn on take nothing away.
    """
    points, radii = _samples(before)
    kept_points, kept_radii = _samples(after)
    gone = cKDTree(kept_points).query(points)[0] > SAME_PLACE_MM
    if not gone.any():
        return airway
    voxels = np.argwhere(airway.array_kji > 0)
    places = airway.grid.lps_from_kji(voxels)
    lost = _wall_distance(places, points[gone], radii[gone]) < _wall_distance(places, kept_points, kept_radii)
    array = airway.array_kji.copy()
    array[tuple(voxels[lost].T)] = 0
    return LabelMap(array, airway.affine_ijk_to_lps, airway.names)


def _samples(tree: Tree) -> tuple[FloatArray, FloatArray]:
    return np.concatenate([one.points_lps_mm for one in tree]), np.concatenate([one.radius_mm for one in tree])


def _wall_distance(places: FloatArray, points: FloatArray, radii: FloatArray) -> FloatArray:
    """Return how far each place lies outside (negative: inside) the nearest of the tubes around the samples, mm."""
    distance, at = cKDTree(points).query(places, k=list(range(1, min(NEAREST, len(points)) + 1)))
    return np.asarray((distance - radii[at]).min(axis=1))
