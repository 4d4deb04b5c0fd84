"""Follows arteries from the aorta outward: cheapest ways through the evidence, longest first, one artery after the other."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray

from .coronary_evidence import FAT_HU, SMOOTH_MM, Evidence

logger = logging.getLogger(__name__)

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
POINT_SPREAD_MM = 0.35
"""Gaussian of a usual coronary scan with its voxels."""
LEAST_FILLING = 0.66
"""Of :func:`filling`. Chosen: cardiac veins have 0.5 in the arterial phase."""
DARK_FILLING, DARK_MM = 0.6, 8.0
"""A way whose rest is darker than this over more than such a length has crossed into a vein."""
VEIN_FROM_MM, VEIN_RADIUS_MM, VEIN_LENGTH_MM = 50.0, 2.1, 12.0
"""A tube this far from the ostium, this wide over such a length is a vein that touches the artery. Chosen: mid arteries are 3 mm
wide and taper; an ectatic artery is cut here, too, and a remark says so."""
OSTIUM_MM, CUT_MM, MOST_CUTS = 8.0, 1.4, 8
""" A crossing is looked for past the first millimetres, closed by a ball, and looked for again so many times."""
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


@dataclass(frozen=True, eq=False)
class Followed:
    """What was followed from one ostium.

    Parameters
    ----------
    ways, radii
        Courses, parents before children, and the radius (N,) mm at each of their nodes.
    graph
        The graph without the crossings to veins that were closed.
    cuts_mm
        (3,) places k, j, i times the spacing of those crossings.
    """

    ways: list[Way]
    radii: list[FloatArray]
    graph: TubeGraph
    cuts_mm: list[FloatArray]


def follow(graph: TubeGraph, evidence: Evidence, sources: IntArray) -> Followed:
    """Follow all arteries that leave given voxels.

    Strategy: one run of Dijkstra from the sources; the farthest voxel that no artery has covered gives the next artery, back
    to where it meets a known one; it is kept when enough of it is outside the others and its evidence is an artery's.

    Parameters
    ----------
    sources
        (S,) nodes at the ostium.

    Returns
    -------
    Followed
        The ways, parents before children.
    """
    cuts: list[FloatArray] = []
    for _ in range(MOST_CUTS):
        ways, radii = follow_once(graph, evidence, sources)
        weak = [
            place
            for way, radius in zip(ways, radii, strict=True)
            if (place := vein_contact(graph.places_mm[way.nodes], graph.rise[way.nodes], radius)) is not None
        ]
        if not weak:
            break
        cuts += weak
        logger.debug("vein contact cut at %s", [place.round(1).tolist() for place in weak])
        graph = without_ball(graph, weak, CUT_MM)
    return Followed(ways, radii, graph, cuts)


def vein_contact(places_mm: FloatArray, rise: FloatArray, radius_mm: FloatArray) -> FloatArray | None:
    """Return where a way crosses into a vein, or None: far from its start no artery is as wide as its first part and wider.

    The crossing is the weakest link of the evidence between the start and the wide part.
    """
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places_mm, axis=0), axis=1))])
    even = ndimage.median_filter(radius_mm, 9, mode="nearest")
    far = arc > VEIN_FROM_MM
    wide = far & (even > VEIN_RADIUS_MM)
    if not far.any() or float(np.diff(arc, prepend=0.0)[wide].sum()) < VEIN_LENGTH_MM:
        return None
    first = int(np.flatnonzero(wide)[0])
    part = (arc > OSTIUM_MM) & (np.arange(len(arc)) <= first)
    if not part.any():
        return None
    weakest = np.where(part, ndimage.uniform_filter1d(rise, 3, mode="nearest"), np.inf)
    return np.asarray(places_mm[int(np.argmin(weakest))])


def without_ball(graph: TubeGraph, places_mm: list[FloatArray], radius_mm: float) -> TubeGraph:
    """Return the graph with all ways through balls about places closed; the numbers of the nodes stay."""
    gone = np.unique(
        np.concatenate([np.asarray(near) for near in cKDTree(graph.places_mm).query_ball_point(places_mm, radius_mm)])
    )
    keep = np.ones(len(graph.index))
    keep[gone.astype(int)] = 0.0
    mask = diags(keep)
    edges = csr_matrix(mask @ graph.edges @ mask)
    edges.eliminate_zeros()
    return TubeGraph(graph.index, graph.places_mm, graph.rise, edges)


def follow_once(graph: TubeGraph, evidence: Evidence, sources: IntArray) -> tuple[list[Way], list[FloatArray]]:
    """Follow all arteries from some nodes, see :func:`follow`, whatever they are; returns ways and radii."""
    cost, before, _ = dijkstra(graph.edges, directed=False, indices=sources, return_predecessors=True, min_only=True)
    reached = np.isfinite(cost)
    way_of = np.full(len(cost), -1, dtype=np.int64)
    covered = ~reached
    tree = cKDTree(graph.places_mm)
    ways: list[Way] = []
    radii: list[FloatArray] = []
    for node in np.argsort(-np.where(reached, cost, -1.0)):
        if covered[node]:
            continue
        nodes, parent, parent_node = _back(int(node), before, way_of)
        radius = tube_radius(evidence, graph.index[nodes])
        lit = _lit_part(evidence, graph, nodes, radius)
        for near in tree.query_ball_point(graph.places_mm[nodes[lit:]], 0.5 * COVER_RADII * radius[lit:] + COVER_MM):
            covered[near] = True
        nodes, radius = nodes[:lit], radius[:lit]
        places = graph.places_mm[nodes]
        outside = ~covered[nodes]
        length = float(np.linalg.norm(np.diff(places, axis=0), axis=1)[outside[1:]].sum())
        if length < LEAST_BRANCH_MM or not _is_artery(evidence, graph, nodes[outside], radius[outside]):
            covered[nodes] = True
            for near in tree.query_ball_point(places[outside], 0.5 * COVER_RADII * radius[outside] + COVER_MM):
                covered[near] = True
            continue
        own = nodes[1:] if parent >= 0 else nodes
        way_of[own] = len(ways)
        ways.append(Way(nodes, parent, parent_node))
        radii.append(radius)
        for near in tree.query_ball_point(places, COVER_RADII * radius + COVER_MM):
            covered[near] = True
    return ways, radii


def _is_artery(evidence: Evidence, graph: TubeGraph, nodes: IntArray, radius_mm: FloatArray) -> bool:
    """Tell whether a new way shows an artery's evidence and brightness."""
    if float(np.median(graph.rise[nodes])) < SURE_RISE:
        return False
    return float(np.median(filling(evidence, graph.index[nodes], radius_mm))) >= LEAST_FILLING


def _lit_part(evidence: Evidence, graph: TubeGraph, nodes: IntArray, radius_mm: FloatArray) -> int:
    """Return up to which node a way is as bright as an artery of its width: past it all is a vein or muscle."""
    share = ndimage.median_filter(filling(evidence, graph.index[nodes], radius_mm), 15, mode="nearest")
    bright = np.flatnonzero(share >= DARK_FILLING)
    lit = int(bright[-1]) + 1 if len(bright) else 0
    tail = float(np.linalg.norm(np.diff(graph.places_mm[nodes[lit - 1 :]], axis=0), axis=1).sum()) if lit else np.inf
    return lit if tail > DARK_MM else len(nodes)


def filling(evidence: Evidence, index: IntArray, radius_mm: FloatArray) -> FloatArray:
    """Return (N,) how bright a tube is against an artery of its radius filled with the aorta's blood, both after blur: an artery
    has about 1, a vein that the contrast has not reached half of it."""
    blur = np.hypot(SMOOTH_MM, POINT_SPREAD_MM)
    peak = 1.0 - np.exp(-0.5 * (radius_mm / blur) ** 2)
    return np.asarray((evidence.smooth[tuple(index.T)] - FAT_HU) / (evidence.blood_hu - FAT_HU) / peak)


def tube_radius(evidence: Evidence, index: IntArray) -> FloatArray:
    """Return about the radius (N,) of the tube at voxels (N, 3): where the nearer third of rays to all sides falls to half."""
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
