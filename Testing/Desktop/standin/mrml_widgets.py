"""Widgets that follow the scene: container, node selectors, sliders."""

from __future__ import annotations

from typing import Any, ClassVar

from PySide6 import QtWidgets

from .ctk_numbers import ctkDoubleSpinBox, ctkRangeWidget, ctkSliderWidget
from .emulation import Emits, emulated
from .watch import Watch


class _Scene(Emits):
    """Keeps the scene that a widget was given."""

    _scene: Any = None

    def setMRMLScene(self, scene: Any) -> None:
        """Take a scene; tell so only if it is another one."""
        if scene is self._scene:
            return
        self._scene = scene
        self._scene_changed()

    def _scene_changed(self) -> None:
        self.send("mrmlSceneChanged(vtkMRMLScene*)", self._scene)

    def mrmlScene(self) -> Any:
        """Return the scene."""
        return self._scene


@emulated
class qMRMLWidget(QtWidgets.QWidget, _Scene):
    """Root widget of a module's form."""


@emulated
class qSlicerWidget(QtWidgets.QWidget, _Scene):
    """Root widget of a module's form, older kind."""


@emulated
class qMRMLSliderWidget(ctkSliderWidget, _Scene):
    """A slider that may follow the scene's units."""

    def _scene_changed(self) -> None:
        """Nothing to follow."""


@emulated
class qMRMLSpinBox(ctkDoubleSpinBox, _Scene):
    """A spin box that may follow the scene's units."""

    def _scene_changed(self) -> None:
        """Nothing to follow."""


@emulated
class qMRMLRangeWidget(ctkRangeWidget, _Scene):
    """A range that may follow the scene's units."""

    def _scene_changed(self) -> None:
        """Nothing to follow."""


@emulated
class qMRMLNodeComboBox(QtWidgets.QWidget, _Scene):
    """A list of the scene's nodes of some types."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "addEnabled": True,
        "removeEnabled": True,
        "showChildNodeTypes": True,
        "selectNodeUponCreation": True,
        "noneDisplay": "None",
    }

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._nodes: list[Any] = []
        self._node: Any = None
        self._waiting: Any = None
        self._attributes: list[tuple[str, str, Any]] = []
        self._watch = Watch(self)
        self._box = QtWidgets.QComboBox(self)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.activated.connect(self._picked)
        self.setEnabled(False)

    def _scene_changed(self) -> None:
        import slicer

        self._watch.clear()
        self.setEnabled(self._scene is not None)
        if self._scene is not None:
            events, own = slicer.vtkMRMLScene, type(self)
            self._watch.observe(self._scene, events.NodeAddedEvent, own._on_added, with_data=True)
            self._watch.observe(self._scene, events.NodeAboutToBeRemovedEvent, own._on_removing, with_data=True)
            self._watch.observe(self._scene, events.NodeRemovedEvent, own._on_list)
            self._watch.observe(self._scene, events.EndBatchProcessEvent, own._on_list)
        self._refresh()
        if self._waiting is not None:
            node, self._waiting = self._waiting, None
            self.setCurrentNode(node)

    def _on_list(self, _: Any) -> None:
        self._refresh()

    def _on_added(self, node: Any) -> None:
        if self._fits(node) and not self._scene.IsBatchProcessing():
            self._refresh()
            self.send("nodeAdded(vtkMRMLNode*)", node)

    def _on_removing(self, node: Any) -> None:
        if node in self._nodes:
            self._refresh(without=node)

    def _changed(self, key: str) -> None:
        if key == "nodeTypes":
            self.__dict__["_values"][key] = [one for one in self.property(key) if one]
        if self._scene is not None:
            self._refresh()

    def addAttribute(self, node_type: str, name: str, value: Any = None) -> None:
        """List only nodes with an attribute."""
        self._attributes.append((node_type, name, value))
        self._changed("attributes")

    def removeAttribute(self, node_type: str, name: str) -> None:
        """List nodes without regard to an attribute."""
        self._attributes = [one for one in self._attributes if one[:2] != (node_type, name)]
        self._changed("attributes")

    def _fits(self, node: Any) -> bool:
        kinds = self.property("nodeTypes") or []
        exact = not self.property("showChildNodeTypes")
        if not any(node.GetClassName() == kind if exact else node.IsA(kind) for kind in kinds):
            return False
        if any(node.IsA(kind) for kind in self.property("hideChildNodeTypes") or []):
            return False
        if node.GetHideFromEditors() and not self.property("showHidden"):
            return False
        return all(
            node.GetAttribute(name) is not None and (value is None or str(value) == node.GetAttribute(name))
            for kind, name, value in self._attributes
            if node.IsA(kind)
        )

    def _refresh(self, without: Any = None) -> None:
        scene = self._scene
        everything = [scene.GetNthNode(at) for at in range(scene.GetNumberOfNodes())] if scene is not None else []
        self._nodes = [node for node in everything if node is not without and self._fits(node)]
        self._box.blockSignals(True)
        self._box.clear()
        if self.property("noneEnabled") or not self._nodes:
            self._box.addItem(self.property("noneDisplay") if self.property("noneEnabled") else "")
        for node in self._nodes:
            self._box.addItem(node.GetName() or "")
        for at, kind in enumerate(self.property("nodeTypes") or [] if self.property("addEnabled") else []):
            if at == 0:
                self._box.insertSeparator(self._box.count())
            self._box.addItem(f"Create new {self._label(kind)}")
        self._box.blockSignals(False)
        chosen = self._node if self._node in self._nodes else None
        if chosen is None and self._nodes and not self.property("noneEnabled"):
            chosen = self._nodes[0]
        self._select(chosen)

    def _label(self, kind: str) -> str:
        import slicer

        made = getattr(slicer, kind, None)
        return made().GetNodeTagName() if made is not None and not kind.endswith("Node*") and self._concrete(made) else kind

    @staticmethod
    def _concrete(made: Any) -> bool:
        try:
            made()
        except TypeError:
            return False
        return True

    def _offset(self) -> int:
        return int(self.property("noneEnabled") or not self._nodes)

    def _picked(self, at: int) -> None:
        place = at - self._offset()
        if place >= len(self._nodes):
            self.addNode((self.property("nodeTypes") or [""])[max(0, place - len(self._nodes) - 1)])
            return
        node = self._nodes[place] if place >= 0 else None
        self._select(node)
        self.send("nodeActivated(vtkMRMLNode*)", node)

    def _select(self, node: Any) -> None:
        before, self._node = self._node, node
        self._box.setCurrentIndex(self._nodes.index(node) + self._offset() if node in self._nodes else 0)
        if before is not node:
            self.send("currentNodeChanged(vtkMRMLNode*)", node)
            self.send("currentNodeChanged(bool)", node is not None)
            self.send("currentNodeIDChanged(QString)", node.GetID() if node is not None else "")

    def currentNode(self) -> Any:
        """Return the selected node."""
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        """Select a node, given itself or by its id."""
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if self._scene is not None and node else None
        if self._scene is None:
            self._waiting = node
            return
        if node is None or node in self._nodes:
            self._select(node if node is not None or self.property("noneEnabled") or not self._nodes else self._node)
        else:
            self._select(None)

    def setCurrentNodeID(self, node_id: str) -> None:
        """Select a node by its id."""
        self.setCurrentNode(node_id)

    def setCurrentNodeIndex(self, at: int) -> None:
        """Select the node at a place of the list; none when out of range."""
        self._select(self._nodes[at] if 0 <= at < len(self._nodes) else None)

    def _get_currentNodeID(self) -> str:
        return self._node.GetID() if self._node is not None else ""

    def _set_currentNodeID(self, node_id: str) -> None:
        self.setCurrentNode(node_id)

    _get_currentNodeId = _get_currentNodeID
    _set_currentNodeId = _set_currentNodeID

    def nodeCount(self) -> int:
        """Return how many nodes are listed."""
        return len(self._nodes)

    def nodeFromIndex(self, at: int) -> Any:
        """Return a listed node."""
        return self._nodes[at] if 0 <= at < len(self._nodes) else None

    def addNode(self, kind: str = "") -> Any:
        """Make a node as if the user asked for it."""
        kind = kind or (self.property("nodeTypes") or [""])[0]
        node = self._scene.AddNewNodeByClass(kind, self._scene.GenerateUniqueName(self.property("baseName") or self._label(kind)))
        if self.property("selectNodeUponCreation"):
            self.setCurrentNode(node)
        self.send("nodeAddedByUser(vtkMRMLNode*)", node)
        return node

    def removeCurrentNode(self) -> None:
        """Remove the selected node from the scene."""
        if self._node is not None:
            self._scene.RemoveNode(self._node)
