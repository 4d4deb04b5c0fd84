"""The LungAirway panel's state: kept with the scene, results apart and taken up beside the window, transforms, themes, models."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from airway_patient import add_ct
from airway_steps import branch_called, press, settle, show_panel, show_plan
from hub_data import write_bundle
from scipy import ndimage


@pytest.fixture
def panel(desktop, airway_patient, tmp_path):
    """The panel with the patient's CT chosen."""
    return show_panel(desktop, airway_patient, tmp_path / "cases")


@pytest.fixture
def planned(desktop, panel, airway_patient, airway_plan, tmp_path):
    """The panel with the patient's plan shown, the target set as a point."""
    return show_plan(desktop, panel, airway_patient, airway_plan, tmp_path / "cases" / "airway-1" / "001")


def moved_by(vector):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    slicer.util.updateTransformMatrixFromArray(node, matrix)
    return node


def test_a_result_is_taken_up_beside_the_window(desktop, panel, airway_plan, tmp_path):
    from LungAirwayWidgets.case import result_nodes

    panel.ui.treeSection.collapsed = panel.ui.editSection.collapsed = False
    panel.session.take_result(shutil.copytree(airway_plan, tmp_path / "plan"), at_once=False)
    assert panel.session.taking_up and panel.session.result is None
    assert panel.ui.statusLabel.text == "Opening the result ..."
    assert not panel.ui.runButton.enabled and not panel.ui.inputSelector.enabled
    assert result_nodes(panel.session.case) == []
    settle(desktop, panel)
    assert panel.session.result is not None
    assert panel.ui.branchTable.rowCount == len(panel.session.result.tree)
    assert panel.ui.branchTable.item(panel.ui.branchTable.rowCount - 1, 0) is not None
    assert "branches found" in panel.ui.statusLabel.text
    assert panel.ui.runButton.enabled


def test_a_scene_closed_while_a_result_is_taken_up_is_left_empty(desktop, panel, airway_plan, tmp_path):
    import slicer

    panel.session.take_result(shutil.copytree(airway_plan, tmp_path / "plan"), at_once=False)
    desktop.process_events(until=lambda: bool(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")), timeout=60)
    assert panel.session.taking_up
    desktop.scene.Clear(0)
    desktop.process_events()
    settle(desktop, panel)
    assert panel.session.case is None and panel.session.result is None
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_another_result_takes_the_place_of_the_shown_one_a_node_at_a_time(desktop, planned, airway_plan, tmp_path, capfd):
    import slicer

    from LungAirwayWidgets.case import result_nodes

    session = planned.session
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    items, nodes = tree.GetNumberOfItems(), slicer.mrmlScene.GetNumberOfNodes()
    first = result_nodes(session.case)
    session.take_result(shutil.copytree(airway_plan, tmp_path / "other"), at_once=False)
    counts = []

    def is_half_gone():
        left = [node for node in first if slicer.mrmlScene.IsNodePresent(node)]
        counts.append(len(left))
        return 0 < len(left) < len(first)

    desktop.process_events(until=is_half_gone, timeout=60)
    left = [node for node in first if slicer.mrmlScene.IsNodePresent(node)]
    shown = [node.GetNthDisplayNode(0) for node in left if node.IsA("vtkMRMLDisplayableNode")]
    assert session.taking_up and not any(one.GetVisibility() for one in shown if one is not None)
    settle(desktop, planned)
    assert session.result is not None and not set(first) & set(result_nodes(session.case))
    assert tree.GetNumberOfItems() == items and slicer.mrmlScene.GetNumberOfNodes() == nodes
    assert "inconsistency" not in capfd.readouterr().err


@pytest.mark.parametrize("close", [True, False], ids=["scene closed", "another CT"])
def test_what_comes_while_the_shown_result_is_taken_away(desktop, planned, airway_patient, airway_plan, tmp_path, close):
    import slicer

    from LungAirwayWidgets.case import result_nodes

    session, first = planned.session, planned.session.case
    shown = result_nodes(first)
    other = None if close else add_ct(desktop.scene, airway_patient, "Second CT")
    session.take_result(shutil.copytree(airway_plan, tmp_path / "other"), at_once=False)
    desktop.process_events(until=lambda: 0 < len(result_nodes(first)) < len(shown), timeout=60)
    if close:
        desktop.scene.Clear(0)
        desktop.process_events()
        settle(desktop, planned)
        assert session.case is None and not any(slicer.mrmlScene.IsNodePresent(node) for node in shown)
        assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
        return
    planned.ui.inputSelector.setCurrentNode(other)
    settle(desktop, planned)
    left = [node.GetDisplayNode() for node in result_nodes(first) if node.IsA("vtkMRMLDisplayableNode")]
    assert left and not any(one.GetVisibility() for one in left)
    planned.ui.inputSelector.setCurrentNode(first.volume)
    settle(desktop, planned)
    assert session.result is not None and len(result_nodes(session.case)) == len(shown)


def test_a_damaged_result_is_a_sentence(desktop, panel, airway_plan, tmp_path):
    folder = shutil.copytree(airway_plan, tmp_path / "plan")
    (folder / "plan.json").write_text("{", encoding="utf-8")
    panel.session.take_result(folder, at_once=False)
    settle(desktop, panel)
    assert "find the airways again" in panel.ui.statusLabel.text
    assert panel.ui.runButton.enabled


def test_corrections_and_the_chosen_route_come_back_with_the_scene(desktop, planned, tmp_path):
    session = planned.session
    rank = session.plan.routes[1].rank
    planned.ui.routeTable.selectColumn(1)
    session.choose_branch(branch_called(planned, "RB6"))
    press(desktop, planned, planned.ui.cutOffButton)
    other = branch_called(planned, "LB6")
    session.choose_branch(other)
    planned.ui.nameComboBox.currentIndex = planned.ui.nameComboBox.findData("LB10")
    press(desktop, planned, planned.ui.nameButton)
    count = len(session.edits.tree)
    path = desktop.save_scene(tmp_path / "case.mrb")
    desktop.open_scene(path)
    settle(desktop, planned)
    assert session.rank == rank
    assert len(session.edits.tree) == count < len(session.result.tree)
    assert session.edits.tree[other].label.code == "LB10"
    assert planned.ui.recomputeButton.enabled
    assert "2" in planned.ui.editLabel.text
    press(desktop, planned, planned.ui.undoButton)
    assert session.edits.tree[other].label.code == "LB6"


def test_a_drawn_piece_comes_back_with_the_scene(desktop, planned, tmp_path):
    session = planned.session
    tip = max(session.edits.tree.tips, key=lambda one: one.generation)
    desktop.click(planned.ui.drawBridgeButton)
    course = planned.treePanel._course(make=False)
    for way in (2.0, 8.0, 14.0):
        place = tip.points_lps_mm[-1] + way * tip.direction
        course.AddControlPointWorld(-place[0], -place[1], place[2])
    press(desktop, planned, planned.ui.joinBridgeButton)
    length = session.edits.tree.total_length_mm
    path = desktop.save_scene(tmp_path / "case.mrb")
    desktop.open_scene(path)
    settle(desktop, planned)
    assert session.edits.tree.total_length_mm == pytest.approx(length, abs=1e-3)


def test_what_was_chosen_comes_back_with_the_scene(desktop, planned, tmp_path):
    ui = planned.ui
    ui.engineComboBox.setCurrentIndex(1)
    ui.orientationComboBox.setCurrentIndex(1)
    ui.colorComboBox.setCurrentIndex(2)
    ui.speedSlider.value = 2.5
    ui.slicesFollowCheckBox.checked = False
    ui.videoCheckBox.checked = True
    desktop.process_events()
    path = desktop.save_scene(tmp_path / "case.mrb")
    desktop.scene.Clear(0)
    desktop.process_events()
    assert ui.colorComboBox.currentIndex == 0 and not ui.videoCheckBox.checked
    desktop.open_scene(path)
    settle(desktop, planned)
    assert (ui.engineComboBox.currentIndex, ui.orientationComboBox.currentIndex, ui.colorComboBox.currentIndex) == (1, 1, 2)
    assert ui.speedSlider.value == planned.flyPanel.fly.speed == 2.5
    assert not ui.slicesFollowCheckBox.checked and not planned.flyPanel.fly.slices_follow
    assert ui.videoCheckBox.checked
    assert planned.session.color_mode == "DIAMETER"


def test_a_segment_as_target_comes_back_with_the_scene(desktop, planned, tmp_path):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Lesions")
    node.CreateDefaultDisplayNodes()
    key = node.GetSegmentation().AddEmptySegment("lesion", "Lesion")
    planned.ui.targetSegmentSelector.setCurrentNode(node)
    planned.ui.targetSegmentSelector.setCurrentSegmentID(key)
    assert planned.ui.targetLabel.text == "The target is the segment."
    path = desktop.save_scene(tmp_path / "case.mrb")
    desktop.open_scene(path)
    settle(desktop, planned)
    assert planned.ui.targetLabel.text == "The target is the segment."
    assert planned.ui.targetSegmentSelector.currentSegmentID() == key
    assert planned.session.case.targetSegmentation.GetName() == "Lesions"


def test_two_results_in_one_scene_are_kept_apart(desktop, planned, airway_patient, airway_plan, tmp_path):
    from LungAirwayWidgets.case import result_node, result_nodes

    ui, session = planned.ui, planned.session
    first, count = session.case, len(session.result.tree)
    session.choose_branch(branch_called(planned, "RB6"))
    press(desktop, planned, ui.cutOffButton)
    cut = len(session.edits.tree)
    second = add_ct(desktop.scene, airway_patient, "Second CT")
    ui.inputSelector.setCurrentNode(second)
    settle(desktop, planned)
    session.take_result(shutil.copytree(airway_plan, tmp_path / "cases" / "airway-2" / "001"))
    settle(desktop, planned)
    other = session.case
    assert len(session.edits.tree) == count
    assert not ui.undoButton.enabled
    assert {one.GetID() for one in result_nodes(first)}.isdisjoint(one.GetID() for one in result_nodes(other))
    shown = {name: result_node(case, "surface").GetDisplayNode().GetVisibility() for name, case in (("1", first), ("2", other))}
    assert shown == {"1": 0, "2": 1}
    ui.inputSelector.setCurrentNode(first.volume)
    settle(desktop, planned)
    assert len(session.edits.tree) == cut
    assert session.case.target.GetNumberOfControlPoints() == 1


def test_a_segment_under_a_transform_is_taken_where_it_is_seen(desktop, planned):
    import slicer

    from LungAirwayWidgets.case import result_node
    from LungAirwayWidgets.ct_export import segment_on, shared_ct

    node = result_node(planned.session.case, "segmentation")
    grid = shared_ct(planned.session.case.volume).grid
    plain = segment_on(grid, node, "airway")
    np.testing.assert_array_equal(plain.array_kji > 0, planned.session.result.airway.array_kji > 0)
    i, j, k = (int(size) for size in np.round(grid.spacing_ijk_mm * (2, -1, 3)))
    node.SetAndObserveTransformNodeID(moved_by((-i, -j, k)).GetID())
    there = segment_on(grid, node, "airway").array_kji
    shift = np.round(np.array((i, j, k)) / grid.spacing_ijk_mm).astype(int)[::-1]
    np.testing.assert_array_equal(there > 0, ndimage.shift(plain.array_kji, shift, order=0) > 0)
    node.SetAndObserveTransformNodeID(moved_by((0.4, 0.3, -0.2)).GetID())
    between = segment_on(grid, node, "airway").array_kji
    assert np.count_nonzero(between) == pytest.approx(np.count_nonzero(plain.array_kji), rel=0.1)
    before = slicer.mrmlScene.GetNumberOfNodes()
    segment_on(grid, node, "airway")
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_a_segment_elsewhere_or_empty_is_a_sentence(desktop, planned):
    import slicer

    from LungAirwayWidgets.case import result_node
    from LungAirwayWidgets.ct_export import segment_on, shared_ct
    from SenseCarePlanningLib.errors import InputError

    grid = shared_ct(planned.session.case.volume).grid
    node = result_node(planned.session.case, "segmentation")
    node.SetAndObserveTransformNodeID(moved_by((900.0, 0.0, 0.0)).GetID())
    with pytest.raises(InputError, match="outside the CT"):
        segment_on(grid, node, "airway")
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty")
    with pytest.raises(InputError, match="paint it first"):
        segment_on(grid, empty, empty.GetSegmentation().AddEmptySegment("nothing"))


def luminance(color):
    parts = [value / 255 for value in (color.red(), color.green(), color.blue())]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """As WCAG 2.2 defines it."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_are_readable_in_light_and_dark(desktop, planned, dark):
    import qt

    desktop.dark(dark)
    desktop.leave_module()
    panel = desktop.show_module("LungAirway")
    table = panel.ui.scopeTable
    ground = table.palette.color(qt.QPalette.Base)
    assert (ground.lightness() < 128) == dark
    colored = 0
    for row in range(table.rowCount):
        for column in range(table.columnCount):
            item = table.item(row, column)
            if item is not None and int(item.foreground().style()) != int(qt.Qt.NoBrush):
                colored += 1
                assert contrast(item.foreground().color(), ground) >= 4.5
    assert colored >= 4
    for name in vars(panel.ui):
        widget = getattr(panel.ui, name)
        if (widget.inherits("QLabel") or widget.inherits("QAbstractButton")) and widget.enabled:
            assert "color" not in widget.styleSheet, name
            shown = widget.palette
            assert contrast(shown.color(qt.QPalette.WindowText), shown.color(qt.QPalette.Window)) >= 4.5, name


def test_a_model_is_chosen_for_the_network_engine_only(desktop, panel, tmp_path, caplog):
    ui = panel.ui
    ui.optionsBox.collapsed = False
    assert ui.modelComboBox.isHidden() and ui.modelFolderButton.isHidden()
    ui.engineComboBox.setCurrentIndex(2)
    desktop.process_events()
    assert not ui.modelComboBox.isHidden()
    assert "airway" in ui.modelComboBox.currentText.lower()
    desktop.expect_dialog("QFileDialog.getExistingDirectory", str(tmp_path))
    desktop.click(ui.modelFolderButton)
    assert "no MONAI bundle" in caplog.text
    bundle = write_bundle(tmp_path / "my_net")
    desktop.expect_dialog("QFileDialog.getExistingDirectory", str(bundle))
    desktop.click(ui.modelFolderButton)
    assert ui.modelComboBox.currentText == "Airway network 1.2"
    assert panel._parameterNode.modelFolder == panel.modelChooser.needed() == str(bundle)
    path = desktop.save_scene(tmp_path / "case.mrb")
    desktop.open_scene(path)
    desktop.process_events()
    assert ui.modelComboBox.currentText == "Airway network 1.2"
    for one in sorted(bundle.rglob("*"), reverse=True):
        one.unlink() if one.is_file() else one.rmdir()
    bundle.rmdir()
    desktop.click(ui.runButton)
    assert "my_net is no longer there" in caplog.text
    assert panel.runs.job is None
