"""Where the coronary arteries leave the aorta, found without a click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components, dijkstra

from SenseCarePlanningLib.geometry import FloatArray

from .coronary_evidence import Evidence
from .tube_graph import TubeGraph

IntArray = NDArray[np.int_]

TOUCH_MM = 1.6
"""A tube whose evidence comes this near to the aorta leaves it: the rim of the aorta blurs the evidence of its first part."""
LEAST_REACH_MM = 25.0
"""What leaves the aorta and is shorter is no coronary artery that can be graded."""
MOST_PATCH_MM3 = 120.0
"""Most evidence within :data:`TOUCH_MM` of the aorta that one artery has: an artery 7 mm wide; a vein or atrium that lies along
the aorta has more."""
EXPECTED_MM, FARTHEST_MM = 9.0, 24.0
"""How far ostia lie from where the fitted average heart has them, usually and at most. Chosen: high take-offs are within 2 cm."""
BRIGHT_SHARE = (0.45, 2.0)
"""Brightness at the start over the aorta's: darker is no artery, brighter is metal; a calcified left main has up to twice."""


@dataclass(frozen=True, eq=False)
class Ostium:
    """Voxels of the graph where one artery touches the aorta, and how far the artery reaches.

    Parameters
    ----------
    side
        ``left`` or ``right``.
    nodes
        (N,) of the graph.
    middle_mm
        (3,) k, j, i of the heart's box times the spacing.
    reach_mm
        Cost of the farthest way, in millimetres of full evidence.
    voxels
        How many voxels are nearer to this ostium than to another.
    """

    side: str
    nodes: IntArray
    middle_mm: FloatArray
    reach_mm: float
    voxels: int


def find_ostia(graph: TubeGraph, evidence: Evidence, expected_mm: FloatArray) -> list[Ostium]:
    """Return the left and the right ostium, as far as they are found: what leaves the aorta like an artery, near where one does.

    Parameters
    ----------
    expected_mm
        (2, 3) about where the left and the right artery leave the aorta; k, j, i of the heart's box times the spacing.
    """
    gap = ndimage.distance_transform_edt(~evidence.aorta, sampling=evidence.spacing_mm)
    near = np.flatnonzero(gap[tuple(graph.index.T)] <= TOUCH_MM)
    if len(near) == 0:
        return []
    count, group = connected_components(graph.edges[near][:, near], directed=False)
    cost, _, source = dijkstra(graph.edges, directed=False, indices=near, min_only=True, return_predecessors=True)
    number = np.full(len(cost), -1)
    number[near] = group
    reached = np.isfinite(cost)
    start = np.where(reached, number[np.maximum(source, 0)], -1)
    voxel_mm3 = float(np.prod(evidence.spacing_mm))
    candidates = []
    for one in range(count):
        own = np.flatnonzero(reached & (start == one))
        nodes = near[group == one]
        reach = float(cost[own].max())
        level = float(np.median(evidence.smooth[tuple(graph.index[own[cost[own] < 6.0]].T)]))
        share = level / evidence.blood_hu
        if reach < LEAST_REACH_MM or len(nodes) * voxel_mm3 > MOST_PATCH_MM3 or not BRIGHT_SHARE[0] < share < BRIGHT_SHARE[1]:
            continue
        middle = graph.places_mm[nodes].mean(axis=0)
        distances = np.linalg.norm(expected_mm - middle, axis=1)
        for side, distance in zip(("left", "right"), distances, strict=True):
            if distance <= FARTHEST_MM:
                weight = len(own) * float(np.exp(-0.5 * (distance / EXPECTED_MM) ** 2))
                candidates.append((weight, one, Ostium(side, nodes, middle, reach, len(own))))
    found: dict[str, Ostium] = {}
    used: set[int] = set()
    for _, one, ostium in sorted(candidates, key=lambda item: -item[0]):
        if ostium.side not in found and one not in used:
            found[ostium.side] = ostium
            used.add(one)
    return [found[side] for side in ("left", "right") if side in found]
