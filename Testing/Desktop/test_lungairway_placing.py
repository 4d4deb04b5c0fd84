"""A result lies on its CT wherever that is moved, after Undo and reopening too; another target than the planned one is told."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from airway_patient import add_ct
from airway_steps import settle, show_panel, show_plan

MOTION = np.array([[0.0, -1.0, 0.0, 30.0], [1.0, 0.0, 0.0, -12.0], [0.0, 0.0, 1.0, 45.0], [0.0, 0.0, 0.0, 1.0]])
"""A quarter turn and a shift, RAS mm."""
OUTDATED = "press Plan the routes"


@pytest.fixture
def planned(desktop, airway_patient, airway_plan, tmp_path):
    """The panel with the patient's plan shown, the target set as a point."""
    panel = show_panel(desktop, airway_patient, tmp_path / "cases")
    return show_plan(desktop, panel, airway_patient, airway_plan, tmp_path / "cases" / "airway-1" / "001")


def transform_of(matrix):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved by hand")
    slicer.util.updateTransformMatrixFromArray(node, matrix)
    return node


def box_of(panel, role="surface"):
    """Where a node of the result is seen: the eight corners' spread as low and high, RAS mm."""
    from LungAirwayWidgets.case import result_node

    bounds = np.zeros(6)
    result_node(panel.session.case, role).GetRASBounds(bounds)
    return bounds.reshape(3, 2)


def box_in_plan(panel):
    """Where the surface lies in the result's own space, RAS mm."""
    points = panel.session.result.surface.points_lps_mm * (-1, -1, 1)
    return np.stack([points.min(axis=0), points.max(axis=0)], axis=1)


def moved_box(box):
    """The box of a box's corners after ``MOTION``."""
    corners = np.stack(np.meshgrid(*box, indexing="ij"), axis=-1).reshape(-1, 3) @ MOTION[:3, :3].T + MOTION[:3, 3]
    return np.stack([corners.min(axis=0), corners.max(axis=0)], axis=1)


def move_ct(panel):
    node = transform_of(MOTION)
    panel.session.case.volume.SetAndObserveTransformNodeID(node.GetID())
    return node


def test_all_of_a_result_moves_with_its_ct(desktop, planned, airway_patient, tmp_path):
    import slicer

    from LungAirwayWidgets.layout import ENDOSCOPE, three_d_widget

    session, fly = planned.session, planned.flyPanel.fly
    np.testing.assert_allclose(box_of(planned), box_in_plan(planned), atol=0.01)
    transform = move_ct(planned)
    wanted = moved_box(box_in_plan(planned))
    np.testing.assert_allclose(box_of(planned), wanted, atol=0.01)
    assert "was changed" not in planned.ui.statusLabel.text
    there = MOTION[:3, :3] @ airway_patient.target_ras + MOTION[:3, 3]
    np.testing.assert_allclose(session.case.target.GetNthControlPointPositionWorld(0), there, atol=0.01)
    assert OUTDATED not in planned.ui.targetLabel.text
    branch = session.edits.tree[session.edits.tree.root_id]
    session.choose_branch(branch.id, 0.0)
    top = MOTION[:3, :3] @ (branch.points_lps_mm[0] * (-1, -1, 1)) + MOTION[:3, 3]
    assert slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().GetSliceOffset() == pytest.approx(top[2], abs=0.5)
    fly.go_to(60.0)
    eye = MOTION[:3, :3] @ (fly.pose().position_lps_mm * (-1, -1, 1)) + MOTION[:3, 3]
    np.testing.assert_allclose(three_d_widget(ENDOSCOPE).threeDView().cameraNode().GetPosition(), eye, atol=1e-3)

    saved = desktop.save_scene(tmp_path / "moved.mrb")
    slicer.util.updateTransformMatrixFromArray(transform, np.eye(4))  # as the user takes a registration back
    np.testing.assert_allclose(box_of(planned), box_in_plan(planned), atol=0.01)
    np.testing.assert_allclose(session.case.target.GetNthControlPointPositionWorld(0), airway_patient.target_ras, atol=0.01)
    desktop.open_scene(saved)
    settle(desktop, planned)
    np.testing.assert_allclose(box_of(planned), wanted, atol=0.1)
    np.testing.assert_allclose(session.case.target.GetNthControlPointPositionWorld(0), there, atol=0.1)
    assert OUTDATED not in planned.ui.targetLabel.text


def test_undo_shows_the_earlier_result_where_the_ct_lies_now(desktop, planned, airway_plan, tmp_path):
    planned.session.take_result(shutil.copytree(airway_plan, tmp_path / "cases" / "airway-1" / "002"))
    move_ct(planned)
    planned.ui.editSection.collapsed = False
    desktop.click(planned.ui.undoButton)
    settle(desktop, planned)
    assert planned.session.case.folder.endswith("001")
    np.testing.assert_allclose(box_of(planned), moved_box(box_in_plan(planned)), atol=0.01)
    assert planned.ui.statusLabel.text.split()[1:3] == ["branches", "found,"]


def test_a_hardened_motion_is_the_same_motion(planned):
    wanted = moved_box(box_in_plan(planned))
    move_ct(planned)
    planned.session.case.volume.HardenTransform()
    np.testing.assert_allclose(box_of(planned), wanted, atol=0.05)


def test_a_stretched_ct_is_told(planned):
    planned.session.case.volume.SetAndObserveTransformNodeID(transform_of(np.diag([1.1, 1.0, 1.0, 1.0])).GetID())
    assert "find them again" in planned.ui.statusLabel.text
    planned.session.case.volume.SetAndObserveTransformNodeID(None)
    assert "find them again" not in planned.ui.statusLabel.text


def test_a_ct_under_a_transform_is_known_as_that_of_its_result(desktop, airway_patient, tmp_path):
    import json

    from SenseCarePlanningMRML.coordinates import FLIP
    from SenseCarePlanningMRML.volume_nodes import world_ijk_to_ras
    from SenseCarePlanningWidgets.result_volume import volume_of_result

    volume = add_ct(desktop.scene, airway_patient)
    plain = world_ijk_to_ras(volume)
    volume.SetAndObserveTransformNodeID(transform_of(MOTION).GetID())
    for place in (plain, MOTION @ plain):  # computed before it was moved, and afterwards
        geometry = {"shape_kji": volume.GetImageData().GetDimensions()[::-1], "affine_ijk_to_lps": (FLIP @ place).tolist()}
        (tmp_path / "run.json").write_text(json.dumps({"input_geometry": geometry}), encoding="utf-8")
        assert volume_of_result(tmp_path) is volume


@pytest.mark.slow
def test_planning_again_on_a_moved_ct(desktop, planned, airway_patient):
    before = planned.session.plan.target.centre_lps_mm
    count = len(planned.session.result.tree)
    move_ct(planned)
    desktop.click(planned.ui.planButton)
    desktop.process_events(until=lambda: planned.runs.job is None, timeout=300)
    settle(desktop, planned)
    assert len(planned.session.case.earlierFolders) == 1
    assert len(planned.session.result.tree) == count
    np.testing.assert_allclose(planned.session.plan.target.centre_lps_mm, before, atol=0.5)
    np.testing.assert_allclose(box_of(planned), moved_box(box_in_plan(planned)), atol=0.01)
    assert OUTDATED not in planned.ui.targetLabel.text


def given_now(panel):
    from LungAirwayWidgets.planned_target import target_input

    return target_input(panel.session.case, panel.session.result_lps)


def test_a_target_moved_by_more_than_a_millimetre_is_told(desktop, planned, airway_patient, airway_plan, tmp_path):
    session, ui = planned.session, planned.ui
    session.take_result(shutil.copytree(airway_plan, tmp_path / "cases" / "airway-1" / "002"), planned=given_now(planned))
    node, (r, a, s) = session.case.target, airway_patient.target_ras

    def shift(mm):
        node.SetNthControlPointPositionWorld(0, r, a + mm, s)
        node.InvokeEvent(node.PointEndInteractionEvent)

    shift(0.8)
    assert OUTDATED not in ui.targetLabel.text and OUTDATED not in ui.routeHintLabel.text
    shift(1.2)
    assert ui.targetLabel.text.endswith("The routes lead to another one: press Plan the routes.")
    assert ui.routeHintLabel.text == "The target was changed since: press Plan the routes in step 4."
    saved = desktop.save_scene(tmp_path / "case.mrb")
    desktop.open_scene(saved)
    settle(desktop, planned)
    assert OUTDATED in ui.targetLabel.text
    node = session.case.target
    shift(0.0)
    assert OUTDATED not in ui.targetLabel.text and OUTDATED not in ui.routeHintLabel.text


def add_segments(*centres):
    """Add a segmentation with one ball of 9 mm around each centre (RAS mm); returns the node and the segments' ids."""
    import slicer
    import vtk

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Lesions")
    node.CreateDefaultDisplayNodes()
    for number, centre in enumerate(centres):
        source = vtk.vtkSphereSource()
        source.SetCenter(*centre)
        source.SetRadius(9.0)
        source.Update()
        node.AddSegmentFromClosedSurfaceRepresentation(source.GetOutput(), f"Lesion {number}", [1.0, 0.0, 0.0])
    node.CreateBinaryLabelmapRepresentation()
    return node, [node.GetSegmentation().GetNthSegmentID(at) for at in range(len(centres))]


def test_another_segment_as_the_target_is_told(planned, airway_patient, airway_plan, tmp_path):
    ui, session = planned.ui, planned.session
    r, a, s = airway_patient.target_ras
    node, (first, second) = add_segments((r, a, s), (r, a, s + 0.5))
    assert OUTDATED not in ui.targetLabel.text
    ui.targetSegmentSelector.setCurrentNode(node)
    ui.targetSegmentSelector.setCurrentSegmentID(first)
    folder = shutil.copytree(airway_plan, tmp_path / "cases" / "airway-1" / "002")
    session.take_result(folder, planned=given_now(planned))
    assert OUTDATED not in ui.targetLabel.text
    ui.targetSegmentSelector.setCurrentSegmentID(second)
    assert ui.targetLabel.text == "The target is the segment. The routes lead to another one: press Plan the routes."
    ui.targetSegmentSelector.setCurrentSegmentID(first)
    assert OUTDATED not in ui.targetLabel.text


def test_a_scene_saved_in_the_modules_layout_opens_in_it(desktop, planned, tmp_path):
    import slicer

    from LungAirwayWidgets.layout import ENDOSCOPE, LAYOUT_ID, three_d_widget

    assert slicer.app.layoutManager().layout == LAYOUT_ID
    saved = desktop.save_scene(tmp_path / "case.mrb")
    desktop.leave_module()
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    assert three_d_widget(ENDOSCOPE) is None
    desktop.open_scene(saved)
    assert slicer.app.layoutManager().layout == LAYOUT_ID
    assert three_d_widget(ENDOSCOPE) is not None


def test_a_scene_in_the_modules_layout_opens_before_the_module_was_ever_shown(desktop, tmp_path):
    import slicer

    from LungAirwayWidgets.layout import ENDOSCOPE, LAYOUT_ID, three_d_widget

    desktop.load_module("LungAirway")
    desktop.complete_startup()
    manager = slicer.app.layoutManager()
    manager.setLayout(LAYOUT_ID)
    saved = desktop.save_scene(tmp_path / "case.mrb")
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    desktop.open_scene(saved)
    assert manager.layout == LAYOUT_ID
    assert three_d_widget(ENDOSCOPE) is not None
