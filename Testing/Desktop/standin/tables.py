"""Views of table and segmentation nodes."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from .emulation import Emits, emulated
from .mrml_widgets import qMRMLWidget
from .watch import Watch


@emulated
class qMRMLTableView(QtWidgets.QTableView, Emits):
    """Shows and edits a table node."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: Any = None
        self._scene: Any = None
        self._watch, self._filling = Watch(self), False
        self._model = QtGui.QStandardItemModel(self)
        self._sorted = QtCore.QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self.setModel(self._sorted)
        self._model.itemChanged.connect(self._edited)
        self.selectionModel().selectionChanged.connect(lambda *_: self.send("selectionChanged()"))

    def setMRMLScene(self, scene: Any) -> None:
        """Take the scene."""
        if scene is not self._scene:
            self._scene = scene
            self.send("mrmlSceneChanged(vtkMRMLScene*)", scene)

    def setMRMLTableNode(self, node: Any) -> None:
        """Show a table node."""
        self._watch.clear()
        self._table = node
        if node is not None:
            self._watch.observe(node, vtk.vtkCommand.ModifiedEvent, type(self)._fill)
        self._fill(None)

    def mrmlTableNode(self) -> Any:
        """Return the table node."""
        return self._table

    def mrmlScene(self) -> Any:
        """Return the scene."""
        return self._scene

    def tableModel(self) -> Any:
        """Return the model of the node's cells."""
        return self._model

    def sortFilterProxyModel(self) -> Any:
        """Return the sorted model."""
        return self._sorted

    def _fill(self, _: Any) -> None:
        if self._filling:
            return
        self._filling = True
        self._model.clear()
        table = self._table.GetTable() if self._table is not None else vtk.vtkTable()
        names = [table.GetColumnName(at) or "" for at in range(table.GetNumberOfColumns())]
        if self.property("firstRowLocked") and table.GetNumberOfRows():
            names = [table.GetValue(0, at).ToString() for at in range(table.GetNumberOfColumns())]
        titles = [(self._table.GetColumnTitle(name) if hasattr(self._table, "GetColumnTitle") else "") or name for name in names]
        self._model.setHorizontalHeaderLabels(titles)
        for row in range(table.GetNumberOfRows()):
            self._model.appendRow([QtGui.QStandardItem(table.GetValue(row, at).ToString()) for at in range(len(names))])
        self.setEditTriggers(
            QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers
            if self._table is not None and self._table.GetLocked()
            else QtWidgets.QAbstractItemView.EditTrigger.DoubleClicked
        )
        self._filling = False

    def _edited(self, item: Any) -> None:
        if not self._filling and self._table is not None:
            self._filling = True
            self._table.SetCellText(item.row(), item.column(), item.text())
            self._filling = False


@emulated
class qMRMLTableWidget(qMRMLWidget):
    """The table view of a layout."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._view, self._watch, self._node = qMRMLTableView(), Watch(self), None
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)

    def begin(self, node: Any, _: Any) -> None:
        """Follow a table view node."""
        self._node = node
        self._watch.observe(node, vtk.vtkCommand.ModifiedEvent, type(self)._on_node)
        self._on_node(None)

    def _on_node(self, _: Any) -> None:
        self._view.setMRMLTableNode(self._node.GetTableNode())

    def mrmlTableViewNode(self) -> Any:
        """Return the view node."""
        return self._node

    mrmlAbstractViewNode = mrmlTableViewNode

    def tableView(self) -> Any:
        """Return the view."""
        return self._view

    viewWidget = tableView


@emulated
class qMRMLSegmentsTableView(qMRMLWidget):
    """Lists the segments of a segmentation."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._segmentation: Any = None
        self._watch = Watch(self)
        self._table = QtWidgets.QTableWidget(0, 2, self)
        self._table.setHorizontalHeaderLabels(["", "Name"])
        self._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._table)
        self._ids: list[str] = []
        self._table.itemSelectionChanged.connect(
            lambda: self.send("selectionChanged(QItemSelection,QItemSelection)", QtCore.QItemSelection(), QtCore.QItemSelection())
        )

    def setSegmentationNode(self, node: Any) -> None:
        """Show a segmentation."""
        import slicer

        self._watch.clear()
        self._segmentation = node
        if node is not None:
            kinds = slicer.vtkSegmentation
            for event in (kinds.SegmentAdded, kinds.SegmentRemoved, kinds.SegmentModified):
                self._watch.observe(node, event, type(self)._fill)
        self._fill(None)

    def _fill(self, _: Any) -> None:
        segmentation = self._segmentation.GetSegmentation() if self._segmentation is not None else None
        count = segmentation.GetNumberOfSegments() if segmentation is not None else 0
        self._ids = [segmentation.GetNthSegmentID(at) for at in range(count)]
        self._table.setRowCount(count)
        for row, key in enumerate(self._ids):
            color = QtWidgets.QTableWidgetItem()
            color.setBackground(QtGui.QColor.fromRgbF(*segmentation.GetSegment(key).GetColor()))
            self._table.setItem(row, 0, color)
            self._table.setItem(row, 1, QtWidgets.QTableWidgetItem(segmentation.GetSegment(key).GetName()))

    def segmentationNode(self) -> Any:
        """Return the segmentation."""
        return self._segmentation

    def selectedSegmentIDs(self) -> list[str]:
        """Return the selected segments."""
        return [self._ids[at.row()] for at in self._table.selectionModel().selectedRows()]

    def setSelectedSegmentIDs(self, ids: list[str]) -> None:
        """Select segments."""
        self._table.clearSelection()
        for key in ids:
            if key in self._ids:
                self._table.selectRow(self._ids.index(key))

    def clearSelection(self) -> None:
        """Select nothing."""
        self._table.clearSelection()

    def _get_segmentCount(self) -> int:
        return len(self._ids)

    def segmentIDForRow(self, row: int) -> str:
        """Return a row's segment."""
        return self._ids[row] if 0 <= row < len(self._ids) else ""

    def rowForSegmentID(self, key: str) -> int:
        """Return a segment's row."""
        return self._ids.index(key) if key in self._ids else -1

    def tableWidget(self) -> Any:
        """Return the table."""
        return self._table
