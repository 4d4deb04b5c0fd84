"""The views: four, the arteries in three dimensions among them; the slices follow the place that is looked at."""

from typing import Any

import slicer


def use_layout() -> None:
    """Switch to the four views; without a window nothing happens."""
    manager = slicer.app.layoutManager()
    if manager is not None and manager.layout != slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView:
        manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)


def look_at_arteries() -> None:
    """Fill the 3D view with what is in it, seen from the left front, as cardiologists know the left coronary artery."""
    manager = slicer.app.layoutManager()
    widget = manager.threeDWidget(0) if manager is not None and manager.threeDViewCount else None
    if not widget:
        return
    view = widget.threeDView()
    node = view.mrmlViewNode()
    node.SetBoxVisible(False)
    node.SetAxisLabelsVisible(False)
    node.SetOrientationMarkerType(node.OrientationMarkerTypeCube)
    node.SetOrientationMarkerSize(node.OrientationMarkerSizeSmall)
    camera = view.cameraNode()
    camera.RotateTo(camera.Anterior)
    view.resetFocalPoint()
    view.resetCamera(True, True, True)


def jump_to(point_ras: Any) -> None:
    """Lead all slices that are shown to a place (R, A, S), and mark it there with the crosshair."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    for name in manager.sliceViewNames():
        widget = manager.sliceWidget(name)
        if widget:
            widget.mrmlSliceNode().JumpSliceByCentering(*point_ras)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if node is not None:
        node.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowSmallBasic)
        node.SetCrosshairRAS(*point_ras)
