"""Stubs of arteries: what is closed close behind a fork leaves a beginning too short to be followed as a branch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, unit

from .tube_graph import IntArray, TubeGraph, Way

GAP_MM, STUB_MM, BEHIND_MM = 12.0, 15.0, 30.0
"""Longest gap behind a stub, longest stub, and least extent of what goes on behind it. Chosen: an occlusion of 10 mm with its
blurred ends; a branch of 3 cm and more is worth a gap."""
MOST_ENDS, APART_MM = 8, 8.0
"""So many ends of stubs are tried, so far from each other."""
BACK_MM, NEAR_MM = 2.0, 5.0
"""What goes on begins at the gap: within the second, no more than the first of it lies back beside the stub."""


def stubs_before(graph: TubeGraph, ways: list[Way], free: NDArray[np.bool_], nodes: IntArray) -> Iterator[tuple[Way, int]]:
    """Give the stubs that lead from an artery towards a piece, with the piece's node behind the gap, the shortest gap first.

    Strategy: of the voxels that hang on the arteries and belong to none, the one nearest to the piece is a stub's end; the
    cheapest way from it to an artery is the stub. Then the next nearest, away from those before.

    Parameters
    ----------
    free
        (N,) nodes that hang on the arteries and were neither followed nor parted from them.
    nodes
        Of the piece.
    """
    spots = graph.places_mm[nodes]
    if not ways or graph.extent_mm(nodes) < BEHIND_MM:
        return
    hanging = np.flatnonzero(free)
    gap, near = cKDTree(spots).query(graph.places_mm[hanging], distance_upper_bound=GAP_MM)
    hanging, near, gap = (values[np.isfinite(gap)] for values in (hanging, near, gap))
    on_way = {int(node): number for number, way in enumerate(ways) for node in way.nodes[1 if way.parent >= 0 else 0 :]}
    for _ in range(MOST_ENDS):
        if len(hanging) == 0:
            return
        at = int(np.argmin(gap))
        end, entry = int(hanging[at]), int(nodes[near[at]])
        stub = _stub(graph, on_way, end)
        if stub is not None and _begins(spots, graph.places_mm[end], graph.places_mm[entry]):
            yield stub, entry
        away = np.linalg.norm(graph.places_mm[hanging] - graph.places_mm[end], axis=1) > APART_MM
        hanging, near, gap = hanging[away], near[away], gap[away]


def _stub(graph: TubeGraph, on_way: dict[int, int], end: int) -> Way | None:
    """Return the cheapest way from an artery to a node; None where it is too long for a stub."""
    cost, before = dijkstra(graph.edges, directed=False, indices=end, return_predecessors=True, limit=4.0 * STUB_MM)
    reached = [node for node in on_way if np.isfinite(cost[node])]
    if not reached:
        return None
    course = [min(reached, key=lambda one: float(cost[one]))]
    while course[-1] != end:
        course.append(int(before[course[-1]]))
    stub = np.array(course)
    length = float(np.linalg.norm(np.diff(graph.places_mm[stub], axis=0), axis=1).sum())
    return Way(stub, on_way[course[0]], course[0]) if length <= STUB_MM else None


def _begins(spots_mm: FloatArray, here_mm: FloatArray, there_mm: FloatArray) -> bool:
    """Tell whether a piece begins behind a gap, and does not pass there."""
    beside = spots_mm - there_mm
    beside = beside[np.linalg.norm(beside, axis=1) <= NEAR_MM]
    return float((beside @ unit(there_mm - here_mm)).min()) >= -BACK_MM
