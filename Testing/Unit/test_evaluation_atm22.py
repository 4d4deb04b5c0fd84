"""ATM'22 scores on trees small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.evaluation.atm22 import count_loops, evaluate_airway
from SenseCarePlanningLib.evaluation.skeleton import _cut_at_junctions, parse_tree, skeleton_length_mm
from SenseCarePlanningLib.volume import LabelMap


def label_map(mask: NDArray[np.bool_], spacing_ijk: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> LabelMap:
    return LabelMap(mask.astype(np.uint8), np.diag([*spacing_ijk, 1.0]))


def one_voxel_y() -> NDArray[np.bool_]:
    """A stem of 20 voxels along k and two straight arms of 20 voxels, one voxel thin: its own skeleton."""
    mask = np.zeros((45, 50, 5), dtype=bool)
    mask[22:42, 25, 2] = True
    for step in range(1, 21):
        mask[22 - step, 25 - step, 2] = True
        mask[22 - step, 25 + step, 2] = True
    return mask


def thick_y() -> NDArray[np.bool_]:
    k, j, i = np.indices((80, 80, 30)).astype(float)

    def near(first: tuple[float, float, float], last: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
        start, end = np.array(first), np.array(last)
        axis = end - start
        along = ((k - start[0]) * axis[0] + (j - start[1]) * axis[1] + (i - start[2]) * axis[2]) / (axis @ axis)
        along = np.clip(along, 0, 1)
        far = (
            (k - start[0] - along * axis[0]) ** 2 + (j - start[1] - along * axis[1]) ** 2 + (i - start[2] - along * axis[2]) ** 2
        )
        return np.asarray(far <= radius**2)

    return near((75, 40, 15), (40, 40, 15), 6) | near((40, 40, 15), (8, 15, 15), 3) | near((40, 40, 15), (8, 65, 15), 3)


def test_thin_y_has_three_branches_and_known_length() -> None:
    skeleton = one_voxel_y()
    pieces = _cut_at_junctions(skeleton)
    assert pieces.max() == 3
    # the meeting point sees three neighbours and is taken out; its neighbours see two
    assert np.count_nonzero(pieces) == 59
    assert skeleton_length_mm(skeleton, (1.0, 1.0, 1.0)) == pytest.approx(19 + 40 * np.sqrt(2))
    assert skeleton_length_mm(skeleton, (2.0, 1.0, 1.0)) == pytest.approx(38 + 40 * np.sqrt(5))


def test_stubs_under_five_voxels_are_not_branches() -> None:
    skeleton = np.zeros((30, 20, 3), dtype=bool)
    skeleton[2:28, 5, 1] = True
    skeleton[15, 6:10, 1] = True  # four voxels, the first of which belongs to the junction
    assert _cut_at_junctions(skeleton).max() == 2


def test_prediction_equal_to_truth_scores_full() -> None:
    truth = label_map(thick_y())
    scores = evaluate_airway(truth, truth)
    assert scores.branch_count == 3
    for value in (scores.tree_length_detected, scores.branches_detected, scores.dice, scores.precision, scores.sensitivity):
        assert value == pytest.approx(100.0)
    assert scores.specificity == pytest.approx(100.0)
    assert scores.leakage == 0.0
    assert (scores.components, scores.loops) == (1, 0)


def test_missing_arm_loses_one_branch_of_three() -> None:
    mask = thick_y()
    cut = mask.copy()
    cut[:34, 42:] = False
    scores = evaluate_airway(label_map(cut), label_map(mask))
    assert scores.branch_detected_count == 2
    assert scores.branches_detected == pytest.approx(200 / 3)
    skeleton = parse_tree(mask).skeleton
    assert scores.tree_length_detected == pytest.approx(100 * np.count_nonzero(skeleton & cut) / np.count_nonzero(skeleton))
    assert scores.precision == pytest.approx(100.0)
    assert scores.dice == pytest.approx(200 * cut.sum() / (cut.sum() + mask.sum()))


@pytest.mark.parametrize(("kept", "detected"), [(0.75, 2), (0.9, 3)])
def test_branch_counts_from_four_fifths_of_its_skeleton(kept: float, detected: int) -> None:
    mask = thick_y()
    tree = parse_tree(mask)
    arm = next(value for value in range(1, 4) if np.argwhere(tree.branches == value)[:, 1].mean() > 45)
    points = np.argwhere(tree.skeleton & (tree.branches == arm))
    lowest = np.sort(points[:, 0])[round(len(points) * (1 - kept))]
    cut = mask.copy()
    cut[:lowest, 41:] = False
    assert evaluate_airway(label_map(cut), label_map(mask)).branch_detected_count == detected


def test_leak_lowers_precision_and_is_measured_against_the_truth() -> None:
    mask = thick_y()
    leak = mask.copy()
    leak[60:70, 40:60, 10:20] = True
    extra = int(leak.sum() - mask.sum())
    scores = evaluate_airway(label_map(leak), label_map(mask))
    assert scores.leakage == pytest.approx(100 * extra / mask.sum())
    assert scores.precision == pytest.approx(100 * mask.sum() / leak.sum())
    assert scores.specificity == pytest.approx(100 * (1 - extra / (mask.size - mask.sum())))


def test_only_the_largest_piece_of_the_prediction_counts() -> None:
    mask = thick_y()
    broken = mask.copy()
    broken[30:33] = False
    scores = evaluate_airway(label_map(broken), label_map(mask))
    assert scores.components == 3
    assert scores.branch_detected_count == 1


def test_lengths_are_of_the_same_piece_as_the_scores() -> None:
    mask = thick_y()
    touching = mask.copy()
    touching[34:40, 40:] = False
    touching[:34, 40:] &= ~mask[:34, 40:]
    corner = np.argwhere(touching)[0]
    # A piece that touches the rest by a corner alone: one by 26 neighbours, two by 6.
    k, j, i = (int(value) for value in corner)
    touching[k - 6 : k, j + 1 : j + 3, i + 1 : i + 3] = True
    scores = evaluate_airway(label_map(touching), label_map(mask))
    assert scores.components == 1
    assert scores.prediction_length_mm == pytest.approx(skeleton_length_mm(skeletonize(touching), (1.0, 1.0, 1.0)))
    assert scores.prediction_length_mm >= scores.detected_length_mm


def test_empty_prediction_scores_zero_and_empty_truth_is_an_error() -> None:
    truth = label_map(thick_y())
    empty = label_map(np.zeros_like(thick_y()))
    scores = evaluate_airway(empty, truth)
    assert (scores.tree_length_detected, scores.dice, scores.precision, scores.components) == (0.0, 0.0, 0.0, 0)
    with pytest.raises(InputError, match="empty"):
        evaluate_airway(truth, empty)


def test_different_grids_are_an_error() -> None:
    mask = thick_y()
    with pytest.raises(InputError, match="different grids"):
        evaluate_airway(label_map(mask), label_map(mask, (1.0, 1.0, 1.2)))


def test_single_voxel_truth() -> None:
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[1, 1, 1] = True
    scores = evaluate_airway(label_map(mask), label_map(mask))
    assert (scores.tree_length_detected, scores.branches_detected) == (100.0, 100.0)


def test_length_share_in_mm_follows_the_spacing() -> None:
    mask = thick_y()
    cut = mask.copy()
    cut[50:] = False
    narrow = evaluate_airway(label_map(cut), label_map(mask))
    tall = evaluate_airway(label_map(cut, (1.0, 1.0, 3.0)), label_map(mask, (1.0, 1.0, 3.0)))
    assert narrow.tree_length_detected == tall.tree_length_detected
    assert tall.reference_length_mm > 2 * narrow.reference_length_mm
    assert tall.tree_length_detected_mm_share < narrow.tree_length_detected_mm_share


@pytest.mark.parametrize("rings", [0, 1, 2])
def test_loops_are_counted(rings: int) -> None:
    mask = np.zeros((5, 20, 40), dtype=bool)
    mask[2, 2, 2:38] = True
    for ring in range(rings):
        left = 4 + 15 * ring
        mask[2, 2:12, left] = mask[2, 2:12, left + 8] = True
        mask[2, 11, left : left + 9] = True
    assert count_loops(mask) == rings


def test_cavity_is_not_a_loop() -> None:
    mask = np.ones((5, 5, 5), dtype=bool)
    mask[2, 2, 2] = False
    assert count_loops(mask) == 0
    assert count_loops(np.zeros((3, 3, 3), dtype=bool)) == 0
