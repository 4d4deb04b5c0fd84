"""The layout manager: the real layout node's XML laid out with Qt, one widget per view node."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from .emulation import Emits, emulated
from .tables import qMRMLTableWidget
from .view_widgets import qMRMLSliceWidget, qMRMLThreeDWidget
from .watch import Watch

KINDS = {"vtkMRMLSliceNode": qMRMLSliceWidget, "vtkMRMLViewNode": qMRMLThreeDWidget, "vtkMRMLTableViewNode": qMRMLTableWidget}


@emulated
class qMRMLLayoutManager(QtCore.QObject, Emits):
    """Shows the views of the layout in a viewport."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.viewport_widget = QtWidgets.QWidget()
        self.viewport_widget.setObjectName("CentralWidgetLayoutFrame")
        holder = QtWidgets.QVBoxLayout(self.viewport_widget)
        holder.setContentsMargins(0, 0, 0, 0)
        self._content: Any = None
        self._widgets: dict[str, Any] = {}
        self._shown: list[str] = []
        self._logics: list[Any] = []
        self._watch, self._last = Watch(self), -1

    def begin(self, application_scene: Any) -> None:
        """Follow the layout node of a scene."""
        self._scene, self._application_logic = application_scene.scene, application_scene.logic
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLScene(self._scene)
        self._node = self._layout_logic.GetLayoutNode()
        self._watch.observe(self._node, vtk.vtkCommand.ModifiedEvent, type(self)._on_node)
        if self._node.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutNone:
            self._node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._on_node(None)

    def _on_node(self, _: Any) -> None:
        key = (self._node.GetViewArrangement(), self._node.GetCurrentLayoutDescription())
        if key != self._last and key[1]:
            self._last = key
            self._build(ElementTree.fromstring(key[1]))
            self.send("layoutChanged(int)", key[0])

    def _build(self, root: ElementTree.Element) -> None:
        for widget in self._widgets.values():
            widget.setParent(None)
        if self._content is not None:
            self.viewport_widget.layout().removeWidget(self._content)
            self._content.hide()
            self._content.deleteLater()
        self._shown = []
        self._content = self._item(root)
        self.viewport_widget.layout().addWidget(self._content)

    def _item(self, element: ElementTree.Element) -> QtWidgets.QWidget:
        if element.tag == "view":
            return self._view(element)
        kind = element.get("type", "vertical")
        parts = [self._item(view) for item in element.findall("item") for view in item if view.tag in {"view", "layout"}]
        if kind == "tab":
            tabs = QtWidgets.QTabWidget()
            for part in parts:
                tabs.addTab(part, part.windowTitle() or part.objectName())
            return tabs
        if kind == "grid":
            grid = QtWidgets.QWidget()
            cells = QtWidgets.QGridLayout(grid)
            cells.setContentsMargins(0, 0, 0, 0)
            cells.setSpacing(2)
            for item, part in zip(element.findall("item"), parts, strict=False):
                place = [
                    int(item.get(key, default)) for key, default in (("row", 0), ("column", 0), ("rowspan", 1), ("colspan", 1))
                ]
                cells.addWidget(part, *place)
            return grid
        return self._row(element, kind, parts)

    @staticmethod
    def _row(element: ElementTree.Element, kind: str, parts: list[QtWidgets.QWidget]) -> QtWidgets.QWidget:
        """Share the room by splitSize, or evenly."""
        sizes = [int(item.get("splitSize", 500)) for item in element.findall("item")]
        made = QtWidgets.QWidget()
        box = QtWidgets.QHBoxLayout(made) if kind == "horizontal" else QtWidgets.QVBoxLayout(made)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        for part, size in zip(parts, sizes, strict=False):
            box.addWidget(part, size)
        return made

    def _view(self, element: ElementTree.Element) -> QtWidgets.QWidget:
        kind, tag = element.get("class", ""), element.get("singletontag", "")
        node = self._scene.GetSingletonNode(tag, kind)
        if node is None or kind not in KINDS:
            raise NotImplementedError(f"the stand-in has no view of class {kind} '{tag}'")
        if node.GetID() not in self._widgets:
            self._widgets[node.GetID()] = self._make(kind, node)
        widget = self._widgets[node.GetID()]
        if hasattr(widget, "_bar"):
            widget._bar._show(node.GetLayoutLabel() or node.GetName(), node.GetLayoutColor())
        widget.setWindowTitle(node.GetLayoutLabel() or node.GetName())
        widget.show()
        self._shown.append(node.GetID())
        return widget

    def _make(self, kind: str, node: Any) -> Any:
        widget = KINDS[kind]()
        widget.node_id = node.GetID()
        if kind == "vtkMRMLTableViewNode":
            widget.begin(node, None)
            return widget
        is_slice = kind == "vtkMRMLSliceNode"
        logic = slicer.vtkMRMLSliceLogic() if is_slice else slicer.vtkMRMLViewLogic()
        logic.SetMRMLApplicationLogic(self._application_logic)
        logic.SetMRMLScene(self._scene)
        group = self._application_logic.GetSliceLogics() if is_slice else self._application_logic.GetViewLogics()
        group.AddItem(logic)
        self._logics.append(logic)
        widget.begin(node, logic)
        return widget

    def _of(self, kind: str, only_shown: bool = True) -> list[Any]:
        ids = self._shown if only_shown else list(self._widgets)
        return [self._widgets[one] for one in ids if self._scene.GetNodeByID(one).IsA(kind)]

    def setLayout(self, number: int) -> None:
        """Choose a layout."""
        self._node.SetViewArrangement(number)

    def _get_layout(self) -> int:
        return int(self._node.GetViewArrangement())

    _set_layout = setLayout

    def _get_threeDViewCount(self) -> int:
        return len(self._of("vtkMRMLViewNode"))

    def _get_tableViewCount(self) -> int:
        return len(self._of("vtkMRMLTableViewNode"))

    def threeDWidget(self, which: Any) -> Any:
        """Return a 3D widget by place or by name."""
        return self._pick(self._of("vtkMRMLViewNode"), which)

    def sliceWidget(self, name: str) -> Any:
        """Return a slice widget by name; one that the layouts shown so far did not use is absent."""
        return self._pick(self._of("vtkMRMLSliceNode", only_shown=False), name)

    def tableWidget(self, which: Any) -> Any:
        """Return a table widget by place or by name."""
        return self._pick(self._of("vtkMRMLTableViewNode"), which)

    def _pick(self, widgets: list[Any], which: Any) -> Any:
        if isinstance(which, int):
            return widgets[which] if 0 <= which < len(widgets) else None
        named = {self._scene.GetNodeByID(one.node_id).GetLayoutName(): one for one in widgets}
        return named.get(which)

    def sliceViewNames(self) -> list[str]:
        """Return the names of the slice views."""
        return [self._scene.GetNodeByID(one.node_id).GetLayoutName() for one in self._of("vtkMRMLSliceNode", only_shown=False)]

    def viewWidget(self, node: Any) -> Any:
        """Return the widget of a view node."""
        return self._widgets.get(node.GetID())

    def layoutLogic(self) -> Any:
        """Return the layout logic."""
        return self._layout_logic

    def mrmlScene(self) -> Any:
        """Return the scene."""
        return self._scene

    def mrmlSliceLogics(self) -> Any:
        """Return the logics of the slice views."""
        return self._application_logic.GetSliceLogics()

    def mrmlViewLogics(self) -> Any:
        """Return the logics of the 3D views."""
        return self._application_logic.GetViewLogics()

    def activeMRMLThreeDViewNode(self) -> Any:
        """Return the node of the first 3D view."""
        found = self._of("vtkMRMLViewNode")
        return found[0].mrmlViewNode() if found else None

    def resetThreeDViews(self) -> None:
        """Look at all that is visible."""
        for widget in self._of("vtkMRMLViewNode"):
            widget.threeDView().resetFocalPoint()
            widget.threeDView().resetCamera()

    def resetSliceViews(self) -> None:
        """Show the whole images."""
        for widget in self._of("vtkMRMLSliceNode"):
            widget.fitSliceToBackground()

    def addMaximizedViewNode(self, node: Any) -> None:
        """Show one view alone."""
        self._layout_logic.GetLayoutNode().AddMaximizedViewNode(node)

    def removeAllMaximizedViewNodes(self) -> None:
        """Show the layout again."""
        self._layout_logic.GetLayoutNode().RemoveAllMaximizedViewNodes()

    def setRenderPaused(self, paused: bool) -> None:
        """Stop or go on drawing."""
        for widget in self._of("vtkMRMLAbstractViewNode"):
            if hasattr(widget._view, "setRenderPaused"):
                widget._view.setRenderPaused(paused)

    def pauseRender(self) -> None:
        """Stop drawing."""
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        """Go on drawing."""
        self.setRenderPaused(False)

    def end(self) -> None:
        """Let go of the scene."""
        self._watch.clear()
        for logic in self._logics:
            logic.SetMRMLScene(None)
        self._logics.clear()
        self._layout_logic.SetMRMLScene(None)


@emulated
class qSlicerLayoutManager(qMRMLLayoutManager):
    """The application's layout manager."""
