"""What was not seen leads to N, never hidden: bridged stretches, steps, metal streaks, names that would change the category."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from CardiacCTALib.artefacts import is_artefact, with_artefacts
from CardiacCTALib.cadrads import grade
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.cadrads_rules import Rule
from CardiacCTALib.findings import OPEN, CoronaryFindings, SegmentFinding, Stenosis
from CardiacCTALib.given_trees import segmentation_of
from CardiacCTALib.heart_segmentation import Gap, HeartSegmentation
from CardiacCTALib.issues import Consequence, Issue, QualityItem, issue
from CardiacCTALib.labels import CoronaryLabels
from CardiacCTALib.listing import NO_PLAQUE
from CardiacCTALib.metal import find_streaks
from CardiacCTALib.name_effects import with_name_effects
from CardiacCTALib.patient_findings import at_border, vessel_findings
from CardiacCTALib.scan_model import given_scan
from CardiacCTALib.segments import CONSTANT
from CardiacCTALib.stenosis import Estimate
from CardiacCTALib.steps import find_steps
from CardiacCTALib.structures import HEART_NAMES, LEFT_VENTRICLE, MYOCARDIUM
from CardiacCTALib.tree_checks import check_trees
from CardiacCTALib.vessel_result import VesselResult, measure_vessels
from CardiacCTALib.vessels import Stretch, Vessel
from SenseCarePlanningLib.plain_data import from_plain, to_plain
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

MM = 0.4


@cache
def artery(dark_mm: tuple[float, float] = (0.0, 0.0), narrow_mm: tuple[float, float] = (0.0, 0.0)) -> Volume:
    """A straight artery of 3 mm along z in fat; its lumen is missing along one stretch, and narrowed by plaque along another."""
    axis = (np.arange(40) - 19.5) * MM
    away = np.hypot(axis[:, None], axis[None, :])
    planes = []
    for z in np.arange(60) * MM:
        lumen = 0.6 if narrow_mm[0] <= z < narrow_mm[1] else 0.0 if dark_mm[0] <= z < dark_mm[1] else 1.5
        planes.append(np.where(away < lumen, 420.0, np.where(away < 2.1, 60.0, -90.0)))
    values = ndimage.gaussian_filter(np.array(planes), 0.3 / MM) + np.random.default_rng(3).normal(0.0, 12.0, (60, 40, 40))
    affine = np.diag([MM, MM, MM, 1.0])
    affine[:2, 3] = axis[0]
    return Volume(values.astype(np.float32), affine)


@cache
def measured(volume: Volume, code: str = "mRCA") -> VesselResult:
    points = np.stack([np.zeros(60), np.zeros(60), np.linspace(1.0, 22.5, 60)], axis=1)
    one = Vessel("RCA", 0, (0,), points, np.full(60, 1.5), (Stretch(code, 0.0, 21.5),), (), 0.0)
    return measure_vessels(volume, (one,), given_scan(0.31, 12.0, 420.0, volume.grid))[0]


def gap_items(volume: Volume, at_mm: tuple[float, float], code: str | None = "mRCA") -> list[QualityItem]:
    one = measured(volume)
    points = one.vessel.points_lps_mm
    label = None if code is None else BranchLabel(code, 0.9)
    branch = Branch(
        0, None, (), points, np.full(60, 1.5), np.tile([1.3, 1.7], (60, 1)), np.tile(np.eye(3)[:2], (60, 1, 1)), label=label
    )
    tree = Tree({0: branch}, 0)
    heart = LabelMap(np.zeros(volume.array_kji.shape, dtype=np.uint8), volume.affine_ijk_to_lps, HEART_NAMES)
    ends = np.array([[0.0, 0.0, at_mm[0]], [0.0, 0.0, at_mm[1]]])
    found = replace(segmentation_of((tree,), heart, volume), gaps=(Gap(ends, 0, at_mm[1] - at_mm[0], "dark"),))
    scan = given_scan(0.31, 12.0, 420.0, volume.grid)
    return [
        item
        for item in check_trees(found, CoronaryLabels((tree,), None), (one,), scan)
        if item.issue in (Issue.GAP, Issue.GAP_SEEN)
    ]


def test_a_bridged_stretch_without_a_lumen_hides_its_segment_unless_a_lesion_explains_it() -> None:
    (seen,) = gap_items(artery(), (10.0, 13.0))
    assert (seen.issue, seen.consequence) == (Issue.GAP_SEEN, Consequence.REMARK)
    dark = artery(dark_mm=(10.0, 12.4))
    (hidden,) = gap_items(dark, (10.0, 12.4))
    one = measured(dark)
    explained = any(lesion.narrowings[0].diameter_stenosis_percent.value >= 70.0 for lesion in one.lesions)
    assert hidden.consequence is (Consequence.DOUBTFUL if explained else Consequence.NOT_ASSESSABLE)
    (unnamed,) = gap_items(dark, (10.0, 12.4), code=None)
    assert unnamed.consequence is Consequence.DOUBTFUL
    assert "in an unnamed branch was bridged" in unnamed.text


@pytest.mark.parametrize(("radius_mm", "others", "consequence"), [
    (0.9, (), Consequence.REMARK), (0.9, (("OM2", 0.3),), Consequence.DOUBTFUL), (0.6, (), None)
])  # fmt: skip
def test_a_branch_as_wide_as_graded_ones_without_a_name_is_said_not_to_be_measured(
    radius_mm: float, others: tuple[tuple[str, float], ...], consequence: Consequence | None
) -> None:
    points = np.stack([np.zeros(60), np.zeros(60), np.linspace(1.0, 22.5, 60)], axis=1)
    line = Vessel("RCA", 0, (0,), points, np.full(60, 1.5), (Stretch("mRCA", 0.0, 21.5),), (), 0.0)
    volume, one = artery(), VesselResult(line, None, None, (), None, "not asked", ())
    side = np.stack([np.linspace(0.0, 30.0, 100), np.zeros(100), np.full(100, 22.5)], axis=1)
    branches = {}
    for number, (points, size, label) in enumerate([
        (one.vessel.points_lps_mm, 1.5, BranchLabel("mRCA", 0.9)), (side, radius_mm, BranchLabel("other", 1.0, others))
    ]):  # fmt: skip
        radius = np.full(len(points), size)
        branches[number] = Branch(
            number, None if number == 0 else 0, (1,) if number == 0 else (), points, radius,
            np.stack([radius, radius], axis=1), np.tile(np.eye(3)[:2], (len(points), 1, 1)), label=label,
        )  # fmt: skip
    tree = Tree(branches, 0)
    heart = LabelMap(np.zeros(volume.array_kji.shape, dtype=np.uint8), volume.affine_ijk_to_lps, HEART_NAMES)
    found = check_trees(segmentation_of((tree,), heart, volume), CoronaryLabels((tree,), None), (one,), None)
    said = [item for item in found if item.issue is Issue.UNMEASURED]
    assert [item.consequence for item in said] == ([] if consequence is None else [consequence])
    assert all("30 mm, 1.8 mm wide" in item.text for item in said)


def test_a_gap_that_no_measured_lesion_explains_is_n(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VesselResult, "lesions", property(lambda self: ()))
    (hidden,) = gap_items(artery(dark_mm=(10.0, 12.4)), (10.0, 12.4))
    assert hidden.consequence is Consequence.NOT_ASSESSABLE
    assert hidden.segments == ("mRCA",)


def test_a_narrowing_without_plaque_explains_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    volume = artery(dark_mm=(10.0, 12.4))
    one = measured(volume)
    severe = [replace(lesion, occluded=True, calcium_arc_deg=0.0) for lesion in one.lesions]
    assert severe, "the dark stretch is listed"
    for remarks, wanted in (((), Consequence.DOUBTFUL), ((NO_PLAQUE,), Consequence.NOT_ASSESSABLE)):
        said = tuple(replace(lesion, remarks=remarks) for lesion in severe)
        monkeypatch.setattr(VesselResult, "lesions", property(lambda self, said=said: said))
        (hidden,) = gap_items(volume, (10.0, 12.4))
        assert hidden.consequence is wanted


def test_a_stenosis_beside_what_is_hidden_is_graded_and_n_stays() -> None:
    one = measured(artery(narrow_mm=(6.0, 12.0)))
    step = issue(Issue.STEP, Consequence.NOT_ASSESSABLE, "mRCA", point_lps_mm=(0, 0, 20), height=20, length="1.6", part="mRCA")
    (beside,) = vessel_findings(one, (step,))
    assert beside.stenosis is not None
    assert beside.stenosis.percent >= 50.0
    assert beside.not_assessable == "motion"
    others = tuple(SegmentFinding(code) for code in sorted(CONSTANT - {"mRCA"}))
    assert grade(CoronaryFindings((beside, *others))).modifiers == ("N",)


def test_plaque_in_a_small_artery_is_disease_and_its_stenosis_is_told_and_not_graded() -> None:
    one = measured(artery(narrow_mm=(6.0, 12.0)))
    assert one.stenosis is not None
    narrow = [
        replace(lesion, narrowings=tuple(replace(this, reference_mm=Estimate(1.4, 1.3, 1.49)) for this in lesion.narrowings))
        for lesion in one.lesions
    ]
    taper = replace(one.stenosis.taper, healthy_mm=np.full_like(one.stenosis.taper.healthy_mm, 1.4))
    small = replace(one, stenosis=replace(one.stenosis, lesions=tuple(narrow), taper=taper))
    (finding,) = vessel_findings(small, ())
    assert finding.plaque
    assert finding.stenosis is not None and finding.stenosis.percent >= 50.0
    others = tuple(SegmentFinding(code) for code in sorted(CONSTANT - {"mRCA"}))
    graded = grade(CoronaryFindings((finding, *others)))
    assert graded.text == "CAD-RADS 1/P1"
    assert graded.burden.involved_segments == 0


def in_an_artery_of(one: VesselResult, width: Estimate) -> VesselResult:
    """A vessel whose lesions lie where it is as wide as this, and so is its segment."""
    assert one.stenosis is not None
    lesions = tuple(
        replace(lesion, narrowings=tuple(replace(this, reference_mm=width) for this in lesion.narrowings))
        for lesion in one.lesions
    )
    taper = replace(one.stenosis.taper, healthy_mm=np.full_like(one.stenosis.taper.healthy_mm, width.value))
    return replace(one, stenosis=replace(one.stenosis, lesions=lesions, taper=taper))


def test_a_stenosis_is_not_certain_where_the_interval_of_its_width_straddles_the_limit_on_either_side() -> None:
    one = measured(artery(narrow_mm=(6.0, 12.0)))
    others = tuple(SegmentFinding(code) for code in sorted(CONSTANT - {"mRCA"}))
    for width, text, fires, uncertain in (
        (Estimate(1.49, 1.44, 1.54), "CAD-RADS 1/P1", {Rule.SMALL, Rule.NOT_CERTAIN}, True),
        (Estimate(1.51, 1.46, 1.56), "", {Rule.AT_BORDER, Rule.NOT_CERTAIN}, True),
        (Estimate(1.61, 1.56, 1.66), "", set(), False),
    ):
        (finding,) = vessel_findings(in_an_artery_of(one, width), ())
        graded = grade(CoronaryFindings((finding, *others)))
        assert text in graded.text and fires <= {fired.rule for fired in graded.trace}
        assert (Category.MINIMAL in graded.possible) is uncertain, "with plaque and without the stenosis it is category 1"
        assert at_border(in_an_artery_of(one, width).lesions[0]) is (Rule.AT_BORDER in fires)
        if Rule.AT_BORDER not in fires:
            assert finding.if_narrow is None
        else:
            assert finding.if_narrow == OPEN and graded.category is not Category.MINIMAL
            assert from_plain(SegmentFinding, to_plain(finding)) == finding


@pytest.mark.parametrize("kind", [Issue.STEP, Issue.STREAKS])
def test_a_lesion_on_a_step_or_in_streaks_is_listed_with_that_remark_and_not_graded(kind: Issue) -> None:
    one = measured(artery(narrow_mm=(6.0, 12.0)))
    hides = issue(kind, Consequence.NOT_ASSESSABLE, "mRCA", point_lps_mm=(0, 0, 9), height=9, length="2", part="mRCA", level=80)
    (marked,) = with_artefacts((one,), (hides,))
    assert any(is_artefact(lesion) for lesion in marked.lesions)
    (finding,) = vessel_findings(marked, (hides,))
    assert finding.stenosis is None
    assert not finding.plaque
    others = tuple(SegmentFinding(code) for code in sorted(CONSTANT - {"mRCA"}))
    assert grade(CoronaryFindings((finding, *others))).text == "CAD-RADS N"


def test_a_doubtful_name_leads_to_n_only_where_another_name_changes_the_category() -> None:
    open_ones = {code: SegmentFinding(code) for code in CONSTANT}

    def judged(code: str, other: str, percent: float) -> Consequence:
        findings = CoronaryFindings(tuple({**open_ones, code: SegmentFinding(code, Stenosis(percent))}.values()))
        doubt = issue(Issue.LABEL_OTHER, Consequence.DOUBTFUL, code, part=code, percent=70, parts=(other,))
        return with_name_effects((doubt,), findings)[0].consequence

    assert judged("LM", "pLAD", 60.0) is Consequence.NOT_ASSESSABLE
    assert judged("LM", "pLAD", 30.0) is Consequence.DOUBTFUL
    assert judged("pLAD", "mLAD", 60.0) is Consequence.DOUBTFUL


def heart_scan(
    step_mm: float, noise_hu: float, lead: bool = False, tilt: float = 0.0, half_height_mm: float = 38.0
) -> tuple[Volume, LabelMap]:
    """An ellipsoid of muscle with blood in it, in fat; below its middle it lies aside; a lead with streaks may be in it."""
    z, y, x = np.meshgrid(np.arange(60) * 1.0, np.arange(96) * 1.0, np.arange(96) * 1.0, indexing="ij")
    aside = np.where(z < 30.0, step_mm, 0.0) + tilt * (z - 30.0)
    away = np.sqrt(((z - 30.0) / half_height_mm) ** 2 + ((y - 48.0) / 30.0) ** 2 + ((x - 48.0 - aside) / 36.0) ** 2)
    hu = np.where(away < 0.6, 270.0, np.where(away < 1.0, 90.0, -90.0))
    labels = np.where(away < 0.6, LEFT_VENTRICLE, np.where(away < 1.0, MYOCARDIUM, 0)).astype(np.uint8)
    hu = ndimage.gaussian_filter(hu, 0.6)
    if lead:
        far, angle = np.hypot(y - 48.0, x - 30.0), np.arctan2(y - 48.0, x - 30.0)
        hu = hu + np.where(z > 34.0, 260.0 * np.cos(9.0 * angle + 0.1 * z) * np.exp(-far / 14.0), 0.0)
        hu = np.where((far < 2.0) & (z > 34.0), 3000.0, hu)
    noisy: NDArray[np.int16] = np.rint(hu + np.random.default_rng(5).normal(0.0, noise_hu, hu.shape)).astype(np.int16)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    return Volume(noisy, affine), LabelMap(labels, affine, HEART_NAMES)


@pytest.mark.parametrize("lead", [False, True])
def test_a_step_of_a_millimetre_is_found_in_weak_contrast_and_noise_and_none_where_there_is_none(lead: bool) -> None:
    (step,) = find_steps(*heart_scan(1.2, 45.0, lead))
    assert step.height_mm == pytest.approx(29.5, abs=0.6)
    assert step.shift_mm == pytest.approx(1.2, rel=0.4)
    assert find_steps(*heart_scan(0.0, 45.0, lead)) == ()


@pytest.mark.parametrize("noise_hu", [20.0, 45.0])
def test_the_rounded_ends_of_an_oblique_heart_are_no_steps(noise_hu: float) -> None:
    assert find_steps(*heart_scan(0.0, noise_hu, tilt=0.7, half_height_mm=26.0)) == ()
    (step,) = find_steps(*heart_scan(1.2, noise_hu, tilt=0.7, half_height_mm=26.0))
    assert step.height_mm == pytest.approx(29.5, abs=0.6)


def test_streaks_are_measured_about_metal_and_fade_with_the_distance() -> None:
    def of(volume: Volume, heart: LabelMap) -> HeartSegmentation:
        return segmentation_of((), heart, volume)

    volume, heart = heart_scan(0.0, 20.0, lead=True)
    streaks = find_streaks(volume, of(volume, heart))
    assert streaks is not None
    near, far, other = streaks.at(np.array([[38.0, 48.0, 50.0], [70.0, 48.0, 50.0], [38.0, 48.0, 15.0]]))
    assert near == pytest.approx(260.0 * np.exp(-8.0 / 14.0) / np.sqrt(2.0), rel=0.5)
    assert far < 0.4 * near
    assert other == 0.0
    plain = heart_scan(0.0, 20.0)
    assert find_streaks(plain[0], of(*plain)) is None
