"""The coronary pipeline on digital hearts: grades follow from the scan, what cannot be assessed is N, a folder holds it all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.coronary_scores import score_result
from CardiacCTALib.findings import Ischaemia, NotAtherosclerotic
from CardiacCTALib.issues import Consequence, Issue
from CardiacCTALib.lumen import Measured
from CardiacCTALib.pipeline import CoronaryOptions, check_options, reanalyse, run
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.result_io import CORONARY, load_result, save_result
from CardiacCTALib.segments import Artery
from CardiacCTALib.true_findings import true_grade
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import arc_length_mm
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions as PatientOptions
from SenseCarePlanningLib.phantom.coronary import CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_guides import Dominance
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec
from SenseCarePlanningLib.phantom.coronary_scan import (
    CALCIUM_SCANNER,
    CoronaryScan,
    coronary_scanner,
    scan_calcium,
    scan_coronary,
)
from SenseCarePlanningLib.phantom.coronary_trees import trees_of_truth
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.plain_data import to_plain
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

BASE_OF_THE_HEART = np.array([[-42.0, -72.0, -84.0], [72.0, 30.0, -14.0]])
LESIONS = (
    LesionSpec(6, 60.0, Composition.SOFT, length_mm=10.0, plaque_hu=60.0),
    LesionSpec(1, 35.0, Composition.CALCIFIED, length_mm=8.0, calcium_arc_deg=90.0, calcium_hu=900.0),
)


@pytest.fixture(scope="module")
def patient() -> CoronaryPatient:
    return make_coronary_patient(PatientOptions(seed=6, dominance=Dominance.RIGHT, ramus=False, stenoses=LESIONS))


@pytest.fixture(scope="module")
def scan(patient: CoronaryPatient) -> CoronaryScan:
    return scan_coronary(patient, coronary_scanner(400, 0.5), BASE_OF_THE_HEART)


def proximal(trees: tuple[Tree, ...], length_mm: float) -> tuple[Tree, ...]:
    """Trees without what lies farther from the ostium than a length."""
    found = []
    for tree in trees:
        keep = {}
        for one in tree:
            above = sum(tree[other].length_mm for other in tree.path_to(one.id)[:-1])
            if above < length_mm - 4.0:
                count = max(int(np.searchsorted(arc_length_mm(one.points_lps_mm), length_mm - above)), 3)
                parts = {
                    name: getattr(one, name)[:count] for name in ("points_lps_mm", "radius_mm", "radius_interval_mm", "frames")
                }
                keep[one.id] = replace(one, **parts)
        keep = {number: replace(one, child_ids=tuple(c for c in one.child_ids if c in keep)) for number, one in keep.items()}
        found.append(Tree(keep, tree.root_id))
    return tuple(found)


@pytest.fixture(scope="module")
def result(scan: CoronaryScan) -> CoronaryResult:
    """The base of a heart: its arteries leave the scan, as in a scan that was cut off."""
    return run(scan.volume, CoronaryOptions(heart=scan.tissue, trees=trees_of_truth(scan.truth)))


def test_the_stenosis_and_its_plaque_are_found_where_they_are(result: CoronaryResult) -> None:
    lesions = {one.code: at for at, one in enumerate(result.lesions) if one.counts}
    assert {"pLAD", "pRCA"} <= set(lesions)
    numbers = {one.name: one for one in result.lesion_measurements[lesions["pLAD"]]}
    assert numbers["diameter_stenosis_taper"].value == pytest.approx(60.0, abs=6.0)
    low, high = numbers["diameter_stenosis_taper"].interval
    assert low < 60.0 < high
    assert numbers["plaque_volume"].value > 10.0
    assert numbers["plaque_volume"].unit == "mm3"
    assert numbers["diameter_stenosis_taper"].code.value == "408715008"
    calcified = {one.name: one for one in result.lesion_measurements[lesions["pRCA"]]}
    assert calcified["calcified_plaque_volume"].value > 3.0


def test_every_number_can_be_looked_at(result: CoronaryResult, scan: CoronaryScan) -> None:
    grid = scan.volume.grid
    for numbers in result.lesion_measurements:
        for one in numbers:
            if one.value is not None:
                index = grid.kji_from_lps(np.array(one.evidence.point_lps_mm))
                assert (index > -1).all() and (index < np.array(grid.shape_kji)).all()


def test_a_heart_cut_off_is_graded_with_the_modifier_n_and_says_where(result: CoronaryResult) -> None:
    outside = {code for one in result.quality if one.issue in (Issue.OUTSIDE, Issue.NOT_MEASURED) for code in one.segments}
    assert {"dLAD", "R-PDA"} <= outside
    assert result.grade.category is Category.MODERATE
    assert "N" in result.grade.modifiers
    assert [one.stenosis for one in result.findings.segments if one.code == "dLAD"] == [None]


def test_gravest_issues_come_first(result: CoronaryResult) -> None:
    order = [list(Consequence).index(one.consequence) for one in result.quality]
    assert order == sorted(order, reverse=True)


def test_the_segments_lie_on_the_scan(result: CoronaryResult, scan: CoronaryScan) -> None:
    true = scan.segments.array_kji == 6
    found = result.segments.array_kji == 6
    assert 2.0 * (true & found).sum() / (true.sum() + found.sum()) > 0.75
    assert result.segments.names[6] == "pLAD"


def test_a_folder_holds_the_result_without_loss(result: CoronaryResult, tmp_path: Path) -> None:
    save_result(result, tmp_path)
    again = load_result(tmp_path)
    for name in ("findings", "grade", "quality", "lesions", "segment_measurements", "lesion_measurements", "examination", "run"):
        assert to_plain(getattr(again, name)) == to_plain(getattr(result, name)), name
    assert again.grade.text == result.grade.text
    assert again.dominance is result.dominance
    np.testing.assert_array_equal(again.segments.array_kji, result.segments.array_kji)
    np.testing.assert_array_equal(again.heart.array_kji, result.heart.array_kji)
    for one, other in zip(result.vessels, again.vessels, strict=True):
        assert (one.measured is None) == (other.measured is None)
        if one.measured is not None and other.measured is not None:
            _same(one.measured, other.measured)
            assert to_plain(one.stenosis) == to_plain(other.stenosis)
    for tree, other_tree in zip(result.trees, again.trees, strict=True):
        assert [branch.label for branch in tree] == [branch.label for branch in other_tree]


def _same(one: Measured, other: Measured) -> None:
    for name in ("values_hu", "covariance_mm2", "calcium", "visible"):
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(one.walls.lumen_mm, other.walls.lumen_mm)
    np.testing.assert_array_equal(one.fit.residual, other.fit.residual)
    assert one.scan == other.scan


def test_a_result_of_the_first_version_is_read(result: CoronaryResult, tmp_path: Path) -> None:
    save_result(result, tmp_path)
    document = json.loads((tmp_path / CORONARY).read_text(encoding="utf-8"))
    assert len(json.dumps(document)) < 200_000, "arrays lie beside the numbers, not among them"
    for content, one in zip(document["vessels"], result.vessels, strict=True):
        content["vessel"], content["stenosis"] = to_plain(one.vessel), to_plain(one.stenosis)
    document["schema_version"] = 1
    (tmp_path / CORONARY).write_text(json.dumps(document), encoding="utf-8")
    for one, other in zip(result.vessels, load_result(tmp_path).vessels, strict=True):
        assert to_plain(one.vessel) == to_plain(other.vessel)
        assert to_plain(one.stenosis) == to_plain(other.stenosis)


def test_rules_and_issues_are_kept_by_name_and_read_by_their_earlier_sentences(result: CoronaryResult, tmp_path: Path) -> None:
    save_result(result, tmp_path)
    document = json.loads((tmp_path / CORONARY).read_text(encoding="utf-8"))
    trace = document["grade"]["trace"]
    assert [one["rule"] for one in trace] == [one.rule.name for one in result.grade.trace]
    assert document["cad_rads_because"] == [one.text for one in result.grade.trace]
    for written, one in zip(trace, result.grade.trace, strict=True):
        written["rule"] = one.rule.value
    document["schema_version"] = 2
    (tmp_path / CORONARY).write_text(json.dumps(document), encoding="utf-8")
    assert load_result(tmp_path).grade == result.grade


def test_a_damaged_or_foreign_folder_is_refused(result: CoronaryResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no coronary result"):
        load_result(tmp_path)
    save_result(result, tmp_path)
    document = json.loads((tmp_path / CORONARY).read_text(encoding="utf-8"))
    del document["grade"]
    (tmp_path / CORONARY).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        load_result(tmp_path)


def test_measuring_again_on_the_same_trees_gives_the_same_grade(result: CoronaryResult, scan: CoronaryScan) -> None:
    again = reanalyse(result, result.trees, scan.volume, CoronaryOptions())
    assert again.grade.text == result.grade.text
    assert again.engine == result.engine


def test_the_result_is_scored_against_the_truth(result: CoronaryResult, scan: CoronaryScan) -> None:
    scores = score_result(result, scan.truth, courses=False)
    assert scores["category"]["true"] == "3"
    assert scores["category"]["steps_apart"] == 0
    assert abs(scores["lesions"][1]["measured_percent"] - 60.0) < 6.0
    assert scores["labels"]["segments_right"] >= scores["labels"]["segments"] - 1
    assert true_grade(scan.truth).category is Category.MODERATE


# --- calcium score


def agatston_by_hand(series: Volume, truth: CoronaryTruth) -> float:
    """The score at 120 kV as it is defined, slice by slice, of what lies within 8 mm of the patient's only calcified lesion."""
    calcified = next(one for one in truth.lesions if one.calcium_hu is not None)
    artery = next(one for one in truth.arteries if one.name == calcified.artery)
    places = artery.vessel_lps_mm[artery.lesion == calcified.number]
    spacing = series.grid.spacing_ijk_mm
    score = 0.0
    for index, row in enumerate(series.array_kji):
        labels, count = ndimage.label(row >= 130)
        for one in range(1, count + 1):
            voxels = np.argwhere(labels == one)
            centre = series.grid.lps_from_kji(np.array([[index, *voxels.mean(axis=0)]]))
            area = len(voxels) * spacing[0] * spacing[1]
            if area >= 1.0 and np.linalg.norm(places - centre, axis=1).min() < 8.0:
                weight = 1 + sum(float(row[labels == one].max()) >= step for step in (200, 300, 400))
                score += area * weight * spacing[2] / 3.0
    return score


def test_calcium_is_scored_for_the_artery_it_lies_in(patient: CoronaryPatient, scan: CoronaryScan) -> None:
    series = scan_calcium(patient, CALCIUM_SCANNER, BASE_OF_THE_HEART)
    trees = proximal(trees_of_truth(scan.truth), 30.0)
    stated = CoronaryOptions(ischaemia=Ischaemia.NEGATIVE, exceptions=frozenset({NotAtherosclerotic.FISTULA}))
    given = replace(stated, heart=scan.tissue, trees=trees, calcium_series=series, calcium_calibration=0.8)
    found = run(scan.volume, given)
    assert found.calcium is not None
    assert found.examination["calcium_mass"].value == pytest.approx(found.calcium.mass_mg()) and found.calcium.mass_mg() > 0.0
    assert {"I-", "E"} <= set(found.grade.modifiers)
    told = {name: found.run.options[name] for name in ("calcium_calibration", "ischaemia", "exceptions")}
    assert told == {"calcium_calibration": "0.8 mg/cm3/HU", "ischaemia": "I-", "exceptions": "fistula"}
    by_hand = agatston_by_hand(series, scan.truth)
    assert by_hand == pytest.approx(8.5), "22 voxels of 0.25 mm2 in two slices, with weights 1 and 2"
    # within 2 %: the program may count a voxel at the border of the region that the hand does not
    assert found.calcium.agatston(Artery.RCA) == pytest.approx(by_hand, rel=0.02)
    assert found.calcium.agatston(Artery.RCA) == pytest.approx(found.calcium.agatston())
    assert found.examination["agatston_score"].value == pytest.approx(found.calcium.agatston())


def test_a_contrast_series_is_no_calcium_series_and_that_is_said(scan: CoronaryScan) -> None:
    trees = proximal(trees_of_truth(scan.truth), 30.0)
    found = run(scan.volume, CoronaryOptions(heart=scan.tissue, trees=trees, calcium_series=scan.volume))
    assert found.calcium is None
    assert found.examination["agatston_score"].value is None
    assert any("contrast" in sentence for sentence in found.not_measured)


# --- input that cannot be graded


def graded(scan: CoronaryScan, volume: Volume, trees: tuple[Tree, ...] | None = None) -> CoronaryResult:
    whole = trees_of_truth(scan.truth) if trees is None else trees
    return run(volume, CoronaryOptions(heart=scan.tissue, trees=proximal(whole, 30.0)))


def test_a_scan_without_contrast_is_not_diagnostic(patient: CoronaryPatient, scan: CoronaryScan) -> None:
    plain = Volume(np.minimum(scan.volume.array_kji, 60), scan.volume.affine_ijk_to_lps, "CT", scan.volume.acquisition)
    found = graded(scan, plain)
    assert found.grade.category is Category.NON_DIAGNOSTIC
    assert all(one.stenosis is None for one in found.findings.segments)
    assert any(one.issue is Issue.NO_SCAN_MODEL for one in found.quality)


def test_weak_contrast_is_not_diagnostic(scan: CoronaryScan) -> None:
    weak = np.where(scan.volume.array_kji > 40, 40 + 0.28 * (scan.volume.array_kji - 40.0), scan.volume.array_kji)
    volume = Volume(weak.astype(np.int16), scan.volume.affine_ijk_to_lps, "CT", scan.volume.acquisition)
    found = graded(scan, volume)
    assert found.grade.category is Category.NON_DIAGNOSTIC


def test_slices_of_three_millimetres_are_not_diagnostic(scan: CoronaryScan) -> None:
    array = scan.volume.array_kji[: scan.volume.array_kji.shape[0] // 6 * 6].astype(np.float32)
    thick = array.reshape(-1, 6, *array.shape[1:]).mean(axis=1).astype(np.int16)
    affine = scan.volume.affine_ijk_to_lps.copy()
    affine[:3, 3] += 2.5 * affine[:3, 2]
    affine[:3, 2] *= 6.0
    acquisition = replace(scan.volume.acquisition, slice_thickness_mm=3.0)
    heart = LabelMap(scan.tissue.array_kji[2 : len(array) : 6], affine, scan.tissue.names)
    trees = proximal(trees_of_truth(scan.truth), 30.0)
    found = run(Volume(thick, affine, "CT", acquisition), CoronaryOptions(heart=heart, trees=trees))
    assert found.grade.category is Category.NON_DIAGNOSTIC
    assert any(one.issue is Issue.THICK for one in found.quality)


def test_a_missing_artery_makes_n_and_is_named(scan: CoronaryScan) -> None:
    found = graded(scan, scan.volume, trees_of_truth(scan.truth)[:1])
    assert "N" in found.grade.modifiers or found.grade.category is Category.NON_DIAGNOSTIC
    assert any(one.issue is Issue.ONE_SIDE_MISSING for one in found.quality)
    assert not {"pRCA", "mRCA", "dRCA"} & {one.code for one in found.findings.segments}


def test_a_known_stent_that_is_not_seen_is_said_and_nothing_in_its_segment_is_graded(scan: CoronaryScan) -> None:
    trees = proximal(trees_of_truth(scan.truth), 60.0)
    found = run(scan.volume, CoronaryOptions(heart=scan.tissue, trees=trees, stents=frozenset({"pLAD"})))
    assert "S" in found.grade.modifiers
    (stented,) = (one for one in found.findings.segments if one.code == "pLAD")
    assert stented.stent and stented.stenosis is None and stented.not_assessable == "stent"
    assert "N" in found.grade.modifiers or found.grade.category is Category.NON_DIAGNOSTIC
    with pytest.raises(InputError, match="cannot be made"):
        check_options(scan.volume, CoronaryOptions(stents=frozenset({"XX"})))


def test_a_step_by_motion_is_seen_and_what_it_crosses_is_not_assessed(patient: CoronaryPatient) -> None:
    stepped = make_coronary_patient(replace(patient.options, step_mm=2.5))
    moved = scan_coronary(stepped, coronary_scanner(400, 0.5), BASE_OF_THE_HEART)
    found = run(moved.volume, CoronaryOptions(heart=moved.tissue, trees=proximal(trees_of_truth(moved.truth), 60.0)))
    steps = [one for one in found.quality if one.issue is Issue.STEP]
    assert steps
    assert all(abs(float(one.point_lps_mm[2]) + 66.0) < 1.5 for one in steps)
    blocked = {code for one in steps if one.consequence is Consequence.NOT_ASSESSABLE for code in one.segments}
    assert blocked
    assert all(one.stenosis is None or one.stenosis.percent >= 50 for one in found.findings.segments if one.code in blocked)


def test_calcium_all_round_hides_the_lumen() -> None:
    ring = LesionSpec(6, 60.0, Composition.CALCIFIED, length_mm=10.0, calcium_arc_deg=360.0, calcium_hu=1100.0)
    hidden = make_coronary_patient(PatientOptions(seed=6, dominance=Dominance.RIGHT, ramus=False, stenoses=(ring,)))
    scanned = scan_coronary(hidden, coronary_scanner(400, 0.5), BASE_OF_THE_HEART)
    found = run(scanned.volume, CoronaryOptions(heart=scanned.tissue, trees=proximal(trees_of_truth(scanned.truth), 60.0)))
    ring_said = (Issue.CALCIUM, Issue.STENT_OR_CALCIUM)  # a ring on the wall looks like either
    assert [one.segments for one in found.quality if one.issue in ring_said] == [("pLAD",)]
    assert [one.stenosis for one in found.findings.segments if one.code == "pLAD"] == [None]
    assert found.grade.category is Category.NON_DIAGNOSTIC


def test_options_that_contradict_the_image_are_refused_together(scan: CoronaryScan) -> None:
    from CardiacCTALib.segment import Clicks

    wrong = CoronaryOptions(clicks=(Clicks((900.0, 0.0, 0.0), ((0.0, 0.0, 900.0),)),), trees=trees_of_truth(scan.truth))
    with pytest.raises(InputError) as caught:
        check_options(replace(scan.volume, modality="MR"), wrong)
    assert len(caught.value.problems) == 4


def test_a_mask_of_the_arteries_gives_the_same_grade_as_their_trees(result: CoronaryResult, scan: CoronaryScan) -> None:
    mask = LabelMap((scan.tissue.array_kji == 1).astype(np.uint8), scan.tissue.affine_ijk_to_lps, {1: "coronary_artery"})
    found = run(scan.volume, CoronaryOptions(heart=scan.tissue, coronary_mask=mask))
    assert found.grade.category is result.grade.category
    assert {"LM", "pLAD", "pLCx", "pRCA"} <= {one.code for one in found.findings.segments}
    empty = replace(mask, array_kji=np.zeros_like(mask.array_kji))
    with pytest.raises(InputError, match="begins at the aorta"):
        run(scan.volume, CoronaryOptions(heart=scan.tissue, coronary_mask=empty))


def test_the_steps_of_a_run_are_recorded(scan: CoronaryScan) -> None:
    progress = Progress()
    trees = proximal(trees_of_truth(scan.truth), 30.0)
    run(scan.volume, CoronaryOptions(heart=scan.tissue, trees=trees), progress)
    assert [one.name for one in progress.records] == [
        "Branch names", "Lumen, stenoses and plaque", "Calcium score", "Quality and grade", "Measurements",
    ]  # fmt: skip
