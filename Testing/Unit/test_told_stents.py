"""Stents that the scan does not show: stated of a finished result they are graded as when the run is told of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import all_text, one_lesion

from CardiacCTALib.cadrads import grade
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.cadrads_rules import Rule
from CardiacCTALib.edited_result import VesselDrag
from CardiacCTALib.findings import SegmentFinding
from CardiacCTALib.issues import Issue, gravest_first
from CardiacCTALib.known import known_of
from CardiacCTALib.patient_findings import vessel_findings
from CardiacCTALib.quality import check_told_stents
from CardiacCTALib.reader_change import NOT_STATED, ChangeKind, ReaderChange
from CardiacCTALib.reader_changes import changed, grade_change, label_change, load_changes, save_changes
from CardiacCTALib.reader_statements import statement_changes, stents_change
from CardiacCTALib.report import build_report
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.structured_report import measurement_document
from CardiacCTALib.told_stents import told_stents
from CardiacCTALib.vessel_edit import Wall
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.tubes.wall_edit import Anchor


@pytest.fixture(scope="module")
def result() -> CoronaryResult:
    """A LAD with a stenosis in pLAD, graded as the pipeline grades it without a word of a stent."""
    first = one_lesion()[0]
    return regraded(first, frozenset())


def regraded(result: CoronaryResult, told: frozenset[str]) -> CoronaryResult:
    """Return the result as a run makes it that is told of stents: the pipeline's own steps from the quality list on."""
    quality = gravest_first((*result.quality, *check_told_stents(told, result.quality)))
    found = {one.code: one for vessel in result.vessels for one in vessel_findings(vessel, quality)}
    made = tuple(
        replace(found.get(one.code, one), stent=True, plaque=False) if one.code in told else found.get(one.code, one)
        for one in result.findings.segments
    )
    findings = replace(result.findings, segments=made)
    run = replace(result.run, options={**result.run.options, "stents": ",".join(sorted(told)) or "none known"})
    return replace(result, quality=quality, findings=findings, grade=grade(findings), run=run)


def finding(result: CoronaryResult, code: str) -> SegmentFinding:
    return next(one for one in result.findings.segments if one.code == code)


def stated(measured: CoronaryResult, *codes: str, after: CoronaryResult | None = None) -> CoronaryResult:
    shown = after or measured
    return changed(measured, [*shown.changes, stents_change(shown, codes, "Dr. Li", "intervention 2019")])


def test_a_stent_stated_afterwards_is_graded_as_one_that_the_run_was_told_of(result: CoronaryResult) -> None:
    for codes in (("pLAD",), ("mLAD",), ("pLAD", "mLAD")):
        ours, told = stated(result, *codes), regraded(result, frozenset(codes))
        assert ours.findings == told.findings
        assert ours.grade == told.grade
        assert ours.quality == told.quality
        assert "S" in ours.grade.modifiers and "S" not in result.grade.modifiers
    one = stated(result, "pLAD")
    assert finding(one, "pLAD").stenosis is None and finding(one, "pLAD").not_assessable == "stent"
    assert one.grade.category is Category.NON_DIAGNOSTIC
    assert any(fired.rule is Rule.STENT_NOT_READ for fired in one.grade.trace)
    assert any("pLAD is said to hold a stent" in text for text in one.warnings)


def test_it_is_signed_kept_and_taken_back(result: CoronaryResult, tmp_path: Path) -> None:
    one = stated(result, "mLAD", "pLAD")
    save_changes(one.changes, tmp_path)
    (kept,) = load_changes(tmp_path)
    assert (kept.kind, kept.before, kept.after, kept.reader) == (ChangeKind.STENT, NOT_STATED, "pLAD; mLAD", "Dr. Li")
    assert changed(result, [kept]).grade == one.grade
    assert known_of(one).stents == {"pLAD", "mLAD"}
    chinese = kept.say(translator("zh"))
    assert "支架" in chinese and "not stated" not in chinese
    assert "as the reader states" in " ".join(all_text(build_report(one)))
    assert any("S (pLAD, mLAD)" in remark for remark in measurement_document(one).remarks)
    back = stated(result, after=one)
    assert back.grade == result.grade and back.findings == result.findings and back.quality == result.quality
    assert back.warnings == result.warnings and len(back.changes) == 2


def test_what_the_run_was_told_can_be_taken_back(result: CoronaryResult) -> None:
    told = regraded(result, frozenset({"pLAD"}))
    assert told_stents(told) == {"pLAD"}
    back = stated(told)
    assert back.findings == result.findings and back.grade == result.grade
    assert not any(one.issue is Issue.STENT_TOLD for one in back.quality)
    moved = stated(told, "mLAD")
    assert finding(moved, "pLAD") == finding(result, "pLAD") and finding(moved, "mLAD").stent


def test_what_the_run_was_told_of_a_segment_that_was_not_found_is_kept(result: CoronaryResult) -> None:
    told = regraded(result, frozenset({"OM1"}))
    both = stated(told, "OM1", "pLAD")
    assert finding(both, "pLAD").stent and told_stents(both) == {"OM1", "pLAD"}
    assert {one.segments for one in both.quality if one.issue is Issue.STENT_TOLD} == {("OM1",), ("pLAD",)}


def test_a_stent_that_the_scan_shows_stays_where_it_is(result: CoronaryResult) -> None:
    seen = replace(finding(result, "pLAD"), stent=True, plaque=False)
    shown = replace(
        result,
        findings=replace(
            result.findings, segments=tuple(seen if one.code == "pLAD" else one for one in result.findings.segments)
        ),
    )
    assert finding(stated(shown, "pLAD"), "pLAD") == seen


def test_a_reader_grades_inside_a_stated_stent(result: CoronaryResult) -> None:
    one = stated(result, "pLAD")
    graded = changed(result, [*one.changes, grade_change(one, "pLAD", "4A", "Dr. Li")])
    assert graded.grade.category is Category.SEVERE
    assert finding(graded, "pLAD").stent and "S" in graded.grade.modifiers


def test_it_goes_with_the_name_of_its_segment(result: CoronaryResult) -> None:
    one = stated(result, "pLAD")
    named = changed(result, [*one.changes, label_change(one, "pLAD", "mLAD", "Dr. Li")])
    assert told_stents(named) == {"mLAD"}
    assert finding(named, "mLAD").stent and not finding(named, "pLAD").stent


def test_drawing_a_wall_leaves_the_lumen_of_a_told_stent_ungraded(result: CoronaryResult) -> None:
    for shown in (stated(result, "pLAD"), regraded(result, frozenset({"pLAD"}))):
        drag = VesselDrag.of(shown, "LAD")
        walls = shown.vessel("LAD").measured.walls
        edit = drag.move(drag.start, Wall.LUMEN, Anchor(float(walls.arc_mm[30]), 90.0, float(walls.lumen_mm[30, 8]) + 0.2))
        drawn = drag.result(edit)
        assert finding(drawn, "pLAD").stenosis is None and finding(drawn, "pLAD").stent
        assert [one.segments for one in drawn.quality if one.issue is Issue.STENT_TOLD] == [("pLAD",)]


def test_what_is_refused(result: CoronaryResult) -> None:
    once = stated(result, "pLAD")
    for make, said in (
        (lambda: stents_change(result, ["pLAD"], " "), "nobody signed"),
        (lambda: stents_change(once, ["pLAD"], "Dr. Li"), "pLAD is stated already"),
        (lambda: stents_change(result, [], "Dr. Li"), "nothing was stated"),
        (lambda: stents_change(result, ["xLAD"], "Dr. Li"), "xLAD is no SCCT segment"),
        (lambda: stents_change(result, ["OM1"], "Dr. Li"), "the result has no segment OM1"),
    ):
        with pytest.raises(InputError) as refused:
            make()
        assert any(said in one for one in refused.value.problems)
        assert all(translator("zh").sentence(one) != one for one in (refused.value.user_message, *refused.value.problems))
    with pytest.raises(InputError):
        changed(result, [ReaderChange(ChangeKind.STENT, "", NOT_STATED, "xLAD", "Dr. Li", "2026-01-02T03:04")])


def test_a_form_states_what_differs_only(result: CoronaryResult) -> None:
    (one,) = statement_changes(result, None, [], "Dr. Li", stents={"pLAD"})
    assert one.kind is ChangeKind.STENT
    with pytest.raises(InputError):
        statement_changes(result, None, [], "Dr. Li", stents=set())
