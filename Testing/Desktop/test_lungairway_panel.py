"""The LungAirway panel on a finished plan: tree, picking, corrections, routes, fly-through, scene, two CTs, languages."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from airway_patient import add_ct
from airway_steps import branch_called, press, settle, show_panel, show_plan


@pytest.fixture
def panel(desktop, airway_patient, tmp_path):
    """The panel with the patient's CT chosen."""
    return show_panel(desktop, airway_patient, tmp_path / "cases")


@pytest.fixture
def planned(desktop, panel, airway_patient, airway_plan, tmp_path):
    """The panel with the patient's plan shown, the target set as a point."""
    return show_plan(desktop, panel, airway_patient, airway_plan, tmp_path / "cases" / "airway-1" / "001")


def camera_of(name):
    from LungAirwayWidgets.layout import three_d_widget

    return three_d_widget(name).threeDView().cameraNode()


def test_the_panel_asks_for_a_ct_first(desktop):
    desktop.load_module("LungAirway")
    panel = desktop.show_module("LungAirway")
    assert not panel.ui.runButton.enabled
    assert "CT" in panel.ui.statusLabel.text
    for name in ("cutOffButton", "recomputeButton", "undoButton", "planButton", "playButton", "reportButton"):
        assert not getattr(panel.ui, name).enabled, name


def test_the_panel_opens_without_a_window(desktop_without_window):
    desktop_without_window.load_module("LungAirway")
    panel = desktop_without_window.show_module("LungAirway")
    assert panel.ui.statusLabel.text


def test_the_only_ct_is_the_choice_and_the_run_is_offered(panel):
    assert panel.ui.runButton.enabled
    assert panel.ui.runButton.text == "Find the airways"


def test_a_plan_without_dicom_files_is_not_sent(planned, caplog):
    planned.ui.archiveBox.collapsed = False
    planned.archive.host_edit.text, planned.archive.called_edit.text = "127.0.0.1", "PACS"
    planned.archive.send()
    assert "holds no DICOM files" in caplog.text
    assert not planned.archive.busy


def test_the_tree_is_in_table_and_overview(planned):
    import slicer

    tree = planned.session.result.tree
    assert planned.ui.branchTable.rowCount == len(tree) > 40
    assert planned.ui.branchTable.item(0, 0).text() == "trachea"
    from LungAirwayWidgets.case import result_node

    surface = result_node(planned.session.case, "surface")
    colors = slicer.util.arrayFromModelPointData(surface, "BranchColors")
    assert len(np.unique(colors, axis=0)) > 3
    assert "Right upper lobe" in planned.ui.legendLabel.text.replace("&nbsp;", " ")


def test_a_row_chooses_the_branch_in_3d(desktop, planned):
    import slicer

    from LungAirwayWidgets.case import result_node
    from LungAirwayWidgets.tree_colors import CHOSEN

    wanted = branch_called(planned, "RULB")
    row = planned.treePanel._rows[wanted]
    planned.ui.branchTable.selectRow(row)
    desktop.process_events()
    assert planned.session.branch_id == wanted
    colors = slicer.util.arrayFromModelPointData(result_node(planned.session.case, "surface"), "BranchColors")
    assert (colors == CHOSEN).all(axis=1).sum() > 20
    assert "right upper lobe bronchus" in planned.ui.branchLabel.text.lower()


def test_a_click_in_3d_chooses_the_row(desktop, planned, tmp_path):
    from LungAirwayWidgets.layout import OVERVIEW, three_d_widget

    view = three_d_widget(OVERVIEW).threeDView()
    desktop.screenshot_window(tmp_path / "window.png")
    view.forceRender()
    wanted = branch_called(planned, "LMB")
    branch = planned.session.edits.tree[wanted]
    middle = branch.points_lps_mm[len(branch.points_lps_mm) // 2] * (-1, -1, 1)
    renderer = view.renderWindow().GetRenderers().GetFirstRenderer()
    renderer.SetWorldPoint(*middle, 1.0)
    renderer.WorldToDisplay()
    x, y, _depth = renderer.GetDisplayPoint()
    height = view.renderWindow().GetSize()[1]
    ratio = view.height / height
    desktop.click_in_view(view, int(x * ratio), int((height - 1 - y) * ratio))
    assert planned.session.branch_id == wanted
    selected = planned.ui.branchTable.selectedItems()
    assert selected and selected[0].row() == planned.treePanel._rows[wanted]
    assert planned.session.branch_at_mm == pytest.approx(branch.length_mm / 2, abs=8.0)


def test_colours_follow_the_choice(desktop, planned):
    before = planned.ui.legendLabel.text
    planned.ui.colorComboBox.setCurrentIndex(2)
    desktop.process_events()
    assert planned.session.color_mode == "DIAMETER"
    assert planned.ui.legendLabel.text != before
    assert "mm" in planned.ui.legendLabel.text


def test_cut_name_and_undo(desktop, planned):
    ui, session = planned.ui, planned.session
    count = len(session.edits.tree)
    assert not ui.recomputeButton.enabled
    session.choose_branch(branch_called(planned, "RB6"))
    press(desktop, planned, ui.cutOffButton)
    assert len(session.edits.tree) < count
    assert ui.recomputeButton.enabled
    assert session.branch_id is None
    other = branch_called(planned, "LB6")
    session.choose_branch(other)
    ui.nameComboBox.currentIndex = ui.nameComboBox.findData("LB10")
    press(desktop, planned, ui.nameButton)
    assert session.edits.tree[other].label.code == "LB10"
    press(desktop, planned, ui.undoButton)
    assert session.edits.tree[other].label.code == "LB6"
    press(desktop, planned, ui.undoButton)
    assert len(session.edits.tree) == count
    assert not ui.recomputeButton.enabled


def test_cut_beyond_the_click_keeps_what_is_before(desktop, planned):
    session = planned.session
    wanted = branch_called(planned, "LMB")
    length = session.edits.tree[wanted].length_mm
    session.choose_branch(wanted, 10.0)
    press(desktop, planned, planned.ui.cutHereButton)
    assert session.edits.tree[wanted].length_mm == pytest.approx(10.0, abs=0.6)
    assert length > 20.0


def test_the_trachea_cannot_be_cut_off(desktop, planned, caplog):
    session = planned.session
    session.choose_branch(session.edits.tree.root_id)
    count = len(session.edits.tree)
    press(desktop, planned, planned.ui.cutOffButton)
    assert len(session.edits.tree) == count
    assert "choose a branch below it" in caplog.text


def test_a_missing_piece_is_drawn_and_joined(desktop, planned):
    import slicer

    tree = planned.session.edits.tree
    tip = max(tree.tips, key=lambda one: one.generation)
    desktop.click(planned.ui.drawBridgeButton)
    course = planned.treePanel._course(make=False)
    assert slicer.app.applicationLogic().GetInteractionNode().GetCurrentInteractionMode() == 1
    for way in (2.0, 8.0, 14.0):
        place = tip.points_lps_mm[-1] + way * tip.direction
        course.AddControlPointWorld(-place[0], -place[1], place[2])
    press(desktop, planned, planned.ui.joinBridgeButton)
    assert planned.session.edits.tree.total_length_mm > tree.total_length_mm + 10.0
    assert not planned.ui.drawBridgeButton.checked
    assert slicer.app.applicationLogic().GetInteractionNode().GetCurrentInteractionMode() == 2


def test_joining_without_points_says_what_to_do(desktop, planned, caplog):
    press(desktop, planned, planned.ui.joinBridgeButton)
    assert "Draw the missing course first" in caplog.text


def test_routes_and_bronchoscopes_side_by_side(desktop, planned):
    plan, ui = planned.session.plan, planned.ui
    assert ui.routeTable.columnCount == len(plan.routes) >= 2
    assert ui.scopeTable.rowCount == len(plan.scopes)
    ui.routeTable.selectColumn(1)
    desktop.process_events()
    assert planned.session.rank == plan.routes[1].rank
    from LungAirwayWidgets.case import result_node

    assert result_node(planned.session.case, f"route {plan.routes[1].rank}").GetDisplayNode().GetVisibility()
    assert not result_node(planned.session.case, f"route {plan.routes[0].rank}").GetDisplayNode().GetVisibility()
    assert planned.flyPanel.fly.path.route_rank == plan.routes[1].rank


def test_flying_moves_camera_and_slices(desktop, planned):
    import slicer

    ui, fly = planned.ui, planned.flyPanel.fly
    start = np.array(camera_of("Endoscope").GetPosition())
    desktop.click(ui.playButton)
    desktop.process_events(until=lambda: fly.arc_mm > 5.0, timeout=30)
    desktop.click(ui.playButton)
    stopped = fly.arc_mm
    desktop.process_events()
    assert fly.arc_mm == stopped and not fly.playing
    assert ui.playButton.text == "Play"
    here = np.array(camera_of("Endoscope").GetPosition())
    assert np.linalg.norm(here - start) > 3.0
    np.testing.assert_allclose(here * (-1, -1, 1), fly.pose().position_lps_mm, atol=1e-3)
    offset = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().GetSliceOffset()
    assert offset == pytest.approx(here[2], abs=0.5)


def test_scrubbing_steps_and_speed(desktop, planned):
    ui, fly = planned.ui, planned.flyPanel.fly
    ui.flySlider.value = 50.0
    assert fly.arc_mm == pytest.approx(50.0)
    desktop.click(ui.nextButton)
    first = fly.arc_mm
    assert first > 50.0
    desktop.click(ui.nextButton)
    assert fly.arc_mm > first
    desktop.click(ui.previousButton)
    assert fly.arc_mm == pytest.approx(first)
    ui.speedSlider.value = 3.0
    assert fly.speed == 3.0
    assert "o'clock" in ui.flyLabel.text


def test_the_keyboard_drives_the_fly_through(desktop, planned, tmp_path):
    from LungAirwayWidgets.layout import ENDOSCOPE, three_d_widget

    desktop.screenshot_window(tmp_path / "window.png")
    view, fly = three_d_widget(ENDOSCOPE), planned.flyPanel.fly
    view.setFocus()
    before = fly.arc_mm
    desktop.press(view, "PgDown")
    assert fly.arc_mm > before
    forward = fly.pose().axes[2]
    desktop.press(view, "Right")
    assert fly.yaw_deg == 10.0
    assert float(fly.pose().axes[2] @ forward) == pytest.approx(np.cos(np.radians(10.0)), abs=1e-6)
    desktop.press(view, "A")
    assert fly.yaw_deg == 0.0
    desktop.press(view, "Space")
    assert fly.playing
    desktop.press(view, "Space")
    assert not fly.playing


def test_steering_by_hand_stays_in_the_airway(desktop, planned):
    fly = planned.flyPanel.fly
    fly.go_to(60.0)
    start = fly.pose().position_lps_mm
    fly.steer(advance_mm=1.0)
    fly.steer(advance_mm=1.0)
    desktop.process_events(until=lambda: fly._free is not None, timeout=30)
    assert np.linalg.norm(fly.pose().position_lps_mm - start) == pytest.approx(1.0, abs=0.1)
    for _step in range(40):
        fly.steer(advance_mm=1.0, turn_deg=4.0)
    assert fly._field.is_inside(fly.pose().position_lps_mm)[0]
    fly.look_ahead()
    assert fly._free is None


def test_corner_texts_name_branch_and_next_turn(planned):
    import vtk

    from LungAirwayWidgets.layout import ENDOSCOPE, three_d_widget

    planned.flyPanel.fly.go_to(80.0)
    texts = three_d_widget(ENDOSCOPE).threeDView().cornerAnnotation()
    assert "trachea" in texts.GetText(vtk.vtkCornerAnnotation.UpperLeft)
    assert "o'clock" in texts.GetText(vtk.vtkCornerAnnotation.UpperRight)
    assert "80 mm" in texts.GetText(vtk.vtkCornerAnnotation.LowerLeft)


def test_transforms_go_into_the_childs_ct(desktop, planned, tmp_path):
    import slicer

    from LungAirwayWidgets.ct_export import ct_of, shared_ct, write_nrrd
    from SenseCarePlanningLib.dicomio.files import read_volume_file

    volume = planned.session.case.volume
    plain = ct_of(volume)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    matrix = slicer.util.arrayFromTransformMatrix(transform)
    matrix[:3, 3] = (25.0, -10.0, 5.0)
    slicer.util.updateTransformMatrixFromArray(transform, matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    write_nrrd(shared_ct(volume), tmp_path / "moved.nrrd")
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    found = read_volume_file(tmp_path / "moved.nrrd")
    shift = found.affine_ijk_to_lps[:3, 3] - plain.affine_ijk_to_lps[:3, 3]
    np.testing.assert_allclose(shift, (-25.0, 10.0, 5.0), atol=1e-4)
    np.testing.assert_array_equal(found.array_kji, plain.array_kji)


def test_two_cts_are_kept_apart(desktop, planned, airway_patient):
    import slicer

    from LungAirwayWidgets.case import result_node

    first = planned.session.case
    second = add_ct(desktop.scene, airway_patient, "Second CT")
    planned.ui.inputSelector.setCurrentNode(second)
    desktop.process_events()
    assert planned.session.result is None
    assert planned.session.case.target is None
    assert planned.ui.branchTable.rowCount == 0
    assert not result_node(first, "surface").GetDisplayNode().GetVisibility()
    planned.ui.inputSelector.setCurrentNode(first.volume)
    settle(desktop, planned)
    assert planned.session.result is not None
    assert result_node(planned.session.case, "surface").GetDisplayNode().GetVisibility()
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsCurveNode")) > 0


def test_the_scene_is_saved_and_comes_back(desktop, planned, tmp_path):
    import slicer

    planned.ui.routeCountSpinBox.value = 5
    desktop.process_events()
    path = desktop.save_scene(tmp_path / "case.mrb")
    count = planned.ui.branchTable.rowCount
    surfaces = len(slicer.util.getNodesByClass("vtkMRMLModelNode"))
    desktop.open_scene(path)
    settle(desktop, planned)
    assert planned.ui.inputSelector.currentNode() is not None
    assert planned.ui.routeCountSpinBox.value == 5
    assert planned.session.plan is not None
    assert planned.ui.branchTable.rowCount == count
    assert planned.session.case.target.GetNumberOfControlPoints() == 1
    assert len(slicer.util.getNodesByClass("vtkMRMLModelNode")) == surfaces


def test_a_lost_result_folder_is_a_sentence(desktop, planned, tmp_path):
    path = desktop.save_scene(tmp_path / "case.mrb")
    shutil.rmtree(planned.session.case.folder)
    desktop.open_scene(path)
    settle(desktop, planned)
    assert "find the airways again" in planned.ui.statusLabel.text.lower()
    assert planned.ui.runButton.enabled


def test_closing_the_scene_leaves_an_empty_panel(desktop, planned):
    planned.ui.playButton.checked = True
    desktop.scene.Clear(0)
    desktop.process_events()
    assert planned.session.case is None
    assert planned.ui.branchTable.rowCount == 0
    assert not planned.flyPanel.fly.playing
    assert not planned.ui.runButton.enabled


def test_a_volume_without_image_is_a_sentence(desktop, panel, caplog):
    import slicer

    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    panel.ui.inputSelector.setCurrentNode(empty)
    desktop.click(panel.ui.runButton)
    assert "holds no image" in caplog.text
    assert panel.runs.job is None


def test_the_panel_speaks_chinese(desktop, airway_patient, airway_plan, tmp_path):
    import re

    desktop.language("zh_CN")
    desktop.load_module("LungAirway")
    panel = desktop.show_module("LungAirway")
    ct = add_ct(desktop.scene, airway_patient)
    panel.ui.inputSelector.setCurrentNode(ct)
    shutil.copytree(airway_plan, tmp_path / "plan")
    panel.session.take_result(tmp_path / "plan")
    settle(desktop, panel)
    words = re.compile(r"[A-Za-z]{4,}")
    left = []
    for name in vars(panel.ui):
        widget = getattr(panel.ui, name)
        if widget.inherits("QLabel") or widget.inherits("QAbstractButton"):
            text = re.sub(r"<[^>]*>|&\w+;", "", widget.text)
            left += [text] if words.search(text) and not re.search("Page|Home|Shift|CT|R ", text) else []
    assert left == []
    assert panel.ui.branchTable.horizontalHeaderItem(0).text() == "分支"


def test_the_module_is_reloaded_without_leftovers(desktop, planned):
    import slicer

    planned.flyPanel.fly.play()
    slicer.util.reloadScriptedModule("LungAirway")
    desktop.process_events()
    again = slicer.modules.LungAirwayWidget
    assert again is not planned
    assert not planned.flyPanel.fly.playing


def test_the_airway_is_painted_in_slicers_segment_editor(desktop, planned, monkeypatch):
    import types

    import slicer

    from LungAirwayWidgets.case import result_node

    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    monkeypatch.setattr(slicer.modules, "SegmentEditorWidget", types.SimpleNamespace(editor=editor), raising=False)
    desktop.click(planned.ui.paintButton)
    assert desktop.selected_modules[-1] == "SegmentEditor"
    assert editor.segmentationNode() is result_node(planned.session.case, "segmentation")
    assert editor.sourceVolumeNode() is planned.session.case.volume
    assert editor.currentSegmentID() == "airway"


def test_the_target_is_clicked_in_a_slice(desktop, panel, airway_patient, tmp_path):
    import slicer

    panel.flyPanel.show_views()
    panel.ui.targetSection.collapsed = False
    desktop.screenshot_window(tmp_path / "window.png")
    slicer.app.layoutManager().resetSliceViews()
    widget = slicer.app.layoutManager().sliceWidget("Red")
    widget.mrmlSliceNode().JumpSliceByOffsetting(*airway_patient.target_ras)
    view = widget.sliceView()
    x, y, _z = view.convertRASToXYZ(airway_patient.target_ras)
    assert "Click the target" in panel.ui.targetLabel.text
    desktop.click(panel.ui.placeTargetButton)
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    desktop.click_in_view(view, round(x), view.height - 1 - round(y))
    point = panel.session.case.target
    assert point.GetNumberOfControlPoints() == 1
    np.testing.assert_allclose(point.GetNthControlPointPositionWorld(0), airway_patient.target_ras, atol=3.0)
    place = list(point.GetNthControlPointPositionWorld(0))
    offsets = [slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().GetSliceOffset() for name in ("Yellow", "Green")]
    np.testing.assert_allclose(offsets, (-place[0], place[1]), atol=1.1)  # seen in all planes; the sagittal one looks leftwards
    assert not panel.ui.placeTargetButton.checked
    assert interaction.GetCurrentInteractionMode() != interaction.Place
    assert panel.ui.targetLabel.text.startswith("Target at R")
    assert panel.ui.runButton.text == "Find the airways and plan"


def test_the_modules_own_test_class_passes(desktop):
    desktop.load_module("LungAirway")
    desktop.show_module("LungAirway")
    desktop.run_self_test("LungAirway")


def test_the_modules_own_test_class_skips_what_it_lacks_packages_for(desktop, monkeypatch, caplog):
    from SenseCarePlanningWidgets import dependency_installer

    monkeypatch.setattr(dependency_installer, "missing", lambda engine: dependency_installer.PLANNING[:1])
    desktop.load_module("LungAirway")
    desktop.show_module("LungAirway")
    desktop.run_self_test("LungAirway")
    skipped = [one.getMessage() for one in caplog.records if "skipped" in one.getMessage()]
    assert len(skipped) == 2
    assert all("these packages are not installed: scikit-image" in one for one in skipped)
