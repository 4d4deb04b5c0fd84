"""Scores of a coronary result against the truth of digital patients, without a scan: whose it is, whole trees, signs, burden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from CardiacCTALib.centreline_scores import course_scores, courses_of, same_patient, tree_scores
from CardiacCTALib.findings import Feature
from CardiacCTALib.true_findings import true_features, true_findings, true_grade, true_volumes_mm3
from SenseCarePlanningLib.commands.evaluate import print_scores
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec
from SenseCarePlanningLib.phantom.coronary_trees import trees_of_truth
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth
from SenseCarePlanningLib.tubes.tree import Tree

LESIONS = (
    LesionSpec(7, 60.0, Composition.NAPKIN_RING, remodelling=1.3),
    LesionSpec(1, 40.0, Composition.SPOTTY, plaque_hu=60.0),
    LesionSpec(6, 30.0, Composition.SOFT, plaque_hu=20.0),
)


@pytest.fixture(scope="module")
def truth() -> CoronaryTruth:
    return make_coronary_patient(CoronaryOptions(seed=3, stenoses=LESIONS)).truth


def moved(trees: tuple[Tree, ...], by_mm: float) -> tuple[Tree, ...]:
    shift = np.array([by_mm, 0.0, 0.0])
    return tuple(
        Tree({one.id: replace(one, points_lps_mm=one.points_lps_mm + shift) for one in tree}, tree.root_id) for tree in trees
    )


def test_the_true_trees_score_full(truth: CoronaryTruth) -> None:
    scores = tree_scores(trees_of_truth(truth), truth)
    assert scores["overlap"] == scores["overlap_relevant"] == scores["found"] == 1.0
    assert scores["accuracy_inside_mm"] == pytest.approx(0.0, abs=0.02)
    for course, one in course_scores(trees_of_truth(truth), truth, 0.5):
        assert one.overlap == pytest.approx(1.0), course.name
    assert "LM" not in {course.name for course in courses_of(truth)}


def test_half_a_tree_is_half_found_and_a_line_beside_everything_is_false(truth: CoronaryTruth) -> None:
    trees = trees_of_truth(truth)
    assert tree_scores(trees[:1], truth)["found"] < 0.9
    scores = tree_scores((*trees, *moved(trees, 40.0)), truth)
    assert scores["found"] == 1.0
    assert 0.6 < scores["overlap"] < 0.8


def test_only_arteries_of_the_same_scan_belong_together(truth: CoronaryTruth) -> None:
    trees = trees_of_truth(truth)
    assert same_patient(trees, truth)
    assert same_patient(trees[1:], truth), "one artery alone"
    assert same_patient((), truth), "nothing was found: it scores nothing"
    assert not same_patient(moved(trees, 2.0), truth), "another frame"
    for seed in (4, 5):
        assert not same_patient(trees, make_coronary_patient(CoronaryOptions(seed=seed)).truth)


def test_the_truth_has_the_signs_of_high_risk_plaque_and_so_the_modifier(truth: CoronaryTruth) -> None:
    napkin, spotty, soft = (true_features(one) for one in truth.lesions)
    assert napkin == {Feature.POSITIVE_REMODELLING, Feature.LOW_ATTENUATION, Feature.NAPKIN_RING}
    assert spotty == {Feature.SPOTTY_CALCIUM}
    assert soft == {Feature.LOW_ATTENUATION}
    assert true_grade(truth).text.endswith("/HRP")
    lone = replace(truth, lesions=tuple(replace(one, napkin_ring=False, positive_remodelling=False) for one in truth.lesions))
    assert "HRP" not in true_grade(lone).text
    stent = replace(truth.lesions[0], composition=Composition.STENT)
    assert true_features(stent) == frozenset()


def test_true_volumes_go_by_kind(truth: CoronaryTruth) -> None:
    napkin, spotty, soft = (true_volumes_mm3(one) for one in truth.lesions)
    assert napkin["low_attenuation"] == truth.lesions[0].volumes_mm3["lipid"] > 0.0
    assert spotty["calcified"] > 0.0 == spotty["low_attenuation"]
    assert soft["low_attenuation"] == soft["total"] == soft["non_calcified"]
    assert true_findings(truth).agatston is None


def test_what_belongs_on_one_line_is_printed_on_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores({"signs": {"napkin": {"true": "yes", "measured": None, "right": None}}, "n": 0.5}, as_json=False)
    assert capsys.readouterr().out == "signs\n  napkin  true yes, measured None, right None\nn      0.500\n"
