"""SCCT names on trees: right on the canonical heart and its variants, doubtful where they must be, kept where given by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from CardiacCTALib.issues import Consequence, Issue
from CardiacCTALib.label_doubts import said_missing
from CardiacCTALib.labels import CoronaryLabels, HeartLandmarks, label_trees, renamed
from CardiacCTALib.segments import BY_NUMBER, SEGMENTS, Dominance, expected_segments
from CardiacCTALib.vessels import vessels_of
from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.phantom.coronary import (
    LOWER_LPS_MM,
    CoronaryOptions,
    CoronaryPatient,
    make_coronary_patient,
)
from SenseCarePlanningLib.phantom.coronary_guides import Dominance as PhantomDominance
from SenseCarePlanningLib.phantom.coronary_odd import ODD, moved_divisions, ramus_joined_late, without
from SenseCarePlanningLib.phantom.coronary_scene import CHAMBERS, chamber_labels
from SenseCarePlanningLib.phantom.coronary_trees import artery_paths, trees_of_truth, true_segments
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.tubes.edit import cut, divide
from SenseCarePlanningLib.tubes.tree import BranchFlag, BranchLabel, Tree
from SenseCarePlanningLib.volume import Grid, LabelMap

CANONICAL = CoronaryOptions(seed=4, dominance=PhantomDominance.RIGHT, ramus=False)
VARIANTS = (
    CoronaryOptions(seed=11, dominance=PhantomDominance.RIGHT, ramus=True, absent=frozenset({"OM1", "S1"})),
    CoronaryOptions(seed=12, dominance=PhantomDominance.LEFT, ramus=False, absent=frozenset({"D1"})),
    CoronaryOptions(seed=13, dominance=PhantomDominance.BALANCED, ramus=True, absent=frozenset({"AM"})),
    CoronaryOptions(seed=14, dominance=PhantomDominance.LEFT, ramus=True, absent=frozenset({"D2", "OM2"})),
)


@pytest.fixture(scope="module")
def patient() -> CoronaryPatient:
    return make_coronary_patient(CANONICAL)


def chambers_of(patient: CoronaryPatient) -> LabelMap:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = LOWER_LPS_MM
    grid = Grid((72, 100, 100), affine)
    return LabelMap(chamber_labels(grid, patient.heart, []), affine, {label: name for label, name, _ in CHAMBERS})


def wrong_segments(labels: CoronaryLabels, truth: CoronaryTruth) -> dict[str, float]:
    """Segments whose true and found points overlap by a Dice under 0.8."""
    true: dict[str, int] = {}
    found: dict[str, int] = {}
    both: dict[str, int] = {}
    for tree in labels.trees:
        for branch in tree:
            assert branch.label is not None
            for number in true_segments(truth, branch.points_lps_mm[1:]):
                name = BY_NUMBER[int(number)].code if number > 0 else "other"
                true[name] = true.get(name, 0) + 1
                found[branch.label.code] = found.get(branch.label.code, 0) + 1
                both[name] = both.get(name, 0) + (name == branch.label.code)
    dice = {name: 2.0 * both[name] / (count + found.get(name, 0)) for name, count in true.items() if name != "other"}
    return {name: value for name, value in dice.items() if value < 0.8}


def turned(trees: tuple[Tree, ...], degrees: tuple[float, float, float]) -> tuple[Tree, ...]:
    """The same heart lying in another way."""
    matrix = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    middle = np.array([14.0, -22.0, -64.0])
    return tuple(
        tree.with_branches({one.id: replace(one, points_lps_mm=(one.points_lps_mm - middle) @ matrix.T + middle) for one in tree})
        for tree in trees
    )


# --- the true trees


def test_the_true_trees_hold_every_artery_from_its_ostium_on(patient: CoronaryPatient) -> None:
    truth = patient.truth
    left, right = trees_of_truth(truth)
    assert len(left.tips) == 7  # LAD, LCx, D1, D2, S1, OM1, OM2
    assert len(right.tips) == 3
    total = sum(float(np.linalg.norm(np.diff(one.points_lps_mm, axis=0), axis=1).sum()) for one in truth.arteries)
    assert left.total_length_mm + right.total_length_mm == pytest.approx(total, rel=0.01)
    assert {name for name, _, _ in artery_paths(truth)} == {one.name for one in truth.arteries}


def test_a_circumflex_that_becomes_the_posterior_descending_artery_is_one_branch() -> None:
    truth = make_coronary_patient(VARIANTS[1]).truth
    left = trees_of_truth(truth)[0]
    assert not any(len(one.child_ids) == 1 for one in left)
    numbers = [set(true_segments(truth, one.points_lps_mm).tolist()) for one in left.tips]
    assert any({13, 15} <= found for found in numbers)


def test_dividing_a_branch_keeps_course_length_and_children(patient: CoronaryPatient) -> None:
    tree = trees_of_truth(patient.truth)[1]
    divided, distal = divide(tree, tree.root_id, 20.0)
    assert divided[tree.root_id].length_mm == pytest.approx(20.0, abs=0.01)
    assert divided[tree.root_id].child_ids == (distal,)
    assert divided[distal].child_ids == tree.root.child_ids
    assert divided.total_length_mm == pytest.approx(tree.total_length_mm, abs=1e-6)
    with pytest.raises(SenseCareError):
        divide(tree, tree.root_id, tree.root.length_mm + 1.0)


# --- names


def test_all_segments_of_the_canonical_heart_are_named_right(patient: CoronaryPatient) -> None:
    labels = label_trees(trees_of_truth(patient.truth), HeartLandmarks(chambers_of(patient)))
    assert wrong_segments(labels, patient.truth) == {}
    assert labels.dominance is Dominance.RIGHT
    assert labels.present >= expected_segments(Dominance.RIGHT)


def test_the_canonical_heart_needs_no_chambers(patient: CoronaryPatient) -> None:
    labels = label_trees(trees_of_truth(patient.truth))
    assert wrong_segments(labels, patient.truth) == {}
    assert labels.dominance is Dominance.RIGHT


@pytest.mark.parametrize("options", VARIANTS, ids=lambda one: f"{one.dominance.value}-{one.seed}")
def test_variants_are_named_with_their_dominance(options: CoronaryOptions) -> None:
    patient = make_coronary_patient(options)
    labels = label_trees(trees_of_truth(patient.truth), HeartLandmarks(chambers_of(patient)))
    assert len(wrong_segments(labels, patient.truth)) <= 1
    assert labels.dominance is not None
    assert labels.dominance.value == options.dominance.value


def test_the_order_of_the_trees_does_not_matter(patient: CoronaryPatient) -> None:
    left, right = trees_of_truth(patient.truth)
    one, other = label_trees((left, right)), label_trees((right, left))
    assert [branch.label for branch in one.trees[0]] == [branch.label for branch in other.trees[1]]


def test_naming_again_changes_nothing(patient: CoronaryPatient) -> None:
    once = label_trees(trees_of_truth(patient.truth))
    twice = label_trees(once.trees)
    assert [sorted(one.label.code for one in tree) for tree in once.trees] == [
        sorted(one.label.code for one in tree) for tree in twice.trees
    ]


def test_a_heart_that_lies_unusually_keeps_its_main_arteries(patient: CoronaryPatient) -> None:
    labels = label_trees(turned(trees_of_truth(patient.truth), (10.0, -8.0, 12.0)))
    assert labels.present >= {"LM", "pLAD", "mLAD", "dLAD", "pLCx", "LCx", "pRCA", "mRCA", "dRCA"}


def test_what_is_named_by_hand_stays(patient: CoronaryPatient) -> None:
    labels = label_trees(trees_of_truth(patient.truth))
    branch = next(one for one in labels.trees[0] if one.label.code == "OM2")
    changed = renamed(labels, 0, branch.id, "L-PLB")
    assert changed.present >= {"L-PLB"}
    assert changed.dominance is Dominance.RIGHT
    again = label_trees(changed.trees)
    held = [one for one in again.trees[0] if one.label.code == "L-PLB"]
    assert len(held) == 1
    assert BranchFlag.MANUALLY_EDITED in held[0].flags
    assert held[0].label.confidence == 1.0
    with pytest.raises(InputError, match="no coronary segment"):
        renamed(labels, 0, branch.id, "RB3")


# --- what is missing or odd is said


def test_a_missing_right_artery_is_not_assessable(patient: CoronaryPatient) -> None:
    labels = label_trees(trees_of_truth(patient.truth)[:1])
    kinds = {one.issue: one.consequence for one in labels.doubts}
    assert kinds[Issue.ONE_SIDE_MISSING] is Consequence.NOT_ASSESSABLE
    missing = next(one.segments for one in labels.doubts if one.issue is Issue.ONE_SIDE_MISSING)
    assert set(missing) == {"pRCA", "mRCA", "dRCA"}
    assert not any(one.issue is Issue.ANATOMY for one in labels.doubts), "said once"
    assert labels.dominance is None


def test_a_missing_circumflex_leaves_the_left_main_open(patient: CoronaryPatient) -> None:
    left, right = trees_of_truth(patient.truth)
    circumflex = max(left.root.child_ids, key=lambda one: float(left[one].points_lps_mm[:, 1].mean()))
    labels = label_trees((cut(left, circumflex, 0.0).tree, right))
    assert "pLAD" in labels.present
    assert not labels.present & {"pLCx", "LCx"}
    assert {"pLCx", "LCx"} <= said_missing(labels.doubts)


@pytest.mark.parametrize(("odd", "gone"), [("no LCx", "LCx"), ("no LAD", "LAD")])
def test_a_missing_left_artery_is_said_and_its_segments_are_not_assessable(patient: CoronaryPatient, odd: str, gone: str) -> None:
    labels = label_trees(trees_of_truth(ODD[odd](patient.truth)))
    missing = {one.code for one in SEGMENTS if one.constant and one.artery.value == gone}
    assert not labels.present & missing
    said = [one for one in labels.doubts if one.issue is Issue.ARTERY_MISSING]
    assert [set(one.segments) for one in said] == [missing]
    assert said[0].consequence is Consequence.NOT_ASSESSABLE
    assert labels.present >= {"pRCA", "mRCA", "dRCA"}


@pytest.mark.parametrize("side", [0, 1], ids=["left", "right"])
def test_one_tree_alone_keeps_its_name(patient: CoronaryPatient, side: int) -> None:
    labels = label_trees(trees_of_truth(patient.truth)[side : side + 1])
    main = ({"LM", "pLAD", "mLAD", "dLAD", "pLCx", "LCx"}, {"pRCA", "mRCA", "dRCA"})
    assert labels.present >= main[side]
    assert not labels.present & main[1 - side]


def test_a_ramus_that_leaves_a_millimetre_beyond_the_division_is_none_of_the_marginals() -> None:
    truth = make_coronary_patient(CoronaryOptions(seed=11, dominance=PhantomDominance.RIGHT, ramus=True)).truth
    moved = [replace(one, parent="LCX", parent_index=4) if one.name == "RI" else one for one in truth.arteries]
    truth = replace(truth, arteries=tuple(moved))
    labels = label_trees(trees_of_truth(truth))
    assert wrong_segments(labels, truth) == {}
    assert labels.present >= {"RI", "pLCx"}


def test_ostia_of_their_own_leave_no_left_main(patient: CoronaryPatient) -> None:
    truth = ODD["no left main"](patient.truth)
    labels = label_trees(trees_of_truth(truth))
    assert wrong_segments(labels, truth) == {}
    assert {one.issue for one in labels.doubts} & {Issue.TWO_LEFT, Issue.ANATOMY, Issue.LCX_ELSEWHERE} == {Issue.TWO_LEFT}


@pytest.mark.parametrize("odd", ["LCx from the RCA", "LCx from the right sinus"])
def test_a_circumflex_from_the_right_side_keeps_its_name_and_is_said(patient: CoronaryPatient, odd: str) -> None:
    truth = ODD[odd](patient.truth)
    labels = label_trees(trees_of_truth(truth))
    assert labels.present >= {"pLAD", "mLAD", "dLAD", "pLCx", "LCx", "pRCA", "mRCA", "dRCA"}
    assert "LM" not in labels.present
    kinds = {one.issue for one in labels.doubts}
    assert Issue.LCX_ELSEWHERE in kinds
    assert not kinds & {Issue.TWO_LEFT, Issue.ARTERY_MISSING, Issue.ONE_SIDE_MISSING}


def test_a_mirrored_heart_is_said_and_no_name_in_it_is_sure(patient: CoronaryPatient) -> None:
    truth = ODD["mirrored"](patient.truth)
    labels = label_trees(trees_of_truth(truth))
    assert Issue.MIRRORED in {one.issue for one in labels.doubts}
    assert wrong_segments(labels, truth) == {}
    assert max(one.label.confidence for tree in labels.trees for one in tree) < 0.8
    places = [one.point_lps_mm for one in labels.doubts if one.issue in (Issue.LABEL_DOUBT, Issue.LABEL_OTHER)]
    trunk = labels.trees[0].root.points_lps_mm
    assert min(float(np.linalg.norm(trunk - place, axis=1).min()) for place in places) < 1.0  # in the patient, not in the mirror


def test_a_right_artery_that_ends_before_the_margin_has_no_distal_part(patient: CoronaryPatient) -> None:
    labels = label_trees(trees_of_truth(ODD["RCA cut at 40 mm"](patient.truth)))
    assert labels.present >= {"pRCA", "mRCA"}
    assert "dRCA" not in labels.present
    middle = next(one for one in labels.trees[1] if one.label.code == "mRCA")
    assert middle.label.confidence < 0.8


def test_no_trees_at_all_give_no_names_and_say_so() -> None:
    labels = label_trees(())
    assert labels.trees == ()
    assert sum(one.issue is Issue.ONE_SIDE_MISSING for one in labels.doubts) == 2


def test_every_sentence_can_be_said(patient: CoronaryPatient) -> None:
    for one in label_trees(trees_of_truth(patient.truth)[:1]).doubts:
        assert "{" not in one.text


# --- lines to measure


def test_vessels_run_from_the_ostium_through_their_segments(patient: CoronaryPatient) -> None:
    vessels = {one.name: one for one in vessels_of(label_trees(trees_of_truth(patient.truth)).trees)}
    assert [one.code for one in vessels["LAD"].stretches] == ["LM", "pLAD", "mLAD", "dLAD"]
    assert [one.code for one in vessels["LCx"].stretches] == ["pLCx", "LCx"]
    assert [one.code for one in vessels["RCA"].stretches][:3] == ["pRCA", "mRCA", "dRCA"]
    assert set(vessels) == {"LAD", "LCx", "RCA", "D1", "D2", "OM1", "OM2", "R-PLB"}
    assert vessels["LAD"].ostium_mm == 0.0
    left_main = vessels["LAD"].stretches[0]
    assert vessels["LCx"].ostium_mm == pytest.approx(left_main.to_mm, abs=0.01)
    assert vessels["D1"].ostium_mm == pytest.approx(vessels["LAD"].stretches[1].to_mm, abs=6.0)
    for one in vessels.values():
        assert one.stretches[0].from_mm == 0.0
        assert one.stretches[-1].to_mm == pytest.approx(one.length_mm, abs=0.01)
        assert one.stretch_at(one.length_mm + 1.0) == one.stretches[-1]


def test_a_side_branch_is_as_wide_as_behind_its_mothers_lumen(patient: CoronaryPatient) -> None:
    """A fork found early leaves the side branch's first millimetres in the mother, as wide as she is."""
    trees = label_trees(trees_of_truth(patient.truth)).trees
    at, left = next((at, tree) for at, tree in enumerate(trees) if any(one.label.code == "pLCx" for one in tree if one.label))
    circumflex = next(one for one in left if one.label is not None and one.label.code == "pLCx")
    mother = left[left.root_id]
    radius = np.where(circumflex.arc_mm < 4.5, mother.radius_mm[-1], circumflex.radius_mm)
    early = left.with_branches({circumflex.id: replace(circumflex, radius_mm=radius)})
    true = 2.0 * float(np.median(circumflex.radius_mm[circumflex.arc_mm < 10.0]))
    lad = next(one for one in vessels_of([*trees[:at], early, *trees[at + 1 :]]) if one.name == "LAD")
    fork = min(lad.bifurcations, key=lambda one: abs(one.arc_mm - mother.length_mm))
    assert fork.side_mm == pytest.approx(true, abs=0.15)
    assert true < 2.0 * mother.radius_mm[-1] - 0.3


# --- a ramus whose origin is not certain


@pytest.fixture(scope="module")
def with_ramus() -> CoronaryTruth:
    return make_coronary_patient(CoronaryOptions(seed=1006, dominance=PhantomDominance.RIGHT, ramus=True)).truth


def true_branch(labels: CoronaryLabels, truth: CoronaryTruth, number: int) -> BranchLabel:
    """The name of the longest branch of a true segment."""
    own = [
        one
        for tree in labels.trees
        for one in tree
        if np.bincount(np.maximum(true_segments(truth, one.points_lps_mm[1:]), 0)).argmax() == number
    ]
    label = max(own, key=lambda one: one.length_mm).label
    assert label is not None
    return label


@pytest.mark.parametrize("seed", range(6))
def test_a_ramus_found_to_leave_up_to_3_mm_aside_keeps_its_name(with_ramus: CoronaryTruth, seed: int) -> None:
    moved = moved_divisions(with_ramus, seed, 3.0)
    labels = label_trees(trees_of_truth(moved))
    names = {number: true_branch(labels, moved, number).code for number in (17, 12, 14)}
    assert names == {17: "RI", 12: "OM1", 14: "OM2"}


def test_a_ramus_joined_where_it_touches_the_circumflex_is_named_in_doubt(with_ramus: CoronaryTruth) -> None:
    joined = ramus_joined_late(with_ramus, "LCX", 12.0)
    labels = label_trees(trees_of_truth(joined))
    ramus = true_branch(labels, joined, 17)
    assert "RI" in (ramus.code, *dict(ramus.alternatives))
    assert ramus.confidence < 0.8
    assert any(one.issue is Issue.LABEL_OTHER and "RI" in one.text for one in labels.doubts)


def test_beside_an_occluded_lad_the_first_marginal_may_be_the_ramus(with_ramus: CoronaryTruth) -> None:
    truth = without(with_ramus, "LAD")
    labels = label_trees(trees_of_truth(truth))
    ramus = true_branch(labels, truth, 17)
    assert "RI" in (ramus.code, *dict(ramus.alternatives))
    assert ramus.confidence < 0.8


def test_a_branch_off_the_first_millimetres_is_a_ramus_the_less_certain_the_farther_on(with_ramus: CoronaryTruth) -> None:
    certain = []
    by_name = {one.name: one for one in with_ramus.arteries}
    for at in (6, 16, 20, 24, 60):  # points 0.25 mm apart
        ramus = replace(by_name["RI"], parent="LCX", parent_index=at)
        truth = replace(with_ramus, arteries=tuple(ramus if one.name == "RI" else one for one in with_ramus.arteries))
        label = true_branch(label_trees(trees_of_truth(truth)), truth, 17)
        chances = {**dict(label.alternatives), label.code: label.confidence}
        certain.append(chances.get("RI", 0.0))
    assert certain == sorted(certain, reverse=True)
    assert certain[0] > 0.9
    assert 0.1 < certain[2] < 0.9
    assert certain[-1] < 0.05
