"""The module's own layout: the view from inside large, the overview beside it, three slices below."""

from typing import Any

import slicer

LAYOUT_ID = 5310
ENDOSCOPE = "Endoscope"
OVERVIEW = "1"
ENDOSCOPE_COLOR = (0.18, 0.49, 0.20)

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


def use_layout() -> None:
    """Switch to the module's layout; without a window nothing happens."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    node = manager.layoutLogic().GetLayoutNode()
    if not node.IsLayoutDescription(LAYOUT_ID):
        node.AddLayoutDescription(LAYOUT_ID, description())
    if manager.layout != LAYOUT_ID:
        manager.setLayout(LAYOUT_ID)
    for name in (ENDOSCOPE, OVERVIEW):
        view = view_node(name)
        if view is not None:
            view.SetBoxVisible(False)
            view.SetAxisLabelsVisible(False)


def shown_slice_nodes() -> Any:
    """Return the slice nodes of the views that the current layout shows."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return []
    widgets = [manager.sliceWidget(name) for name in manager.sliceViewNames()]
    return [widget.mrmlSliceNode() for widget in widgets if widget]


def show_crosshair(r: float, a: float, s: float) -> None:
    """Mark a place in the slices with Slicer's crosshair."""
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if node is not None:
        node.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowSmallBasic)
        node.SetCrosshairRAS(r, a, s)


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
