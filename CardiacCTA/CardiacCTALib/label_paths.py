"""Ways through a coronary tree: from the ostium to every tip, and what leaves such a way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.tubes.tree import Tree

_ORIGIN_MM = (2.0, 8.0)


@dataclass(frozen=True, eq=False)
class Way:
    """A course through a tree, from ``points_lps_mm[0]`` outward.

    Parameters
    ----------
    points_lps_mm, radius_mm, arc_mm
        (N, 3), (N,), (N,) with shared junction points once.
    branch_ids
        The branches it runs through, proximal first.
    ends
        Arc length at which each of these branches ends.
    """

    points_lps_mm: FloatArray
    radius_mm: FloatArray
    arc_mm: FloatArray
    branch_ids: tuple[int, ...]
    ends_mm: tuple[float, ...]

    @property
    def length_mm(self) -> float:
        """Length of the course."""
        return float(self.arc_mm[-1])

    def between(self, low_mm: float, high_mm: float) -> NDArray[np.bool_]:
        """Return which points (N,) lie between two arc lengths; the nearest where none does."""
        inside = (self.arc_mm >= low_mm) & (self.arc_mm <= high_mm)
        if not inside.any():
            inside[int(np.abs(self.arc_mm - 0.5 * (low_mm + high_mm)).argmin())] = True
        return np.asarray(inside)

    def at(self, arc_mm: float) -> FloatArray:
        """Return the point (3,) nearest to an arc length."""
        return np.asarray(self.points_lps_mm[int(np.abs(self.arc_mm - arc_mm).argmin())])


@dataclass(frozen=True, eq=False)
class Side:
    """A side branch of a way: where it leaves, its first branch, its longest course, and its size at the origin."""

    arc_mm: float
    branch_id: int
    way: Way

    @property
    def diameter_mm(self) -> float:
        """Median lumen diameter a little beyond its origin."""
        return float(2.0 * np.median(self.way.radius_mm[self.way.between(*_ORIGIN_MM)]))


def way_to(tree: Tree, tip_id: int, first_id: int | None = None) -> Way:
    """Return the way to the end of a branch, from the root or from the start of ``first_id`` above it."""
    path = tree.path_to(tip_id)
    if first_id is not None:
        path = path[path.index(first_id) :]
    points, radius, ends = [tree[path[0]].points_lps_mm[:1]], [tree[path[0]].radius_mm[:1]], []
    length = 0.0
    for current in path:
        branch = tree[current]
        points.append(branch.points_lps_mm[1:])
        radius.append(branch.radius_mm[1:])
        length += branch.length_mm
        ends.append(length)
    joined = np.concatenate(points)
    return Way(joined, np.concatenate(radius), arc_length_mm(joined), path, tuple(ends))


def ways_below(tree: Tree, first_id: int) -> list[Way]:
    """Return the ways from the start of a branch to every tip below it."""
    return [way_to(tree, one, first_id) for one in tree.subtree(first_id) if not tree[one].child_ids]


def longest_below(tree: Tree, first_id: int) -> Way:
    """Return the longest way from the start of a branch."""
    return max(ways_below(tree, first_id), key=lambda way: way.length_mm)


def sides_of(tree: Tree, way: Way) -> list[Side]:
    """Return what leaves a way, by place; what leaves at its very end included, where the way ends before the tree does."""
    on_way = set(way.branch_ids)
    return [
        Side(end, child, longest_below(tree, child))
        for branch_id, end in zip(way.branch_ids, way.ends_mm, strict=True)
        for child in tree[branch_id].child_ids
        if child not in on_way
    ]
