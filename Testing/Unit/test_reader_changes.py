"""What a reader changes: applied in order, graded anew, kept beside the measured result, taken back to what was measured."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import all_text, one_lesion

from CardiacCTALib.artery_colours import artery_colours
from CardiacCTALib.cadrads import grade
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.dicom_codes import GRADE
from CardiacCTALib.findings import Feature, Ischaemia, NotAtherosclerotic, Stenosis
from CardiacCTALib.reader_change import AS_MEASURED, NOT_ASSESSED, ChangeKind, ReaderChange
from CardiacCTALib.reader_changes import (
    CHANGES,
    changed,
    grade_change,
    grade_of,
    label_change,
    load_changes,
    load_shown,
    save_changes,
    vessel_changes,
)
from CardiacCTALib.reader_statements import exceptions_change, ischaemia_change
from CardiacCTALib.report import build_report
from CardiacCTALib.report_pages.rows import lesion_rows, makes_4b
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.stenosis import Estimate
from CardiacCTALib.structured_report import measurement_document
from CardiacCTALib.vessel_edit import move_line
from CardiacCTALib.views import GRADE_COLOURS
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.report.model import DataTable
from SenseCarePlanningLib.tubes.line_edit import LinePoint
from SenseCarePlanningLib.whole_folder import check_output_folder, whole_folder


@pytest.fixture(scope="module")
def result() -> CoronaryResult:
    return one_lesion()[0]


def finding(result: CoronaryResult, code: str):  # type: ignore[no-untyped-def]
    return next(one for one in result.findings.segments if one.code == code)


def test_a_name_goes_everywhere_and_nothing_measured_changes(result: CoronaryResult) -> None:
    new = changed(result, [label_change(result, "D1", "RI", "Dr. Li")])
    assert [one.vessel.name for one in new.vessels] == ["LAD", "RI"]
    assert "RI" in new.segment_measurements and "D1" not in new.segment_measurements
    assert {one.code for one in new.findings.segments} == {"pLAD", "mLAD", "RI"}
    assert new.vessels[0].measured is result.vessels[0].measured
    assert new.lesion_measurements == result.lesion_measurements


def test_two_names_are_exchanged(result: CoronaryResult) -> None:
    new = changed(result, [label_change(result, "pLAD", "mLAD", "Dr. Li")])
    assert [one.code for one in new.vessels[0].vessel.stretches] == ["mLAD", "pLAD"]
    assert finding(new, "mLAD").stenosis == finding(result, "pLAD").stenosis
    assert new.lesions[0].code == "mLAD"
    assert new.vessels[0].vessel.name == "LAD"


@pytest.mark.parametrize(
    ("grade", "category"), [("1", Category.MINIMAL), ("2", Category.MILD), ("4A", Category.SEVERE), ("5", Category.OCCLUDED)]
)
def test_a_grade_is_graded_anew(result: CoronaryResult, grade: str, category: Category) -> None:
    new = changed(result, [grade_change(result, "pLAD", grade, "Dr. Li")])
    assert grade_of(finding(new, "pLAD")) == grade
    # The missed segments keep a heart without an obstruction from being called free of it (CAD-RADS N).
    assert new.grade.category is (category if category in (Category.SEVERE, Category.OCCLUDED) else Category.NON_DIAGNOSTIC)


def doubtful(result: CoronaryResult, percent: float, interval: tuple[float, float], reason: str = "") -> CoronaryResult:
    segments = tuple(
        replace(one, stenosis=Stenosis(percent, interval), not_assessable=reason) if one.code == "pLAD" else one
        for one in result.findings.segments
    )
    findings = replace(result.findings, segments=segments)
    return replace(result, findings=findings, grade=grade(findings))


def test_a_doubtful_grade_is_confirmed_once(result: CoronaryResult) -> None:
    first = doubtful(result, 74.6, (61.2, 88.0))
    assert first.grade.possible == (Category.MODERATE, Category.SEVERE)
    for given, category, percent in (("4A", Category.SEVERE, 74.6), ("3", Category.MODERATE, 69.0)):
        change = grade_change(first, "pLAD", given, "Dr. Li")
        assert (change.before, change.after) == ("3 or 4A", given)
        new = changed(first, [change])
        assert new.grade.possible == (category,) and finding(new, "pLAD").stenosis.percent == percent
        assert len(new.changes) == 1
        with pytest.raises(InputError) as refused:
            grade_change(new, "pLAD", given, "Dr. Li")
        assert "already" in refused.value.problems[0]
    assert "3 (50–69 %) or 4A (70–99 %)" in change.say(translator("en"))
    assert " 或 4A" in change.say(translator("zh"))


def with_lesions(result: CoronaryResult, *found: tuple[float, float, float, tuple[str, ...]]) -> CoronaryResult:
    """The result with lesions of pLAD: percent, its interval, and the categories that this leaves possible."""
    first = result.vessels[0]
    (old,), (plaque,) = first.lesions, first.lesion_plaques
    new = []
    for percent, low, high, grades in found:
        narrowing = replace(old.narrowings[0], diameter_stenosis_percent=Estimate(percent, low, high))
        new.append(replace(old, narrowings=(narrowing, *old.narrowings[1:]), grades=grades))
    stenosis = replace(first.stenosis, lesions=tuple(new))
    vessel = replace(first, stenosis=stenosis, lesion_plaques=(plaque,) * len(new))
    lesions = tuple(replace(result.lesions[0], number=at) for at in range(len(new)))
    worst = max(found)
    return replace(
        doubtful(result, worst[0], worst[1:3]), vessels=(vessel, *result.vessels[1:]), lesions=lesions,
        lesion_measurements=result.lesion_measurements * len(new),
    )  # fmt: skip


def lesion_table(result: CoronaryResult, language: str = "en") -> list[tuple[str, str]]:
    """Stenosis and grade of each lesion as the report's summary prints them."""
    blocks = [block for section in build_report(result, language=language).sections for block in section.blocks]
    table = next(one for one in blocks if isinstance(one, DataTable) and any(column.title == "MLD" for column in one.columns))
    return [(str(row[3]), str(row[6])) for row in table.rows]


def test_a_confirmed_grade_stands_in_the_lesions_row_as_the_readers_beside_the_measured_interval(result: CoronaryResult) -> None:
    first = with_lesions(result, (66.0, 58.0, 74.0, ("3", "4A")))
    assert lesion_table(first) == [("66\u00a0% (58–74)", "3 or 4A")]
    new = changed(first, [grade_change(first, "pLAD", "3", "Dr. Li")])
    assert lesion_table(new) == [("66\u00a0% (58–74)", "3, by the reader")]
    assert lesion_table(new, "zh")[0][1].startswith("3，由阅片者")
    (row,) = lesion_rows(new)
    assert row.lesion.grades == ("3", "4A") and row.grades == ("3",) and not row.by_reader
    assert any("grade 3, by the reader" in text for text in all_text(build_report(new)))
    group = next(one for one in measurement_document(new).groups if one.tracking_id == "L1 pLAD")
    told = [(one.name.value, one.value.meaning) for one in group.evaluations]
    assert [meaning[0] for concept, meaning in told if concept == GRADE.value] == ["3"]
    assert ("origin_of_walls", "The reader") in told
    at = row.lesion.narrowest
    for shown, colour in ((first, GRADE_COLOURS["4A"]), (new, GRADE_COLOURS["3"])):
        assert tuple(artery_colours(shown, shown.vessel("LAD"))[at]) == colour
    back = changed(first, [*new.changes, grade_change(new, "pLAD", AS_MEASURED, "Dr. Li")])
    assert lesion_table(back) == lesion_table(first)
    named = changed(first, [*new.changes, label_change(new, "pLAD", "dLAD", "Dr. Li")])
    assert lesion_table(named)[0][1] == "3, by the reader"


def test_a_grade_where_no_lesion_is_has_its_colour_and_is_told(result: CoronaryResult) -> None:
    part = next(one for one in result.vessel("LAD").vessel.stretches if one.code != "pLAD")
    new = changed(result, [grade_change(result, part.code, "4A", "Dr. Li")])
    one = new.vessel("LAD")
    assert one.measured is not None
    arc = one.measured.walls.arc_mm
    middle = int(np.abs(arc - 0.5 * (part.from_mm + part.to_mm)).argmin())
    assert tuple(artery_colours(new, one)[middle]) == GRADE_COLOURS["4A"]
    said = [fired.text for fired in new.grade.trace]
    assert f"Graded by the reader: {part.code}." in said
    assert f"The most severe stenosis is that in {part.code}, which the reader graded." in said


def test_a_grade_is_that_of_the_worst_lesion_and_none_beside_it_is_graver(result: CoronaryResult) -> None:
    two = with_lesions(result, (52.0, 44.0, 60.0, ("2", "3")), (74.0, 66.0, 82.0, ("3", "4A")))
    for given, grades in (
        ("4A", ("2 or 3", "4A, by the reader")),
        ("3", ("2 or 3", "3, by the reader")),
        ("2", ("2, by the reader", "2, by the reader")),
        ("1", ("1, by the reader", "1, by the reader")),
    ):
        new = changed(two, [grade_change(two, "pLAD", given, "Dr. Li")])
        assert [grade for _, grade in lesion_table(new)] == list(grades)
    unseen = changed(two, [grade_change(two, "pLAD", NOT_ASSESSED, "Dr. Li")])
    assert [row.given for row in lesion_rows(unseen)] == [(), ()] and all(row.reason for row in lesion_rows(unseen))


def test_what_the_reader_cannot_assess_has_no_high_risk_plaque(result: CoronaryResult) -> None:
    both = (frozenset({Feature.SPOTTY_CALCIUM, Feature.LOW_ATTENUATION}),)
    segments = tuple(replace(one, plaque_features=both) if one.code == "pLAD" else one for one in result.findings.segments)
    risky = replace(result, findings=replace(result.findings, segments=segments))
    unseen = changed(risky, [grade_change(risky, "pLAD", NOT_ASSESSED, "Dr. Li")])
    assert "HRP" not in unseen.grade.text


def test_a_confirmed_left_main_says_what_it_makes_of_the_patient(result: CoronaryResult) -> None:
    (row,) = lesion_rows(result)
    main = replace(row, code="LM", reason="", lesion=replace(row.lesion, grades=("2", "3")))
    assert [makes_4b(one) for one in (main, replace(main, given=("3",)), replace(main, given=("2",)))] == [None, True, False]


def test_a_grade_that_is_certain_is_not_given_again(result: CoronaryResult) -> None:
    with pytest.raises(InputError):
        grade_change(doubtful(result, 80.0, (72.0, 95.0)), "pLAD", "4A", "Dr. Li")
    with pytest.raises(InputError):
        grade_change(doubtful(result, 80.0, (80.0, 80.0)), "pLAD", "4A", "Dr. Li")
    unseen = changed(result, [grade_change(result, "pLAD", NOT_ASSESSED, "Dr. Li")])
    with pytest.raises(InputError):
        grade_change(unseen, "pLAD", NOT_ASSESSED, "Dr. Li")
    in_part = doubtful(result, 80.0, (72.0, 95.0), "motion")
    assert finding(changed(in_part, [grade_change(in_part, "pLAD", "4A", "Dr. Li")]), "pLAD").not_assessable == ""


def test_nearly_occluded_is_no_occlusion(result: CoronaryResult) -> None:
    assert grade_of(finding(doubtful(result, 99.8, (99.6, 99.9)), "pLAD")) == "4A"


def test_a_reader_states_what_the_scan_does_not_show(result: CoronaryResult, tmp_path: Path) -> None:
    test = ischaemia_change(result, Ischaemia.POSITIVE, " Dr. Li ", "CT-FFR 0.71")
    once = changed(result, [test])
    assert once.grade.modifiers[-1] == "I+" and test.reader == "Dr. Li"
    odd = exceptions_change(once, [NotAtherosclerotic.ANEURYSM, NotAtherosclerotic.ANOMALOUS_ORIGIN], "Dr. Li")
    save_changes((*once.changes, odd), tmp_path)
    both = changed(result, load_changes(tmp_path))
    assert both.grade.modifiers[-2:] == ("I+", "E")
    assert odd.after == "anomalous origin; aneurysm or pseudoaneurysm"
    text = " ".join(all_text(build_report(both)))
    assert "as the reader states: modifier I+" in text and "CT-FFR 0.71" in text and "anomalous origin" in text
    assert "起源异常" in odd.say(translator("zh")) and "not stated" not in odd.say(translator("zh"))
    remarks = measurement_document(both).remarks
    assert any(one.startswith("Stated by the reader, not found by this program: I+, E (aneurysm") for one in remarks)
    back = [ischaemia_change(both, None, "Dr. Li"), exceptions_change(both, (), "Dr. Li")]
    none = changed(result, [*both.changes, *back])
    assert none.grade == result.grade and len(none.changes) == 4


def test_statements_that_are_refused(result: CoronaryResult) -> None:
    once = changed(result, [ischaemia_change(result, Ischaemia.NEGATIVE, "Dr. Li")])
    for make in (
        lambda: ischaemia_change(result, Ischaemia.NEGATIVE, " "),
        lambda: ischaemia_change(once, Ischaemia.NEGATIVE, "Dr. Li"),
        lambda: ischaemia_change(result, None, "Dr. Li"),
        lambda: exceptions_change(result, (), "Dr. Li"),
        lambda: changed(result, [ReaderChange(ChangeKind.EXCEPTION, "", "not stated", "bad luck", "Dr. Li", "2026-01-02T03:04")]),
    ):
        with pytest.raises(InputError):
            make()


def test_a_grade_keeps_the_measured_value_where_it_lies_within(result: CoronaryResult) -> None:
    measured = finding(result, "pLAD").stenosis.percent
    new = changed(result, [grade_change(result, "pLAD", "5", "Dr. Li")])
    back = changed(result, [*new.changes, grade_change(new, "pLAD", grade_of(finding(result, "pLAD")), "Dr. Li")])
    assert finding(back, "pLAD").stenosis.percent == measured


def test_as_measured_takes_it_back_after_a_new_name_too(result: CoronaryResult) -> None:
    first = changed(result, [grade_change(result, "pLAD", NOT_ASSESSED, "Dr. Li", "motion")])
    assert finding(first, "pLAD").stenosis is None
    second = changed(result, [*first.changes, label_change(first, "pLAD", "mLAD", "Dr. Li")])
    third = changed(result, [*second.changes, grade_change(second, "mLAD", AS_MEASURED, "Dr. Li")])
    assert finding(third, "mLAD").stenosis == finding(result, "pLAD").stenosis
    assert len(third.changes) == 3


def test_what_is_refused(result: CoronaryResult) -> None:
    with pytest.raises(InputError) as refused:
        label_change(result, "D2", "nothing", " ")
    assert len(refused.value.problems) == 3
    with pytest.raises(InputError):
        grade_change(result, "pLAD", "4B", "Dr. Li")
    with pytest.raises(InputError):
        changed(result, [ReaderChange(ChangeKind.GRADE, "OM2", "0", "1", "Dr. Li", "2026-01-02T03:04:05+00:00")])


def test_the_trail_is_kept_beside_the_result(result: CoronaryResult, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    with whole_folder(folder) as scratch:
        (scratch / "coronary.json").write_text("{}", encoding="utf-8")
    assert load_changes(folder) == ()
    one = grade_change(result, "pLAD", "4A", " Dr. Li ", "seen in two phases")
    assert one.reader == "Dr. Li" and "T" in one.when and one.when[19] in "+-"
    save_changes([one], folder)
    assert load_changes(folder) == (one,)
    assert (folder / "coronary.json").read_text(encoding="utf-8") == "{}"
    check_output_folder(folder, keeps_signed=True)  # it counts as ours, so that a result which keeps it can take its place
    with pytest.raises(InputError, match="signed changes"):
        check_output_folder(folder)


def test_a_damaged_trail_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text(json.dumps({"schema": "other", "schema_version": 1, "changes": []}), encoding="utf-8")
    with pytest.raises(InputError):
        load_changes(tmp_path)


def test_the_report_lists_them(result: CoronaryResult) -> None:
    new = changed(result, [grade_change(result, "pLAD", "4A", "Dr. Li", "seen twice")])
    titles = [section.title for section in build_report(new).sections]
    assert "Changes by the reader" in titles
    assert "Changes by the reader" not in [section.title for section in build_report(result).sections]
    assert "Dr. Li" in new.changes[0].say(translator("zh")) and "修改" not in new.changes[0].say(translator("en"))


def test_the_command_writes_the_report_with_the_changes(tmp_path: Path) -> None:
    import numpy as np

    from CardiacCTALib.result_io import save_result
    from SenseCarePlanningLib.cli import main
    from SenseCarePlanningLib.dicomio.files import write_volume
    from SenseCarePlanningLib.progress import Progress
    from SenseCarePlanningLib.run_info import run_info

    result, tube = one_lesion()
    volume = replace(tube.volume, array_kji=np.rint(tube.volume.array_kji).astype(np.int16))
    write_volume(volume, tmp_path / "ct.nrrd")
    folder = tmp_path / "result"
    with whole_folder(folder) as scratch:
        save_result(replace(result, run=run_info(volume.grid, volume, {}, Progress())), scratch)
    measured = (folder / "coronary.json").read_bytes()
    first = result.vessel("LAD")
    off = first.vessel.points_lps_mm[60] + 0.3 * first.measured.walls.frames[15, 1]
    point = LinePoint(float(first.vessel.arc_mm[60]), (float(off[0]), float(off[1]), float(off[2])))
    moved = vessel_changes(result, "LAD", move_line(first.vessel, first.edit, point), "Dr. Li", "beside the lumen")
    save_changes([grade_change(result, "pLAD", "4A", "Dr. Li", "seen twice"), *moved], folder)
    assert main(["regrade", str(folder), "--ct", str(tmp_path / "ct.nrrd"), "--out", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Changes by the reader" in page and "Dr. Li" in page and "seen twice" in page
    assert "CAD-RADS 4A" in page
    assert (folder / "coronary.json").read_bytes() == measured
    assert len(load_changes(folder)) == 2
    # the moved line was measured from the scan, and is kept for who shows the result without one
    assert "beside the lumen" in page and "Measured again along a line that the reader moved: LAD." in page
    command = ["regrade", str(folder), "--ct", str(tmp_path / "ct.nrrd"), "--out", str(folder), "--exception", "anomalous-origin"]
    assert main([*command, "--ischaemia", "+-"]) == 2  # nobody signed
    assert main([*command, "--exception", "none", "--reader", "Dr. Wu"]) == 2
    assert len(load_changes(folder)) == 2
    assert main([*command, "--ischaemia", "+-", "--reader", "Dr. Wu", "--remark", "perfusion"]) == 0
    assert [one.after for one in load_changes(folder)[2:]] == ["I±", "anomalous origin"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "CAD-RADS 4A/P1/N/I±/E" in page and "Dr. Wu" in page and "perfusion" in page
    assert (folder / "coronary.json").read_bytes() == measured
    shown = load_shown(folder)[1].vessel("LAD")
    assert shown.edit.line == (point,) and shown.measured is not None and not shown.by_reader
