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
from CardiacCTALib.structured_report import measurement_document
from CardiacCTALib.views import GRADE_COLOURS

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
