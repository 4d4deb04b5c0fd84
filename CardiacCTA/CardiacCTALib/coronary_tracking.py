"""Follows arteries from the aorta outward: cheapest ways through the evidence, longest first, one artery after the other."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra, maximum_flow
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.progress import Progress

from .coronary_evidence import FAT_HU, SMOOTH_MM, Evidence
from .touching import part_touching
from .tube_graph import FULL_RISE, NEIGHBOURS, IntArray, TubeGraph, Way, share_of_both_sides
from .turned_back import turned_back

logger = logging.getLogger(__name__)

LEAST_ROOT = 2
"""So many voxels an artery's root has at least that ends before it is long enough to be followed: a line."""
LEAST_BRANCH_MM = 4.0
"""A way that leaves the lumen of another for less is no branch."""
SURE_RISE = 0.45
"""Median evidence of a branch, as a share of the contrast, from which it is one."""
COVER_RADII, COVER_MM = 1.15, 0.5
"""What lies within so many radii and millimetres of an artery's course belongs to it."""
REACH_MM, RAY_STEP_MM = 4.5, 0.25
POINT_SPREAD_MM = 0.35
"""Gaussian of a usual coronary scan with its voxels."""
LEAST_FILLING = 0.71
"""Of :func:`filling`. Chosen: arteries have 0.75 to 1, thin cardiac veins 0.65 and wide ones 0.5 in the arterial phase."""
MOST_FILLING = 1.35
"""What is brighter over most of its length is metal or its streaks; calcium and stents are shorter than a branch."""
DARK_FILLING, DARK_MM, DARK_SHARE = 0.6, 8.0, 0.75
"""A way whose rest is darker than this for the most part, and so long, has crossed into a vein."""
VEIN_FROM_MM, VEIN_RADIUS_MM, VEIN_LENGTH_MM = 50.0, 2.1, 12.0
"""A tube this far from the ostium, this wide over such a length is a vein that touches the artery. Chosen: mid arteries are 3 mm
wide and taper; an ectatic artery is cut here, too, and a remark says so."""
BEFORE_MM, WIDENS = (5.0, 40.0), 1.1
"""An artery tapers: what is no wider than its part so far from its start is no vein, as a dominant circumflex can be wide."""
MOST_CUTS, MOST_PARTINGS = 3, 10
CAPACITY, ENDLESS = 100, 1_000_000
"""Flow through a full link, and through ostia and veins."""
METAL_MM = 30.0
"""Streaks reach so far from metal."""
SURE_RISE_NEAR_METAL, MOST_FILLING_NEAR_METAL = 0.85, 1.15
"""Among streaks only clear arteries count."""


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
    beyond
        (B,) nodes of what was parted from the arteries because it only touches them.
    """

    ways: list[Way]
    radii: list[FloatArray]
    graph: TubeGraph
    cuts_mm: list[FloatArray]
    beyond: IntArray


def follow(graph: TubeGraph, evidence: Evidence, sources: IntArray, progress: Progress | None = None) -> Followed:
    """Follow all arteries that leave given voxels.

    Strategy: one run of Dijkstra from the sources; the farthest voxel that no artery has covered gives the next artery, back
    to where it meets a known one; it is kept when enough of it is outside the others and its evidence is an artery's.

    Parameters
    ----------
    sources
        (S,) nodes at the ostium.
    progress
        May stop it.

    Returns
    -------
    Followed
        The ways, parents before children.
    """
    cuts: list[FloatArray] = []
    past: list[IntArray] = [np.empty(0, dtype=int)]
    bright = share_of_both_sides(evidence, graph.index)
    ways, radii = follow_once(graph, evidence, sources, progress=progress)
    for _ in range(MOST_PARTINGS):
        graph, beyond, places = part_touching(graph, evidence, bright, ways, progress)
        if not places:
            break
        logger.debug("touching tubes parted at %s", [place.round(1).tolist() for place in places])
        past.append(beyond)
        ways, radii = follow_once(graph, evidence, sources, progress=progress)
    for _ in range(MOST_CUTS):
        arteries, veins = _surely_parted(graph, ways, radii)
        if len(veins) == 0:
            break
        graph, places = parted(graph, np.union1d(sources, arteries), veins)
        logger.debug("veins parted at %s", [place.round(1).tolist() for place in places])
        past.append(veins)
        cuts += places
        ways, radii = follow_once(graph, evidence, sources, progress=progress)
    return Followed(ways, radii, graph, cuts, np.concatenate(past))


def _surely_parted(graph: TubeGraph, ways: list[Way], radii: list[FloatArray]) -> tuple[IntArray, IntArray]:
    """Return nodes of ways that are surely artery, and those that are surely vein: wide far from the ostium, or turned back."""
    turned = [one for number in range(len(ways)) if (one := turned_back(graph, ways, number)) is not None]
    wide = [way.nodes[vein_part(graph.places_mm[way.nodes], radius)] for way, radius in zip(ways, radii, strict=True)]
    vein = np.unique(np.concatenate([np.empty(0, dtype=int), *wide, *[one.vein for one in turned]]))
    artery = np.concatenate([np.empty(0, dtype=int), *[one.artery for one in turned]])
    return np.setdiff1d(artery, vein), vein


def vein_part(places_mm: FloatArray, radius_mm: FloatArray) -> NDArray[np.bool_]:
    """Return (N,) where a way is a vein: wide, far from its start, over some length; nowhere when it is an artery."""
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places_mm, axis=0), axis=1))])
    before = radius_mm[(arc > BEFORE_MM[0]) & (arc < BEFORE_MM[1])]
    least = max(VEIN_RADIUS_MM, WIDENS * float(np.median(before))) if len(before) else VEIN_RADIUS_MM
    wide = (arc > VEIN_FROM_MM) & (ndimage.median_filter(radius_mm, 9, mode="nearest") > least)
    length = float(np.diff(arc, prepend=0.0)[wide].sum())
    return np.asarray(wide if length >= VEIN_LENGTH_MM else np.zeros(len(arc), dtype=bool))


def parted(graph: TubeGraph, sources: IntArray, veins: IntArray) -> tuple[TubeGraph, list[FloatArray]]:
    """Part arteries from veins at the smallest and weakest cross-section between them (minimum cut; Ford and Fulkerson 1956).

    Parameters
    ----------
    sources, veins
        Nodes at the ostium, and nodes that are surely vein.

    Returns
    -------
    graph, places_mm
        The graph without the ways of the cut; the numbers of the nodes stay. Where it was cut (3,) each.
    """
    _, component = connected_components(graph.edges, directed=False)
    members = np.flatnonzero(np.isin(component, np.unique(component[sources])))
    part = graph.edges[members][:, members].tocoo()
    strength = np.minimum(np.minimum(graph.rise[members][part.row], graph.rise[members][part.col]), FULL_RISE)
    capacity = np.maximum(np.rint(CAPACITY * strength**3), 1).astype(np.int32)
    count, start, end = len(members), len(members), len(members) + 1
    number = np.full(len(graph.index), -1)
    number[members] = np.arange(count)
    veins = veins[number[veins] >= 0]
    rows = np.concatenate([part.row, part.col, np.full(len(sources), start), number[veins]])
    columns = np.concatenate([part.col, part.row, number[sources], np.full(len(veins), end)])
    endless = np.full(len(sources) + len(veins), ENDLESS, dtype=np.int32)
    flows = csr_matrix((np.concatenate([capacity, capacity, endless]), (rows, columns)), shape=(count + 2, count + 2))
    left = flows - maximum_flow(flows, start, end).flow
    left.data = np.where(left.data > 0, left.data, 0)
    left.eliminate_zeros()
    near = np.zeros(len(graph.index), dtype=bool)
    reach = breadth_first_order(left, start, directed=True, return_predecessors=False)
    near[members[reach[reach < count]]] = True
    edges = graph.edges.tocoo()
    inside = component[edges.row] == component[edges.col]
    crossing = inside & (near[edges.row] != near[edges.col]) & np.isin(edges.row, members)
    keep = ~crossing
    cut = csr_matrix((edges.data[keep], (edges.row[keep], edges.col[keep])), shape=edges.shape)
    return TubeGraph(graph.index, graph.places_mm, graph.rise, cut), _grouped(graph.places_mm[np.unique(edges.row[crossing])])


def _grouped(places_mm: FloatArray) -> list[FloatArray]:
    """Return one middle for each group of places nearer to each other than 3 mm."""
    found: list[FloatArray] = []
    while len(places_mm):
        near = np.linalg.norm(places_mm - places_mm[0], axis=1) < 3.0
        found.append(np.asarray(places_mm[near].mean(axis=0)))
        places_mm = places_mm[~near]
    return found


def follow_once(
    graph: TubeGraph,
    evidence: Evidence,
    sources: IntArray,
    least_filling: float = LEAST_FILLING,
    progress: Progress | None = None,
) -> tuple[list[Way], list[FloatArray]]:
    """Follow all arteries from some nodes, see :func:`follow`, whatever they are; returns ways and radii."""
    progress = progress or Progress()
    cost, before, _ = dijkstra(graph.edges, directed=False, indices=sources, return_predecessors=True, min_only=True)
    members = np.flatnonzero(np.isfinite(cost))
    cover = _Cover(graph.places_mm, members)
    way_of = np.full(len(cost), -1, dtype=np.int64)
    ways: list[Way] = []
    radii: list[FloatArray] = []
    for node in members[np.argsort(-cost[members])]:
        if cover.covered[node]:
            continue
        progress.check()
        nodes, parent, parent_node = _back(int(node), before, way_of)
        if _own_length(graph, nodes, cover) < LEAST_BRANCH_MM:
            cover.covered[nodes] = True
            continue
        radius = tube_radius(evidence, graph.index[nodes])
        lit = _lit_part(evidence, graph, nodes, radius)
        cover.add(nodes[lit:], 0.5 * COVER_RADII * radius[lit:] + COVER_MM)
        nodes, radius = nodes[:lit], radius[:lit]
        outside = ~cover.covered[nodes]
        if _own_length(graph, nodes, cover) < LEAST_BRANCH_MM or not _is_artery(
            evidence, graph, nodes[outside], radius[outside], least_filling
        ):
            cover.covered[nodes] = True
            cover.add(nodes[outside], 0.5 * COVER_RADII * radius[outside] + COVER_MM)
            continue
        way_of[nodes[1:] if parent >= 0 else nodes] = len(ways)
        ways.append(Way(nodes, parent, parent_node))
        radii.append(radius)
        cover.add(nodes, COVER_RADII * radius + COVER_MM)
    return ways, radii


def with_root(found: Followed, evidence: Evidence, sources: IntArray) -> Followed:
    """Return what was followed with the way from an ostium to what lies farthest from it, too short for an artery as it is."""
    graph = found.graph
    cost, before, _ = dijkstra(graph.edges, directed=False, indices=sources, return_predecessors=True, min_only=True)
    last = int(np.argmax(np.where(np.isfinite(cost), cost, -1.0)))
    nodes, _, _ = _back(last, before, np.full(len(cost), -1, dtype=np.int64))
    if len(nodes) < LEAST_ROOT:
        return found
    return replace(found, ways=[Way(nodes, -1, -1)], radii=[tube_radius(evidence, graph.index[nodes])])


class _Cover:
    """Which nodes belong to a way already: those that cannot be reached do from the start."""

    def __init__(self, places_mm: FloatArray, members: IntArray) -> None:
        self.covered = np.ones(len(places_mm), dtype=bool)
        self.covered[members] = False
        self._places, self._members = places_mm, members
        self._tree = cKDTree(places_mm[members])

    def add(self, nodes: IntArray, radius_mm: FloatArray) -> None:
        """Cover what lies within a radius (N,) of nodes (N,)."""
        for near in self._tree.query_ball_point(self._places[nodes], radius_mm) if len(nodes) else ():
            self.covered[self._members[near]] = True


def _own_length(graph: TubeGraph, nodes: IntArray, cover: _Cover) -> float:
    """Return the length of a way outside those before it."""
    steps = np.linalg.norm(np.diff(graph.places_mm[nodes], axis=0), axis=1)
    return float(steps[~cover.covered[nodes[1:]]].sum())


def _is_artery(evidence: Evidence, graph: TubeGraph, nodes: IntArray, radius_mm: FloatArray, least_filling: float) -> bool:
    """Tell whether a new way shows an artery's evidence and brightness."""
    streaks = float(np.median(metal_gap_mm(evidence, graph.places_mm[nodes]))) < METAL_MM
    if float(np.median(graph.rise[nodes])) < (SURE_RISE_NEAR_METAL if streaks else SURE_RISE):
        return False
    most = MOST_FILLING_NEAR_METAL if streaks else MOST_FILLING
    return least_filling <= float(np.median(filling(evidence, graph.index[nodes], radius_mm))) <= most


def metal_gap_mm(evidence: Evidence, places_mm: FloatArray) -> FloatArray:
    """Return how far places (N, 3) are from the nearest metal; endless (N,) without any."""
    if len(evidence.metal_mm) == 0:
        return np.full(len(places_mm), np.inf)
    return np.asarray(cKDTree(evidence.metal_mm).query(places_mm)[0])


def _lit_part(evidence: Evidence, graph: TubeGraph, nodes: IntArray, radius_mm: FloatArray) -> int:
    """Return up to which node a way is as bright as an artery of its width: past it all is a vein or muscle."""
    share = ndimage.median_filter(filling(evidence, graph.index[nodes], radius_mm), 15, mode="nearest")
    dark = share < DARK_FILLING
    rest = np.concatenate([np.cumsum(np.linalg.norm(np.diff(graph.places_mm[nodes], axis=0), axis=1)[::-1])[::-1], [0.0]])
    darker = np.cumsum(dark[::-1])[::-1] / np.arange(len(dark), 0, -1)
    crossed = np.flatnonzero(dark & (darker >= DARK_SHARE) & (rest >= DARK_MM))
    return int(crossed[0]) if len(crossed) else len(nodes)


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
