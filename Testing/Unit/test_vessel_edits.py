"""What a reader draws on a vessel: walls and line moved by hand, graded at once, kept with who and why, taken back."""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import all_text, one_lesion
from coronary_tube import Tube

from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.dark_core import quiet_ring
from CardiacCTALib.edited_result import VesselDrag, with_vessel
from CardiacCTALib.plaque import plaque_wall, whole_plaque
from CardiacCTALib.plaque_ring import ring_again, ring_of
from CardiacCTALib.reader_change import AS_MEASURED, ChangeKind, Drawn, ReaderChange
from CardiacCTALib.reader_changes import CHANGES, changed, grade_change, label_change, load_changes, save_changes, vessel_changes
from CardiacCTALib.remeasured import REMEASURED, keep_remeasured, kept_in
from CardiacCTALib.report import build_report
from CardiacCTALib.report_pages.rows import codes_by_reader, drawn_codes, lesion_rows
from CardiacCTALib.result import CoronaryResult
from CardiacCTALib.structured_report import BY_READER, measurement_document
from CardiacCTALib.vessel_edit import VesselEdit, Wall, move_line
from CardiacCTALib.vessel_editor import moved_vessel, place_on_first_line, remeasure
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.tubes.assemble import assemble
from SenseCarePlanningLib.tubes.line_edit import APART_MM, LinePoint, pass_points, with_point
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag
from SenseCarePlanningLib.tubes.wall_edit import ALONG_MM, APART, AROUND_DEG, Anchor, apart, with_anchor

ALL_ROUND = tuple(float(angle) for angle in range(0, 360, 60))


@pytest.fixture(scope="module")
def patient() -> tuple[CoronaryResult, Tube]:
    return one_lesion()


@pytest.fixture(scope="module")
def result(patient: tuple[CoronaryResult, Tube]) -> CoronaryResult:
    return patient[0]


def finding(result: CoronaryResult, code: str):  # type: ignore[no-untyped-def]
    return next(one for one in result.findings.segments if one.code == code)


def at_lesion(result: CoronaryResult) -> float:
    vessel = result.vessel("LAD")
    return float(vessel.measured.walls.arc_mm[vessel.lesions[0].narrowest])


def narrowed(drag: VesselDrag, at_mm: float, radius_mm: float) -> VesselEdit:
    edit = drag.start
    for angle in ALL_ROUND:
        edit = drag.move(edit, Wall.LUMEN, Anchor(at_mm, angle, radius_mm))
    return edit


# --- anchors ------------------------------------------------------------------------------------------------------------


def test_an_anchor_reaches_as_far_as_it_says(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    before = result.vessel("LAD").measured.walls
    at = float(before.arc_mm[30])
    edit = drag.move(drag.start, Wall.LUMEN, Anchor(at, 90.0, before.lumen_mm[30, 8] + 0.2))
    moved = drag.result(edit).vessel("LAD").measured.walls.lumen_mm - before.lumen_mm
    assert moved[30, 8] == pytest.approx(0.2, abs=1e-4)
    one_away = np.interp(at + ALONG_MM, before.arc_mm, moved[:, 8])
    assert one_away == pytest.approx(0.2 * math.exp(-0.5), abs=0.01)
    turned = np.interp(90.0 + AROUND_DEG, np.arange(32) * 360.0 / 32.0, moved[30])
    assert turned == pytest.approx(0.2 * math.exp(-0.5), abs=0.01)
    assert np.abs(moved[np.abs(before.arc_mm - at) > 5.0 * ALONG_MM]).max() < 1e-5
    assert np.abs(moved[30, 24]) < 0.01


def test_earlier_anchors_are_kept_and_nearly_the_same_place_is_drawn_anew(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    at = float(result.vessel("LAD").measured.walls.arc_mm[30])
    edit = drag.move(drag.start, Wall.LUMEN, Anchor(at, 90.0, 1.1))
    edit = drag.move(edit, Wall.LUMEN, Anchor(at + 1.0, 130.0, 1.6))
    for one in edit.lumen:
        assert drag.editor.radius_mm(edit, Wall.LUMEN, one.arc_mm, one.angle_deg) == pytest.approx(one.radius_mm, abs=0.02)
    again = drag.move(edit, Wall.LUMEN, Anchor(at + 0.1, 95.0, 1.3))
    assert [one.radius_mm for one in again.lumen] == [1.6, 1.3]


def test_anchors_meet_across_the_first_angle() -> None:
    assert apart(Anchor(5.0, 359.0, 1.0), Anchor(5.0, -1.0, 2.0)) == pytest.approx(0.0)
    assert apart(Anchor(5.0, 355.0, 1.0), Anchor(5.0, 10.0, 2.0)) == pytest.approx(15.0 / AROUND_DEG)
    far = Anchor(5.0, APART * AROUND_DEG + 0.1, 1.0)
    assert with_anchor([Anchor(5.0, 0.0, 1.0)], far) == (Anchor(5.0, 0.0, 1.0), far)


# --- what follows -------------------------------------------------------------------------------------------------------


def test_lumen_drawn_narrower_is_graded_at_once_and_the_measured_vessel_stays(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    measured = result.vessel("LAD").measured.walls.lumen_mm.copy()
    new = drag.result(narrowed(drag, at_lesion(result), 0.3))
    before, after = result.vessel("LAD").lesions[0], new.vessel("LAD").lesions[0]
    diameter = after.narrowings[0].diameter_stenosis_percent.value
    assert diameter > before.narrowings[0].diameter_stenosis_percent.value + 10.0
    assert after.narrowings[0].area_stenosis_percent.value == pytest.approx(100.0 * (1.0 - (1.0 - diameter / 100.0) ** 2))
    assert after.mld_mm.value < before.mld_mm.value and after.mla_mm2.value < before.mla_mm2.value
    assert finding(new, "pLAD").stenosis.percent == diameter
    assert new.grade.category is Category.SEVERE and result.grade.category is Category.MODERATE
    assert {item.name: item.value for item in new.lesion_measurements[0]}["diameter_stenosis_taper"] == diameter
    assert new.vessel("LAD").by_reader and not result.vessel("LAD").by_reader
    assert np.array_equal(result.vessel("LAD").measured.walls.lumen_mm, measured)
    assert new.vessel("LAD").undrawn.measured is result.vessel("LAD").measured


def test_lumen_drawn_wide_takes_the_stenosis_away(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    edit = drag.start
    for place in np.arange(at_lesion(result) - 6.0, at_lesion(result) + 6.1, 1.5):
        for angle in ALL_ROUND:
            edit = drag.move(edit, Wall.LUMEN, Anchor(float(place), angle, 1.45))
    assert finding(drag.result(edit), "pLAD").stenosis.percent < 25.0


def test_an_outer_wall_drawn_wider_is_more_plaque(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    edit = drag.start
    for angle in ALL_ROUND:
        edit = drag.move(edit, Wall.OUTER, Anchor(at_lesion(result), angle, 3.2))
    new = drag.result(edit).vessel("LAD")
    assert new.plaque.total > result.vessel("LAD").plaque.total + 10.0
    assert new.lesions[0].mld_mm.value == pytest.approx(result.vessel("LAD").lesions[0].mld_mm.value, abs=0.05)


def test_an_empty_edit_is_what_was_measured(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    same = drag.result(VesselEdit())
    assert same.vessel("LAD").measured is result.vessel("LAD").measured
    assert same.vessel("LAD").lesions == result.vessel("LAD").lesions
    assert same.lesion_measurements == result.lesion_measurements
    assert finding(same, "pLAD").stenosis == finding(result, "pLAD").stenosis


def test_the_same_walls_give_the_same_numbers(result: CoronaryResult) -> None:
    """Drawn where it was measured: the whole way through the editor changes no number."""
    drag = VesselDrag.of(result, "LAD")
    at = at_lesion(result)
    here = drag.editor.radius_mm(drag.start, Wall.LUMEN, at, 40.0)
    new = drag.result(drag.move(drag.start, Wall.LUMEN, Anchor(at, 40.0, here)))
    before, after = result.vessel("LAD").lesions[0], new.vessel("LAD").lesions[0]
    assert after.narrowings[0].diameter_stenosis_percent.value == pytest.approx(
        before.narrowings[0].diameter_stenosis_percent.value, abs=1e-6
    )
    assert new.vessel("LAD").plaque.total == pytest.approx(result.vessel("LAD").plaque.total, abs=1e-6)


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_drag_finds_what_a_look_at_the_whole_vessel_finds(result: CoronaryResult, share: float) -> None:
    editor, edit = VesselDrag.of(result, "LAD").editor, VesselEdit()
    place = share * float(editor.measured.walls.arc_mm[-1])
    for wall, angle, by in ((Wall.LUMEN, 20.0, -0.2), (Wall.OUTER, 200.0, 0.4)):
        edit = editor.moved(edit, wall, Anchor(place, angle, editor.radius_mm(edit, wall, place, angle) + by))
    walls, forks = editor.walls(edit), editor.base.vessel.bifurcations
    measured = replace(editor.measured, walls=walls)
    again, whole = ring_again(walls, editor.ground, (editor.measured.walls, editor.ring)), ring_of(measured, walls)
    assert again is not editor.ring
    for name in ("share", "inner_mm", "outer_mm", "thickness_mm", "ring_hu", "raw_hu"):
        assert np.array_equal(getattr(again, name), getattr(whole, name), equal_nan=True), name
    weight, quiet, clear = quiet_ring(again)
    wanted = quiet_ring(whole)
    assert np.array_equal(weight, wanted[0])
    assert np.array_equal(quiet[weight > 0.0], wanted[1][weight > 0.0])
    assert np.array_equal(clear, wanted[2])
    assert editor.edited(edit).plaque == whole_plaque(measured, plaque_wall(measured, walls, bifurcations=forks))


@pytest.mark.parametrize(
    "anchor",
    [
        Anchor(16.0, 0.0, -1.0), Anchor(16.0, 0.0, 0.0), Anchor(16.0, 0.0, 9.0), Anchor(16.0, 0.0, math.nan),
        Anchor(math.inf, 0.0, 1.0), Anchor(16.0, math.nan, 1.0), Anchor(-3.0, 0.0, 1.0), Anchor(99.0, 0.0, 1.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wall", list(Wall))
def test_impossible_anchors_are_refused(result: CoronaryResult, wall: Wall, anchor: Anchor) -> None:
    drag = VesselDrag.of(result, "LAD")
    with pytest.raises(InputError) as refused:
        drag.move(drag.start, wall, anchor)
    assert refused.value.problems
    with pytest.raises(InputError):
        drag.result(VesselEdit(lumen=(anchor,)))


def test_a_lumen_across_the_outer_wall(result: CoronaryResult) -> None:
    """A measured outer wall gives way; one that the reader drew is a contradiction, whichever was drawn first."""
    drag = VesselDrag.of(result, "LAD")
    at = at_lesion(result)
    wide = drag.move(drag.start, Wall.LUMEN, Anchor(at, 0.0, 4.0))
    walls = drag.editor.walls(wide)
    assert (walls.outer_mm >= walls.lumen_mm).all()
    with pytest.raises(InputError, match="cannot be drawn"):
        drag.move(wide, Wall.OUTER, Anchor(at, 0.0, 2.0))
    outer = drag.move(drag.start, Wall.OUTER, Anchor(at, 0.0, 2.0))
    with pytest.raises(InputError):
        drag.move(outer, Wall.LUMEN, Anchor(at, 0.0, 4.0))


def test_anchors_that_no_drag_makes_are_refused(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    twice = VesselEdit(lumen=(Anchor(16.0, 0.0, 0.5), Anchor(16.0, 5.0, 2.0)))
    with pytest.raises(InputError) as refused:
        drag.result(twice)
    assert "one place" in refused.value.problems[0]
    many = VesselEdit(outer=tuple(Anchor(0.05 * number, 0.0, 2.0) for number in range(600)))
    with pytest.raises(InputError, match="cannot be drawn"):
        drag.result(many)
    with pytest.raises(InputError):
        moved_vessel(result.vessel("LAD").vessel, (LinePoint(5.0, (0.0, 0.0, 0.0)), LinePoint(5.1, (0.0, 0.0, 0.0))))


def test_anchors_that_pull_apart_leave_the_wall_within_what_was_sampled(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    reach = drag.editor.measured.options.reach_mm
    edit = drag.start
    for number in range(12):
        edit = drag.move(edit, Wall.LUMEN, Anchor(10.0 + 0.75 * number, 0.0, 0.1 if number % 2 else reach))
    walls = drag.result(edit).vessel("LAD").measured.walls
    assert np.isfinite(walls.lumen_mm).all() and walls.lumen_mm.min() > 0.0 and walls.outer_mm.max() <= reach
    assert (walls.outer_mm >= walls.lumen_mm).all()


def test_a_vessel_that_was_not_measured_has_no_walls(result: CoronaryResult) -> None:
    with pytest.raises(InputError):
        VesselDrag.of(result, "D1")
    with pytest.raises(KeyError):
        VesselDrag.of(result, "RCA")


# --- whose numbers they are -----------------------------------------------------------------------------------------------


def marked(result: CoronaryResult, code: str) -> set[bool]:
    return {item.by_reader for item in result.segment_measurements[code] if item.name != "length"}


def test_only_what_the_drawn_walls_reach_is_the_readers(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    lesion = result.vessel("LAD").lesions[0]
    arc = result.vessel("LAD").measured.walls.arc_mm
    assert arc[lesion.last] < 24.0
    for wall, radius in ((Wall.LUMEN, 0.9), (Wall.OUTER, 2.8)):
        new = drag.result(drag.move(drag.start, wall, Anchor(28.0, 40.0, radius)))
        assert drawn_codes(new) == ("mLAD",) and codes_by_reader(new) == {"mLAD"}
        assert marked(new, "mLAD") == {True} and marked(new, "pLAD") == {False}
        assert not lesion_rows(new)[0].by_reader
        assert not any(item.by_reader for item in new.lesion_measurements[0])
    at = drag.result(narrowed(drag, at_lesion(result), 0.3))
    assert drawn_codes(at) == ("pLAD",) and marked(at, "mLAD") == {False} and lesion_rows(at)[0].by_reader
    assert {item.name for item in at.lesion_measurements[0] if not item.by_reader} == {"calcium_arc"}


def test_a_widened_place_is_the_readers_although_no_lesion_is_left(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    edit = drag.start
    for place in (at_lesion(result) + 1.5 * step for step in range(-3, 4)):
        for angle in ALL_ROUND:
            edit = drag.move(edit, Wall.LUMEN, Anchor(place, angle, 1.5))
    assert "pLAD" in drawn_codes(drag.result(edit))


def test_what_is_not_drawn_keeps_the_image_in_report_and_structured_report(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    edit = drag.move(drag.start, Wall.LUMEN, Anchor(28.0, 40.0, 0.9))
    new = changed(result, vessel_changes(result, "LAD", edit, "Dr. Li"))
    groups = {one.tracking_id: one for one in measurement_document(new).groups}
    by_hand = {name for name, one in groups.items() if any(item.value == BY_READER for item in one.evaluations)}
    assert by_hand == {"Segment 7 mLAD"}
    text = " ".join(all_text(build_report(new)))
    assert "(segments: mLAD)" in text and "All other numbers are as the scan gave them." in text
    assert "measured numbers are as the scan gave them" not in text
    graded = changed(result, [grade_change(result, "pLAD", "5", "Dr. Li")])
    assert "measured numbers are as the scan gave them" in " ".join(all_text(build_report(graded)))


def test_the_report_has_the_time_of_its_writing_and_the_changes_theirs(result: CoronaryResult) -> None:
    change = replace(grade_change(result, "pLAD", "5", "Dr. Li"), when="2026-02-03T04:05:06+00:00")
    new = changed(result, [change])
    report = build_report(new, written="2026-05-06T07:08:09+00:00")
    text = " ".join(all_text(report))
    assert report.created == "2026-05-06T07:08:09+00:00"
    assert "2026-02-03 04:05" in text and result.run.created in text
    assert abs(datetime.now().astimezone() - datetime.fromisoformat(build_report(new).created)) < timedelta(minutes=2)


# --- the trail ----------------------------------------------------------------------------------------------------------


def test_a_drag_is_signed_kept_applied_and_taken_back(result: CoronaryResult, tmp_path: Path) -> None:
    drag = VesselDrag.of(result, "LAD")
    at = at_lesion(result)
    edit = drag.move(drag.move(drag.start, Wall.LUMEN, Anchor(at, 30.0, 0.4)), Wall.OUTER, Anchor(at, 210.0, 2.9))
    changes = vessel_changes(result, "LAD", edit, " Dr. Li ", "calcium blooms")
    assert [one.place.what for one in changes] == [Drawn.LUMEN, Drawn.OUTER]
    was = drag.editor.radius_mm(drag.start, Wall.LUMEN, at, 30.0)
    assert (changes[0].before, changes[0].after) == (f"{was:.2f} mm", "0.40 mm")
    assert all(one.reader == "Dr. Li" and one.remark == "calcium blooms" for one in changes)
    save_changes(changes, tmp_path)
    new = changed(result, load_changes(tmp_path))
    assert new.vessel("LAD").edit == edit and new.changes == changes
    assert new.vessel("LAD").lesions == drag.result(edit).vessel("LAD").lesions
    back = changed(result, [*changes, *vessel_changes(new, "LAD", VesselEdit(), "Dr. Wu")])
    assert back.vessel("LAD").measured is result.vessel("LAD").measured
    assert back.vessel("LAD").lesions == result.vessel("LAD").lesions
    assert back.changes[-1].after == AS_MEASURED and len(back.changes) == 3


def test_a_place_counts_from_the_ostium_as_all_tables_do(result: CoronaryResult, tmp_path: Path) -> None:
    side = replace(result.vessel("LAD"), vessel=replace(result.vessel("LAD").vessel, ostium_mm=13.0))
    later = replace(result, vessels=(side, *result.vessels[1:]))
    drag = VesselDrag.of(later, "LAD")
    at = at_lesion(result)
    changes = vessel_changes(later, "LAD", drag.move(drag.start, Wall.LUMEN, Anchor(at, 30.0, 0.4)), "Dr. Li")
    place = changes[0].place
    assert place.from_ostium_mm == pytest.approx(13.0 + at) and place.arc_mm == pytest.approx(at)
    assert f"{13.0 + at:.1f} mm from the ostium" in changes[0].say(translator("en"))
    assert f"{13.0 + at:.1f} mm" in changes[0].say(translator("zh"))
    save_changes(changes, tmp_path)  # as the versions before wrote it
    content = json.loads((tmp_path / CHANGES).read_text(encoding="utf-8"))
    del content["changes"][0]["place"]["ostium_mm"]
    (tmp_path / CHANGES).write_text(json.dumps({**content, "schema_version": 2}), encoding="utf-8")
    assert changed(later, load_changes(tmp_path)).changes == changes


def test_a_second_drag_goes_on_from_the_first(result: CoronaryResult) -> None:
    first = VesselDrag.of(result, "LAD")
    at = at_lesion(result)
    one = changed(result, vessel_changes(result, "LAD", first.move(first.start, Wall.LUMEN, Anchor(at, 30.0, 0.5)), "Dr. Li"))
    second = VesselDrag.of(one, "LAD")
    edit = second.move(second.start, Wall.LUMEN, Anchor(at, 200.0, 0.6))
    assert len(edit.lumen) == 2
    changes = vessel_changes(one, "LAD", edit, "Dr. Li")
    assert len(changes) == 1
    both = changed(result, [*one.changes, *changes])
    assert changed(result, both.changes, earlier=both).vessel("LAD").stenosis is both.vessel("LAD").stenosis
    assert changed(result, both.changes, earlier=one).vessel("LAD").lesions == both.vessel("LAD").lesions
    assert both.vessel("LAD").undrawn.measured is result.vessel("LAD").measured
    removed = vessel_changes(both, "LAD", replace(edit, lumen=edit.lumen[1:]), "Dr. Li")
    assert len(removed) == 1 and removed[0].place is None
    assert changed(result, [*both.changes, *removed]).vessel("LAD").edit.lumen == edit.lumen[1:]


def test_a_grade_by_hand_stands_above_drawn_walls(result: CoronaryResult) -> None:
    graded = changed(result, [grade_change(result, "pLAD", "2", "Dr. Li")])
    drag = VesselDrag.of(graded, "LAD")
    edit = narrowed(drag, at_lesion(result), 0.3)
    assert finding(drag.result(edit), "pLAD").stenosis == finding(graded, "pLAD").stenosis
    new = changed(result, [*graded.changes, *vessel_changes(graded, "LAD", edit, "Dr. Li")])
    assert finding(new, "pLAD").stenosis.percent == 49.0
    free = changed(result, [*new.changes, grade_change(new, "pLAD", AS_MEASURED, "Dr. Li")])
    assert finding(free, "pLAD").stenosis.percent > 70.0


def test_a_new_name_goes_with_what_was_drawn(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    drawn = vessel_changes(result, "LAD", narrowed(drag, at_lesion(result), 0.3), "Dr. Li")
    once = changed(result, drawn)
    both = changed(result, [*drawn, label_change(once, "pLAD", "mLAD", "Dr. Li")])
    assert finding(both, "mLAD").stenosis == finding(once, "pLAD").stenosis
    again = VesselDrag.of(both, "LAD")
    assert again.result(again.start).lesions[0].code == "mLAD"


def test_what_nobody_signed_or_drew_is_refused(result: CoronaryResult) -> None:
    drag = VesselDrag.of(result, "LAD")
    edit = drag.move(drag.start, Wall.LUMEN, Anchor(16.0, 0.0, 0.5))
    for name, what, reader in (("LAD", edit, " "), ("RCA", edit, "Dr. Li"), ("LAD", VesselEdit(), "Dr. Li")):
        with pytest.raises(InputError):
            vessel_changes(result, name, what, reader)


@pytest.mark.parametrize(
    "harm",
    [
        lambda one: one["edit"]["lumen"][0].update(radius_mm=-1.0),
        lambda one: one["edit"]["lumen"][0].update(radius_mm=None),
        lambda one: one["edit"]["lumen"][0].update(arc_mm=500.0),
        lambda one: one["edit"]["lumen"][0].update(angle_deg="north"),
        lambda one: one["edit"].update(lumen="all"),
        lambda one: one.update(edit=None),
        lambda one: one.update(kind="nothing"),
        lambda one: one.update(subject="RCA"),
        lambda one: one["place"].update(what="everything"),
    ],
)  # fmt: skip
def test_a_damaged_trail_is_refused_and_never_half_applied(result: CoronaryResult, tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    drag = VesselDrag.of(result, "LAD")
    edit = drag.move(drag.start, Wall.LUMEN, Anchor(16.0, 0.0, 0.5))
    save_changes(vessel_changes(result, "LAD", edit, "Dr. Li"), tmp_path)
    content = json.loads((tmp_path / CHANGES).read_text(encoding="utf-8"))
    harm(content["changes"][0])
    (tmp_path / CHANGES).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError):
        changed(result, load_changes(tmp_path))


def test_a_trail_of_the_first_version_is_read(result: CoronaryResult, tmp_path: Path) -> None:
    save_changes([grade_change(result, "pLAD", "4A", "Dr. Li")], tmp_path)
    content = json.loads((tmp_path / CHANGES).read_text(encoding="utf-8"))
    for name in ("edit", "place"):
        del content["changes"][0][name]
    (tmp_path / CHANGES).write_text(json.dumps({**content, "schema_version": 1}), encoding="utf-8")
    assert load_changes(tmp_path)[0].after == "4A"
    with pytest.raises(ValueError, match="drawn"):
        ReaderChange(ChangeKind.VESSEL, "LAD", "1", "2", "Dr. Li", "2026-01-02T03:04:05+00:00")


# --- the line -----------------------------------------------------------------------------------------------------------


def test_a_line_passes_its_points_and_stays_elsewhere() -> None:
    line = np.stack([np.zeros(200), np.zeros(200), np.linspace(0.0, 80.0, 200)], axis=1)
    points = (LinePoint(30.0, (1.0, 0.0, 30.0)), LinePoint(36.0, (0.0, -1.0, 36.0)))
    moved = pass_points(line, line[:, 2], points)
    for one in points:
        at = [np.interp(one.arc_mm, line[:, 2], column) for column in moved.T]
        assert at == pytest.approx(one.point_lps_mm, abs=0.01)
    assert np.abs(moved - line)[line[:, 2] > 60.0].max() < 1e-6
    assert with_point(points, LinePoint(36.0 + 0.5 * APART_MM, (0.0, 0.0, 0.0)))[0] is points[0]
    with pytest.raises(ValueError, match="place"):
        pass_points(line, line[:, 2], [LinePoint(81.0, (0.0, 0.0, 0.0))])


def test_a_moved_line_is_measured_again_and_gives_the_same_artery(patient: tuple[CoronaryResult, Tube], tmp_path: Path) -> None:
    result, tube = patient
    first = result.vessel("LAD")
    off = first.vessel.points_lps_mm[60] + 0.4 * first.measured.walls.frames[15, 1]
    edit = move_line(first.vessel, first.edit, LinePoint(float(first.vessel.arc_mm[60]), tuple(float(one) for one in off)))
    new = remeasure(first, edit.line, tube.volume, result.scan)
    assert new.edit == edit and not new.by_reader
    percent = [one.lesions[0].narrowings[0].diameter_stenosis_percent.value for one in (first, new)]
    assert percent[1] == pytest.approx(percent[0], abs=4.0)
    assert new.vessel.stretches[0].to_mm != first.vessel.stretches[0].to_mm
    place = place_on_first_line(first.vessel, new.vessel, new.vessel.stretches[0].to_mm)
    assert place == pytest.approx(first.vessel.stretches[0].to_mm, abs=0.05)
    changes = vessel_changes(result, "LAD", edit, "Dr. Li", "beside the lumen")
    assert changes[0].place.what is Drawn.LINE
    with pytest.raises(InputError):
        changed(result, changes)
    keep_remeasured(first, new, tmp_path)
    shown = changed(result, changes, kept_in(tmp_path))
    assert shown.vessel("LAD").lesions == new.lesions
    # walls drawn on the moved line, then both taken back
    drag = VesselDrag.of(shown, "LAD")
    drawn = vessel_changes(shown, "LAD", drag.move(drag.start, Wall.LUMEN, Anchor(16.0, 0.0, 0.5)), "Dr. Li")
    both = changed(result, [*changes, *drawn], kept_in(tmp_path))
    assert both.vessel("LAD").by_reader and both.vessel("LAD").edit.line == edit.line
    back = changed(result, [*both.changes, *vessel_changes(both, "LAD", VesselEdit(), "Dr. Li")])
    assert back.vessel("LAD").measured is first.measured
    # a damaged file is no vessel
    kept = next((tmp_path / REMEASURED).iterdir())
    (kept / "vessel.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError):
        changed(result, changes, kept_in(tmp_path))
    asked: list[object] = []
    assert changed(result, changes, kept_in(tmp_path, lambda one, line: asked.append(line) or new)).vessel("LAD").edit == edit
    shutil.rmtree(tmp_path / REMEASURED)
    assert asked == [edit.line]


@pytest.mark.parametrize(
    "point",
    [
        LinePoint(-1.0, (0.0, 0.0, 0.0)), LinePoint(500.0, (0.0, 0.0, 0.0)), LinePoint(5.0, (math.nan, 0.0, 0.0)),
        LinePoint(5.0, (900.0, 0.0, 0.0)),
    ],
)  # fmt: skip
def test_impossible_points_are_refused(patient: tuple[CoronaryResult, Tube], point: LinePoint) -> None:
    result, tube = patient
    first = result.vessel("LAD")
    with pytest.raises(InputError):
        move_line(first.vessel, first.edit, point)
    with pytest.raises(InputError):
        remeasure(first, (point,), tube.volume, result.scan)


def test_the_tree_follows_a_moved_line_and_what_leaves_it_stays_attached(patient: tuple[CoronaryResult, Tube]) -> None:
    result = patient[0]
    first = result.vessel("LAD")
    points = first.vessel.points_lps_mm
    half = len(points) // 2
    away = np.linspace(0.0, 20.0, 41)[:, None] * np.array([1.0, 0.0, 0.0])

    def branch(number: int, parent: int | None, course: np.ndarray) -> Branch:
        count = len(course)
        radius = np.full(count, 1.5)
        return Branch(number, parent, (), course, radius, np.stack([radius, radius], axis=1), np.zeros((count, 3, 3)))

    tree = assemble(
        [branch(0, None, points[: half + 1]), branch(1, 0, points[half:]), branch(2, 0, points[half] + away)], 0
    )  # fmt: skip
    vessel = replace(first.vessel, branch_ids=(0, 1))
    treed = replace(result, trees=(tree,), vessels=(replace(first, vessel=vessel), *result.vessels[1:]))
    place = float(vessel.arc_mm[half])
    to = points[half] + np.array([0.0, 0.8, 0.0])
    line = (LinePoint(place, (float(to[0]), float(to[1]), float(to[2]))),)
    moved = replace(treed.vessels[0], vessel=moved_vessel(vessel, line))
    new = with_vessel(treed, moved).trees[0]
    np.testing.assert_allclose(new[0].points_lps_mm[-1], to, atol=1e-3)
    for child in (1, 2):
        np.testing.assert_allclose(new[child].points_lps_mm[0], new[0].points_lps_mm[-1], atol=1e-9)
    np.testing.assert_allclose(new[2].points_lps_mm[-1], tree[2].points_lps_mm[-1], atol=0.01)
    np.testing.assert_allclose(np.concatenate([new[0].points_lps_mm, new[1].points_lps_mm[1:]]), moved.vessel.points_lps_mm)
    assert all(BranchFlag.MANUALLY_EDITED in new[number].flags for number in (0, 1, 2))
    assert BranchFlag.MANUALLY_EDITED not in tree[0].flags
    np.testing.assert_allclose(np.linalg.norm(new[2].frames, axis=2), 1.0, atol=1e-6)
