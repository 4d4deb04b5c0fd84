"""Parse a reference tube tree into branches the way the ATM'22 challenge does, and measure skeletons in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from skimage.morphology import skeletonize

from ..volume import bounding_box

SHORTEST_BRANCH_VOXELS = 5
FULL = np.ones((3, 3, 3), dtype=np.uint8)
FACES = ndimage.generate_binary_structure(3, 1)


@dataclass(frozen=True, eq=False)
class ParsedTree:
    """A reference tree cut into branches.

    Parameters
    ----------
    lumen
        (K, J, I) bool; largest component with holes filled.
    skeleton
        (K, J, I) bool.
    branches
        (K, J, I) int32; 0 outside the lumen, 1 to ``count`` inside.
    count
        Number of branches.
    trachea
        Value of the branch that fills the largest volume.
    """

    lumen: NDArray[np.bool_]
    skeleton: NDArray[np.bool_]
    branches: NDArray[np.int32]
    count: int
    trachea: int


def largest_component(mask: NDArray[np.bool_], structure: NDArray[np.bool_] | NDArray[np.uint8] = FACES) -> NDArray[np.bool_]:
    """Return the largest component (an empty mask stays empty)."""
    labels, count = ndimage.label(mask, structure=structure)
    if count == 0:
        return np.zeros(mask.shape, dtype=bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(np.argmax(sizes)))


def parse_tree(mask: NDArray[np.bool_]) -> ParsedTree:
    """Cut a mask into branches as ATM'22 does (Zhang 2023, doi:10.1016/j.media.2023.102957; its public ``tree_parse``).

    The largest component (6-connected) with its holes filled is skeletonised. Skeleton voxels that see more than
    two others among their 26 neighbours (more than three with themselves) are junctions and are taken out; pieces
    of fewer than five voxels are dropped. Every lumen voxel joins its nearest piece. The largest part is the trachea;
    walking out from it, a part with one child takes that child in, and parts that share a child are joined.

    Parameters
    ----------
    mask
        (K, J, I); empty gives no branches.
    """
    lumen = ndimage.binary_fill_holes(largest_component(mask))
    branches = np.zeros(mask.shape, dtype=np.int32)
    skeleton = np.zeros(mask.shape, dtype=bool)
    if not lumen.any():
        return ParsedTree(lumen, skeleton, branches, 0, 0)
    skeleton = skeleton_of(lumen)
    box = bounding_box(lumen, (1, 1, 1))
    inner = lumen[box]
    pieces = _cut_at_junctions(skeleton[box])
    if not pieces.any():  # a tube too short to be cut: one branch
        branches[box] = inner
        return ParsedTree(lumen, skeleton, branches, 1, 1)
    nearest = ndimage.distance_transform_edt(pieces == 0, return_distances=False, return_indices=True)
    spread = np.where(inner, pieces[tuple(nearest)], 0)
    spread, trachea = _merge_until_stable(spread)
    branches[box] = spread
    return ParsedTree(lumen, skeleton, branches, int(spread.max()), trachea)


def skeleton_of(lumen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the skeleton (K, J, I) of a lumen as it is: all of its pieces, whichever way they touch; empty stays empty."""
    skeleton = np.zeros(lumen.shape, dtype=bool)
    if lumen.any():
        box = bounding_box(lumen, (1, 1, 1))
        skeleton[box] = skeletonize(lumen[box])
    return skeleton


def _cut_at_junctions(skeleton: NDArray[np.bool_]) -> NDArray[np.int32]:
    neighbours = ndimage.convolve(skeleton.astype(np.uint8), FULL)
    pieces, count = ndimage.label(skeleton & (neighbours <= 3), structure=FULL)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    keep = sizes >= SHORTEST_BRANCH_VOXELS
    keep[0] = False
    renumber = np.cumsum(keep) * keep
    return np.asarray(renumber[pieces], dtype=np.int32)


def _merge_until_stable(spread: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Merge parts until none has a single child; the voxels are touched twice only, the rounds run on the graph."""
    count = int(spread.max())
    sizes = np.bincount(spread.ravel(), minlength=count + 1)
    sizes[0] = 0
    edges = _adjacency(spread, count)
    total = np.arange(count + 1)
    while True:
        trachea = int(np.argmax(sizes))
        target = _merges(edges, trachea, count)
        used, compact = np.unique(target, return_inverse=True)
        if len(used) == count + 1:
            return np.asarray(total[spread], dtype=np.int32), trachea
        total = compact[total]
        sizes = np.bincount(compact, weights=sizes, minlength=len(used))
        joined: list[set[int]] = [set() for _ in used]
        for branch, others in enumerate(edges):
            joined[compact[branch]] |= {int(compact[other]) for other in others} - {int(compact[branch])}
        edges, count = joined, len(used) - 1


def _adjacency(spread: NDArray[np.int32], count: int) -> list[set[int]]:
    """Return for each branch the branches it touches (26-neighbourhood)."""
    found: list[set[int]] = [set() for _ in range(count + 1)]
    offsets = [(k, j, i) for k in (0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) > (0, 0, 0)]
    for offset in offsets:
        here = tuple(slice(max(-step, 0), size - max(step, 0)) for step, size in zip(offset, spread.shape, strict=True))
        there = tuple(slice(max(step, 0), size - max(-step, 0)) for step, size in zip(offset, spread.shape, strict=True))
        first, second = spread[here], spread[there]
        differ = (first != second) & (first > 0) & (second > 0)
        for one, other in np.unique(np.stack([first[differ], second[differ]], axis=1), axis=0):
            found[int(one)].add(int(other))
            found[int(other)].add(int(one))
    return found


def _merges(adjacency: list[set[int]], trachea: int, count: int) -> NDArray[np.int64]:
    """Return for each branch the one it joins (itself when it stays)."""
    generation = {trachea: 0}
    parents: dict[int, list[int]] = {trachea: []}
    children: dict[int, list[int]] = {branch: [] for branch in range(1, count + 1)}
    wave = [trachea]
    while wave:
        following: list[int] = []
        for branch in wave:
            for other in sorted(adjacency[branch]):
                if other not in generation:
                    generation[other] = generation[branch] + 1
                    parents[other] = []
                    following.append(other)
                if generation[other] == generation[branch] + 1:
                    parents[other].append(branch)
                    children[branch].append(other)
        wave = following
    target = np.arange(count + 1)
    merged: set[int] = set()
    for branch in sorted(parents):
        first, *others = parents[branch] or [branch]
        for other in others:
            if other not in merged and first not in merged:
                target[other] = first
                merged.add(other)
    for branch in range(1, count + 1):
        if len(children[branch]) == 1 and children[branch][0] not in merged and branch not in merged:
            target[children[branch][0]] = branch
            merged.add(children[branch][0])
    return target


def skeleton_length_mm(
    skeleton: NDArray[np.bool_], spacing_kji_mm: tuple[float, float, float], within: NDArray[np.bool_] | None = None
) -> float:
    """Return the length of a skeleton: the sum of the edges of its minimum spanning forest over 26-neighbours, in mm.

    With ``within``, each edge counts with the share of its two ends that lie in that mask, so that a single voxel missed
    costs its own length and no more.
    """
    index = np.full(skeleton.shape, -1, dtype=np.int64)
    points = np.argwhere(skeleton)
    if len(points) < 2:
        return 0.0
    index[tuple(points.T)] = np.arange(len(points))
    padded = np.pad(index, 1, constant_values=-1)
    rows, columns, lengths = [], [], []
    for offset in [(k, j, i) for k in (0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) > (0, 0, 0)]:
        other = padded[tuple((points + 1 + np.array(offset)).T)]
        hit = other >= 0
        rows.append(np.flatnonzero(hit))
        columns.append(other[hit])
        lengths.append(np.full(int(hit.sum()), float(np.linalg.norm(np.array(offset) * spacing_kji_mm))))
    graph = coo_matrix((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), shape=(len(points),) * 2)
    forest = minimum_spanning_tree(graph.tocsr()).tocoo()
    if within is None:
        return float(forest.data.sum())
    hit_ends = within[tuple(points.T)].astype(np.float64)
    return float(np.sum(forest.data * 0.5 * (hit_ends[forest.row] + hit_ends[forest.col])))
