"""A reader's grade where the image hides something: lesions on a step, signs of high-risk plaque, plaque without stenosis."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import all_text, one_lesion

from CardiacCTALib.artefacts import REMARKS, with_artefacts
from CardiacCTALib.artery_colours import artery_colours
from CardiacCTALib.cadrads import grade
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.dicom_codes import DOUBTFUL_SIGN, GRADE
from CardiacCTALib.edited_result import with_vessel
from CardiacCTALib.findings import Feature
from CardiacCTALib.high_risk import Answer, HighRiskFeature
from CardiacCTALib.issues import Consequence, Issue, issue
from CardiacCTALib.patient_findings import REASONS, lesions_of, vessel_findings
from CardiacCTALib.reader_change import AS_MEASURED, NOT_ASSESSED
from CardiacCTALib.reader_changes import changed, grade_change
from CardiacCTALib.report import build_report
from CardiacCTALib.report_pages.rows import LesionRow, lesion_rows
from CardiacCTALib.report_pages.summary import grade_words
from CardiacCTALib.report_pages.words import Words
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.segments import SEGMENTS
from CardiacCTALib.structured_report import measurement_document
from CardiacCTALib.views import GRADE_COLOURS

EVERY_OTHER = frozenset(one.code for one in SEGMENTS) - {"pLAD"}
BOTH = frozenset({Feature.LOW_ATTENUATION, Feature.SPOTTY_CALCIUM})


@pytest.fixture(scope="module")
def result() -> CoronaryResult:
    return one_lesion()[0]


def risky(result: CoronaryResult) -> CoronaryResult:
    """The patient whose lesion has two signs of high-risk plaque beyond doubt."""
    one = result.vessel("LAD")
    signs = tuple(HighRiskFeature(feature, feature in BOTH, True, "seen", 40) for feature in Feature)
    plaques = tuple(replace(plaque, features=signs) for plaque in one.lesion_plaques)
    return replace(result, vessels=(replace(one, lesion_plaques=plaques), *result.vessels[1:]))


def hidden(result: CoronaryResult, kind: Issue) -> CoronaryResult:
    """The patient as the pipeline has it where the image hides the lesion of pLAD and with it the segment."""
    one = result.vessel("LAD")
    assert one.measured is not None
    (lesion,) = one.lesions
    at = one.measured.line_lps_mm[lesion.narrowest]
    told = {"part": "pLAD", "height": 12, "length": "1.4", "level": 60}
    quality = (issue(kind, Consequence.NOT_ASSESSABLE, "pLAD", point_lps_mm=at, **told), *result.quality)
    vessels = with_artefacts(result.vessels, quality)
    found = {one.code: one for one in vessel_findings(vessels[0], quality)}
    segments = tuple(replace(found[one.code], diameter_mm=one.diameter_mm) if one.code in found else one
                     for one in result.findings.segments)  # fmt: skip
    findings = replace(result.findings, segments=segments)
    return replace(
        result, vessels=vessels, lesions=lesions_of(vessels), quality=quality, findings=findings, grade=grade(findings)
    )


def given(result: CoronaryResult, *categories: str) -> CoronaryResult:
    """The result after a reader's grades of pLAD, one after the other."""
    shown = result
    for category in categories:
        shown = changed(result, [*shown.changes, grade_change(shown, "pLAD", category, "Dr. Li")])
    return shown


def finding(result: CoronaryResult, code: str = "pLAD"):  # type: ignore[no-untyped-def]
    return next(one for one in result.findings.segments if one.code == code)


def row_of(result: CoronaryResult) -> LesionRow:
    (row,) = lesion_rows(result)
    return row


def coded(result: CoronaryResult) -> list[tuple[str, str]]:
    """What the DICOM report says of the lesion; nothing where it is not in it."""
    groups = [one for one in measurement_document(result).groups if one.tracking_id == "L1 pLAD"]
    return [(one.name.value, one.value.meaning) for group in groups for one in group.evaluations]


def test_signs_measured_in_a_segment_that_the_image_hides_count_again_once_a_reader_grades_it(result: CoronaryResult) -> None:
    gap = hidden(risky(result), Issue.GAP)
    assert finding(gap).not_assessable == REASONS[Issue.GAP] and finding(gap).plaque_features == ()
    assert "HRP" not in gap.grade.text
    read = given(gap, "3")
    assert finding(read).plaque_features == (BOTH,) and "HRP" in read.grade.text
    assert "HRP" not in given(gap, "3", NOT_ASSESSED).grade.text
    assert "HRP" not in given(gap, "3", AS_MEASURED).grade.text


@pytest.mark.parametrize("kind", [Issue.STEP, Issue.STREAKS])
def test_signs_on_a_step_or_in_streaks_are_listed_and_stay_not_certain(result: CoronaryResult, kind: Issue) -> None:
    made = hidden(risky(result), kind)
    assert finding(made).plaque_features == finding(made).doubtful_features == () and not finding(made).plaque
    read = given(made, "3")
    assert finding(read).plaque_features == () and finding(read).doubtful_features == (BOTH,)
    assert "HRP" not in read.grade.text
    assert any("may have low attenuation, spotty calcium" in one.text for one in read.grade.trace)
    answers = {one.feature: one.answer for one in row_of(read).plaque.features}
    assert {answers[one] for one in BOTH} == {Answer.NOT_CERTAIN}
    assert [meaning for concept, meaning in coded(read) if concept == DOUBTFUL_SIGN.value] == [
        "Low attenuation",
        "Spotty calcium",
    ]
    titles = [section.title for section in build_report(read).sections]
    assert "Signs of high-risk plaque" in titles and "Signs of high-risk plaque" not in [
        section.title for section in build_report(made).sections
    ]


def test_a_stent_makes_no_plaque_of_its_metal_when_its_segment_is_graded(result: CoronaryResult) -> None:
    stented = hidden(risky(result), Issue.STENT)
    assert finding(stented).stent
    read = given(stented, "2")
    assert finding(read).plaque_features == finding(read).doubtful_features == () and not finding(read).plaque


@pytest.mark.parametrize(
    ("kind", "said", "remark"),
    [
        (Issue.STEP, "; lies on a step by motion", "Lies on a step by motion: it may be made by the step; it is graded because"),
        (Issue.STREAKS, "; lies in metal streaks", "Lies in metal streaks: it may be made by them; it is graded because"),
    ],
)
def test_a_lesion_on_a_step_has_the_readers_grade_and_says_that_the_step_is_there(
    result: CoronaryResult, kind: Issue, said: str, remark: str
) -> None:
    made = hidden(result, kind)
    assert row_of(made).reason == REASONS[kind] and coded(made) == []
    read = given(made, "4A")
    row = row_of(read)
    assert (row.reason, row.given, row.counts, row.number) == ("", ("4A",), True, row_of(made).number)
    assert grade_words(row, Words.of("en")) == f"4A, by the reader{said}"
    text = all_text(build_report(read))
    assert f"4A, by the reader{said}" in text and any(one.startswith(remark) for one in text)
    assert not any("is not graded." in one and one.startswith("Lies") for one in text)
    assert "Listed and not graded:" not in text and "Listed and not graded:" in all_text(build_report(made))
    assert (GRADE.value, "4A - Severe stenosis") in coded(read) and ("origin_of_walls", "The reader") in coded(read)
    remarks = measurement_document(read).remarks
    assert f"Graded by the reader though the image may have made them: L1 pLAD ({REASONS[kind]})." in remarks
    colours = artery_colours(read, read.vessel("LAD"))[row.lesion.first : row.lesion.last + 1]
    assert {tuple(one) for one in colours.tolist()} == {GRADE_COLOURS["4A"]}
    chinese = grade_words(row, Words.of("zh"))
    assert chinese.startswith("4A，由阅片者") and chinese.endswith(
        "位于运动错层处" if kind is Issue.STEP else "位于金属条状伪影内"
    )


def test_a_lesion_on_a_step_is_not_graded_where_the_reader_cannot_assess_it_or_takes_the_grade_back(
    result: CoronaryResult,
) -> None:
    made = hidden(result, Issue.STEP)
    for last in (NOT_ASSESSED, AS_MEASURED):
        row = row_of(given(made, "3", last))
        assert (row.reason, row.given, row.counts) == ("motion", (), False)


def test_it_stays_graded_while_its_walls_are_drawn(result: CoronaryResult) -> None:
    read = given(hidden(result, Issue.STEP), "3")
    drawn = with_vessel(read, read.vessel("LAD"), keep={"pLAD"})
    assert row_of(drawn).given == ("3",) and row_of(drawn).counts


def test_a_grade_renumbers_no_lesion(result: CoronaryResult) -> None:
    one = result.vessel("LAD")
    assert one.stenosis is not None
    (lesion,), (plaque,) = one.lesions, one.lesion_plaques
    shift = replace(lesion, first=lesion.first + 25, last=lesion.last + 25, narrowest=lesion.narrowest + 25, distance_mm=26.0)
    assert one.stretch_of(shift) is not None and one.stretch_of(shift).code == "mLAD"
    on_step = replace(lesion, remarks=(REMARKS[Issue.STEP], *lesion.remarks))
    both = replace(one, stenosis=replace(one.stenosis, lesions=(on_step, shift)), lesion_plaques=(plaque, plaque))
    vessels = (both, *result.vessels[1:])
    two = replace(
        result, vessels=vessels, lesions=lesions_of(vessels), lesion_measurements=result.lesion_measurements * 2,
    )  # fmt: skip
    names = [(row.name, row.code) for row in lesion_rows(two)]
    assert names == [("L1", "mLAD"), ("L2", "pLAD")]
    read = given(two, "4A")
    assert [(row.name, row.code) for row in lesion_rows(read)] == names and lesion_rows(read)[1].given == ("4A",)


def test_no_stenosis_by_the_reader_is_1_and_no_absence_of_disease_where_plaque_was_measured(result: CoronaryResult) -> None:
    segments = tuple(one for one in result.findings.segments if one.code == "pLAD")
    alone = replace(result, findings=replace(result.findings, segments=segments, absent=EVERY_OTHER))
    read = given(alone, "0")
    assert finding(read).plaque and finding(read).stenosis.percent == 0.0
    assert read.grade.category is Category.MINIMAL and read.grade.possible == (Category.MINIMAL,)
    row = row_of(read)
    assert row.given == ("1",) and row.plaque_only
    assert grade_words(row, Words.of("en")) == "1 (plaque, no stenosis), by the reader"
    assert grade_words(row, Words.of("zh")).startswith("1（有斑块，无狭窄），由阅片者")
    assert [meaning for concept, meaning in coded(read) if concept == GRADE.value] == ["1 - Minimal non-obstructive CAD"]
    assert tuple(artery_colours(read, read.vessel("LAD"))[row.lesion.narrowest]) == GRADE_COLOURS["1"]
    assert read.changes[-1].after == "0", "the trail has what the reader gave"


def test_where_no_plaque_is_left_no_stenosis_is_0(result: CoronaryResult) -> None:
    one = result.vessel("LAD")
    bare = tuple(replace(plaque, volumes=replace(plaque.volumes, total=0.0), features=()) for plaque in one.lesion_plaques)
    segments = tuple(replace(found, plaque=False) for found in result.findings.segments if found.code == "pLAD")
    clean = replace(
        result, vessels=(replace(one, lesion_plaques=bare), *result.vessels[1:]),
        findings=replace(result.findings, segments=segments, absent=EVERY_OTHER),
    )  # fmt: skip
    read = given(clean, "0")
    assert row_of(read).given == ("0",) and not row_of(read).plaque_only and read.grade.category is Category.NONE
    assert [meaning for concept, meaning in coded(read) if concept == GRADE.value] == ["0 - Documented absence of CAD"]


def test_a_sign_of_plaque_is_plaque_for_the_row_as_it_is_for_the_patient(result: CoronaryResult) -> None:
    one = risky(result).vessel("LAD")
    little = tuple(replace(plaque, volumes=replace(plaque.volumes, total=0.0)) for plaque in one.lesion_plaques)
    read = given(replace(result, vessels=(replace(one, lesion_plaques=little), *result.vessels[1:])), "0")
    assert finding(read).plaque_features and row_of(read).given == ("1",)


def test_a_grade_of_1_is_the_readers_own(result: CoronaryResult) -> None:
    row = row_of(given(result, "0", "1"))
    assert row.given == ("1",) and not row.plaque_only and grade_words(row, Words.of("en")) == "1, by the reader"


def test_no_stenosis_in_a_stent_is_disease_all_the_same(result: CoronaryResult) -> None:
    stented = given(hidden(result, Issue.STENT), "0")
    assert finding(stented).stent and not finding(stented).plaque and row_of(stented).given == ("1",)


def test_no_stenosis_on_a_step_with_plaque_is_1_as_the_patient_is(result: CoronaryResult) -> None:
    made = hidden(result, Issue.STEP)
    segments = tuple(one for one in made.findings.segments if one.code == "pLAD")
    read = given(replace(made, findings=replace(made.findings, segments=segments, absent=EVERY_OTHER)), "0")
    assert read.grade.category is Category.MINIMAL
    assert grade_words(row_of(read), Words.of("en")) == "1 (plaque, no stenosis), by the reader; lies on a step by motion"
