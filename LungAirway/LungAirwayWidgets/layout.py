"""The module's own layout: the view from inside large, the overview beside it, three slices below."""

from typing import Any

import numpy as np
import qt
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from .branch_picker import main_renderer

LAYOUT_ID = 5310
ENDOSCOPE = "Endoscope"
OVERVIEW = "1"
ENDOSCOPE_COLOR = (0.18, 0.49, 0.20)
OVERVIEW_BACKGROUND = ((0.05, 0.07, 0.10), (0.16, 0.20, 0.26))
"""Below and above: dark, so that the pale colours of all five lobes stand out; some vanish on Slicer's own lavender."""
FRONT, BEHIND = (0.0, 1.0), (0.8, -0.6)
"""Sides of the patient (R, A): from the front; from the right and somewhat behind."""
MARGIN, EVERY_POINT = 1.08, 20
"""The overview shows so much more than what is looked at; so many vertices are one to the measuring of it."""

_SLICE = """<item><view class="vtkMRMLSliceNode" singletontag="{name}">
<property name="orientation" action="default">{orientation}</property>
<property name="viewlabel" action="default">{label}</property>
<property name="viewcolor" action="default">{color}</property></view></item>"""

_DESCRIPTION = """<layout type="vertical" split="true">
<item splitSize="620"><layout type="horizontal" split="true">
<item splitSize="560"><view class="vtkMRMLViewNode" singletontag="Endoscope">
<property name="viewlabel" action="default">E</property>
<property name="viewcolor" action="default">#2E7D32</property></view></item>
<item splitSize="440"><view class="vtkMRMLViewNode" singletontag="1">
<property name="viewlabel" action="default">1</property></view></item>
</layout></item>
<item splitSize="380"><layout type="horizontal">{slices}</layout></item>
</layout>"""


def description() -> Any:
    """Return the layout's XML."""
    planes = (
        ("Red", "Axial", "R", "#F34A33"),
        ("Green", "Coronal", "G", "#6EB04B"),
        ("Yellow", "Sagittal", "Y", "#EDD54C"),
    )
    slices = "".join(_SLICE.format(name=n, orientation=o, label=b, color=c) for n, o, b, c in planes)
    return _DESCRIPTION.format(slices=slices)


def register_layout() -> None:
    """Make the layout known, so that a scene saved in it opens in it; without a window nothing happens."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    node = manager.layoutLogic().GetLayoutNode()
    if not node.IsLayoutDescription(LAYOUT_ID):
        node.AddLayoutDescription(LAYOUT_ID, description())


def use_layout() -> None:
    """Switch to the module's layout; without a window nothing happens."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    register_layout()
    if manager.layout != LAYOUT_ID:
        manager.setLayout(LAYOUT_ID)
        qt.QTimer.singleShot(0, fit_slices)  # once the views have their new shape
    for name in (ENDOSCOPE, OVERVIEW):
        view = view_node(name)
        if view is not None:
            view.SetBoxVisible(False)
            view.SetAxisLabelsVisible(False)
    dress_overview(view_node(OVERVIEW))


def dress_overview(view: Any) -> None:
    """Give the overview a ground on which every lobe is seen, and a cube that tells the sides."""
    if view is not None:
        below, above = OVERVIEW_BACKGROUND
        view.SetBackgroundColor(*below)
        view.SetBackgroundColor2(*above)
        view.SetOrientationMarkerType(view.OrientationMarkerTypeCube)
        view.SetOrientationMarkerSize(view.OrientationMarkerSizeSmall)


def fit_slices() -> None:
    """Fit the slices into their views, each at the place where it is."""
    manager = slicer.app.layoutManager()
    nodes = shown_slice_nodes()
    offsets = [node.GetSliceOffset() for node in nodes]
    manager.resetSliceViews()
    for node, offset in zip(nodes, offsets, strict=True):
        node.SetSliceOffset(offset)


def look_at_models(models: Any, towards_ras: Any = FRONT) -> None:
    """Fill the overview with these models, seen from a side of the patient (a horizontal direction, R and A)."""
    widget = three_d_widget(OVERVIEW)
    shown = [one for one in models if one is not None and one.GetPolyData() is not None]
    shown = [one for one in shown if one.GetPolyData().GetNumberOfPoints() > 0]
    if widget is None or not shown:
        return
    view = widget.threeDView()
    points = np.concatenate([_world_points(one) for one in shown])
    nearer = np.array([*towards_ras, 0.0]) / np.linalg.norm(towards_ras)
    axes = np.stack([np.cross((0.0, 0.0, 1.0), nearer), (0.0, 0.0, 1.0), nearer])
    local = points @ axes.T
    middle = (local.min(axis=0) + local.max(axis=0)) / 2.0
    across, up, near = np.abs(local - middle).T[0], np.abs(local - middle).T[1], (local - middle).T[2]
    camera, renderer = view.cameraNode(), main_renderer(view)
    width, height = view.renderWindow().GetSize()
    half = np.tan(np.radians(camera.GetViewAngle() / 2.0))
    away = float((MARGIN * np.maximum(up, across * height / max(width, 1)) / half + near).max())
    camera.SetFocalPoint(*(middle @ axes))
    camera.SetPosition(*(middle @ axes + away * nearer))
    camera.SetViewUp(0.0, 0.0, 1.0)
    if renderer is not None:
        renderer.ResetCameraClippingRange()
    view.scheduleRender()


def _world_points(model: Any) -> Any:
    """Return some of a model's points (N, 3) where they are seen, RAS mm."""
    points = vtk_to_numpy(model.GetPolyData().GetPoints().GetData())[::EVERY_POINT].astype(float)
    if model.GetParentTransformNode() is None:
        return points
    above = slicer.util.arrayFromTransformMatrix(model.GetParentTransformNode(), toWorld=True)
    return points @ above[:3, :3].T + above[:3, 3]


def side_of(point_ras: Any, model: Any) -> Any:
    """Return from where a target is seen best (R, A): the front; from its side where it lies in the back."""
    if model is None or model.GetPolyData() is None:
        return FRONT
    bounds = np.zeros(6)
    model.GetRASBounds(bounds)
    left, right, back, front = bounds[:4]
    if point_ras[1] > (back + front) / 2.0:
        return FRONT
    return (BEHIND[0] if point_ras[0] > (left + right) / 2.0 else -BEHIND[0], BEHIND[1])


def shown_slice_nodes() -> Any:
    """Return the slice nodes of the views that the current layout shows."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return []
    widgets = [manager.sliceWidget(name) for name in manager.sliceViewNames()]
    return [widget.mrmlSliceNode() for widget in widgets if widget]


def show_crosshair(r: float, a: float, s: float) -> int | None:
    """Mark a place in the slices with Slicer's crosshair; returns the mode that it was in, for :func:`restore_crosshair`."""
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if node is None:
        return None
    before = int(node.GetCrosshairMode())
    node.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowSmallBasic)
    node.SetCrosshairRAS(r, a, s)
    return before


def restore_crosshair(mode: int) -> None:
    """Show the crosshair as the user had it before the mark was made."""
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if node is not None:
        node.SetCrosshairMode(mode)


def view_node(name: Any, make: Any = False) -> Any:
    """Return the 3D view node of a name; made without its widget when asked for, as a layout would make it."""
    scene = slicer.mrmlScene
    found = scene.GetSingletonNode(name, "vtkMRMLViewNode")
    if found is None and make:
        found = scene.CreateNodeByClass("vtkMRMLViewNode")
        found.UnRegister(None)
        found.SetSingletonTag(name)
        found.SetLayoutName(name)
        found.SetName(f"View{name}")
        if name == ENDOSCOPE:
            found.SetLayoutLabel("E")
            found.SetLayoutColor(*ENDOSCOPE_COLOR)
        found = scene.AddNode(found)
    return found


def three_d_widget(name: Any) -> Any:
    """Return the 3D widget of a name, None where the layout has none."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return None
    for at in range(manager.threeDViewCount):
        widget = manager.threeDWidget(at)
        node = widget.mrmlViewNode() if widget else None
        if node is not None and node.GetLayoutName() == name:
            return widget
    return None
