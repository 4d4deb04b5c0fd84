"""Widgets that place and list markups points, and show texts."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from . import signals
from .emulation import emulated
from .mrml_widgets import qMRMLNodeComboBox, qSlicerWidget
from .watch import Watch


@emulated
class qSlicerMarkupsPlaceWidget(qSlicerWidget):
    """Buttons that start and stop placing points."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._place, self._delete = (
            QtWidgets.QToolButton(self, text="Place", checkable=True),
            QtWidgets.QToolButton(self, text="Delete"),
        )
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._place)
        row.addWidget(self._delete)
        self._place.toggled.connect(self.setPlaceModeEnabled)
        self._delete.clicked.connect(self.deleteLastPoint)
        self._watch = Watch(self)

    def _changed(self, key: str) -> None:
        self.setVisible(True)

    def _interaction(self) -> Any:
        return slicer.app._qt.application_scene.logic.GetInteractionNode()

    def _scene_changed(self) -> None:
        super()._scene_changed()
        self._watch.clear()
        if self._scene is not None:
            kinds = slicer.vtkMRMLInteractionNode
            self._watch.observe(self._interaction(), kinds.InteractionModeChangedEvent, type(self)._on_mode)

    def _on_mode(self, _: Any) -> None:
        blocked = self._place.blockSignals(True)
        self._place.setChecked(self._get_placeModeEnabled())
        self._place.blockSignals(blocked)
        self.send("activeMarkupsPlaceModeChanged(bool)", self._get_placeModeEnabled())

    def setCurrentNode(self, node: Any) -> None:
        """Place points of a markups node."""
        self._node = node

    def currentNode(self) -> Any:
        """Return the markups node."""
        return self._node

    def _get_placeModeEnabled(self) -> bool:
        selection = slicer.app._qt.application_scene.logic.GetSelectionNode()
        placing = self._interaction().GetCurrentInteractionMode() == self._interaction().Place
        return bool(placing and self._node is not None and selection.GetActivePlaceNodeID() == self._node.GetID())

    def setPlaceModeEnabled(self, enabled: bool) -> None:
        """Start or stop placing."""
        interaction = self._interaction()
        if not enabled or self._node is None:
            interaction.SwitchToViewTransformMode()
            return
        selection = slicer.app._qt.application_scene.logic.GetSelectionNode()
        selection.SetReferenceActivePlaceNodeClassName(self._node.GetClassName())
        selection.SetActivePlaceNodeID(self._node.GetID())
        interaction.SetPlaceModePersistence(int(bool(self.property("placeModePersistency"))))
        interaction.SwitchToSinglePlaceMode() if not self.property(
            "placeModePersistency"
        ) else interaction.SwitchToPersistentPlaceMode()

    _set_placeModeEnabled = setPlaceModeEnabled

    def deleteLastPoint(self) -> None:
        """Remove the newest point."""
        if self._node is not None and self._node.GetNumberOfControlPoints():
            self._node.RemoveNthControlPoint(self._node.GetNumberOfControlPoints() - 1)

    def deleteAllPoints(self) -> None:
        """Remove all points."""
        if self._node is not None:
            self._node.RemoveAllControlPoints()

    def placeButton(self) -> Any:
        """Return the place button."""
        return self._place

    def deleteButton(self) -> Any:
        """Return the delete button."""
        return self._delete


@emulated
class qSlicerSimpleMarkupsWidget(qSlicerWidget):
    """A markups node, its points and the place buttons."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._nodes, self._place, self._table = (
            qMRMLNodeComboBox(self),
            qSlicerMarkupsPlaceWidget(self),
            QtWidgets.QTableWidget(0, 4),
        )
        self._nodes.setProperty("nodeTypes", ["vtkMRMLMarkupsFiducialNode"])
        self._table.setHorizontalHeaderLabels(["Name", "R", "A", "S"])
        self._watch = Watch(self)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._nodes, self._place, self._table):
            column.addWidget(widget)
        signals.connect(self._nodes, "qMRMLNodeComboBox", "currentNodeChanged(vtkMRMLNode*)", self._other_node)

    def _scene_changed(self) -> None:
        super()._scene_changed()
        self._nodes.setMRMLScene(self._scene)
        self._place.setMRMLScene(self._scene)

    def _other_node(self, node: Any) -> None:
        self._watch.clear()
        if node is not None:
            self._watch.observe(node, vtk.vtkCommand.ModifiedEvent, type(self)._fill)
            self._watch.observe(node, slicer.vtkMRMLMarkupsNode.PointModifiedEvent, type(self)._fill)
        self._place.setCurrentNode(node)
        self._fill(None)
        self.send("markupsNodeChanged()")

    def _fill(self, _: Any) -> None:
        node = self.currentNode()
        count = node.GetNumberOfControlPoints() if node is not None else 0
        self._table.setRowCount(count)
        for row in range(count):
            place = [0.0, 0.0, 0.0]
            node.GetNthControlPointPosition(row, place)
            for at, text in enumerate([node.GetNthControlPointLabel(row), *[f"{one:.1f}" for one in place]]):
                self._table.setItem(row, at, QtWidgets.QTableWidgetItem(text))

    def currentNode(self) -> Any:
        """Return the markups node."""
        return self._nodes.currentNode()

    def setCurrentNode(self, node: Any) -> None:
        """Choose a markups node."""
        self._nodes.setCurrentNode(node)

    def markupsPlaceWidget(self) -> Any:
        """Return the place buttons."""
        return self._place

    def markupsSelectorComboBox(self) -> Any:
        """Return the node selector."""
        return self._nodes

    def tableWidget(self) -> Any:
        """Return the table of points."""
        return self._table


@emulated
class qMRMLTextWidget(qSlicerWidget):
    """Shows and edits a text node."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._text, self._watch = QtWidgets.QTextEdit(self), Watch(self)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._text)

    def setMRMLTextNode(self, node: Any) -> None:
        """Show a text node."""
        self._watch.clear()
        self._node = node
        if node is not None:
            self._watch.observe(node, vtk.vtkCommand.ModifiedEvent, type(self)._fill)
        self._fill(None)

    def _fill(self, _: Any) -> None:
        self._text.setPlainText(self._node.GetText() if self._node is not None else "")

    def mrmlTextNode(self) -> Any:
        """Return the text node."""
        return self._node

    def textEditWidget(self) -> Any:
        """Return the text field."""
        return self._text

    def _changed(self, key: str) -> None:
        if key == "readOnly":
            self._text.setReadOnly(self.property("readOnly"))
