"""Calcium scores of digital cylinders and blocks whose scores are known by arithmetic."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import all_text, one_lesion

from CardiacCTALib.cadrads import grade
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.cadrads_rules import Rule
from CardiacCTALib.calcium import CalciumScore, arteries_from_map, find_lesions, score_calcium
from CardiacCTALib.calcium_arteries import score_series
from CardiacCTALib.calcium_series import (
    NOTE_CONTRAST,
    NOTE_INTERVAL,
    NOTE_MASS,
    NOTE_THICKNESS,
    NOTE_VOLTAGE,
    calcium_rule,
    calibration_problem,
    slice_area_mm2,
    slice_interval_mm,
    whole_score,
)
from CardiacCTALib.constants import CALCIUM_HU_BY_KVP
from CardiacCTALib.faint_calcium import faint_calcium
from CardiacCTALib.findings import CoronaryFindings, SegmentFinding, Stenosis
from CardiacCTALib.given_trees import segmentation_of
from CardiacCTALib.heart_segmentation import HeartSegmentation
from CardiacCTALib.measurements import calcium_measurements
from CardiacCTALib.pipeline import CoronaryOptions, check_options
from CardiacCTALib.report import build_report
from CardiacCTALib.segments import SEGMENTS, Artery
from CardiacCTALib.structures import AORTA, HEART_NAMES
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.plain_data import from_plain, to_plain
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree
from SenseCarePlanningLib.volume import Acquisition, LabelMap, Volume

PIXEL, INTERVAL, FACTOR = 0.5, 3.0, 0.8
BASE = Acquisition(kvp=120, slice_thickness_mm=3.0, contrast=False)


def affine(pixel: float = PIXEL, interval: float = INTERVAL) -> FloatArray:
    return np.diag([pixel, pixel, interval, 1.0])


def series(array: NDArray[np.float64], matrix: FloatArray | None = None, facts: Acquisition = BASE) -> Volume:
    return Volume(array.astype(np.int16), affine() if matrix is None else matrix, "CT", facts)


def tissue(shape: tuple[int, int, int] = (8, 24, 24), hu: float = 40.0) -> NDArray[np.float64]:
    return np.full(shape, hu)


def score(volume: Volume, calibration: float | None = None, arteries: dict[int, Artery] | None = None) -> CalciumScore:
    rule = calcium_rule(volume, calibration)
    lesions = find_lesions(volume, rule)
    return score_calcium(
        volume, rule, lesions, {n: Artery.LAD for n in range(1, lesions.count + 1)} if arteries is None else arteries
    )


@pytest.mark.parametrize(
    ("hu", "weight"), [(129, 0), (130, 1), (199, 1), (200, 2), (299, 2), (300, 3), (399, 3), (400, 4), (1200, 4)]
)
def test_a_block_scores_area_times_weight_times_slices(hu: int, weight: int) -> None:
    array = tissue()
    array[2:5, 4:10, 6:14] = hu  # 48 pixels of 0.25 mm2 in three slices
    result = score(series(array), FACTOR)
    assert result.agatston() == pytest.approx(12.0 * weight * 3)
    assert result.volume_mm3() == pytest.approx(12.0 * 9.0 if weight else 0.0)
    assert result.mass_mg() == pytest.approx(FACTOR * hu * 108.0 / 1000.0 if weight else 0.0)


def test_a_cylinder_scores_as_its_circle_in_fine_pixels() -> None:
    # Radius 3 mm, 450 HU, four slices of 3 mm: 4 slices x weight 4 x pi r2; the grid's error falls with the pixel.
    radius, pixel, size = 3.0, 0.05, 160
    j, i = (np.indices((size, size)) - (size - 1) / 2) * pixel
    array = tissue((6, size, size))
    array[1:5, np.hypot(i, j) <= radius] = 450.0
    result = score(series(array, affine(pixel)))
    assert result.agatston() == pytest.approx(16.0 * math.pi * radius**2, rel=2e-3)
    assert result.volume_mm3() == pytest.approx(12.0 * math.pi * radius**2, rel=2e-3)
    pixels = np.count_nonzero(array[1] > 130)
    assert result.agatston() == pytest.approx(16.0 * pixels * pixel**2, rel=1e-12)


def test_the_peak_of_each_slice_gives_the_weight_there() -> None:
    array = tissue()
    array[2:4, 4:8, 4:8] = 150.0
    array[2, 5, 5] = 450.0
    assert score(series(array)).agatston() == pytest.approx(4.0 * 4 + 4.0 * 1)


def test_regions_that_touch_at_a_corner_are_two_in_the_slice() -> None:
    array = tissue()
    array[2, 4:6, 4:6], array[2, 6:8, 6:8] = 450.0, 150.0
    result = score(series(array))
    assert len(result.lesions) == 2
    assert result.agatston() == pytest.approx(1.0 * 4 + 1.0 * 1)


def test_a_lesion_over_several_slices_is_one_and_its_parts_are_weighted_apart() -> None:
    # Two blocks in slice 2, joined only through slice 3: one lesion in space, two slice lesions with peaks of their own.
    array = tissue()
    array[2, 4:6, 4:6], array[2, 4:6, 10:12], array[3, 4:6, 4:12] = 450.0, 150.0, 250.0
    result = score(series(array))
    assert len(result.lesions) == 1
    assert result.agatston() == pytest.approx(1.0 * 4 + 1.0 * 1 + 4.0 * 2)
    assert result.lesions[0].slices == 2
    assert result.lesions[0].peak_hu == 450.0


def test_corners_that_touch_stay_apart_in_a_slice_even_when_the_lesion_is_one_in_space() -> None:
    # Slice 2 holds two blocks that touch at a corner, slice 3 joins them: 4-connected, they keep peaks of their own.
    array = tissue()
    array[2, 4:6, 4:6], array[2, 6:8, 6:8], array[3, 4:8, 4:8] = 450.0, 150.0, 150.0
    result = score(series(array))
    assert len(result.lesions) == 1
    assert result.agatston() == pytest.approx(1.0 * 4 + 1.0 * 1 + 4.0 * 1)


def test_less_than_a_square_millimetre_in_a_slice_does_not_count() -> None:
    array = tissue()
    array[2, 4, 4:8] = 500.0  # 4 pixels: 1 mm2 exactly
    array[5, 4, 4:7] = 500.0  # 3 pixels: 0.75 mm2
    result = score(series(array))
    assert result.agatston() == pytest.approx(4.0)
    assert result.volume_mm3() == pytest.approx(3.0)
    array[5, 4, 4:8] = 500.0
    array[3, 4, 4] = 500.0  # a small part of a larger lesion does not count either
    assert score(series(array)).volume_mm3() == pytest.approx(6.0)


def test_the_score_is_scaled_to_the_interval_and_the_volume_is_not() -> None:
    array = tissue((16, 24, 24))
    array[2:8, 4:8, 4:8] = 450.0
    overlapping = score(series(array, affine(interval=1.5)))
    assert overlapping.agatston() == pytest.approx(6 * 4.0 * 4 * 0.5)
    assert overlapping.volume_mm3() == pytest.approx(6 * 4.0 * 1.5)
    assert NOTE_INTERVAL in overlapping.rule.notes
    thin = score(series(array, affine(interval=2.5), replace(BASE, slice_thickness_mm=2.5)))
    assert thin.agatston() == pytest.approx(6 * 16.0 * 2.5 / 3.0)


@pytest.mark.parametrize("kvp", sorted(CALCIUM_HU_BY_KVP))
def test_every_voltage_has_its_own_weights(kvp: int) -> None:
    for weight, lowest in enumerate(CALCIUM_HU_BY_KVP[kvp], start=1):
        array = tissue()
        array[2, 4:8, 4:8] = lowest
        result = score(series(array, facts=replace(BASE, kvp=float(kvp))))
        assert result.agatston() == pytest.approx(4.0 * weight)
        assert (NOTE_VOLTAGE in result.rule.notes) == (kvp != 120)


def test_arteries_are_given_by_map_or_by_lesion_and_what_has_none_is_left_out() -> None:
    array = tissue()
    array[2, 2:6, 2:6], array[4, 10:14, 10:14], array[6, 2:6, 18:22] = 450.0, 450.0, 450.0  # LAD, RCA, a rib
    volume = series(array)
    rule = calcium_rule(volume)
    lesions = find_lesions(volume, rule)
    labels = np.zeros(array.shape, dtype=np.uint8)
    labels[2, 2:5, 2:6], labels[2, 5, 2:6], labels[4, 12:18, 12:18] = 2, 1, 3
    given = arteries_from_map(lesions, LabelMap(labels, affine(), {1: "LM", 2: "LAD", 3: "RCA"}))
    assert given == {1: Artery.LAD, 2: Artery.RCA}
    result = score_calcium(volume, rule, lesions, given)
    assert [result.agatston(artery) for artery in Artery] == pytest.approx([0.0, 16.0, 0.0, 16.0, 0.0])
    assert result.agatston() == pytest.approx(32.0)
    by_hand = score_calcium(volume, rule, lesions, {1: Artery.LCX})
    assert (by_hand.agatston(Artery.LCX), by_hand.agatston()) == pytest.approx((16.0, 16.0))
    x, y, z = result.lesions[0].centre_lps_mm
    assert (x, y, z) == pytest.approx((3.5 * PIXEL, 3.5 * PIXEL, 2 * INTERVAL))
    with pytest.raises(ValueError, match="from 1 to 3, got \\[4\\]"):
        score_calcium(volume, rule, lesions, {4: Artery.LAD})
    with pytest.raises(InputError, match="grid"):
        arteries_from_map(lesions, LabelMap(labels[1:], affine(), {1: "LM"}))


def test_a_region_keeps_the_bones_out() -> None:
    array = tissue()
    array[2, 2:6, 2:6], array[2, 2:6, 18:22] = 450.0, 450.0
    region = np.zeros(array.shape, dtype=bool)
    region[:, :, :12] = True
    volume = series(array)
    assert find_lesions(volume, calcium_rule(volume), region).count == 1
    with pytest.raises(ValueError, match="region of shape"):
        find_lesions(volume, calcium_rule(volume), region[1:])


def test_no_calcium_scores_nothing() -> None:
    result = score(series(tissue()), FACTOR)
    assert (result.agatston(), result.volume_mm3(), result.mass_mg(), result.category) == (0.0, 0.0, 0.0, "0")


@pytest.mark.parametrize(
    ("pixels", "category"),
    [
        (4, "1-10"),
        (10, "1-10"),
        (12, "11-100"),
        (101, "101-400"),
        (400, "101-400"),
        (401, "401-1000"),
        (1000, "401-1000"),
        (1001, ">1000"),
    ],
)
def test_categories(pixels: int, category: str) -> None:
    array = tissue((2, 40, 40))
    flat = np.zeros(1600, dtype=bool)
    flat[:pixels] = True
    array[0][flat.reshape(40, 40)] = 150.0
    assert score(series(array, affine(1.0))).category == category


def test_tilted_and_oblique_slices_keep_their_area_and_interval() -> None:
    array = tissue()
    array[2:5, 4:10, 6:14] = 450.0
    tilt = affine()
    tilt[:3, 2] = (0.0, 1.0, 3.0)  # a tilted gantry: slices shifted by 1 mm each, 3 mm apart
    assert (slice_area_mm2(series(array, tilt)), slice_interval_mm(series(array, tilt))) == pytest.approx((0.25, 3.0))
    cosine, sine = math.cos(0.4), math.sin(0.4)
    turn = np.array([[1.0, 0, 0, 0], [0, cosine, -sine, 0], [0, sine, cosine, 0], [0, 0, 0, 1.0]])
    for matrix in (tilt, turn @ affine()):
        assert score(series(array, matrix)).agatston() == pytest.approx(score(series(array)).agatston())


@pytest.mark.parametrize(
    ("facts", "interval", "said"),
    [
        (replace(BASE, contrast=True), 3.0, "with contrast"),
        (replace(BASE, kvp=None), 3.0, "unknown tube voltage"),
        (replace(BASE, kvp=140.0), 3.0, "140 kV"),
        (replace(BASE, slice_thickness_mm=0.6), 0.6, "0.6 mm thick"),
        (replace(BASE, slice_thickness_mm=5.0), 5.0, "5 mm thick"),
        (replace(BASE, slice_thickness_mm=None), 1.0, "1 mm thick"),
        (BASE, 4.0, "gaps of 1 mm"),
    ],
)
def test_a_series_that_cannot_be_scored_is_refused_with_the_reason(facts: Acquisition, interval: float, said: str) -> None:
    with pytest.raises(InputError, match="cannot be taken") as refusal:
        calcium_rule(series(tissue(), affine(interval=interval), facts))
    assert len(refusal.value.problems) == 1
    assert said in refusal.value.problems[0]
    chinese = translator("zh")
    for sentence in (refusal.value.user_message, *refusal.value.problems):
        assert chinese.sentence(sentence) != sentence


def test_contrast_is_seen_in_the_blood_and_all_reasons_come_at_once() -> None:
    thin = replace(BASE, kvp=90.0, slice_thickness_mm=0.6, contrast=None)
    with pytest.raises(InputError) as refusal:
        calcium_rule(series(tissue(), affine(interval=0.6), thin), blood_hu=350.0)
    assert len(refusal.value.problems) == 3
    first = refusal.value.problems
    assert "350 HU" in first[0]
    other = Volume(tissue(), affine(), "MR", BASE)
    with pytest.raises(InputError) as refusal:
        calcium_rule(other)
    assert refusal.value.problems == ("It is not a CT.",)
    assert all(translator("zh").sentence(text) != text for text in (*first, *refusal.value.problems))


def test_what_is_not_known_is_noted() -> None:
    bare = Acquisition(kvp=120)
    assert calcium_rule(series(tissue(), facts=bare)).notes == (NOTE_THICKNESS, NOTE_CONTRAST, NOTE_MASS)
    assert calcium_rule(series(tissue(), facts=bare), FACTOR, blood_hu=45.0).notes == (NOTE_THICKNESS,)
    assert score(series(tissue())).mass_mg() is None
    notes = (NOTE_THICKNESS, NOTE_CONTRAST, NOTE_MASS, NOTE_INTERVAL, NOTE_VOLTAGE)
    assert all(translator("zh").knows(note) for note in notes)
    with pytest.raises(ValueError, match="calibration factor"):
        calcium_rule(series(tissue()), 0.0)


def heart_at(grid: Volume, middle_kji: tuple[int, int, int], artery_lps_mm: FloatArray) -> tuple[HeartSegmentation, Tree]:
    """An aorta of 8 x 8 pixels about a place on a series' grid, and one artery, as a contrast CT would have them."""
    labels = np.zeros(grid.array_kji.shape, dtype=np.uint8)
    k, j, i = middle_kji
    labels[k - 2 : k + 2, j - 4 : j + 4, i - 4 : i + 4] = AORTA
    radius = np.full(len(artery_lps_mm), 1.5)
    label = BranchLabel("pLAD", 0.9)
    branch = Branch(0, None, (), artery_lps_mm, radius, np.stack([radius, radius], axis=1), no_frames(len(radius)), label=label)
    tree = assemble([branch], 0)
    return segmentation_of((tree,), LabelMap(labels, grid.affine_ijk_to_lps, HEART_NAMES), grid), tree


def inner_artery() -> FloatArray:
    return np.stack([np.linspace(3.0, 9.0, 30), np.full(30, 2.5), np.full(30, 9.0)], axis=1)


def test_a_series_is_scored_along_the_arteries_of_the_contrast_ct() -> None:
    array = tissue()
    array[2:4, 4:8, 8:12] = 450.0
    volume = series(array)
    found, tree = heart_at(volume, (4, 16, 12), inner_artery())
    assert score_series(volume, found, (tree,)).agatston() == pytest.approx(4.0 * 4 * 2)


def test_a_series_that_does_not_show_this_heart_is_not_scored() -> None:
    volume = series(tissue())
    found, tree = heart_at(volume, (4, 16, 12), inner_artery() + np.array([0.0, 0.0, 14.0]))
    lung = tissue()
    lung[:, 12:] = -850.0
    for other, courses, said in (
        (volume, (tree,), "It covers 0 % of the coronary arteries"),
        (series(lung), heart_at(volume, (4, 16, 12), inner_artery())[1:], "does not show the aorta"),
    ):
        with pytest.raises(InputError, match="cannot be taken") as refusal:
            score_series(other, found, courses)
        (problem,) = refusal.value.problems
        assert said in problem
        assert translator("zh").sentence(problem) != problem


def test_a_series_of_another_patient_is_not_scored() -> None:
    array = tissue()
    array[2:4, 4:8, 8:12] = 450.0
    volume = series(array)
    found, tree = heart_at(volume, (4, 16, 12), inner_artery())
    mine, other, unnamed = StudyInfo(patient_id="A"), StudyInfo(patient_id="B"), StudyInfo()
    with pytest.raises(InputError, match="another patient than the contrast CT") as refusal:
        score_series(volume, found, (tree,), studies=(mine, other))
    assert translator("zh").sentence(refusal.value.user_message) != refusal.value.user_message
    for studies in ((mine, mine), (mine, unnamed), (unnamed, other), None):
        assert score_series(volume, found, (tree,), studies=studies).agatston() > 0.0
    with pytest.raises(InputError, match="another patient than the contrast CT"):
        check_options(volume, CoronaryOptions(calcium_series=volume, studies=(mine, other)))
    assert "studies" not in repr(CoronaryOptions(studies=(mine, other)))  # an identity shall reach no log


@pytest.mark.parametrize(
    ("factor", "good"), [(0.2, True), (2.0, True), (0.19, False), (2.1, False), (0.0008, False), (float("nan"), False)]
)
def test_a_calibration_factor_is_one_of_a_ct(factor: float, good: bool) -> None:
    assert (calibration_problem(factor) == "") is good
    chosen = CoronaryOptions(calcium_calibration=factor, calcium_series=series(tissue()) if good else None)
    volume = series(tissue())
    if good:
        check_options(volume, chosen)
    else:
        with pytest.raises(InputError) as refused:
            check_options(volume, chosen)
        assert len(refused.value.problems) == 2  # the factor, and the series that is not there


def test_the_mass_by_a_given_factor_is_in_result_and_report() -> None:
    array = tissue()
    array[2:4, 4:8, 8:12] = 450.0
    volume = series(array)
    found, tree = heart_at(volume, (4, 16, 12), inner_artery())
    given = score_series(volume, found, (tree,), 0.8)
    voxels = 2 * 4 * 4 * volume.grid.voxel_volume_mm3
    assert given.mass_mg() == pytest.approx(0.8 * 450.0 * voxels / 1000.0)
    assert (given.rule.calibration_mg_per_cm3_hu, given.rule.calibration_source) == (0.8, "given by the user")
    assert from_plain(CalciumScore, to_plain(given)) == given
    mass = {item.name: item for item in calcium_measurements(given, "")}["calcium_mass"]
    assert mass.value == given.mass_mg() and "0.8 mg/cm3 per HU; given by the user" in mass.method
    result = replace(one_lesion()[0], calcium=given)
    assert "0.8 mg/cm³ per HU, given by the user" in " ".join(all_text(build_report(result)))
    assert "0.8 mg/cm³/HU（由用户给定）" in " ".join(all_text(build_report(result, language="zh")))
    none = score_series(volume, found, (tree,))
    assert none.mass_mg() is None and none.rule.calibration_source == ""


def noisy_score(peak_hu: float, pixels: int = 5, slices: int = 1, noise_hu: float = 20.0, others: float = 0.0) -> CalciumScore:
    """The score of a spot in an artery of a series with noise in its blood; ``others`` is the HU of a second one."""
    array = tissue()
    array[:, 14:] += np.random.default_rng(5).normal(0.0, noise_hu, array[:, 14:].shape)
    array[3 : 3 + slices, 5, 8 : 8 + pixels] = 131.0
    array[3, 5, 8] = peak_hu
    array[2, 5, 15:20] = others
    volume = series(array)
    found, tree = heart_at(volume, (4, 18, 12), inner_artery())
    return score_series(volume, found, (tree,))


def test_a_score_that_noise_can_have_made_says_what_it_rests_on() -> None:
    faint = faint_calcium(noisy_score(140.0))
    assert faint is not None
    assert faint.noise_hu == pytest.approx(20.0, rel=0.12)  # of 256 samples
    assert (faint.spots, faint.peak_hu) == (1, 140.0)
    assert faint.area_mm2 == pytest.approx(5 * PIXEL**2) and faint.score == whole_score(noisy_score(140.0).agatston())
    assert faint_calcium(noisy_score(169.0)) is not None
    assert faint_calcium(noisy_score(190.0)) is None, "brighter than noise makes spots"
    assert faint_calcium(noisy_score(140.0, slices=2)) is None, "the next slice has a noise of its own"
    assert faint_calcium(noisy_score(140.0, noise_hu=4.0)) is None
    assert faint_calcium(noisy_score(140.0, others=300.0)) is None, "another lesion holds the score up"
    two = faint_calcium(noisy_score(140.0, others=150.0))
    assert two is not None and (two.spots, two.peak_hu) == (2, 150.0)
    old = noisy_score(140.0)
    assert faint_calcium(replace(old, rule=replace(old.rule, noise_hu=None))) is None
    assert faint_calcium(replace(old, lesions=())) is None


def test_spots_that_noise_makes_are_called_faint() -> None:
    generator, called = np.random.default_rng(11), []
    for grain_mm in (0.8, 1.2, 2.0):
        noise = ndimage.gaussian_filter(generator.standard_normal((1, 1200, 1200)), (0, *[grain_mm / 2.355 / 0.45] * 2))
        volume = series(40.0 + 36.0 * noise / noise.std(), affine(0.45))
        found = score(
            volume, arteries={number: Artery.LAD for number in range(1, find_lesions(volume, calcium_rule(volume)).count + 1)}
        )
        assert len(found.lesions) > 20
        rule = replace(found.rule, noise_hu=36.0)
        called += [faint_calcium(CalciumScore((one,), rule)) is not None for one in found.lesions]
    assert np.mean(called) > 0.95


def test_a_faint_score_stays_and_is_told_in_grading_and_report() -> None:
    given = noisy_score(140.0)
    faint = faint_calcium(given)
    assert faint is not None
    segments = tuple(SegmentFinding(one.code, diameter_mm=3.0) for one in SEGMENTS)
    sure = CoronaryFindings(segments, agatston=given.agatston())
    graded, doubtful = grade(sure), grade(replace(sure, faint_calcium=faint))
    assert doubtful.text == graded.text == "CAD-RADS 1/P1"
    assert graded.possible == (Category.MINIMAL,) and doubtful.possible == (Category.NONE, Category.MINIMAL)
    told = [one.rule for one in doubtful.trace]
    assert told.index(Rule.CALCIUM_FAINT) < told.index(Rule.P_CALCIUM) < told.index(Rule.P_FAINT)
    stenosed = replace(segments[0], stenosis=Stenosis(40.0, (30.0, 45.0)))
    with_plaque = grade(CoronaryFindings((stenosed, *segments[1:]), agatston=given.agatston(), faint_calcium=faint))
    assert with_plaque.possible == (Category.MILD,), "what the arteries show does not rest on the calcium"
    result = replace(one_lesion()[0], calcium=given)
    result = replace(result, findings=replace(result.findings, agatston=given.agatston(), faint_calcium=faint))
    assert from_plain(CoronaryFindings, to_plain(result.findings)) == result.findings
    result = replace(result, grade=grade(result.findings), warnings=(faint.say().text,))
    for language, said in (
        ("en", f"with a peak of 140 HU, which the noise of this series (SD {faint.noise_hu:.0f} HU) can have lifted over"),
        ("zh", f"峰值 140 HU，本序列的噪声（标准差 {faint.noise_hu:.0f} HU）即可使其超过阈值：为 0 或 {faint.score}，不确定。"),
    ):
        text = " ".join(all_text(build_report(result, language=language)))
        assert text.count(said) == 4, "in the summary, with the quality, in the grading, and at the score"
