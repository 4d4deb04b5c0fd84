"""Drawing on a vessel in the CardiacCTA panel: walls and line are dragged, signed, kept, taken back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from coronary_steps import choose, settle

AT_MM = 16.0


@pytest.fixture
def signed(desktop, shown):
    """The panel with the measured vessel at its lesion, and a reader who signs."""
    choose(desktop, shown, shown.ui.vesselTable, 0)
    shown.ui.readerEdit.text = "Dr. Li"
    shown.session.go_to(AT_MM)
    settle(desktop, shown)
    return shown


def set_mode(panel, mode):
    panel.ui.drawComboBox.setCurrentIndex(panel.ui.drawComboBox.findData(mode))


def pixel(panel, angle_deg, radius_mm):
    """The pixel of the cross-section at an angle and a distance from the middle of the lumen."""
    along, at = panel.session.along, panel.session.at_mm
    walls = along.views.measured.walls
    centre = np.array([np.interp(at, walls.arc_mm, column) for column in walls.points_lps_mm.T])
    frame, angle = along.views.line.at(at)[1], np.radians(angle_deg)
    point = centre + radius_mm * (np.cos(angle) * frame[1] + np.sin(angle) * frame[2])
    x, y = along._section_sheet(at).to_pixels(point)[0][0]
    return round(x), round(y)


def radius(panel, angle_deg):
    from SenseCarePlanningLib.tubes.wall_edit import wall_at

    walls = panel.session.result.vessel("LAD").measured.walls
    return wall_at(walls.lumen_mm, walls.arc_mm, panel.session.at_mm, angle_deg)


def drag(desktop, panel, angle_deg, to_mm):
    start, end = pixel(panel, angle_deg, radius(panel, angle_deg)), pixel(panel, angle_deg, to_mm)
    desktop.drag(panel.drawPanel.section, start, end)
    settle(desktop, panel)


def kept(panel):
    path = Path(panel.session.case.folder) / "reader_changes.json"
    return json.loads(path.read_text(encoding="utf-8"))["changes"] if path.is_file() else []


def percent(panel):
    return panel.session.result.vessel("LAD").lesions[0].narrowings[0].diameter_stenosis_percent.value


def test_drawing_without_a_name_is_refused(desktop, signed, caplog):
    signed.ui.readerEdit.text = ""
    set_mode(signed, "lumen")
    assert "Reader in step 7" in caplog.text
    assert signed.ui.drawComboBox.currentData == "look"


def test_looking_draws_nothing(desktop, signed):
    drag(desktop, signed, 90.0, 3.0)
    assert kept(signed) == []
    assert not signed.ui.undoDrawButton.enabled


def test_a_dragged_lumen_edge_lies_where_it_was_let_go_and_the_stenosis_follows(desktop, signed):
    before, was, grade = percent(signed), radius(signed, 90.0), signed.session.result.grade.text
    set_mode(signed, "lumen")
    target = was + 1.0
    drag(desktop, signed, 90.0, target)
    assert radius(signed, 90.0) == pytest.approx(target, abs=0.05)  # half a pixel of the section
    assert percent(signed) < before - 5.0
    assert signed.session.measured.grade.text == grade
    (change,) = kept(signed)
    assert (change["kind"], change["subject"], change["reader"]) == ("vessel", "LAD", "Dr. Li")
    assert float(change["before"].split()[0]) == pytest.approx(was, abs=0.05)
    assert float(change["after"].split()[0]) == pytest.approx(target, abs=0.05)
    assert "Lumen edge of LAD, 16.0 mm from the ostium" in signed.ui.changesTable.item(0, 2).text()
    assert "by the reader" in signed.ui.lesionTable.item(0, 1).text()


def test_the_numbers_follow_while_the_mouse_is_held(desktop, signed):
    set_mode(signed, "lumen")
    drawing, session = signed.drawPanel.drawing, signed.session
    before = percent(signed)
    seen = []
    session.listeners.append(lambda what: seen.append(drawing.said) if what == "drawn" else None)
    assert drawing.press(session.along.point_in_section(AT_MM, *pixel(signed, 90.0, radius(signed, 90.0))), AT_MM)
    for more in (0.2, 0.5, 0.9):
        drawing.move(session.along.point_in_section(AT_MM, *pixel(signed, 90.0, radius(signed, 90.0) + more)))
        desktop.process_events(until=lambda: not drawing.following)
        desktop.process_events(until=lambda: not signed.vesselPanel.drawing)
    assert "→" in seen[-1] and "CAD-RADS" in seen[-1]
    assert signed.ui.drawLabel.text == seen[-1]
    assert percent(signed) == before and kept(signed) == [], "nothing is kept while the mouse is held"
    assert drawing.along.views.measured.walls.diameter_mm.max() > 0
    drawing.release()
    settle(desktop, signed)
    assert len(kept(signed)) == 1


def test_pressing_beside_the_wall_takes_hold_of_nothing(desktop, signed):
    set_mode(signed, "lumen")
    desktop.drag(signed.drawPanel.section, pixel(signed, 90.0, 4.5), pixel(signed, 90.0, 2.0))
    settle(desktop, signed)
    assert kept(signed) == []


def test_undo_goes_back_step_by_step_and_is_in_the_trail(desktop, signed):
    set_mode(signed, "lumen")
    first = percent(signed)
    drag(desktop, signed, 90.0, radius(signed, 90.0) + 0.8)
    second = percent(signed)
    drag(desktop, signed, 270.0, radius(signed, 270.0) + 0.5)
    assert percent(signed) < second
    desktop.click(signed.ui.undoDrawButton)
    settle(desktop, signed)
    assert percent(signed) == pytest.approx(second)
    desktop.click(signed.ui.undoDrawButton)
    settle(desktop, signed)
    assert percent(signed) == pytest.approx(first)
    assert len(kept(signed)) == 4
    assert not signed.ui.undoDrawButton.enabled and not signed.ui.asMeasuredButton.enabled


def test_all_is_taken_back_at_once_and_that_can_be_undone(desktop, signed):
    set_mode(signed, "lumen")
    first = percent(signed)
    drag(desktop, signed, 90.0, radius(signed, 90.0) + 0.8)
    drag(desktop, signed, 270.0, radius(signed, 270.0) + 0.5)
    drawn = percent(signed)
    desktop.click(signed.ui.asMeasuredButton)
    settle(desktop, signed)
    assert percent(signed) == pytest.approx(first)
    desktop.click(signed.ui.undoDrawButton)
    settle(desktop, signed)
    assert percent(signed) == pytest.approx(drawn)


def test_a_wall_is_dragged_in_the_picture_along_the_vessel(desktop, signed):
    set_mode(signed, "lumen")
    session = signed.session
    along, lying = session.along, session.along.lying
    x, _middle = lying.point_of(AT_MM)
    angle = along.cut_deg(AT_MM)
    walls = along.views.measured.walls
    centre = np.array([np.interp(AT_MM, walls.arc_mm, column) for column in walls.points_lps_mm.T])
    frame = along.views.line.at(AT_MM)[1]
    way = np.cos(np.radians(angle)) * frame[1] + np.sin(np.radians(angle)) * frame[2]

    def place(more):
        (found,) = lying.lying(lying.sheet.to_pixels(centre + (radius(signed, angle) + more) * way)[0])
        return int(x), round(found[1])

    was = radius(signed, angle)
    desktop.drag(signed.vesselPanel.picture, place(0.0), place(0.8))
    settle(desktop, signed)
    assert len(kept(signed)) == 1
    assert radius(signed, angle) == pytest.approx(was + 0.8, abs=0.2)  # a pixel of this picture is 0.16 mm
    assert session.at_mm == pytest.approx(AT_MM, abs=0.2)


def test_a_moved_line_is_measured_anew_and_undone(desktop, signed):
    session = signed.session
    before = session.result.vessel("LAD").vessel.points_lps_mm
    set_mode(signed, "line")
    middle = signed.session.along._section_sheet(AT_MM).columns / 2.0
    desktop.drag(signed.drawPanel.section, (middle, middle), (middle + 24, middle))
    assert session.keeping
    assert "Measuring" in signed.ui.drawLabel.text
    settle(desktop, signed)
    after = session.result.vessel("LAD").vessel.points_lps_mm
    assert np.linalg.norm(after - before, axis=1).max() == pytest.approx(1.0, abs=0.1)
    assert kept(signed)[0]["place"]["what"] == "line"
    assert session.along is not None
    assert session.result.vessel("LAD").measured is not session.measured.vessel("LAD").measured
    desktop.click(signed.ui.undoDrawButton)
    settle(desktop, signed)
    assert np.array_equal(session.result.vessel("LAD").vessel.points_lps_mm, before)
    assert not signed.ui.undoDrawButton.enabled


def test_what_was_drawn_comes_back_with_the_result_and_shows_in_the_scene(desktop, signed):
    import slicer

    set_mode(signed, "lumen")
    drag(desktop, signed, 90.0, radius(signed, 90.0) + 0.8)
    drawn, session = percent(signed), signed.session
    node = next(one for one in slicer.util.getNodesByClass("vtkMRMLModelNode") if one.GetName() == "LAD")
    assert node.GetDisplayNode().GetActiveScalarName() == "StenosisColors"
    session.open(session.case.volume)
    settle(desktop, signed)
    assert percent(signed) == pytest.approx(drawn)
    assert signed.ui.undoDrawButton.enabled
