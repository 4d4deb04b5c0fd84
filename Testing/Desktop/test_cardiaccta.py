"""The CardiacCTA panel on a finished result: vessels, places, lesions, changes, scene, runs, languages."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from coronary_patient import add_ct
from coronary_steps import WAIT_S, choose, settle


def slice_places(points):
    """Distance of points (R, A, S) from the planes of the three slices, mm."""
    import slicer

    manager = slicer.app.layoutManager()
    found = []
    for name in ("Red", "Yellow", "Green"):
        matrix = manager.sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
        normal = np.array([matrix.GetElement(axis, 2) for axis in range(3)])
        origin = np.array([matrix.GetElement(axis, 3) for axis in range(3)])
        found.append(abs(float(normal @ (np.array(points) - origin))))
    return found


def test_the_panel_asks_for_a_ct_first(desktop):
    desktop.load_module("CardiacCTA")
    panel = desktop.show_module("CardiacCTA")
    assert not panel.ui.runButton.enabled
    assert "CT" in panel.ui.statusLabel.text
    for name in ("reportButton", "renameButton", "gradeButton"):
        assert not getattr(panel.ui, name).enabled, name


def test_the_panel_opens_without_a_window(desktop_without_window):
    desktop_without_window.load_module("CardiacCTA")
    panel = desktop_without_window.show_module("CardiacCTA")
    assert panel.ui.statusLabel.text


def test_its_own_test_passes(desktop):
    desktop.load_module("CardiacCTA")
    desktop.run_self_test("CardiacCTA")


def test_vessels_are_listed_and_seen(shown):
    from CardiacCTAWidgets.case import result_node_names

    table = shown.ui.vesselTable
    assert [table.item(row, 0).text() for row in range(table.rowCount)] == ["LAD", "D1"]
    assert table.item(0, 1).text() == "32"
    result = shown.session.measured
    percent = result.vessel("LAD").lesions[0].narrowings[0].diameter_stenosis_percent
    assert table.item(0, 2).text() == f"{percent.value:.0f}\u00a0% ({percent.low:.0f}–{percent.high:.0f})"
    assert "not assessed" in table.item(1, 2).text()
    assert set(result_node_names(shown.session.case)) == {"vessel LAD", "vessel D1"}


def test_a_vessel_is_straightened_and_the_slices_go_to_its_worst_lesion(desktop, shown):
    choose(desktop, shown, shown.ui.vesselTable, 0)
    session = shown.session
    lesion = session.result.vessel("LAD").lesions[0]
    measured = session.result.vessel("LAD").measured
    assert session.at_mm == pytest.approx(measured.walls.arc_mm[lesion.narrowest])
    assert shown.vesselPanel.picture.width == session.along.lying.picture.shape[1]
    assert max(slice_places(session.point_ras())) < 0.51  # a slice snaps to the middle of its voxels
    assert "Lumen area" in shown.ui.placeLabel.text


def test_a_vessel_without_measurement_says_why(desktop, shown):
    choose(desktop, shown, shown.ui.vesselTable, 1)
    assert shown.session.vessel == "D1"
    assert shown.session.along is None
    assert not shown.ui.pictureScroll.visible
    assert "not assessed" in shown.ui.placeLabel.text


def test_slider_and_picture_move_the_place(desktop, shown):
    choose(desktop, shown, shown.ui.vesselTable, 0)
    session = shown.session
    shown.ui.positionSlider.value = 5.0
    desktop.process_events()
    assert session.at_mm == pytest.approx(5.0)
    assert max(slice_places(session.point_ras())) < 0.51
    desktop.drag(shown.vesselPanel.picture, (20, 40), (100, 40))
    assert session.at_mm == pytest.approx(session.along.lying.place_of(100))
    assert shown.ui.positionSlider.value == pytest.approx(session.at_mm, abs=0.06)
    wanted = session.along.point_lps_mm(session.at_mm) * (-1, -1, 1)
    assert np.linalg.norm(np.array(session.point_ras()) - wanted) < 1e-6


def set_kind(desktop, panel, kind):
    panel.ui.kindComboBox.setCurrentIndex(panel.ui.kindComboBox.findData(kind))
    settle(desktop, panel)


def test_the_view_is_turned_by_slider_and_by_the_right_button(desktop, shown):
    choose(desktop, shown, shown.ui.vesselTable, 0)
    session, place = shown.session, shown.session.at_mm
    before, straight = session.along.lying.picture, session.along.cut_deg(place)
    assert shown.ui.turnSlider.enabled and shown.ui.kindComboBox.enabled
    shown.ui.turnSlider.value = 90.0
    settle(desktop, shown)
    assert (session.along.cut_deg(place) - straight) % 360.0 == pytest.approx(90.0)
    assert (session.along.lying.picture != before).any()
    desktop.drag(shown.vesselPanel.picture, (30, 60), (30, 50), button=qt_right_button())
    settle(desktop, shown)
    assert session.along.cut.turn_deg == shown.ui.turnSlider.value == pytest.approx(105.0)
    assert session.at_mm == place


def qt_right_button():
    from PySide6 import QtCore

    return QtCore.Qt.MouseButton.RightButton


@pytest.mark.parametrize("kind", ["stretched", "projected"])
def test_a_curved_view_keeps_place_and_pixel_together(desktop, shown, kind):
    choose(desktop, shown, shown.ui.vesselTable, 0)
    set_kind(desktop, shown, kind)
    session = shown.session
    lying = session.along.lying
    x, y = lying.point_of(12.0)
    desktop.drag(shown.vesselPanel.picture, (20, 20), (int(x), int(y) + 3))
    assert session.at_mm == pytest.approx(12.0, abs=0.8)
    assert shown.vesselPanel.picture.height == lying.picture.shape[0]
    assert max(slice_places(session.point_ras())) < 0.51


def test_a_slab_is_brighter_and_another_vessel_begins_unturned(desktop, shown):
    choose(desktop, shown, shown.ui.vesselTable, 0)
    session = shown.session
    thin = session.along.lying.picture
    shown.ui.slabComboBox.setCurrentIndex(shown.ui.slabComboBox.findData("mip"))
    shown.ui.thicknessSlider.value = 4.0
    shown.ui.turnSlider.value = 45.0
    settle(desktop, shown)
    assert session.along.cut.thickness_mm == 4.0
    assert session.along.lying.picture[25:45].mean() > thin[25:45].mean()  # beside the vessel with its drawn walls
    choose(desktop, shown, shown.ui.vesselTable, 1)
    choose(desktop, shown, shown.ui.vesselTable, 0)
    assert session.along.cut.turn_deg == shown.ui.turnSlider.value == 0.0
    assert session.along.cut.thickness_mm == 4.0


def test_a_lesion_leads_to_its_narrowest_place(desktop, shown):
    choose(desktop, shown, shown.ui.vesselTable, 1)
    choose(desktop, shown, shown.ui.lesionTable, 0)
    session = shown.session
    row = session.rows[0]
    assert session.vessel == "LAD"
    assert session.at_mm == pytest.approx(row.vessel.measured.walls.arc_mm[row.lesion.narrowest])
    assert "pLAD" in shown.ui.lesionLabel.text
    assert shown.ui.lesionTable.item(0, 2).text() == f"{row.lesion.mld_mm.value:.1f}"


def test_grade_and_calcium_are_told_with_their_reasons(shown):
    result = shown.session.result
    assert shown.ui.gradeLabel.text == result.grade.text
    assert shown.ui.traceLabel.text.count("•") == len(result.grade.trace) + len(result.grade.what_if)
    assert "no calcium series was given" in shown.ui.calciumLabel.text
    assert not shown.ui.calciumTable.visible


def sign(panel, segment, reader="Dr. Li"):
    panel.ui.readerEdit.text = reader
    panel.ui.segmentComboBox.setCurrentIndex(panel.ui.segmentComboBox.findData(segment))


def test_a_changed_name_is_kept_and_listed(desktop, shown):
    sign(shown, "D1")
    shown.ui.nameComboBox.setCurrentIndex(shown.ui.nameComboBox.findData("D2"))
    desktop.click(shown.ui.renameButton)
    settle(desktop, shown)
    assert [one.vessel.name for one in shown.session.result.vessels] == ["LAD", "D2"]
    kept = json.loads((Path(shown.session.case.folder) / "reader_changes.json").read_text(encoding="utf-8"))["changes"]
    assert [(one["kind"], one["before"], one["after"], one["reader"]) for one in kept] == [("label", "D1", "D2", "Dr. Li")]
    assert shown.ui.changesTable.item(0, 1).text() == "Dr. Li"
    assert shown.ui.vesselTable.item(1, 0).text() == "D2"


def test_a_changed_grade_is_graded_anew_and_taken_back(desktop, shown):
    before = shown.session.result.grade.text
    sign(shown, "pLAD")
    shown.ui.gradeComboBox.setCurrentIndex(shown.ui.gradeComboBox.findData("5"))
    desktop.click(shown.ui.gradeButton)
    settle(desktop, shown)
    assert "CAD-RADS 5" in shown.ui.gradeLabel.text
    assert shown.session.measured.grade.text == before
    shown.ui.gradeComboBox.setCurrentIndex(shown.ui.gradeComboBox.findData("as measured"))
    desktop.click(shown.ui.gradeButton)
    settle(desktop, shown)
    assert shown.ui.gradeLabel.text == before
    assert shown.ui.changesTable.rowCount == 2


def test_a_given_grade_stands_in_the_lesions_row_as_the_readers(desktop, shown):
    measured, grade = shown.ui.lesionTable.item(0, 1).text(), shown.ui.lesionTable.item(0, 4).text()
    sign(shown, "pLAD")
    shown.ui.gradeComboBox.setCurrentIndex(shown.ui.gradeComboBox.findData("4A"))
    desktop.click(shown.ui.gradeButton)
    settle(desktop, shown)
    table = shown.ui.lesionTable
    assert (table.item(0, 1).text(), table.item(0, 4).text()) == (measured, "4A\nby the reader")
    assert table.item(0, 4).toolTip() == f"As measured: {grade}"


def test_an_unsigned_change_is_refused_in_a_sentence(desktop, shown, caplog):
    sign(shown, "pLAD", reader="")
    shown.ui.gradeComboBox.setCurrentIndex(shown.ui.gradeComboBox.findData("5"))
    desktop.click(shown.ui.gradeButton)
    assert "not changed" in caplog.text
    assert shown.session.result.changes == ()
    assert not (Path(shown.session.case.folder) / "reader_changes.json").exists()


def test_the_scene_comes_back_with_result_vessel_and_place(desktop, shown, tmp_path):
    choose(desktop, shown, shown.ui.vesselTable, 0)
    shown.session.go_to(7.0)
    text = shown.ui.gradeLabel.text
    desktop.save_scene(tmp_path / "case.mrb")
    desktop.scene.Clear(0)
    assert shown.session.case is None
    assert shown.ui.vesselTable.rowCount == 0
    desktop.open_scene(tmp_path / "case.mrb")
    settle(desktop, shown)
    assert shown.ui.gradeLabel.text == text
    assert shown.session.vessel == "LAD"
    assert shown.session.at_mm == pytest.approx(7.0)
    assert shown.session.along is not None


def test_a_folder_that_is_gone_is_a_sentence(desktop, shown):
    shutil.rmtree(shown.session.case.folder)
    shown.session.open(shown.session.case.volume)
    settle(desktop, shown)
    assert "no longer there" in shown.ui.statusLabel.text


def test_a_result_of_another_series_is_not_shown_on_a_scan_of_the_same_grid(desktop, shown, kept, tmp_path, monkeypatch):
    from CardiacCTAWidgets import session as sessions
    from SenseCarePlanningLib.errors import InputError

    session, mine = shown.session, "2.25.1"
    monkeypatch.setattr(sessions, "series_of", lambda node: mine)
    for name in ("mine", "other"):
        shutil.copytree(kept.folder, tmp_path / "cases" / name)
    (tmp_path / "cases" / "mine" / "study.json").write_text(json.dumps({"series_uid": mine}), encoding="utf-8")
    (tmp_path / "cases" / "other" / "study.json").write_text(json.dumps({"series_uid": "2.25.2"}), encoding="utf-8")
    session.take_result(tmp_path / "cases" / "mine", at_once=True)
    with pytest.raises(InputError, match="another series than the chosen CT"):
        session.take_result(tmp_path / "cases" / "other")
    assert session.case.folder == str(tmp_path / "cases" / "mine")
    assert session.result is not None
    session.case.folder = str(tmp_path / "cases" / "other")  # as a scene keeps it whose CT was loaded again
    session.open(session.case.volume, at_once=True)
    assert session.result is None
    assert "another series than the chosen CT" in shown.ui.statusLabel.text
    mine = ""  # a CT that is not from the DICOM database goes by its grid
    session.open(session.case.volume, at_once=True)
    assert session.result is not None


def test_the_console_shows_and_loads(desktop, panel, kept, tmp_path):
    folder = tmp_path / "cases" / "one"
    shutil.copytree(kept.folder, folder)
    result = panel.logic.show(panel.ui.inputSelector.currentNode(), folder)
    assert result.grade.text == panel.ui.gradeLabel.text
    assert panel.logic.load(folder).heart.array_kji.any()


def test_chinese(desktop, kept, tmp_path):
    desktop.language("zh_CN")
    desktop.load_module("CardiacCTA")
    add_ct(desktop.scene, kept)
    panel = desktop.show_module("CardiacCTA")
    folder = tmp_path / "one"
    shutil.copytree(kept.folder, folder)
    panel.session.take_result(folder)
    settle(desktop, panel)
    assert panel.ui.runButton.text == "分析冠状动脉"
    assert "未评估" in panel.ui.vesselTable.item(1, 2).text()


def test_a_scan_without_a_heart_is_a_sentence(desktop, panel, caplog):
    desktop.click(panel.ui.runButton)
    desktop.process_events(until=lambda: not panel.runs.busy, timeout=WAIT_S)
    assert panel.session.result is None
    assert "Traceback" not in caplog.text
    assert panel.progressBox.step_label.text
    assert panel.ui.runButton.enabled


def round_vessel(scene, hu, name):
    """A body with air in its corners and a round vessel of 30 mm from end to end, which is all that tells contrast."""
    from SenseCarePlanningLib.volume import Volume
    from SenseCarePlanningMRML.volume_nodes import add_volume

    rows, columns = np.indices((70, 70)) - 35.0
    array = np.full((60, 70, 70), -80, dtype=np.int16)
    array[:, :20] = 40
    array[:, np.hypot(rows, columns) > 38.0] = -1000
    array[:, np.hypot(rows, columns) < 7.5] = hu
    return add_volume(scene, Volume(array, np.diag([2.0, 2.0, 2.0, 1.0])), name)


def test_two_series_in_each_others_place_are_said_to_look_swapped(desktop, panel, caplog):
    panel.ui.inputSelector.setCurrentNode(round_vessel(desktop.scene, 45, "plain"))
    panel.ui.calciumSelector.setCurrentNode(round_vessel(desktop.scene, 380, "contrast"))
    desktop.click(panel.ui.runButton)
    desktop.process_events(until=lambda: not panel.runs.busy, timeout=WAIT_S)
    assert "look swapped" in caplog.text and "look swapped" in panel.progressBox.step_label.text
    assert panel.session.result is None


def test_cancel_really_stops_it(desktop, panel):
    desktop.click(panel.ui.runButton)
    desktop.process_events(until=lambda: panel.runs.job is not None and panel.runs.job.pid > 0, timeout=WAIT_S)
    pid = panel.runs.job.pid
    started = time.monotonic()
    panel.progressBox.cancel_button.click()
    desktop.process_events(until=lambda: not panel.runs.busy, timeout=WAIT_S)
    assert time.monotonic() - started < 30.0
    assert not alive(pid)
    assert "Stopped" in panel.progressBox.step_label.text
    assert not [path for path in Path(str(panel.logic.resultsFolder())).rglob("*") if path.is_file()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if Path(f"/proc/{pid}").exists() else False


def test_the_report_has_the_changes_and_is_shown(desktop, shown):
    sign(shown, "pLAD")
    shown.ui.remarkEdit.text = "seen twice"
    shown.ui.gradeComboBox.setCurrentIndex(shown.ui.gradeComboBox.findData("4A"))
    desktop.click(shown.ui.gradeButton)
    settle(desktop, shown)
    desktop.click(shown.ui.reportButton)
    desktop.process_events(until=lambda: not shown.runs.busy, timeout=4 * WAIT_S)
    folder = Path(shown.session.case.folder)
    assert shown.reportView.folder == folder, shown.progressBox.step_label.text
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Dr. Li" in page and "seen twice" in page and "CAD-RADS 4A" in page
    assert shown.ui.reportLabel.text == ""
    shown.ui.gradeComboBox.setCurrentIndex(shown.ui.gradeComboBox.findData("as measured"))
    desktop.click(shown.ui.gradeButton)
    settle(desktop, shown)
    assert "older" in shown.ui.reportLabel.text


def test_the_hub_continues_a_coronary_result_here(desktop, panel, kept, tmp_path):
    import slicer

    from SenseCarePlanningLib.case_folder import read_case
    from SenseCarePlanningWidgets.cases import result_case

    folder = tmp_path / "cases" / "Coronaries" / "001"
    shutil.copytree(kept.folder, folder)
    assert result_case(read_case(folder)).state == "Coronaries"
    desktop.load_module("SenseCarePlanning")
    hub = slicer.util.getModuleLogic("SenseCarePlanning")
    node = hub.showResult(folder)
    settle(desktop, panel)
    assert node is panel.ui.inputSelector.currentNode()
    assert panel.session.result is not None
    assert panel.session.case.folder == str(folder)


def test_a_moved_scan_is_not_taken_for_the_analysed_one(desktop, shown):
    import slicer
    import vtk

    ct = shown.session.case.volume
    shift = vtk.vtkMatrix4x4()
    shift.SetElement(0, 3, 12.0)
    moved = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "moved")
    moved.SetMatrixTransformToParent(shift)
    ct.SetAndObserveTransformNodeID(moved.GetID())
    choose(desktop, shown, shown.ui.vesselTable, 0)
    assert shown.session.along is None
    assert "moved since" in shown.ui.placeLabel.text
    ct.SetAndObserveTransformNodeID(None)
    shown.session.choose_vessel("LAD")
    settle(desktop, shown)
    assert shown.session.along is not None


def test_a_click_in_3d_chooses_vessel_and_place(desktop, shown, tmp_path):
    import slicer

    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    desktop.screenshot_window(tmp_path / "window.png")
    view.forceRender()
    points, places = shown.session.lines()["LAD"]
    at = int(np.abs(places - 26.0).argmin())
    renderer = view.renderWindow().GetRenderers().GetFirstRenderer()
    renderer.SetWorldPoint(*(points[at] * (-1, -1, 1)), 1.0)
    renderer.WorldToDisplay()
    x, y, _depth = renderer.GetDisplayPoint()
    height = view.renderWindow().GetSize()[1]
    ratio = view.height / height
    desktop.click_in_view(view, int(x * ratio), int((height - 1 - y) * ratio))
    settle(desktop, shown)
    assert shown.session.vessel == "LAD"
    assert shown.session.at_mm == pytest.approx(26.0, abs=1.5)
    assert shown.ui.vesselTable.selectedItems()[0].row() == 0
