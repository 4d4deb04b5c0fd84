"""Pulmonary vessels: arteries that follow the bronchi and go on to the pleura, veins that run between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..geometry import FloatArray, unit
from ..volume import Grid
from .fields import Float32Array, Lattice
from .tubepaint import paint_segments

ByteArray = NDArray[np.uint8]
Inside = Callable[[FloatArray], NDArray[np.bool_]]

LEAF_RADIUS_MM, LARGEST_RADIUS_MM = 0.42, 6.5
MURRAY_EXPONENT = 2.7
"""Of the calibres at a vessel's division. Chosen between 3 (Murray 1926, doi:10.1073/pnas.12.3.207) and the 2.3 that
Nakamura 2014 (doi:10.1002/phy2.236) finds for pulmonary arteries."""

NODE_SPACING_MM = 5.0


@dataclass(frozen=True, eq=False)
class Vessels:
    """Vessels as cones: (N, 3) start and end, (N,) radii."""

    start_lps_mm: FloatArray
    end_lps_mm: FloatArray
    start_mm: FloatArray
    end_mm: FloatArray

    def paint(self, share: ByteArray, grid: Grid) -> None:
        """Paint into shares 0 to 255 on ``grid``."""
        paint_segments(share, grid, self.start_lps_mm, self.end_lps_mm, self.start_mm, self.end_mm)


def joined(parts: list[Vessels]) -> Vessels:
    """Return all cones of several vessels together."""
    return Vessels(
        np.concatenate([part.start_lps_mm for part in parts]),
        np.concatenate([part.end_lps_mm for part in parts]),
        np.concatenate([part.start_mm for part in parts]),
        np.concatenate([part.end_mm for part in parts]),
    )


def inside_of(lattice: Lattice, distance_mm: Float32Array, depth_mm: float) -> Inside:
    """Return a test whether points (N, 3) lie at least ``depth_mm`` inside a field's surface."""

    def test(points_lps_mm: FloatArray) -> NDArray[np.bool_]:
        """Tell which points lie deeper inside than asked for."""
        index = np.clip(np.rint(lattice.index_of(points_lps_mm)).astype(int), 0, np.array(lattice.shape_kji) - 1)
        return np.asarray(distance_mm[tuple(index.T)] < -depth_mm)

    return test


def sample_leaves(
    lattice: Lattice, distance_mm: Float32Array, count: int, apart_mm: float, rng: np.random.Generator
) -> FloatArray:
    """Return up to ``count`` random points (N, 3) at least 2.5 mm inside a field's surface and ``apart_mm`` from each other."""
    candidates = np.argwhere(distance_mm < -2.5)
    if len(candidates) == 0:
        return np.empty((0, 3))
    chosen = candidates[rng.permutation(len(candidates))[: 6 * count]]
    points = lattice.grid.lps_from_kji(chosen + rng.uniform(-0.5, 0.5, chosen.shape))
    kept = np.ones(len(points), dtype=bool)
    for first, second in cKDTree(points).query_pairs(apart_mm, output_type="ndarray"):
        if kept[first]:
            kept[second] = False
    return np.asarray(points[kept][:count])


def grow(
    roots_lps_mm: FloatArray, root_path_mm: FloatArray, leaves_lps_mm: FloatArray, inside: Inside, rng: np.random.Generator
) -> Vessels:
    """Grow vessels from root points to leaves: each leaf joins where new vessel plus a share of the way back is shortest.

    Parameters
    ----------
    roots_lps_mm, root_path_mm
        (R, 3) points to start from and (R,) the length of vessel behind each.
    leaves_lps_mm
        (L, 3) points to supply.
    inside
        Vessels keep to where it holds (their far halves at least).

    Returns
    -------
    Vessels
        Calibres grow towards the roots by Murray's law.
    """
    capacity = len(roots_lps_mm) + 40 * len(leaves_lps_mm) + 1
    nodes = np.empty((capacity, 3))
    path = np.empty(capacity)
    parent = np.full(capacity, -1)
    used = len(roots_lps_mm)
    nodes[:used], path[:used] = roots_lps_mm, root_path_mm
    if used == 0 or len(leaves_lps_mm) == 0:
        return Vessels(np.empty((0, 3)), np.empty((0, 3)), np.empty(0), np.empty(0))
    order = np.argsort(cKDTree(roots_lps_mm).query(leaves_lps_mm)[0])
    is_leaf = np.zeros(capacity, dtype=bool)
    for leaf in leaves_lps_mm[order]:
        gap = np.linalg.norm(nodes[:used] - leaf, axis=1)
        best = np.argpartition(gap + 0.35 * path[:used], min(8, used - 1))[:8]
        best = best[np.argsort(gap[best] + 0.35 * path[best])]
        middles = 0.5 * nodes[best] + 0.5 * leaf
        allowed = best[inside(middles)]
        if len(allowed) == 0:
            continue
        at = int(allowed[0])
        pieces = max(int(np.ceil(gap[at] / NODE_SPACING_MM)), 1)
        if used + pieces > capacity:
            break
        for piece in range(1, pieces + 1):
            share = piece / pieces
            sway = rng.normal(0.0, 0.10 * NODE_SPACING_MM, 3) if piece < pieces else np.zeros(3)
            nodes[used] = nodes[at] + share * (leaf - nodes[at]) + sway
            parent[used] = at if piece == 1 else used - 1
            path[used] = path[parent[used]] + gap[at] / pieces
            used += 1
        is_leaf[used - 1] = True
    return _with_calibres(nodes[:used], parent[:used], is_leaf[:used])


def _with_calibres(nodes: FloatArray, parent: NDArray[np.int_], is_leaf: NDArray[np.bool_]) -> Vessels:
    power = np.where(is_leaf, LEAF_RADIUS_MM**MURRAY_EXPONENT, 0.0)
    for node in range(len(nodes) - 1, -1, -1):
        if parent[node] >= 0:
            power[parent[node]] += power[node]
    radius = np.clip(power ** (1.0 / MURRAY_EXPONENT), LEAF_RADIUS_MM, LARGEST_RADIUS_MM)
    children = np.flatnonzero(parent >= 0)
    above = parent[children]
    smooth = nodes.copy()
    for _ in range(3):
        total, count = smooth.copy(), np.ones(len(nodes))
        np.add.at(total, children, smooth[above])
        np.add.at(count, children, 1.0)
        np.add.at(total, above, smooth[children])
        np.add.at(count, above, 1.0)
        moved = total / count[:, None]
        free = (parent >= 0) & ~is_leaf
        smooth[free] = moved[free]
    # a small branch leaves a large vessel at its own calibre
    return Vessels(smooth[above], smooth[children], np.minimum(radius[above], 1.25 * radius[children]), radius[children])


def beside(
    points_lps_mm: FloatArray, tangents: FloatArray, outer_mm: FloatArray, middle_x_mm: float
) -> tuple[FloatArray, FloatArray]:
    """Return the course (N, 3) and radius (N,) of the artery beside a bronchus.

    The artery is nearly as wide as the bronchus with its wall (Kim 1997, doi:10.1097/00004728-199703000-00028: the lumen is
    0.62 of the artery at sea level) and lies above and lateral to it, as the arteries of the upper lobes and the right
    middle lobe do.
    """
    radius = np.clip(0.86 * outer_mm, 0.35, LARGEST_RADIUS_MM)
    side = np.where(points_lps_mm[:, 0] > middle_x_mm, 1.0, -1.0)
    wish = np.stack([0.45 * side, np.full(len(side), -0.55), np.full(len(side), 0.70)], axis=1)
    across = wish - (wish * tangents).sum(axis=1, keepdims=True) * tangents
    across = unit(
        np.where(np.linalg.norm(across, axis=1, keepdims=True) > 0.15, across, np.cross(tangents, [0.0, 0.0, 1.0]) + 1e-3)
    )
    return points_lps_mm + across * (outer_mm + radius + 0.3)[:, None], radius


def local_tangents(points_lps_mm: FloatArray, reach: int = 14) -> FloatArray:
    """Return the main direction (N, 3) of each point's neighbourhood in a cloud of medial points."""
    near = min(reach, len(points_lps_mm))
    _, index = cKDTree(points_lps_mm).query(points_lps_mm, k=near)
    cloud = points_lps_mm[np.asarray(index).reshape(len(points_lps_mm), near)]
    centred = cloud - cloud.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", centred, centred))
    return np.asarray(vectors[:, :, -1])
