"""The main window: module panel on the left, layout of views on the right, as Slicer starts."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from .ctk_buttons import ctkCollapsibleButton
from .emulation import Emits, emulated

SIZE = QtCore.QSize(1600, 1000)
PANEL_WIDTH = 500


@emulated
class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar, Emits):
    """Chooses the shown module."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.asked: list[str] = []
        self.shown = ""
        self.show_module: Any = None

    def selectModule(self, name: str, *_: Any) -> None:
        """Switch to a module; one of the desktop's own is only recorded."""
        self.asked.append(name)
        self.shown = name
        self.show_module(name)
        self.send("moduleSelected(QString)", name)

    def _get_selectedModule(self) -> str:
        return self.shown


@emulated
class qSlicerMainWindow(QtWidgets.QMainWindow, Emits):
    """The application's window."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer")
        self.resize(SIZE)
        for title in ("File", "Edit", "View", "Help"):
            self.menuBar().addMenu(title)
        self._selector = bar = qSlicerModuleSelectorToolBar(self)
        bar.setMovable(False)
        bar.addWidget(QtWidgets.QLabel(" Modules: "))
        self._chosen = QtWidgets.QComboBox()
        self._chosen.setMinimumWidth(260)
        bar.addWidget(self._chosen)
        self.addToolBar(bar)
        self._scroll = QtWidgets.QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self._dock = QtWidgets.QDockWidget("3D Slicer", self)
        self._dock.setObjectName("PanelDockWidget")
        probe = ctkCollapsibleButton()
        probe.setObjectName("DataProbeCollapsibleWidget")
        probe.setText("Data Probe")
        probe.setChecked(False)
        holder = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._scroll, 1)
        column.addWidget(probe)
        self._dock.setWidget(holder)
        self.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, self._dock)
        self.resizeDocks([self._dock], [PANEL_WIDTH], QtCore.Qt.Orientation.Horizontal)
        self.statusBar()

    def take_panel(self, panel: QtWidgets.QWidget, title: str) -> None:
        """Show a module's panel."""
        if self._scroll.widget() is not None:
            self.drop_panel()
        self._scroll.setWidget(panel)
        self._scroll.setMinimumWidth(max(PANEL_WIDTH, panel.minimumSizeHint().width() + 20))
        self._chosen.clear()
        self._chosen.addItem(title)
        panel.show()

    def drop_panel(self) -> None:
        """Take the panel away, without deleting it."""
        panel = self._scroll.takeWidget()
        if panel is not None:
            panel.setParent(None)
            panel.hide()

    def moduleSelector(self) -> Any:
        """Return the module selector."""
        return self._selector
