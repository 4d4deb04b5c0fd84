"""Follows arteries from the aorta outward: cheapest ways through the evidence, longest first, one artery after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray

from .coronary_evidence import Evidence

IntArray = NDArray[np.int_]

LEAST_RISE = 0.3
"""Of the contrast between blood and muscle: the lowest evidence a way may use. Arteries of 1 mm and more show 0.5 and more; the
noise of muscle stays under 0.25 (digital hearts, noise 22 to 44 HU)."""
FULL_RISE = 1.0
"""From this share on a voxel is as good as can be."""
LEAST_BRANCH_MM = 4.0
"""A way that leaves the lumen of another for less is no branch."""
SURE_RISE = 0.45
"""Median evidence of a branch, as a share of the contrast, from which it is one."""
COVER_RADII, COVER_MM = 1.15, 0.5
"""What lies within so many radii and millimetres of an artery's course belongs to it."""
REACH_MM, RAY_STEP_MM = 4.5, 0.25
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
    price = (FULL_RISE / np.clip(rise, 0.05, FULL_RISE)) ** 2
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


def follow(graph: TubeGraph, evidence: Evidence, sources: IntArray) -> list[Way]:
    """Follow all arteries that leave given voxels.

    Strategy: one run of Dijkstra from the sources; the farthest voxel that no artery has covered gives the next artery, back
    to where it meets a known one; it is kept when enough of it is outside the others and its evidence is an artery's.

    Parameters
    ----------
    sources
        (S,) nodes at the ostium.

    Returns
    -------
    list of Way
        Parents before children.
    """
    cost, before, _ = dijkstra(graph.edges, directed=False, indices=sources, return_predecessors=True, min_only=True)
    reached = np.isfinite(cost)
    way_of = np.full(len(cost), -1, dtype=np.int64)
    covered = ~reached
    tree = cKDTree(graph.places_mm)
    ways: list[Way] = []
    for node in np.argsort(-np.where(reached, cost, -1.0)):
        if covered[node]:
            continue
        nodes, parent, parent_node = _back(int(node), before, way_of)
        places = graph.places_mm[nodes]
        outside = ~covered[nodes]
        length = float(np.linalg.norm(np.diff(places, axis=0), axis=1)[outside[1:]].sum())
        if length < LEAST_BRANCH_MM or float(np.median(graph.rise[nodes[outside]])) < SURE_RISE:
            covered[nodes] = True
            continue
        own = nodes[1:] if parent >= 0 else nodes
        way_of[own] = len(ways)
        ways.append(Way(nodes, parent, parent_node))
        radius = tube_radius(evidence, graph.index[nodes])
        for near in tree.query_ball_point(places, COVER_RADII * radius + COVER_MM):
            covered[near] = True
    return ways


def tube_radius(evidence: Evidence, index: IntArray) -> FloatArray:
    """Return about the radius (N,) of the tube at voxels (N, 3): where rays to all sides fall to half, the nearer third of them."""
    spacing = np.array(evidence.spacing_mm)
    directions = np.array([step for step in NEIGHBOURS] + [tuple(-one for one in step) for step in NEIGHBOURS], dtype=np.float64)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    steps = np.arange(RAY_STEP_MM, REACH_MM, RAY_STEP_MM)
    places = index[:, None, None, :] + directions[None, :, None, :] * steps[None, None, :, None] / spacing
    values = ndimage.map_coordinates(evidence.smooth, places.reshape(-1, 3).T, order=1, mode="nearest")
    values = values.reshape(places.shape[:3])
    own = evidence.smooth[tuple(index.T)]
    half = own - 0.5 * evidence.rise_hu[tuple(index.T)]
    under = values < half[:, None, None]
    distance = np.where(under.any(axis=2), steps[under.argmax(axis=2)], REACH_MM)
    return np.asarray(np.percentile(distance, 33.0, axis=1))


def _back(node: int, before: IntArray, way_of: IntArray) -> tuple[IntArray, int, int]:
    """Walk back to a known way or to the source; returns nodes from there outward."""
    nodes = [node]
    while before[nodes[-1]] >= 0:
        nodes.append(int(before[nodes[-1]]))
        if way_of[nodes[-1]] >= 0:
            break
    parent = int(way_of[nodes[-1]])
    return np.array(nodes[::-1], dtype=int), parent, nodes[-1] if parent >= 0 else -1
