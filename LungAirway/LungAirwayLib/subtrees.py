"""What lies below each branch of a tree, and where a branch sets out to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.tree import Tree

COURSE_MM = 15.0
"""How much of a bronchus tells its first course: about the length of a lobar bronchus."""


def in_fixed_order(tree: Tree) -> Tree:
    """Return the tree with the children of each branch in the order of their places, so that names do not depend on numbers."""
    return tree.with_branches(
        {
            branch.id: replace(
                branch, child_ids=tuple(sorted(branch.child_ids, key=lambda child: tuple(tree[child].points_lps_mm[-1].tolist())))
            )
            for branch in tree
        }
    )


class Territories:
    """Tips below every branch."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.tip_points = {tip.id: np.asarray(tip.points_lps_mm[-1]) for tip in tree.tips}
        self.tips_below: dict[int, list[int]] = {}
        for branch_id in reversed(tree.subtree(tree.root_id)):
            children = tree[branch_id].child_ids
            self.tips_below[branch_id] = [tip for child in children for tip in self.tips_below[child]] or [branch_id]

    def points(self, branch_ids: Iterable[int]) -> FloatArray:
        """Return the end points (N, 3) of all tips below the branches."""
        return np.array([self.tip_points[tip] for branch in branch_ids for tip in self.tips_below[branch]])

    def share(self, branch_id: int, total: int) -> float:
        """Return the share of ``total`` tips that are below a branch."""
        return len(self.tips_below[branch_id]) / max(total, 1)


def first_course(tree: Tree, branch_id: int) -> FloatArray:
    """Return the unit direction of the first :data:`COURSE_MM` of a branch, followed into its largest child if short."""
    branch = tree[branch_id]
    start, arc = branch.points_lps_mm[0], branch.arc_mm
    if arc[-1] >= COURSE_MM or not branch.child_ids:
        end = branch.points_lps_mm[min(int(np.searchsorted(arc, COURSE_MM)), len(arc) - 1)]
        return unit(end - start)
    ends = [child.points_lps_mm[min(int(np.searchsorted(child.arc_mm, COURSE_MM - arc[-1])), len(child.arc_mm) - 1)]
            for child in tree.children(branch_id)]  # fmt: skip
    return unit(np.mean(ends, axis=0) - start)
