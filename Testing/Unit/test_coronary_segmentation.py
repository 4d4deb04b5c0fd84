"""Heart and coronary arteries found in a scan: against drawn truth, and what bad scans are answered with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from CardiacCTALib.chambers import BloodLevels
from CardiacCTALib.clicked import Clicks, follow_clicks
from CardiacCTALib.coronary_tree import Course, build_coronary_tree
from CardiacCTALib.great_circles import find_chains
from CardiacCTALib.heart_region import choose_ascending, find_heart
from CardiacCTALib.segment import HeartSegmentation, check_phase, segment
from CardiacCTALib.structures import AORTA, LEFT_ATRIUM, LEFT_VENTRICLE, PULMONARY_ARTERY, RIGHT_VENTRICLE
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.evaluation.centreline import evaluate_centreline
from SenseCarePlanningLib.phantom.coronary import CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_random import random_heart
from SenseCarePlanningLib.phantom.coronary_scan import CoronaryScan, coronary_scanner, scan_calcium, scan_coronary
from SenseCarePlanningLib.tubes.tree import BranchFlag, Tree
from SenseCarePlanningLib.volume import Volume

VOXEL_MM = 0.4


def drawn(paths: list[np.ndarray], radius_mm: float, fat_hu: float = -90.0, blood_hu: float = 400.0) -> Volume:
    """Draw bright tubes (N, 3) mm in fat, 48 mm a side, blurred by 0.3 mm and noisy."""
    count = 120
    axis = np.arange(count) * VOXEL_MM
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)[..., ::-1]
    dense = np.concatenate(paths)
    distance, _ = cKDTree(dense).query(places.reshape(-1, 3))
    inside = 1.0 / (1.0 + np.exp((distance - radius_mm) / 0.15))
    image = fat_hu + (blood_hu - fat_hu) * inside.reshape(count, count, count)
    noise = np.random.default_rng(3).normal(0.0, 20.0, image.shape)
    return Volume((image + noise).astype(np.float32), np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0]))


def main_course() -> np.ndarray:
    t = np.linspace(0.0, 1.0, 400)
    return np.stack([8.0 + 32.0 * t, 20.0 + 7.0 * np.sin(4.0 * t), 22.0 + 5.0 * np.cos(3.0 * t)], axis=1)


def side_course(main: np.ndarray) -> np.ndarray:
    start = main[160]
    return start + np.linspace(0.0, 1.0, 250)[:, None] * np.array([10.0, 12.0, 10.0])


@pytest.fixture(scope="module")
def fork() -> tuple[Volume, np.ndarray, np.ndarray]:
    main = main_course()
    side = side_course(main)
    return drawn([main, side], 1.3), main, side


def rough(line: np.ndarray, seed: int) -> np.ndarray:
    return line[::10] + np.random.default_rng(seed).normal(0.0, 0.35, line[::10].shape)


def test_rough_courses_become_centrelines_to_a_tenth_of_a_millimetre(fork) -> None:
    volume, main, side = fork
    tree = build_coronary_tree(volume, [Course(rough(main, 1), -1), Course(rough(side, 2), 0)], 20.0)
    assert len(tree) == 3
    assert len(tree.tips) == 2
    for truth in (main, np.concatenate([main[:160], side])):
        found = [tree.path_points(tip.id)[0] for tip in tree.tips]
        path = min(found, key=lambda one: np.linalg.norm(one[-1] - truth[-1]))
        scores = evaluate_centreline(truth, np.full(len(truth), 1.3), path, 0.1)
        assert scores.overlap > 0.97
        assert scores.accuracy_inside_mm is not None and scores.accuracy_inside_mm < 0.15
    assert np.median(tree.root.radius_mm) == pytest.approx(1.3, abs=0.1)


def test_a_tree_starts_at_the_ostium_and_its_frames_do_not_flip(fork) -> None:
    volume, main, side = fork
    tree = build_coronary_tree(volume, [Course(rough(main, 1), -1), Course(rough(side, 2), 0)], 20.0)
    assert np.linalg.norm(tree.root.points_lps_mm[0] - main[0]) < 1.0
    for branch in tree:
        if branch.parent_id is not None:
            assert np.allclose(tree[branch.parent_id].points_lps_mm[-1], branch.points_lps_mm[0])
        assert (np.einsum("ni,ni->n", branch.frames[1:, 1], branch.frames[:-1, 1]) > 0.95).all()


def test_a_course_behind_a_gap_is_flagged(fork) -> None:
    volume, main, side = fork
    tree = build_coronary_tree(volume, [Course(rough(main, 1), -1), Course(rough(side, 2), 0, bridged=True)], 20.0)
    assert [BranchFlag.BRIDGED in branch.flags for branch in tree].count(True) == 1


def test_no_course_is_no_tree(fork) -> None:
    with pytest.raises(ValueError, match="at least one course"):
        build_coronary_tree(fork[0], [], 20.0)


def test_clicks_find_the_way_from_the_ostium_to_both_tips(fork) -> None:
    volume, main, side = fork
    found = follow_clicks(volume, [Clicks(tuple(main[0]), (tuple(main[-1]), tuple(side[-1])), "right")])
    assert [one.side for one in found.ostia] == ["right"]
    assert found.ostia[0].marked
    assert found.remarks == ()
    assert len(found.trees[0].tips) == 2
    distance, _ = cKDTree(np.concatenate([branch.points_lps_mm for branch in found.trees[0]])).query(side[40:-10])
    assert distance.mean() < 0.2


def test_a_way_across_an_occlusion_is_listed_as_a_gap() -> None:
    main = main_course()
    volume = drawn([main[:150], main[220:]], 1.3)
    found = follow_clicks(volume, [Clicks(tuple(main[0]), (tuple(main[-1]),))])
    assert len(found.gaps) == 1
    assert 2.0 < found.gaps[0].gap_mm < 10.0


def test_a_tip_in_fat_far_from_any_artery_is_not_reached_and_said_so() -> None:
    main = main_course()
    found = follow_clicks(drawn([main], 1.3), [Clicks(tuple(main[0]), (tuple(main[-1]), (40.0, 44.0, 4.0)))])
    assert [tip.reached for tip in found.tips].count(False) == 1
    assert len(found.remarks) == 1


@pytest.mark.parametrize(
    ("ostium", "tips"),
    [((8.0, 20.0, 27.0), ()), ((8.0, 20.0, 27.0), ((400.0, 0.0, 0.0),)), ((4.0, 44.0, 4.0), ((30.0, 20.0, 20.0),))],
)
def test_marks_that_cannot_be_used_are_refused(ostium, tips) -> None:
    with pytest.raises(InputError):
        follow_clicks(drawn([main_course()], 1.3), [Clicks(ostium, tips)])


def test_a_random_heart_is_the_same_twice_and_differs_by_seed() -> None:
    assert random_heart(5) == random_heart(5)
    assert random_heart(5, hard=True) == random_heart(5, hard=True)
    assert random_heart(5) != random_heart(6)
    assert {random_heart(seed).options.dominance for seed in range(40)} == set(type(random_heart(0).options.dominance))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        random_heart(-1)


def chest(round_hu: float, behind_hu: float) -> np.ndarray:
    """Two upright cylinders of 28 and 24 mm, one 50 mm in front of the other, in lung."""
    image = np.full((40, 80, 80), -800.0, dtype=np.float32)
    j, i = np.indices((80, 80)) * 2.0
    image[:, np.hypot(j - 50.0, i - 80.0) < 14.0] = round_hu
    image[:, np.hypot(j - 100.0, i - 90.0) < 12.0] = behind_hu
    return image


def test_the_ascending_aorta_is_the_one_in_front() -> None:
    found = choose_ascending(find_chains(chest(400.0, 400.0), (2.0, 2.0, 2.0)), (2.0, 2.0, 2.0))
    assert found is not None
    assert found.centres[:, 1].mean() == pytest.approx(25.0, abs=0.7)
    assert np.median(found.radius_mm) == pytest.approx(14.0, abs=1.5)
    assert found.level_hu == pytest.approx(400.0, abs=1.0)


def test_no_aorta_without_contrast() -> None:
    assert choose_ascending(find_chains(chest(45.0, 45.0), (2.0, 2.0, 2.0), least_hu=20.0), (2.0, 2.0, 2.0)) is None


def test_a_scan_too_small_for_a_heart_is_refused() -> None:
    with pytest.raises(InputError, match="too small"):
        find_heart(Volume(np.zeros((20, 60, 60), dtype=np.int16), np.diag([0.5, 0.5, 0.5, 1.0])))


@pytest.mark.parametrize(("aorta", "ventricle"), [(90.0, 95.0), (400.0, 90.0), (90.0, 400.0)])
def test_a_dark_left_heart_is_the_wrong_phase(aorta: float, ventricle: float) -> None:
    blood = {AORTA: aorta, LEFT_VENTRICLE: ventricle, RIGHT_VENTRICLE: 450.0, PULMONARY_ARTERY: 500.0}
    with pytest.raises(InputError, match="arterial phase"):
        check_phase(BloodLevels(blood, 90.0))


@pytest.mark.parametrize(
    ("aorta", "ventricle", "right", "said"),
    [(45.0, 42.0, 48.0, "without contrast"), (90.0, 95.0, 480.0, "right heart"), (420.0, 60.0, 150.0, "root of the aorta")],
)
def test_what_is_wrong_with_the_phase_is_said(aorta: float, ventricle: float, right: float, said: str) -> None:
    blood = {AORTA: aorta, LEFT_VENTRICLE: ventricle, RIGHT_VENTRICLE: right, PULMONARY_ARTERY: right}
    with pytest.raises(InputError, match=said):
        check_phase(BloodLevels(blood, 50.0))


@pytest.mark.parametrize(("brightest", "said"), [(173.0, "without contrast"), (430.0, "cut off")])
def test_where_no_heart_is_made_out_its_levels_prove_nothing(brightest: float, said: str) -> None:
    blood = {AORTA: 120.0, LEFT_VENTRICLE: -300.0, RIGHT_VENTRICLE: -500.0, PULMONARY_ARTERY: -800.0}
    with pytest.raises(InputError, match=said):
        check_phase(BloodLevels(blood, 90.0), 0.3, brightest)


def test_a_filled_left_heart_is_the_right_phase() -> None:
    check_phase(BloodLevels({AORTA: 350.0, LEFT_VENTRICLE: 340.0, RIGHT_VENTRICLE: 120.0, PULMONARY_ARTERY: 200.0}, 90.0))


@pytest.fixture(scope="module")
def patient() -> CoronaryPatient:
    return make_coronary_patient(random_heart(300).options)


@pytest.fixture(scope="module")
def scan(patient: CoronaryPatient) -> CoronaryScan:
    """A coarse scan: 0.63 x 0.63 x 0.8 mm."""
    return scan_coronary(patient, coronary_scanner(320, 0.8, 18.0, 0.8))


@pytest.fixture(scope="module")
def heart(scan: CoronaryScan) -> HeartSegmentation:
    return segment(scan.volume)


@pytest.mark.slow
def test_both_arteries_are_found_without_a_click(scan: CoronaryScan, heart: HeartSegmentation) -> None:
    assert [one.side for one in heart.ostia] == ["left", "right"]
    lines = np.concatenate([branch.points_lps_mm for tree in heart.trees for branch in tree])
    for name in ("LAD", "RCA", "LCX"):
        truth = next(one for one in scan.truth.arteries if one.name == name)
        distance, _ = cKDTree(lines).query(truth.points_lps_mm)
        assert (distance < truth.reference_radius_mm).mean() > 0.9, name


@pytest.mark.slow
def test_left_heart_and_aorta_lie_where_they_are(scan: CoronaryScan, heart: HeartSegmentation) -> None:
    for ours, theirs, least in ((LEFT_VENTRICLE, 12, 0.9), (LEFT_ATRIUM, 13, 0.88)):
        first, second = heart.heart_labels == ours, scan.tissue.array_kji == theirs
        assert 2 * (first & second).sum() / (first.sum() + second.sum()) > least
    aorta = heart.heart_labels == AORTA
    assert (scan.tissue.array_kji[aorta] == 16).mean() > 0.95
    assert np.array_equal(aorta, heart.aorta_kji)
    assert heart.coronary_kji.any()


@pytest.mark.slow
def test_another_storage_order_gives_the_same_trees(scan: CoronaryScan, heart: HeartSegmentation) -> None:
    flipped = scan.volume.array_kji[::-1, :, ::-1]
    affine = scan.volume.affine_ijk_to_lps.copy()
    shape = np.array(flipped.shape)
    affine[:3, 3] = scan.volume.grid.lps_from_kji([shape[0] - 1, 0, shape[2] - 1])
    affine[:3, 0], affine[:3, 2] = -affine[:3, 0], -affine[:3, 2]
    again = segment(Volume(np.ascontiguousarray(flipped), affine))
    assert [total(tree) for tree in again.trees] == pytest.approx([total(tree) for tree in heart.trees], rel=0.02)


def total(tree: Tree) -> float:
    return tree.total_length_mm


@pytest.mark.slow
def test_a_scan_without_contrast_is_refused(patient: CoronaryPatient) -> None:
    with pytest.raises(InputError, match="contrast"):
        segment(scan_calcium(patient))


@pytest.mark.slow
def test_the_lower_half_of_a_heart_is_refused_or_said_to_lack_its_arteries(scan: CoronaryScan) -> None:
    count = scan.volume.array_kji.shape[0]
    half = scan.volume.cropped((slice(0, count // 2), slice(0, 320), slice(0, 320)))
    try:
        found = segment(half)
    except InputError:
        return
    assert len(found.remarks) >= 1
    assert len(found.trees) < 2
