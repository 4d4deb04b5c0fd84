"""The truth of a digital coronary patient as trees: one tree an ostium, exact, and the true segment of every point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from ..geometry import FloatArray
from ..tubes.assemble import assemble, no_frames
from ..tubes.edit import merge_single_children
from ..tubes.tree import Branch, Tree
from .coronary_tree import IntArray
from .coronary_truth import ArteryTruth, CoronaryTruth

THINNEST_MM = 0.1
"""Radius given to an occluded stretch: a tree has no radius of 0."""


def trees_of_truth(truth: CoronaryTruth) -> tuple[Tree, ...]:
    """Return the true centrelines as unlabelled trees, roots at the ostia, points proximal to distal, LPS mm.

    Radii are those of the lumen as it is, lesions included. An artery that ends where a single other one begins (a
    circumflex that becomes the posterior descending artery) is one branch with it, as in a tree found in a scan.
    """
    return tuple(_tree_of(truth, root) for root in truth.arteries if root.parent is None)


def _tree_of(truth: CoronaryTruth, root: ArteryTruth) -> Tree:
    branches: list[Branch] = []
    _add(truth, root, None, branches)
    return merge_single_children(assemble(branches, 0))


def _add(truth: CoronaryTruth, artery: ArteryTruth, above: tuple[int, FloatArray] | None, branches: list[Branch]) -> None:
    """Add an artery, divided where others leave it, and those; ``above`` is the branch it hangs on and that branch's end."""
    children = sorted((one for one in truth.arteries if one.parent == artery.name), key=lambda one: one.parent_index)
    last = len(artery.points_lps_mm) - 1
    cuts = sorted({min(max(one.parent_index, 1), last) for one in children} | {last})
    points = artery.points_lps_mm.copy()
    parent = None
    if above is not None:
        parent, points[0] = above[0], above[1]
    begin = 0
    for end in cuts:
        part = slice(begin, end + 1)
        radius = np.maximum(artery.lumen_radius_mm[part], THINNEST_MM)
        number = len(branches)
        branches.append(
            Branch(number, parent, (), points[part], radius, np.stack([radius, radius], axis=1), no_frames(len(radius)))
        )
        for child in (one for one in children if min(max(one.parent_index, 1), last) == end):
            _add(truth, child, (number, points[end]), branches)
        parent, begin = number, end


def true_segments(truth: CoronaryTruth, points_lps_mm: FloatArray, reach_mm: float = 3.0) -> IntArray:
    """Return the true SCCT number (N,) at points (N, 3), that of the nearest true point: 0 without one, -1 beyond the reach."""
    places = np.concatenate([one.points_lps_mm for one in truth.arteries])
    numbers = np.concatenate([one.segment for one in truth.arteries])
    gap, nearest = cKDTree(places).query(points_lps_mm)
    return np.where(gap <= reach_mm, numbers[nearest], -1)


def artery_paths(truth: CoronaryTruth) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Yield each artery's name with its points (N, 3) and reference radii (N,) from the ostium to its tip."""
    by_name = {one.name: one for one in truth.arteries}
    for artery in truth.arteries:
        points, radius, one = artery.points_lps_mm, artery.reference_radius_mm, artery
        while one.parent is not None:
            above = by_name[one.parent]
            part = slice(0, one.parent_index)
            points = np.concatenate([above.points_lps_mm[part], points])
            radius = np.concatenate([above.reference_radius_mm[part], radius])
            one = above
        yield artery.name, points, radius
