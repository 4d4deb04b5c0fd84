"""The skeleton as a graph of segments in mm: traced, loops broken, spurs pruned, junction clusters merged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..geometry import FloatArray, arc_length_mm
from .tree import RemovedLoop

IntArray = NDArray[np.int64]
JUNCTION_REACH = 0.8
SPUR_RADII = 1.5
SPUR_FLOOR_MM = 2.0
SPUR_MARGIN_MM = 1.0
SPUR_BEYOND_MM, SPUR_BEYOND_RADII = 1.5, 0.5
"""A leaf that leaves the lumen of its neighbours for less than this (two voxels of a thin CT, half their radius) is a bulge of
their wall, such as mucus leaves beside the air: on a real tree a leaf of nine millimetres in a main bronchus of ten."""
SPUR_LONGEST = 2.0
"""Leaves up to so many times the length of a spur are asked how far they leave their neighbours."""


@dataclass(frozen=True, eq=False)
class Segment:
    """An unbranched chain of skeleton points (N, 3) with wall distance (N,), both nodes included."""

    first: int
    last: int
    points: FloatArray
    radius: FloatArray
    cut_ends: frozenset[int] = frozenset()

    @property
    def length_mm(self) -> float:
        """Length along the points."""
        return float(arc_length_mm(self.points)[-1])

    @property
    def narrowest_mm(self) -> float:
        """Smallest wall distance along the chain, nodes excluded where there is more."""
        return float((self.radius[1:-1] if len(self.radius) > 2 else self.radius).min())

    def other(self, node: int) -> int:
        """Return the node at the far end."""
        return self.last if node == self.first else self.first

    def seen_from(self, node: int) -> Segment:
        """Return the segment so that it starts at ``node``."""
        if node == self.first:
            return self
        return Segment(self.last, self.first, self.points[::-1], self.radius[::-1], self.cut_ends)


@dataclass(eq=False)
class SkeletonGraph:
    """Nodes (ends and junctions) and the segments between them; changed in place while it is cleaned."""

    segments: dict[int, Segment] = field(default_factory=dict)
    at_node: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    next_id: int = 0
    next_node: int = 0

    def add(self, segment: Segment) -> int:
        """Add a segment and return its id."""
        added, self.next_id = self.next_id, self.next_id + 1
        self.segments[added] = segment
        for node in (segment.first, segment.last):
            self.at_node[node].add(added)
            self.next_node = max(self.next_node, node + 1)
        return added

    def remove(self, segment_id: int) -> Segment:
        """Take a segment out and return it."""
        segment = self.segments.pop(segment_id)
        for node in {segment.first, segment.last}:
            self.at_node[node].discard(segment_id)
            if not self.at_node[node]:
                del self.at_node[node]
        return segment

    def degree(self, node: int) -> int:
        """Return how many segment ends meet at a node."""
        return sum(2 if self.segments[one].first == self.segments[one].last else 1 for one in self.at_node[node])

    def ends(self) -> list[int]:
        """Return the nodes of degree 1."""
        return [node for node in self.at_node if self.degree(node) == 1]

    def position(self, node: int) -> tuple[FloatArray, float]:
        """Return the place (3,) and the wall distance of a node."""
        segment = self.segments[next(iter(self.at_node[node]))].seen_from(node)
        return segment.points[0], float(segment.radius[0])


def trace(voxels_kji: IntArray, points: FloatArray, radius: FloatArray) -> SkeletonGraph:
    """Turn skeleton voxels (N, 3) with their places (N, 3) in mm and wall distances (N,) into a graph.

    Voxels with three or more 26-neighbours that touch make one junction, placed at its widest voxel.
    """
    pairs = cKDTree(voxels_kji).query_pairs(1.8, output_type="ndarray")
    neighbours: list[list[int]] = [[] for _ in range(len(voxels_kji))]
    for one, other in pairs.tolist():
        neighbours[one].append(other)
        neighbours[other].append(one)
    node_of, centre_of = _nodes(neighbours, pairs, radius)
    graph = SkeletonGraph()
    done: set[tuple[int, int]] = set()
    for start in np.flatnonzero(node_of >= 0).tolist():
        for towards in neighbours[start]:
            if node_of[towards] == node_of[start] or (start, towards) in done:
                continue
            chain = _walk(start, towards, neighbours, node_of)
            done.update({(chain[0], chain[1]), (chain[-1], chain[-2])})
            first, last = int(node_of[chain[0]]), int(node_of[chain[-1]])
            if first == last and len(chain) <= 3:
                continue
            inner = [centre_of[first], *chain, centre_of[last]]
            index = np.array([at for place, at in enumerate(inner) if place == 0 or at != inner[place - 1]])
            graph.add(Segment(first, last, points[index], radius[index]))
    _add_closed_ring(graph, neighbours, node_of, points, radius)
    return graph


def _nodes(neighbours: list[list[int]], pairs: IntArray, radius: FloatArray) -> tuple[IntArray, dict[int, int]]:
    degree = np.array([len(near) for near in neighbours])
    branching = degree >= 3
    kept = pairs[branching[pairs].all(axis=1)] if len(pairs) else np.zeros((0, 2), dtype=np.int64)
    count = len(degree)
    touching = coo_matrix((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=(count, count))
    component = connected_components(touching, directed=False)[1]
    node_of = np.where(branching | (degree <= 1), component, -1).astype(np.int64)
    centre_of: dict[int, int] = {}
    for voxel in np.flatnonzero(node_of >= 0).tolist():
        node = int(node_of[voxel])
        if node not in centre_of or radius[voxel] > radius[centre_of[node]]:
            centre_of[node] = voxel
    return node_of, centre_of


def _walk(start: int, towards: int, neighbours: list[list[int]], node_of: IntArray) -> list[int]:
    chain = [start, towards]
    while node_of[chain[-1]] < 0:
        onward = [near for near in neighbours[chain[-1]] if near != chain[-2]]
        chain.append(onward[0])
    return chain


def _add_closed_ring(
    graph: SkeletonGraph, neighbours: list[list[int]], node_of: IntArray, points: FloatArray, radius: FloatArray
) -> None:
    """A ring without junction has no node: open it at its narrowest voxel, which becomes the node."""
    if graph.segments or len(neighbours) < 3 or (node_of >= 0).any():
        return
    start = int(radius.argmin())
    chain = [start, neighbours[start][0]]
    while chain[-1] != start:
        chain.append(next(near for near in neighbours[chain[-1]] if near != chain[-2]))
    graph.add(Segment(0, 0, points[chain], radius[chain]))


def break_loops(graph: SkeletonGraph) -> tuple[RemovedLoop, ...]:
    """Open every loop at its narrowest place and report the connection that was cut.

    Strategy: a spanning tree with edge cost length / (eps + min radius) per skeleton step keeps, of each loop, the
    widest way round. The segment that falls out is not dropped whole: it is cut at its narrowest point, and each
    half stays with the side it hangs on, since two true branches whose tips touch make a loop as well as a false
    bridge does. Short halves go with the spurs.
    """
    group: dict[int, int] = {}

    def leader(node: int) -> int:
        """Return the node that stands for a connected group; shortens the way for the next call."""
        while group.setdefault(node, node) != node:
            group[node] = group[group[node]]
            node = group[node]
        return node

    removed = []
    for segment_id in sorted(graph.segments, key=lambda one: (-graph.segments[one].narrowest_mm, graph.segments[one].length_mm)):
        segment = graph.segments[segment_id]
        first, last = leader(segment.first), leader(segment.last)
        if first != last:
            group[first] = last
            continue
        removed.append(RemovedLoop(segment.points.copy(), segment.narrowest_mm))
        _cut_at_narrowest(graph, segment_id)
    return tuple(removed)


def _cut_at_narrowest(graph: SkeletonGraph, segment_id: int) -> None:
    segment = graph.remove(segment_id)
    count = len(segment.points)
    inner = segment.radius[1:-1]
    if len(inner) == 0:
        return
    narrow = np.flatnonzero(inner <= inner.min() * 1.05 + 1e-9) + 1
    at = int(narrow[np.abs(narrow - (count - 1) / 2.0).argmin()])
    ring = segment.first == segment.last and not graph.at_node.get(segment.first)
    if ring:
        at = 1
    halves = [(segment.first, segment.points[:at], segment.radius[:at])]
    halves.append((segment.last, segment.points[:at:-1], segment.radius[:at:-1]))
    for node, points, radius in halves:
        if len(points) >= 2:
            end, graph.next_node = graph.next_node, graph.next_node + 1
            graph.add(Segment(node, end, points, radius, frozenset({end})))


def joined(first: Segment, second: Segment) -> Segment:
    """Return two segments that share ``first.last == second.first`` as one."""
    return Segment(
        first.first,
        second.last,
        np.concatenate([first.points, second.points[1:]]),
        np.concatenate([first.radius, second.radius[1:]]),
        first.cut_ends | second.cut_ends,
    )


def join_chains(graph: SkeletonGraph) -> None:
    """Make one segment of two wherever exactly two meet."""
    for node in list(graph.at_node):
        if node in graph.at_node and graph.degree(node) == 2 and len(graph.at_node[node]) == 2:
            one, other = sorted(graph.at_node[node])
            before = graph.remove(one).seen_from(node)
            after = graph.remove(other).seen_from(node)
            graph.add(joined(before.seen_from(before.last), after))


def spur_limit_mm(junction_radius_mm: float) -> float:
    """Return the length under which a leaf is a spur: max(1.5 R, 2 mm) + 1 mm."""
    return max(SPUR_RADII * junction_radius_mm, SPUR_FLOOR_MM) + SPUR_MARGIN_MM


def beyond_mm(graph: SkeletonGraph, leaf_id: int, junction: int) -> float:
    """Return how much of a leaf's end, along it, lies outside the inscribed spheres of the segments that it meets."""
    leaf = graph.segments[leaf_id].seen_from(junction)
    arc = arc_length_mm(leaf.points)
    last_inside = 0.0
    for other in graph.at_node[junction] - {leaf_id}:
        segment = graph.segments[other]
        outside = np.linalg.norm(leaf.points[:, None] - segment.points[None], axis=2) - segment.radius[None]
        inside = np.flatnonzero(outside.min(axis=1) <= 0.0)
        last_inside = max(last_inside, float(arc[inside[-1]]) if len(inside) else 0.0)
    return float(arc[-1]) - last_inside


def _is_spur(graph: SkeletonGraph, leaf_id: int, junction: int) -> bool:
    length, radius = graph.segments[leaf_id].length_mm, graph.position(junction)[1]
    limit, least = spur_limit_mm(radius), max(SPUR_BEYOND_MM, SPUR_BEYOND_RADII * radius)
    return length < limit or (length < SPUR_LONGEST * limit and beyond_mm(graph, leaf_id, junction) < least)


def prune_spurs(graph: SkeletonGraph, root_node: int) -> int:
    """Remove leaves that are no branches, shortest first, one per junction per pass; returns how many.

    They are shorter than :func:`spur_limit_mm`, or hardly leave the lumen of their neighbours (:data:`SPUR_BEYOND_MM`).
    """
    count = 0
    while True:
        shortest: dict[int, tuple[float, int]] = {}
        for end in graph.ends():
            segment_id = next(iter(graph.at_node[end]))
            junction = graph.segments[segment_id].other(end)
            if end == root_node or graph.degree(junction) < 3:
                continue
            if _is_spur(graph, segment_id, junction):
                length = graph.segments[segment_id].length_mm
                shortest[junction] = min(shortest.get(junction, (np.inf, -1)), (length, segment_id))
        if not shortest:
            return count
        for _, segment_id in sorted(shortest.values()):
            graph.remove(segment_id)
            count += 1
        join_chains(graph)


def merge_junctions(graph: SkeletonGraph) -> int:
    """Merge junctions that lie within 0.8 R of each other into the wider one; returns how many were merged."""
    count = 0
    while True:
        close = None
        for segment_id, segment in graph.segments.items():
            if graph.degree(segment.first) < 3 or graph.degree(segment.last) < 3:
                continue
            reach = JUNCTION_REACH * max(segment.radius[0], segment.radius[-1])
            if segment.length_mm < reach and (close is None or segment.length_mm < close[0]):
                close = (segment.length_mm, segment_id)
        if close is None:
            return count
        _contract(graph, close[1])
        count += 1


def _contract(graph: SkeletonGraph, segment_id: int) -> None:
    short = graph.remove(segment_id)
    if short.radius[-1] > short.radius[0]:
        short = short.seen_from(short.last)
    for other in sorted(graph.at_node[short.last]):
        graph.add(joined(short, graph.remove(other).seen_from(short.last)))
