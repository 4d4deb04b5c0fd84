"""CTK's buttons, boxes and path fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from PySide6 import QtCore, QtGui, QtWidgets

from .emulation import Emits, emulated


@emulated
class ctkPushButton(QtWidgets.QPushButton, Emits):
    """A push button whose text may be elided."""


@emulated
class ctkCheckBox(QtWidgets.QCheckBox, Emits):
    """A check box with an optional indicator icon."""


@emulated
class ctkCheckablePushButton(ctkPushButton):
    """A push button with a check box of its own."""

    def _set_checkBoxUserCheckable(self, value: bool) -> None:
        self.__dict__.setdefault("_values", {})["checkBoxUserCheckable"] = value
        self.setCheckable(True)


@emulated
class ctkComboBox(QtWidgets.QComboBox, Emits):
    """A combo box with a default text."""


@emulated
class ctkMenuButton(ctkPushButton):
    """A push button with a menu beside it."""


@emulated
class ctkExpandButton(QtWidgets.QToolButton, Emits):
    """A small button that folds something."""


@emulated
class ctkFittedTextBrowser(QtWidgets.QTextBrowser, Emits):
    """A text browser as tall as its text."""

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(super().sizeHint().width(), int(self.document().size().height()) + 8)


QWIDGETSIZE_MAX = 16777215


@emulated
class ctkCollapsibleButton(QtWidgets.QAbstractButton, Emits):
    """A section heading that hides or shows the widgets below it."""

    HEADING: ClassVar[int] = 24

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, self.HEADING, 0, 0)
        self.toggled.connect(self._fold)

    def _get_collapsed(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, value: bool) -> None:
        self.setChecked(not value)

    def _fold(self, opened: bool) -> None:
        self.fold_children()
        self.updateGeometry()
        self.send("contentsCollapsed(bool)", not opened)

    def fold_children(self) -> None:
        """Hide or show the widgets below the heading; those that were hidden before stay hidden."""
        folded = self.__dict__.setdefault("_folded", [])
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget) and self.isChecked() and child in folded:
                child.show()
            elif isinstance(child, QtWidgets.QWidget) and not self.isChecked() and not child.isHidden():
                folded.append(child)
                child.hide()
        if self.isChecked():
            folded.clear()

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        # Not when it is added: a child that is still being made would be taken for a plain QWidget ever after.
        if event.polished():
            self.fold_children()
        super().childEvent(event)

    def minimumSizeHint(self) -> QtCore.QSize:
        return self.sizeHint()

    def sizeHint(self) -> QtCore.QSize:
        heading = QtCore.QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, self.HEADING)
        if self.property("collapsed") or self.layout() is None:
            return heading
        return self.layout().totalMinimumSize().expandedTo(heading)

    def hitButton(self, at: QtCore.QPoint) -> bool:
        return at.y() < self.HEADING

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOption()
        option.initFrom(self)
        heading = QtCore.QRect(0, 0, self.width(), self.HEADING - 2)
        painter.fillRect(heading, self.palette().color(QtGui.QPalette.ColorRole.Button))
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.Mid))
        painter.drawRect(heading.adjusted(0, 0, -1, 0))
        option.rect = QtCore.QRect(5, 5, 12, 12)
        primitive = QtWidgets.QStyle.PrimitiveElement
        shape = primitive.PE_IndicatorArrowRight if self.property("collapsed") else primitive.PE_IndicatorArrowDown
        painter.drawPrimitive(shape, option)
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.ButtonText))
        painter.drawText(heading.adjusted(22, 0, -4, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, self.text())


@emulated
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox, Emits):
    """A group box that folds when unchecked."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.toggled.connect(self._fold)

    def _get_collapsed(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, value: bool) -> None:
        self.setChecked(not value)

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        self._fold(self.isChecked())

    def _fold(self, opened: bool) -> None:
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly):
            child.setVisible(opened)
        self.setMaximumHeight(QWIDGETSIZE_MAX if opened else self.fontMetrics().height() + 8)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw an arrow in place of the check box, and a frame around what is shown."""
        painter = QtWidgets.QStylePainter(self)
        box, arrow = QtWidgets.QStyleOptionGroupBox(), QtWidgets.QStyleOption()
        self.initStyleOption(box)
        arrow.initFrom(self)
        control, parts = QtWidgets.QStyle.ComplexControl.CC_GroupBox, QtWidgets.QStyle.SubControl
        arrow.rect = self.style().subControlRect(control, box, parts.SC_GroupBoxCheckBox, self)
        title = self.style().subControlRect(control, box, parts.SC_GroupBoxLabel, self)
        if self.isChecked():
            box.subControls = parts.SC_GroupBoxFrame
            painter.drawComplexControl(control, box)
        primitive = QtWidgets.QStyle.PrimitiveElement
        painter.drawPrimitive(primitive.PE_IndicatorArrowDown if self.isChecked() else primitive.PE_IndicatorArrowRight, arrow)
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.WindowText))
        painter.drawText(title, QtCore.Qt.AlignmentFlag.AlignVCenter, self.title())


@emulated
class ctkColorPickerButton(QtWidgets.QPushButton, Emits):
    """A button that shows and picks a colour."""

    def _changed(self, key: str) -> None:
        if key == "color":
            self.setText(self.property("color").name())
            self.send("colorChanged(QColor)", self.property("color"))


@emulated
class ctkDirectoryButton(QtWidgets.QWidget, Emits):
    """A button that shows and picks a folder."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._button = QtWidgets.QPushButton(".", self)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._button)

    def _changed(self, key: str) -> None:
        if key == "directory":
            self._button.setText(self.property("directory"))
            self.send("directoryChanged(QString)", self.property("directory"))
            self.send("directorySelected(QString)", self.property("directory"))


@emulated
class ctkPathLineEdit(QtWidgets.QWidget, Emits):
    """A line for a path, with a browse button."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = QtWidgets.QComboBox(self, editable=True)
        self._browse = QtWidgets.QToolButton(self, text="...")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box, 1)
        row.addWidget(self._browse)
        self._box.editTextChanged.connect(self._edited)
        self._browse.clicked.connect(self.browse)

    def _edited(self, text: str) -> None:
        self.send("currentPathChanged(QString)", text)
        self.send("validInputChanged(bool)", bool(text) and Path(text).exists())

    def _get_currentPath(self) -> str:
        return self._box.currentText()

    def _set_currentPath(self, value: str) -> None:
        if value != self._box.currentText():
            self._box.setEditText(value)

    def _changed(self, key: str) -> None:
        if key == "showBrowseButton":
            self._browse.setVisible(self.property("showBrowseButton"))

    DEFAULTS: ClassVar[dict[str, Any]] = {"showBrowseButton": True, "showHistoryButton": True}

    def browse(self) -> None:
        """Ask for a path; the test answers ``ctkPathLineEdit.browse``."""
        from .dialogs import static

        answer = static("ctkPathLineEdit.browse", "")(self, self.objectName())
        if answer:
            self._set_currentPath(str(answer))

    def addCurrentPathToHistory(self) -> None:
        """Remember the path."""
        if self._box.findText(self._box.currentText()) < 0:
            self._box.addItem(self._box.currentText())

    def retrieveHistory(self) -> None:
        """Nothing remembered from earlier sessions."""


@emulated
class ctkSearchBox(QtWidgets.QLineEdit, Emits):
    """A line edit for a search."""


@emulated
class ctkMessageBox(QtWidgets.QMessageBox, Emits):
    """A message box with "do not show again"."""
