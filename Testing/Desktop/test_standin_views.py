"""Views draw the scene with slicer-core's displayable managers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vtk

SAMPLE = Path(__file__).parent / "sample" / "Sample" / "Sample.py"


@pytest.fixture
def ball(desktop):
    import slicer

    source = vtk.vtkSphereSource()
    source.SetRadius(30)
    source.SetThetaResolution(40)
    source.SetPhiResolution(40)
    source.Update()
    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Ball")
    model.SetAndObservePolyData(source.GetOutput())
    model.CreateDefaultDisplayNodes()
    model.GetDisplayNode().SetColor(1.0, 0.2, 0.1)
    model.GetDisplayNode().SetVisibility2D(True)
    return model


@pytest.fixture
def gradient(desktop):
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    grid = np.indices((60, 60, 60)).sum(axis=0).astype(np.int16)
    slicer.util.updateVolumeFromArray(node, grid)
    node.SetOrigin(-30, -30, -30)
    node.CreateDefaultDisplayNodes()
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node


def pixels(path):
    from PySide6.QtGui import QImage

    image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return raw[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def is_red(picture):
    return (picture[..., 0] > 100) & (picture[..., 1:].max(axis=2) < 80)


def test_four_views_show_model_and_image(desktop, ball, gradient, tmp_path):
    import slicer

    manager = slicer.app.layoutManager()
    assert sorted(manager.sliceViewNames()) == ["Green", "Red", "Yellow"]
    assert manager.threeDViewCount == 1
    desktop.load_module("Sample", SAMPLE)
    desktop.show_module("Sample")
    desktop.screenshot_window(tmp_path / "window.png")
    manager.resetThreeDViews()
    manager.resetSliceViews()
    red = pixels(desktop.screenshot(tmp_path / "red.png", manager.sliceWidget("Red").sliceView()))
    assert np.ptp(red[50:-50, 50:-50].mean(axis=2)) > 50
    solid = pixels(desktop.screenshot(tmp_path / "solid.png", manager.threeDWidget(0).threeDView()))
    assert is_red(solid).mean() > 0.05


def test_a_layout_of_its_own_is_built_from_its_description(desktop, ball):
    import slicer

    manager = slicer.app.layoutManager()
    node = manager.layoutLogic().GetLayoutNode()
    label = '<property name="viewlabel" action="default">{0}</property>'
    view = f'<item><view class="vtkMRMLViewNode" singletontag="{{0}}">{label}</view></item>'
    slices = '<item><view class="vtkMRMLSliceNode" singletontag="Red"/></item>'
    node.AddLayoutDescription(731, f'<layout type="horizontal">{view.format("1")}{view.format("Inside")}{slices}</layout>')
    changed = []
    manager.connect("layoutChanged(int)", changed.append)
    manager.setLayout(731)
    assert changed == [731]
    assert manager.threeDViewCount == 2
    assert manager.threeDWidget("Inside").mrmlViewNode().GetLayoutLabel() == "Inside"
    manager.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    assert manager.threeDViewCount == 1
    assert manager.threeDWidget("Inside") is None


def test_the_slice_slider_and_the_slice_node_agree(desktop, gradient):
    import slicer

    widget = slicer.app.layoutManager().sliceWidget("Red")
    widget.sliceController().setSliceOffsetValue(5.0)
    assert widget.mrmlSliceNode().GetSliceOffset() == pytest.approx(5.0)
    assert widget.sliceOrientation == "Axial"
    widget.sliceLogic().SetSliceOffset(-7.0)
    assert widget.sliceController().sliceOffsetSlider().value == pytest.approx(-7.0)
    assert widget.sliceView().convertXYZToRAS(widget.sliceView().convertRASToXYZ([1.0, 2.0, -7.0])) == pytest.approx(
        (1.0, 2.0, -7.0)
    )


def test_a_point_is_placed_by_a_click_in_a_slice(desktop, gradient, tmp_path):
    import slicer

    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Target")
    points.CreateDefaultDisplayNodes()
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    desktop.screenshot_window(tmp_path / "window.png")
    slicer.modules.markups.logic().StartPlaceMode(False)
    slicer.modules.markups.logic().SetActiveListID(points)
    slicer.modules.markups.logic().StartPlaceMode(False)
    desktop.click_in_view(view, 200, 150)
    assert points.GetNumberOfDefinedControlPoints() == 1


def test_views_live_on_when_the_scene_is_closed_and_opened(desktop, ball, gradient, tmp_path):
    import slicer

    manager = slicer.app.layoutManager()
    desktop.save_scene(tmp_path / "case.mrb")
    desktop.scene.Clear(0)
    empty = pixels(desktop.screenshot(tmp_path / "empty.png", manager.threeDWidget(0).threeDView()))
    assert not is_red(empty).any()
    desktop.open_scene(tmp_path / "case.mrb")
    manager.resetThreeDViews()
    solid = pixels(desktop.screenshot(tmp_path / "solid.png", manager.threeDWidget(0).threeDView()))
    assert is_red(solid).mean() > 0.01
    assert manager.sliceWidget("Red").mrmlSliceCompositeNode().GetBackgroundVolumeID()


def test_a_click_in_3d_picks_the_model(desktop, ball, tmp_path):
    import slicer

    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    desktop.screenshot_window(tmp_path / "window.png")
    picked = []
    picker = vtk.vtkCellPicker()

    def pick(caller, event):
        x, y = caller.GetEventPosition()
        picker.Pick(x, y, 0, view.renderWindow().GetRenderers().GetFirstRenderer())
        picked.append(picker.GetPickPosition())

    view.interactor().AddObserver("LeftButtonPressEvent", pick, 1.0)
    desktop.click_in_view(view, view.width // 2, view.height // 2)
    assert picked[0] == pytest.approx((0.0, 30.0, 0.0), abs=2.0)
