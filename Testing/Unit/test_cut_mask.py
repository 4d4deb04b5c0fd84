"""A branch cut off by hand leaves the mask, its neighbours stay."""

from __future__ import annotations

import numpy as np

from LungAirwayLib.cut_mask import without_cut_branches
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.edit import cut, relabel
from SenseCarePlanningLib.volume import LabelMap


def fork() -> LabelMap:
    """Paint a trunk along k that parts into two tubes, radius 7 and 5 mm, voxels of 1 mm."""
    k, j, i = np.indices((70, 30, 70)).astype(float)
    trunk = (np.hypot(j - 15, i - 35) <= 7) & (k >= 35) & (k <= 66)
    left = (np.hypot(j - 15, i - (35 - (35 - k))) <= 5) & (k >= 5) & (k <= 36)
    right = (np.hypot(j - 15, i - (35 + (35 - k))) <= 5) & (k >= 5) & (k <= 36)
    return LabelMap((trunk | left | right).astype(np.uint8), np.eye(4), {1: "airway_lumen"})


def test_the_cut_branch_goes_and_the_others_stay() -> None:
    mask = fork()
    tree = build_tree(mask, root_lps_mm=np.array([35.0, 15.0, 66.0]))
    tips = sorted(tree.tips, key=lambda one: float(one.points_lps_mm[-1, 0]))
    assert len(tips) == 2
    shorter = without_cut_branches(mask, tree, cut(tree, tips[0].id, 4.0).tree)
    assert shorter.array_kji[10, 15, 10] == 0 and mask.array_kji[10, 15, 10] == 1
    np.testing.assert_array_equal(shorter.array_kji[:28, :, 40:], mask.array_kji[:28, :, 40:])
    np.testing.assert_array_equal(shorter.array_kji[42:], mask.array_kji[42:])


def test_a_new_name_takes_nothing_away() -> None:
    mask = fork()
    tree = build_tree(mask, root_lps_mm=np.array([35.0, 15.0, 66.0]))
    assert without_cut_branches(mask, tree, relabel(tree, tree.root_id, "trachea")) is mask
