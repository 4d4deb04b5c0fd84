"""Where the coronary arteries leave the aorta, found without a click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components, dijkstra

from .coronary_evidence import Evidence
from .coronary_tracking import TubeGraph

IntArray = NDArray[np.int_]

TOUCH_MM = 1.6
"""A tube whose evidence comes this near to the aorta leaves it: the rim of the aorta blurs the evidence of the first millimetre."""
LEAST_REACH_MM = 25.0
"""What leaves the aorta and is shorter is no coronary artery that can be graded."""


@dataclass(frozen=True, eq=False)
class Ostium:
    """Voxels of the graph where one artery touches the aorta, and how far the artery reaches.

    Parameters
    ----------
    nodes
        (N,) of the graph.
    reach_mm
        Cost of the farthest way, in millimetres of full evidence.
    voxels
        How many voxels can be reached.
    """

    nodes: IntArray
    reach_mm: float
    voxels: int


def find_ostia(graph: TubeGraph, evidence: Evidence) -> list[Ostium]:
    """Return what leaves the aorta like an artery, the one that reaches farthest first."""
    gap = ndimage.distance_transform_edt(~evidence.aorta, sampling=evidence.spacing_mm)
    near = np.flatnonzero(gap[tuple(graph.index.T)] <= TOUCH_MM)
    if len(near) == 0:
        return []
    part = graph.edges[near][:, near]
    count, group = connected_components(part, directed=False)
    cost, _, source = dijkstra(graph.edges, directed=False, indices=near, min_only=True, return_predecessors=True)
    number = np.full(len(cost), -1)
    number[near] = group
    reached = np.isfinite(cost)
    start = np.where(reached, number[np.maximum(source, 0)], -1)
    found = []
    for one in range(count):
        own = reached & (start == one)
        found.append(Ostium(near[group == one], float(cost[own].max()), int(own.sum())))
    return sorted((one for one in found if one.reach_mm >= LEAST_REACH_MM), key=lambda one: -one.voxels)
