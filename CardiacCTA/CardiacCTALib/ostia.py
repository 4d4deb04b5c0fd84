"""Where the coronary arteries leave the aorta, found without a click."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components, dijkstra

from SenseCarePlanningLib.distances import distance_to
from SenseCarePlanningLib.geometry import FloatArray

from .coronary_evidence import Evidence
from .tube_graph import TubeGraph, build_graph

IntArray = NDArray[np.int_]
DistanceArray = NDArray[np.float32]

TOUCH_MM = 1.6
"""A tube whose evidence comes this near to the aorta leaves it: the rim of the aorta blurs the evidence of its first part."""
LEAST_REACH_MM = 25.0
"""What leaves the aorta and is shorter is no coronary artery that can be graded."""
LEAST_STUMP_MM = 5.0
"""What leaves the aorta where an artery should and is shorter than that may be the stump of a closed one, from here on."""
MOST_PATCH_MM3 = 120.0
"""Most evidence within :data:`TOUCH_MM` of the aorta that one artery has: an artery 7 mm wide; a vein or atrium that lies along
the aorta has more."""
EXPECTED_MM, FARTHEST_MM = 9.0, 24.0
"""How far ostia lie from where the fitted average heart has them, usually and at most. Chosen: high take-offs are within 2 cm."""
BRIGHT_SHARE = (0.45, 2.0)
"""Brightness at the start over the aorta's: darker is no artery, brighter is metal; a calcified left main has up to twice."""
GAP_MM, GAP_REACH_MM, GAP_BRIGHT, GAP_CONE = 6.0, 40.0, (0.45, 1.2), 0.5
"""An artery whose first millimetres are too narrow to be seen begins so near the aorta, reaches so far, is as bright as the
aorta but for blur, and runs away from it: least cosine between the gap and its first part."""
ORIGIN_RISE, ORIGIN_MM = 0.12, 14.0
"""Evidence, as a share of the contrast, that a way through a narrow origin may use, and how far that way is looked for."""
FIRST_MM = 5.0
TISSUE_HU = -25.0
"""A narrow origin is plaque and wall, not fat."""


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
    extent_mm
        Diagonal of the box that holds them: short where ``reach_mm`` is only the cost of weak evidence.
    origin
        (M, 3) voxels from the aorta to the artery's first node, where its origin shows no lumen; none usually.
    """

    side: str
    nodes: IntArray
    middle_mm: FloatArray
    reach_mm: float
    voxels: int
    extent_mm: float
    origin: IntArray = field(default_factory=lambda: np.empty((0, 3), dtype=int))

    @property
    def is_stump(self) -> bool:
        """Whether it is too short for an artery: one only if an artery goes on behind it."""
        return self.reach_mm < LEAST_REACH_MM


def find_ostia(graph: TubeGraph, evidence: Evidence, expected_mm: FloatArray) -> list[Ostium]:
    """Return the left and the right ostium, as far as they are found: what leaves the aorta like an artery, near where one does.

    Where nothing does on one side, an artery is looked for that begins close to the aorta behind a narrow origin; where there is
    none either, what is likeliest the stump of a closed artery is returned.

    Parameters
    ----------
    expected_mm
        (2, 3) about where the left and the right artery leave the aorta; k, j, i of the heart's box times the spacing.
    """
    gap = distance_to(evidence.aorta, evidence.spacing_mm, max(TOUCH_MM, GAP_MM))
    leaving, reached = _leaving(graph, evidence, gap, expected_mm)
    candidates = [one for one in leaving if not one[2].is_stump]
    stumps = [one for one in leaving if one[2].is_stump]
    found: dict[str, Ostium] = {}
    used: set[int] = set()
    for _, one, ostium in sorted(candidates, key=lambda item: -item[0]):
        if ostium.side not in found and one not in used:
            found[ostium.side] = ostium
            used.add(one)
    for side, expected in zip(("left", "right"), expected_mm, strict=True):
        if side not in found:
            behind = _behind_gap(graph, evidence, gap, reached, side, expected)
            if behind is not None:
                found[side] = behind
                reached |= np.isfinite(dijkstra(graph.edges, directed=False, indices=int(behind.nodes[0])))
    for _, one, ostium in sorted(stumps, key=lambda item: -item[0]):
        if ostium.side not in found and one not in used:
            found[ostium.side] = ostium
            used.add(one)
    return [found[side] for side in ("left", "right") if side in found]


def _leaving(
    graph: TubeGraph, evidence: Evidence, gap_mm: DistanceArray, expected_mm: FloatArray
) -> tuple[list[tuple[float, int, Ostium]], NDArray[np.bool_]]:
    """Return what leaves the aorta like an artery or its stump, each with its weight and the number of its patch, and which nodes
    (N,) are joined to anything that touches the aorta."""
    near = np.flatnonzero(gap_mm[tuple(graph.index.T)] <= TOUCH_MM)
    if len(near) == 0:
        return [], np.zeros(len(graph.index), dtype=bool)
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
        if reach < LEAST_STUMP_MM or len(nodes) * voxel_mm3 > MOST_PATCH_MM3 or not BRIGHT_SHARE[0] < share < BRIGHT_SHARE[1]:
            continue
        middle = graph.places_mm[nodes].mean(axis=0)
        distances = np.linalg.norm(expected_mm - middle, axis=1)
        for side, distance in zip(("left", "right"), distances, strict=True):
            if distance <= FARTHEST_MM:
                weight = len(own) * float(np.exp(-0.5 * (distance / EXPECTED_MM) ** 2))
                candidates.append((weight, one, Ostium(side, nodes, middle, reach, len(own), graph.extent_mm(own))))
    return candidates, reached


def _behind_gap(
    graph: TubeGraph, evidence: Evidence, gap_mm: DistanceArray, reached: NDArray[np.bool_], side: str, expected_mm: FloatArray
) -> Ostium | None:
    """Return the longest artery that begins near the aorta without touching it, None when there is none.

    Parameters
    ----------
    gap_mm
        (K, J, I) distance from the aorta, right up to :data:`GAP_MM`.
    reached
        (N,) nodes that are joined to what touches the aorta.
    """
    distance = gap_mm[tuple(graph.index.T)]
    _, piece = connected_components(graph.edges, directed=False)
    close = np.flatnonzero(
        ~reached & (distance <= GAP_MM) & (np.linalg.norm(graph.places_mm - expected_mm, axis=1) <= FARTHEST_MM)
    )
    best: Ostium | None = None
    for one in np.unique(piece[close]):
        own = close[piece[close] == one]
        entry = int(own[np.argmin(distance[own])])
        cost = dijkstra(graph.edges, directed=False, indices=entry)
        members = np.flatnonzero(np.isfinite(cost))
        reach = float(cost[members].max())
        first = members[np.linalg.norm(graph.places_mm[members] - graph.places_mm[entry], axis=1) <= FIRST_MM]
        share = float(np.median(evidence.smooth[tuple(graph.index[first].T)])) / evidence.blood_hu
        if reach < max(GAP_REACH_MM, best.reach_mm if best else 0.0) or not GAP_BRIGHT[0] < share < GAP_BRIGHT[1]:
            continue
        if _leaves_aorta(graph, evidence, entry, first):
            origin = _through_origin(evidence, gap_mm, graph.index[entry])
            if origin is None:
                near = nearest_aorta(graph.index[entry].astype(np.float64), evidence, GAP_MM + 1.0)
                origin = np.stack([np.rint(near).astype(int), graph.index[entry]])
        else:
            origin = _round_bend(graph, evidence, gap_mm, entry, members)
            if origin is None:
                continue
            entry = int(members[np.flatnonzero((graph.index[members] == origin[-1]).all(axis=1))[0]])
            cost = dijkstra(graph.edges, directed=False, indices=entry)
        start = np.flatnonzero(cost <= TOUCH_MM)
        best = Ostium(side, start, graph.places_mm[entry], reach, len(members), graph.extent_mm(members), origin)
    return best


def _round_bend(graph: TubeGraph, evidence: Evidence, gap_mm: DistanceArray, entry: int, members: IntArray) -> IntArray | None:
    """Return the voxels (M, 3) from the aorta to the first voxel of a piece whose first part bends so that fat, not its origin,
    lies straight between it and the aorta; None where no way through plaque and wall leads there."""
    way = _through_origin(evidence, gap_mm, graph.index[entry])
    if way is None:
        return None
    shape = evidence.smooth.shape
    own = np.isin(np.ravel_multi_index(tuple(way.T), shape), np.ravel_multi_index(tuple(graph.index[members].T), shape))
    if not own.any():
        return None
    origin = way[: int(own.argmax()) + 1]
    length = float(np.linalg.norm(np.diff(origin, axis=0) * np.array(evidence.spacing_mm), axis=1).sum())
    tissue = float(np.percentile(evidence.smooth[tuple(origin.T)], 10.0)) >= TISSUE_HU
    return origin if tissue and length <= ORIGIN_MM else None


def _through_origin(evidence: Evidence, gap_mm: DistanceArray, entry: IntArray) -> IntArray | None:
    """Return the voxels (M, 3) of the cheapest way from the aorta to a voxel through weak evidence, None when there is none."""
    reach = np.ceil(ORIGIN_MM / np.array(evidence.spacing_mm)).astype(int)
    low = np.maximum(entry - reach, 0)
    part = tuple(slice(int(one), int(last)) for one, last in zip(low, entry + reach + 1, strict=True))
    local = replace(evidence, rise_hu=evidence.rise_hu[part], smooth=evidence.smooth[part], aorta=evidence.aorta[part])
    graph = build_graph(local, ORIGIN_RISE)
    first = int(np.argmin(np.abs(graph.index + low - entry).sum(axis=1)))
    cost, before = dijkstra(graph.edges, directed=False, indices=first, return_predecessors=True)
    ends = np.flatnonzero(gap_mm[part][tuple(graph.index.T)] <= TOUCH_MM)
    if len(ends) == 0 or not np.isfinite(cost[ends]).any():
        return None
    nodes = [int(ends[np.argmin(cost[ends])])]
    while before[nodes[-1]] >= 0:
        nodes.append(int(before[nodes[-1]]))
    return np.asarray(graph.index[nodes] + low)


def _leaves_aorta(graph: TubeGraph, evidence: Evidence, entry: int, first: IntArray) -> bool:
    """Tell whether the gap between a node and the aorta holds tissue, and the first part of its piece runs on from it."""
    spacing = np.array(evidence.spacing_mm)
    near = nearest_aorta(graph.index[entry].astype(np.float64), evidence, GAP_MM + 1.0)
    across = (graph.index[entry] - near) * spacing
    onward = graph.places_mm[first].mean(axis=0) - graph.places_mm[entry]
    length = float(np.linalg.norm(across) * np.linalg.norm(onward))
    line = np.linspace(near, graph.index[entry].astype(np.float64), 24)
    values = ndimage.map_coordinates(evidence.smooth, line.T, order=1, mode="nearest")
    return length > 0.0 and float(across @ onward) >= GAP_CONE * length and float(np.percentile(values, 10.0)) >= TISSUE_HU


def nearest_aorta(index: FloatArray, evidence: Evidence, reach_mm: float) -> FloatArray:
    """Return the voxel of the aorta nearest to a voxel (3,), within a reach; the voxel itself when none is."""
    spacing = np.array(evidence.spacing_mm)
    low = np.maximum(np.floor(index - reach_mm / spacing), 0).astype(int)
    high = np.ceil(index + reach_mm / spacing).astype(int) + 1
    near = np.argwhere(evidence.aorta[low[0] : high[0], low[1] : high[1], low[2] : high[2]]) + low
    if len(near) == 0:
        return index
    return np.asarray(near[np.argmin(np.linalg.norm((near - index) * spacing, axis=1))], dtype=np.float64)
