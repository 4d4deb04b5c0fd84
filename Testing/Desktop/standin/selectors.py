"""Widgets that choose or place things of the scene: several nodes, a segment, markups points, texts."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
from PySide6 import QtWidgets

from . import signals
from .emulation import emulated
from .mrml_widgets import qMRMLNodeComboBox, qMRMLWidget
from .tables import qMRMLSegmentsTableView
from .watch import Watch


@emulated
class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A list of nodes to check."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._checked: list[Any] = []

    def checkedNodes(self) -> list[Any]:
        """Return the checked nodes."""
        return [node for node in self._nodes if node in self._checked]

    def uncheckedNodes(self) -> list[Any]:
        """Return the others."""
        return [node for node in self._nodes if node not in self._checked]

    def check(self, node: Any) -> None:
        """Check a node."""
        self.setCheckState(node, 2)

    def uncheck(self, node: Any) -> None:
        """Uncheck a node."""
        self.setCheckState(node, 0)

    def checkState(self, node: Any) -> int:
        """Return 2 for a checked node, 0 otherwise."""
        return 2 if node in self._checked else 0

    def setCheckState(self, node: Any, state: Any) -> None:
        """Check or uncheck a node."""
        before = list(self._checked)
        self._checked = [one for one in self._checked if one is not node] + (
            [node] if int(getattr(state, "value", state)) else []
        )
        if before != self._checked:
            self.send("checkedNodesChanged()")


@emulated
class qMRMLSegmentSelectorWidget(qMRMLWidget):
    """A segmentation and one of its segments."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"segmentationNodeSelectorVisible": True}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._nodes, self._box, self._watch = qMRMLNodeComboBox(self), QtWidgets.QComboBox(self), Watch(self)
        for key, value in {"nodeTypes": ["vtkMRMLSegmentationNode"], "noneEnabled": True, "addEnabled": False}.items():
            self._nodes.setProperty(key, value)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._nodes)
        column.addWidget(self._box)
        signals.connect(self._nodes, "qMRMLNodeComboBox", "currentNodeChanged(vtkMRMLNode*)", self._other_node)
        self._box.currentIndexChanged.connect(lambda _: self.send("currentSegmentChanged(QString)", self.currentSegmentID()))

    def _scene_changed(self) -> None:
        super()._scene_changed()
        self._nodes.setMRMLScene(self._scene)

    def _changed(self, key: str) -> None:
        self._nodes.setVisible(self.property("segmentationNodeSelectorVisible"))
        if key == "noneEnabled":
            self._fill(None)

    def _other_node(self, node: Any) -> None:
        self._watch.clear()
        if node is not None:
            for event in (slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved):
                self._watch.observe(node, event, type(self)._fill)
        self._fill(None)
        self.send("currentNodeChanged(vtkMRMLNode*)", node)
        self.send("currentNodeChanged(bool)", node is not None)

    def _fill(self, _: Any) -> None:
        chosen = self.currentSegmentID()
        blocked = self._box.blockSignals(True)
        self._box.clear()
        if self.property("noneEnabled"):
            self._box.addItem("None", "")
        for key in self.segmentIDs():
            self._box.addItem(self.currentNode().GetSegmentation().GetSegment(key).GetName(), key)
        self._box.blockSignals(blocked)
        self.setCurrentSegmentID(chosen)

    def currentNode(self) -> Any:
        """Return the segmentation."""
        return self._nodes.currentNode()

    def setCurrentNode(self, node: Any) -> None:
        """Choose a segmentation."""
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, key: str) -> None:
        """Choose a segmentation by id."""
        self._nodes.setCurrentNode(key)

    def currentNodeID(self) -> str:
        """Return the segmentation's id."""
        return str(self._nodes.property("currentNodeID"))

    def segmentIDs(self) -> list[str]:
        """Return the segments."""
        found = self.currentNode().GetSegmentation() if self.currentNode() is not None else None
        return [found.GetNthSegmentID(at) for at in range(found.GetNumberOfSegments())] if found is not None else []

    def currentSegmentID(self) -> str:
        """Return the chosen segment."""
        return str(self._box.currentData() or "")

    def setCurrentSegmentID(self, key: str) -> None:
        """Choose a segment."""
        self._box.setCurrentIndex(max(0, self._box.findData(key)) if self._box.count() else -1)


@emulated
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """The segment editor's frame: nodes, segments and the active effect's name; painting itself is not there."""

    EFFECTS: ClassVar[tuple[str, ...]] = ("Threshold", "Paint", "Draw", "Erase", "Islands", "Scissors", "Smoothing")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor: Any = None
        self._segmentation: Any = None
        self._volume: Any = None
        self._effect = ""
        self._table = qMRMLSegmentsTableView(self)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._table)

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        """Take the node that keeps the editor's state."""
        self._editor = node

    def mrmlSegmentEditorNode(self) -> Any:
        """Return that node."""
        return self._editor

    def setSegmentationNode(self, node: Any) -> None:
        """Edit a segmentation."""
        self._segmentation = node
        self._table.setSegmentationNode(node)
        self.send("segmentationNodeChanged(vtkMRMLSegmentationNode*)", node)

    def segmentationNode(self) -> Any:
        """Return the edited segmentation."""
        return self._segmentation

    def setSourceVolumeNode(self, node: Any) -> None:
        """Edit on an image."""
        self._volume = node
        self.send("sourceVolumeNodeChanged(vtkMRMLVolumeNode*)", node)

    def sourceVolumeNode(self) -> Any:
        """Return the image."""
        return self._volume

    def setCurrentSegmentID(self, key: str) -> None:
        """Choose a segment."""
        self._table.setSelectedSegmentIDs([key])
        self.send("currentSegmentIDChanged(QString)", key)

    def currentSegmentID(self) -> str:
        """Return the chosen segment."""
        return next(iter(self._table.selectedSegmentIDs()), "")

    def setActiveEffectByName(self, name: str) -> None:
        """Choose an effect; an unknown name is none."""
        self._effect = name if name in self.EFFECTS else ""

    def availableEffectNames(self) -> list[str]:
        """Return the effects."""
        return list(self.EFFECTS)

    def installKeyboardShortcuts(self, parent: Any = None) -> None:
        """No shortcuts."""

    def uninstallKeyboardShortcuts(self) -> None:
        """No shortcuts."""

    def setupViewObservations(self) -> None:
        """Nothing is painted."""

    def removeViewObservations(self) -> None:
        """Nothing is painted."""
