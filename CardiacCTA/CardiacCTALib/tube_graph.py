"""The graph that arteries are followed in: voxels with evidence for a tube, and what a way through them costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from SenseCarePlanningLib.geometry import FloatArray

from .coronary_evidence import FAT_HU, Evidence

IntArray = NDArray[np.int_]

LEAST_RISE = 0.3
"""Of the contrast between blood and muscle: the lowest evidence a way may use. Arteries of 1 mm and more show 0.5 and more; the
noise of muscle stays under 0.25 (digital hearts, noise 22 to 44 HU)."""
FULL_RISE = 1.0
"""From this share on a voxel is as good as can be."""
NEAR_MM, CENTRE_POWER, LEAST_SHARE_OF_PEAK = 1.2, 3.0, 0.3
"""A voxel darker than the brightest this near lies off the middle of its tube, and its price rises with this power of the share:
ways keep to the middle, also round sharp bends, where the shortest would cut the corner."""
CALCIUM_FROM, CALCIUM_FULL, CALCIUM_PRICE = 1.15, 1.5, 4.0
"""Shares of the aorta's brightness from which a voxel is likely and surely calcium, and its price then: ways run beside it."""
SIDES_MM = (0.6, 1.0, 1.4, 1.8)
"""Where two lumens that touch, each 1 to 3 mm wide, are looked for on both sides of the gap between them."""
NEIGHBOURS = tuple((k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) > (0, 0, 0))


@dataclass(frozen=True, eq=False)
class TubeGraph:
    """Voxels with evidence and the ways between them.

    Parameters
    ----------
    index
        (N, 3) voxels k, j, i, in the order of their flat index.
    places_mm
        (N, 3) k, j, i times the spacing.
    rise
        (N,) evidence as a share of the contrast.
    edges
        (N, N) sparse costs.
    """

    index: IntArray
    places_mm: FloatArray
    rise: FloatArray
    edges: csr_matrix

    def extent_mm(self, nodes: IntArray) -> float:
        """Return the diagonal of the box that holds some nodes."""
        return float(np.linalg.norm(np.ptp(self.places_mm[nodes], axis=0)))


@dataclass(frozen=True, eq=False)
class Way:
    """One artery's course before it is centred.

    Parameters
    ----------
    nodes
        (N,) of the graph, from its start outward; the first lies on the artery it leaves.
    parent, parent_node
        Number of the way it leaves and the node on it; -1 when it starts at the aorta.
    """

    nodes: IntArray
    parent: int
    parent_node: int


def build_graph(evidence: Evidence, least_rise: float = LEAST_RISE) -> TubeGraph:
    """Join neighbouring voxels whose evidence is high enough; a millimetre costs 1 where it is full, more where it is weak."""
    share = evidence.rise_hu / np.float32(evidence.contrast_hu)
    flat = np.flatnonzero(share.ravel() > least_rise)
    shape = share.shape
    index = np.stack(np.unravel_index(flat, shape), axis=1)
    rise = share.ravel()[flat].astype(np.float64)
    places = index * np.array(evidence.spacing_mm)
    number = np.full(share.size, -1, dtype=np.int32)
    number[flat] = np.arange(len(flat), dtype=np.int32)
    price = (FULL_RISE / np.clip(rise, 0.05, FULL_RISE)) ** 2 / share_of_peak(evidence, flat) ** CENTRE_POWER
    bright = evidence.smooth.ravel()[flat].astype(np.float64) / evidence.blood_hu
    price *= 1.0 + (CALCIUM_PRICE - 1.0) * np.clip((bright - CALCIUM_FROM) / (CALCIUM_FULL - CALCIUM_FROM), 0.0, 1.0)
    rows, columns, costs = [], [], []
    for step in NEIGHBOURS:
        moved = index + np.array(step)
        ok = ((moved >= 0) & (moved < np.array(shape))).all(axis=1)
        other = np.full(len(flat), -1, dtype=np.int32)
        other[ok] = number[np.ravel_multi_index(tuple(moved[ok].T), shape)]
        joined = np.flatnonzero(other >= 0)
        length = float(np.linalg.norm(np.array(step) * np.array(evidence.spacing_mm)))
        rows.append(joined)
        columns.append(other[joined])
        costs.append(length * 0.5 * (price[joined] + price[other[joined]]))
    count = len(flat)
    edges = coo_matrix((np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count))
    return TubeGraph(index, places, rise, edges.tocsr())


def share_of_peak(evidence: Evidence, flat: IntArray) -> FloatArray:
    """Return (N,) how bright voxels (flat index) are against the brightest within :data:`NEAR_MM`, both over fat."""
    shape = evidence.smooth.shape
    values = evidence.smooth.ravel()
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    own = np.clip(values[flat], FAT_HU + 1.0, evidence.blood_hu)
    peak = own.copy()
    ways = np.array(NEIGHBOURS, dtype=np.float64)
    ways = np.concatenate([ways, -ways]) / np.linalg.norm(np.concatenate([ways, ways]), axis=1, keepdims=True)
    steps = np.concatenate([np.rint(reach * ways / np.array(evidence.spacing_mm)) for reach in (0.5 * NEAR_MM, NEAR_MM)])
    for step in np.unique(steps.astype(int) @ strides):
        np.maximum(peak, values[np.clip(flat + step, 0, len(values) - 1)], out=peak)
    peak = np.minimum(peak, evidence.blood_hu)
    return np.asarray(np.clip((own - FAT_HU) / (peak - FAT_HU), LEAST_SHARE_OF_PEAK, 1.0), dtype=np.float64)


def share_of_both_sides(evidence: Evidence, index: IntArray) -> FloatArray:
    """Return (N,) how bright voxels (N, 3) are over fat against what is brighter on two opposite sides of them within
    :data:`SIDES_MM`: 1 in a lumen and on its flank, less in the gap between two lumens and in a narrow place."""
    shape = evidence.smooth.shape
    values = evidence.smooth.ravel()
    flat = np.ravel_multi_index(tuple(index.T), shape)
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    own = np.clip(values[flat], FAT_HU + 1.0, evidence.blood_hu)
    both = own.copy()
    for way in np.array(NEIGHBOURS, dtype=np.float64):
        steps = [np.rint(mm * way / np.linalg.norm(way) / np.array(evidence.spacing_mm)).astype(int) @ strides for mm in SIDES_MM]
        sides = [np.max([values[np.clip(flat + sign * step, 0, len(values) - 1)] for step in steps], axis=0) for sign in (1, -1)]
        np.maximum(both, np.minimum(sides[0], sides[1]), out=both)
    both = np.minimum(both, evidence.blood_hu)
    return np.asarray((own - FAT_HU) / (both - FAT_HU), dtype=np.float64)
