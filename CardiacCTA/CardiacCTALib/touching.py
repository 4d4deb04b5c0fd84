"""Tubes that touch an artery and run on past it, veins above all: found by their shape, and parted from it in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.progress import Progress

from .coronary_evidence import FAT_HU, Evidence
from .tube_graph import IntArray, TubeGraph, Way

BEFORE_MM, SIDE_MM = 12.0, 3.5
"""How much of its parent a way is looked at with, and how far to both sides of a dip."""
DIP = 0.93
"""A way whose value of :func:`.tube_graph.share_of_both_sides` falls below this share of that before and after has a dip there.
Chosen: two lumens of 2 mm with 0.9 mm of walls between them leave 0.7 after a blur of 0.8 mm, noise leaves 0.95."""
BALL_MM, SHELL_MM = 7.5, 2.0
"""What lies so near a dip is looked at; what of it leaves through its outermost part goes on."""
LEVELS, MOST_LEVEL = 6, 0.98
"""How many levels, from that of the dip to the highest, are tried to tell its two sides apart."""
APART = 0.0
"""Most cosine between two ways on from the touch for a tube that runs past: a branch that divides at once goes forward twice."""
WIDE_MM, WIDE_SHARE, WIDE_MM3, SINUS_MM, START_MM = 2.5, 0.75, 20.0, 14.0, 3.5
CLEAR_MM, BEHIND = 1.0, -0.3
"""Blood that a vein opens into is this wide (radius of a sphere in it), so bright over fat against the aorta, and so much where
it is that wide; it is looked for so far from the touch, begins in a lumen so near it, keeps so far off the artery, and lies on
the other side of the touch from where the vein leaves: cosine. Chosen."""
TURN_MM, BACK = 5.0, -0.6
"""A way that turns back at a dip has gone over from one tube to another beside it: cosine of its directions over so much."""
FALL = 6
"""How steeply the price rises as voxels darken, when each voxel is given to the side that it is brightly joined to."""
LEAST_NODES = 4


@dataclass(frozen=True, eq=False)
class Touch:
    """Where a way crosses from one tube into another.

    Parameters
    ----------
    pairs
        (N, 2) joined nodes on the two sides, lower number first.
    beyond
        Node on the way past the touch.
    """

    pairs: IntArray
    beyond: int


def part_touching(
    graph: TubeGraph, evidence: Evidence, bright: FloatArray, ways: Sequence[Way], progress: Progress | None = None
) -> tuple[TubeGraph, IntArray, list[FloatArray]]:
    """Part tubes that ways cross into, although both run past each other.

    Strategy: a way dips in brightness where it leaves one lumen for another that only touches it. So it does in a stenosis and
    at the narrow origin of a branch; but there one side ends. Where both sides run on past the touch in both directions, or
    the far side opens into wide blood, the links between them are removed.

    Parameters
    ----------
    evidence
        What the graph was made of.
    bright
        (N,) of :func:`.tube_graph.share_of_both_sides`.
    ways
        Followed from the ostium: what lies before a touch is artery.
    progress
        May stop it.

    Returns
    -------
    graph, beyond, places_mm
        The graph without those links; (T,) nodes past the touches; (3,) where they are.
    """
    progress = progress or Progress()
    surroundings = _Graph(graph, evidence, bright, graph.edges + graph.edges.T, cKDTree(graph.places_mm))
    touches, places = [], []
    for number, way in enumerate(ways):
        progress.check()
        nodes = with_parent(graph, ways, number)
        for dip in dips(graph.places_mm[nodes], bright[nodes]):
            if len(nodes) - dip <= len(way.nodes):
                touch = touch_at(surroundings, nodes, dip)
                if touch is not None:
                    touches.append(touch)
                    places.append(graph.places_mm[nodes[dip]])
    if not touches:
        return graph, np.empty(0, dtype=int), []
    removed = np.unique(np.concatenate([one.pairs for one in touches]), axis=0)
    edges = graph.edges.tocoo()
    count = len(graph.index)
    key = np.minimum(edges.row, edges.col).astype(np.int64) * count + np.maximum(edges.row, edges.col)
    keep = ~np.isin(key, removed[:, 0] * count + removed[:, 1])
    cut = csr_matrix((edges.data[keep], (edges.row[keep], edges.col[keep])), shape=edges.shape)
    beyond = np.array([one.beyond for one in touches])
    return TubeGraph(graph.index, graph.places_mm, graph.rise, cut), beyond, places


def with_parent(graph: TubeGraph, ways: Sequence[Way], number: int) -> IntArray:
    """Return the nodes of a way with the last part of its parent before it."""
    way = ways[number]
    if way.parent < 0:
        return way.nodes
    above = ways[way.parent].nodes
    at = np.flatnonzero(above == way.parent_node)
    above = above[: int(at[0])] if len(at) else above[:0]
    back = np.cumsum(np.linalg.norm(np.diff(graph.places_mm[np.append(above, way.nodes[0])], axis=0), axis=1)[::-1])[::-1]
    return np.concatenate([above[back <= BEFORE_MM], way.nodes])


def dips(places_mm: FloatArray, bright: FloatArray) -> list[int]:
    """Return the lowest point of each dip of a value (N,) along a way (N, 3)."""
    if len(bright) < 5:
        return []
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places_mm, axis=0), axis=1))])
    even = np.arange(0.0, arc[-1], 0.25)
    value = gaussian_filter1d(np.interp(even, arc, bright), 1.5, mode="nearest")
    reach = round(SIDE_MM / 0.25)
    found = []
    for at in np.flatnonzero((value[1:-1] <= value[:-2]) & (value[1:-1] < value[2:])) + 1:
        sides = min(value[max(at - reach, 0) : at + 1].max(), value[at : at + reach + 1].max())
        if value[at] < DIP * sides:
            found.append(int(np.argmin(np.abs(arc - even[at]))))
    return found


@dataclass(frozen=True, eq=False)
class _Graph:
    graph: TubeGraph
    evidence: Evidence
    bright: FloatArray
    both: csr_matrix
    tree: cKDTree


def touch_at(around: _Graph, nodes: IntArray, dip: int) -> Touch | None:
    """Return the touch of two tubes at a dip of a way, None when it is a narrow place or a branch."""
    graph, bright = around.graph, around.bright
    middle = graph.places_mm[nodes[dip]]
    local = np.sort(np.array(around.tree.query_ball_point(middle, BALL_MM)))
    edges, value = around.both[local][:, local], bright[local]
    number = {int(node): place for place, node in enumerate(local)}
    before, after = ([number[int(node)] for node in _near(graph, part, middle)] for part in (nodes[:dip][::-1], nodes[dip + 1 :]))
    if not before or not after:
        return None
    first, last = before[int(np.argmax(value[before]))], after[int(np.argmax(value[after]))]
    back = _turns_back(graph.places_mm[nodes], dip)
    for level in np.linspace(float(bright[nodes[dip]]) + 0.01, MOST_LEVEL, LEVELS):
        label = _sides(edges, value, first, last, float(level))
        lumen = np.where(value >= level, label, 0)
        if not (label > 0).any():
            continue
        places = graph.places_mm[local]
        artery, other = (_exits(places, edges, lumen == side, middle) for side in (1, 2))
        beyond = graph.index[local[lumen == 2]]
        if back or (artery.runs_past and (other.runs_past or _opens_wide(around.evidence, places[label == 1], beyond, other))):
            break
    else:
        return None
    joined = edges.tocoo()
    across = (label[joined.row] == 1) & (label[joined.col] == 2)
    pairs = np.stack([local[joined.row[across]], local[joined.col[across]]], axis=1)
    return Touch(np.sort(pairs, axis=1), int(local[last]))


def _near(graph: TubeGraph, nodes: IntArray, middle_mm: FloatArray) -> IntArray:
    """Return the first nodes of a part of a way, up to where it leaves the surroundings of a place for the first time."""
    far = np.flatnonzero(np.linalg.norm(graph.places_mm[nodes] - middle_mm, axis=1) > SIDE_MM)
    return nodes[: int(far[0])] if len(far) else nodes


def _turns_back(places_mm: FloatArray, at: int) -> bool:
    """Tell whether a way goes back beside itself at one of its points."""
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places_mm, axis=0), axis=1))])
    arc -= arc[at]
    before = places_mm[(arc >= -TURN_MM) & (arc <= -1.0)]
    after = places_mm[(arc >= 1.0) & (arc <= TURN_MM)]
    if len(before) < 2 or len(after) < 2:
        return False
    return float(unit(before[-1] - before[0]) @ unit(after[-1] - after[0])) <= BACK


def _sides(edges: csr_matrix, value: FloatArray, first: int, last: int, level: float) -> IntArray:
    """Give voxels to the side of node ``first`` (1) or ``last`` (2) of a dip, 0 to neither; all 0 when a level parts them not."""
    kept = np.flatnonzero(value >= level)
    _, piece = connected_components(edges[kept][:, kept], directed=False)
    at = np.searchsorted(kept, [first, last])
    if not (value[[first, last]] >= level).all() or piece[at[0]] == piece[at[1]]:
        return np.zeros(len(value), dtype=int)
    side = np.zeros(len(value), dtype=int)
    side[kept[piece == piece[at[0]]]], side[kept[piece == piece[at[1]]]] = 1, 2
    price = edges.tocoo()
    lower = np.maximum(np.minimum(value[price.row], value[price.col]), 0.01)
    price.data = price.data * 0.0 + (float(value.max()) / lower) ** FALL
    seeds = np.flatnonzero(side)
    cost, _, source = dijkstra(price.tocsr(), directed=False, indices=seeds, min_only=True, return_predecessors=True)
    reached = np.isfinite(cost)
    side[reached] = side[source[reached]]
    return side


@dataclass(frozen=True, eq=False)
class _Exits:
    """Where one side of a touch begins (3,), and the directions (3,) in which it leaves the surroundings."""

    touch_mm: FloatArray
    ways: list[FloatArray]

    @property
    def runs_past(self) -> bool:
        """Whether two of them are opposite."""
        return any(float(one @ other) <= APART for place, one in enumerate(self.ways) for other in self.ways[:place])


def _exits(places_mm: FloatArray, edges: csr_matrix, own: NDArray[np.bool_], middle_mm: FloatArray) -> _Exits:
    nodes = np.flatnonzero(own)
    if len(nodes) == 0:
        return _Exits(middle_mm, [])
    gap = np.linalg.norm(places_mm[nodes] - middle_mm, axis=1)
    touch = places_mm[nodes[gap <= max(float(gap.min()) + 1.0, 1.5)]].mean(axis=0)
    shell = nodes[gap >= BALL_MM - SHELL_MM]
    if len(shell) == 0:
        return _Exits(touch, [])
    count, exit_ = connected_components(edges[shell][:, shell], directed=False)
    exits = [shell[exit_ == one] for one in range(count) if (exit_ == one).sum() >= LEAST_NODES]
    return _Exits(touch, [unit(places_mm[one].mean(axis=0) - touch) for one in exits])


def _opens_wide(evidence: Evidence, artery_mm: FloatArray, lumen: IntArray, other: _Exits) -> bool:
    """Tell whether what leaves in one direction opens into wide blood in the other, as a vein does into the coronary sinus.

    Such blood is too wide for the graph: it is looked for in the scan, as far as bright blood reaches from the lumen past the
    touch (N, 3 voxels) without coming near the artery or into a chamber.
    """
    if len(other.ways) != 1:
        return False
    spacing, shape = np.array(evidence.spacing_mm), np.array(evidence.smooth.shape)
    low = np.maximum(np.floor((other.touch_mm - SINUS_MM) / spacing), 0).astype(int)
    high = np.minimum(np.ceil((other.touch_mm + SINUS_MM) / spacing) + 1, shape).astype(int)
    part = tuple(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
    lit = evidence.smooth[part] >= FAT_HU + WIDE_SHARE * (evidence.blood_hu - FAT_HU)
    lit = ndimage.binary_closing(lit) | lit
    if evidence.cavities.size:
        lit &= ~evidence.cavities[part]
    index = np.argwhere(lit)
    places = (index + low) * spacing
    free = lit.copy()
    free[tuple(index[cKDTree(artery_mm).query(places, distance_upper_bound=CLEAR_MM)[0] <= CLEAR_MM].T)] = False
    pieces, _ = ndimage.label(free)
    piece, offset = pieces[tuple(index.T)], places - other.touch_mm
    start = lumen[np.linalg.norm(lumen * spacing - other.touch_mm, axis=1) <= START_MM] - low
    near = np.unique(pieces[tuple(start.T)])
    wide = ndimage.distance_transform_edt(lit, sampling=spacing)[tuple(index.T)] >= WIDE_MM
    behind = offset @ other.ways[0] <= BEHIND * np.linalg.norm(offset, axis=1)
    found = wide & behind & np.isin(piece, near[near > 0])
    return float(found.sum()) * float(np.prod(spacing)) >= WIDE_MM3
