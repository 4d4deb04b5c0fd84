"""From the central airway to the periphery: minimal paths through walled-in dark voxels, accepted branch by branch."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

logger = logging.getLogger(__name__)

FULL = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class GrowthRules:
    """When a path of evidence becomes a branch.

    Parameters
    ----------
    minimum_mm
        New length below which a path is noise or a bulge of its parent: about two voxels of the usual chest CT and more than
        the diameter of the branches sought.
    minimum_evidence
        Mean evidence along the new path, in units of the threshold.
    largest_gap_mm
        Longest stretch without evidence inside a path (bridges between pieces may be 15 mm long; far stricter here,
        because nothing but the path itself speaks for it).
    straightness, window_mm
        Smallest chord over arc of any stretch of ``window_mm``: a voxel path along a straight line keeps at least 0.87.
    """

    minimum_mm: float = 5.0
    minimum_evidence: float = 0.95
    largest_gap_mm: float = 3.0
    straightness: float = 0.8
    window_mm: float = 8.0


@dataclass(frozen=True, eq=False)
class _Reached:
    voxels: NDArray[np.int64]
    distance: NDArray[np.float64]
    predecessor: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Paths:
    """Accepted paths: flat voxel indices from the parent outwards, and the parent's number (-1: the central airway)."""

    voxels: tuple[NDArray[np.int64], ...]
    parents: tuple[int, ...]


def grow_paths(
    evidence: NDArray[np.float32],
    trunk: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    rules: GrowthRules | None = None,
) -> Paths:
    """Find branches as minimal paths from the central airway through voxels with evidence.

    Strategy: a graph of all voxels with some evidence; distances from the central airway where strong evidence is cheap;
    then, from the farthest voxel of strong evidence inwards, the path back to what is already covered is taken as a branch
    when it is long, strong and unbroken enough.

    Parameters
    ----------
    evidence
        (K, J, I); 1 is the threshold of strong evidence, 0 none.
    trunk
        (K, J, I); the central airway.
    spacing_mm
        Voxel spacing.
    """
    rules = rules or GrowthRules()
    shell = _shell(trunk)
    nodes = np.flatnonzero((evidence >= 0.3) & ~trunk)
    sources = np.flatnonzero(shell & (evidence < 0.3))
    voxels = np.concatenate([nodes, sources])
    if not len(nodes) or not len(sources):
        return Paths((), ())
    graph, at_shell = _graph(voxels, evidence, shell, spacing_mm)
    distance, predecessor, _ = dijkstra(
        graph, directed=False, indices=np.flatnonzero(at_shell), min_only=True, return_predecessors=True, limit=400.0
    )
    logger.debug("graph of %d voxels, %d reached", len(voxels), int(np.isfinite(distance).sum()))
    return _accept(_Reached(voxels, distance, predecessor), evidence, spacing_mm, rules)


def _shell(trunk: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the two layers of voxels around the central airway; where few voxels are set lists are faster than volumes."""
    grown = trunk.copy()
    front = np.flatnonzero(trunk)
    for _ in range(2):
        index = np.stack(np.unravel_index(front, trunk.shape), axis=1)
        fresh = np.zeros(0, dtype=np.int64)
        for axis in range(3):
            for step in (-1, 1):
                beside = index.copy()
                beside[:, axis] += step
                beside = beside[(beside[:, axis] >= 0) & (beside[:, axis] < trunk.shape[axis])]
                flat = np.ravel_multi_index(tuple(beside.T), trunk.shape)
                fresh = np.concatenate([fresh, flat[~grown.ravel()[flat]]])
        front = np.unique(fresh)
        grown.ravel()[front] = True
    return np.asarray(grown & ~trunk)


def _graph(
    voxels: NDArray[np.int64], evidence: NDArray[np.float32], shell: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[coo_matrix, NDArray[np.bool_]]:
    shape = evidence.shape
    number = np.full(evidence.size, -1, dtype=np.int32)
    number[voxels] = np.arange(len(voxels), dtype=np.int32)
    price = (1.0 / (0.1 + np.minimum(evidence.ravel()[voxels], 1.5))).astype(np.float32)
    k, j, i = np.unravel_index(voxels, shape)
    rows, columns, costs = [], [], []
    for offset in [(a, b, c) for a in (0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1) if (a, b, c) > (0, 0, 0)]:
        inside = (k + offset[0] < shape[0]) & (j + offset[1] >= 0) & (j + offset[1] < shape[1])
        inside &= (i + offset[2] >= 0) & (i + offset[2] < shape[2])
        step = (offset[0] * shape[1] + offset[1]) * shape[2] + offset[2]
        here = np.flatnonzero(inside)
        there = number[voxels[here] + step]
        hit = there >= 0
        length = float(np.linalg.norm(np.array(offset) * spacing_mm))
        rows.append(here[hit])
        columns.append(there[hit])
        costs.append(length * 0.5 * (price[here[hit]] + price[there[hit]]))
    graph = coo_matrix((np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns))), shape=(len(voxels),) * 2)
    return graph.tocsr(), shell.ravel()[voxels]


def _accept(
    reached: _Reached,
    evidence: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    rules: GrowthRules,
) -> Paths:
    voxels, distance, predecessor = reached.voxels, reached.distance, reached.predecessor
    strength = evidence.ravel()[voxels]
    coordinates = np.stack(np.unravel_index(voxels, evidence.shape), axis=1)
    owner = np.full(evidence.shape, -1, dtype=np.int32)
    reach = [max(1, round(1.6 / step)) for step in spacing_mm]
    order = np.flatnonzero(np.isfinite(distance) & (strength >= 1.0))
    order = order[np.argsort(-distance[order])]
    flat_owner = owner.ravel()
    tried = np.zeros(len(voxels), dtype=bool)
    drawn = np.zeros(len(voxels), dtype=bool)
    paths: list[NDArray[np.int64]] = []
    parents: list[int] = []
    for tip in order:
        if tried[tip] or flat_owner[voxels[tip]] >= 0:
            continue
        path = [int(tip)]
        while (before := int(predecessor[path[-1]])) >= 0 and flat_owner[voxels[path[-1]]] < 0:
            path.append(before)
        tried[path] = True
        new = np.array(path[::-1])
        if not _good(new, coordinates, strength, spacing_mm, rules):
            continue
        parents.append(int(flat_owner[voxels[new[0]]]))
        root = _to_drawn(int(new[0]), predecessor, drawn)
        for k, j, i in coordinates[new]:
            box = tuple(slice(max(at - part, 0), at + part + 1) for at, part in zip((k, j, i), reach, strict=True))
            around = owner[box]
            around[around < 0] = len(paths)
        whole = np.concatenate([root, new]).astype(np.int64)
        drawn[whole] = True
        paths.append(voxels[whole])
    return Paths(tuple(paths), tuple(parents))


def _straight(points_mm: NDArray[np.float64], steps: NDArray[np.float64], rules: GrowthRules) -> bool:
    """Tell whether every stretch of the path runs about straight: bronchi bend gently, ways through noise wander."""
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    ends = np.minimum(np.searchsorted(arc, arc + rules.window_mm), len(arc) - 1)
    whole = arc[ends] - arc >= 0.7 * min(rules.window_mm, arc[-1])
    chord = np.linalg.norm(points_mm[ends] - points_mm, axis=1)
    return bool(np.all(chord[whole] >= rules.straightness * (arc[ends] - arc)[whole]))


def _to_drawn(start: int, predecessor: NDArray[np.int32], drawn: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the way from the drawn part of the tree (or the central airway) to ``start``, which stays out."""
    way: list[int] = []
    current = start
    while not drawn[current] and (before := int(predecessor[current])) >= 0:
        way.append(before)
        current = before
    return np.array(way[::-1], dtype=np.int64)


def _good(
    path: NDArray[np.int64],
    coordinates: NDArray[np.int64],
    strength: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    rules: GrowthRules,
) -> bool:
    """Tell whether a path is long, strong and unbroken enough to be a branch."""
    if len(path) < 3:
        return False
    steps = np.linalg.norm(np.diff(coordinates[path], axis=0) * np.array(spacing_mm), axis=1)
    if steps.sum() < rules.minimum_mm:
        return False
    values = np.minimum(strength[path], 2.0)
    if np.average(0.5 * (values[1:] + values[:-1]), weights=steps) < rules.minimum_evidence:
        return False
    if not _straight(coordinates[path] * np.array(spacing_mm), steps, rules):
        return False
    gap = longest = 0.0
    for value, step in zip(values[1:], steps, strict=True):
        gap = gap + float(step) if value < 0.45 else 0.0
        longest = max(longest, gap)
    return longest <= rules.largest_gap_mm
