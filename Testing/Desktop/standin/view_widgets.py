"""Views with their bars: the 3D widget, the slice widget and the table widget of a layout."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtGui, QtWidgets

from .emulation import emulated
from .mrml_widgets import qMRMLSliderWidget, qMRMLWidget
from .views import qMRMLSliceView, qMRMLThreeDView
from .watch import Watch

BAR_HEIGHT = 22


@emulated
class qMRMLViewControllerBar(qMRMLWidget):
    """The coloured bar above a view."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(BAR_HEIGHT)
        self.setAutoFillBackground(True)
        self._row = QtWidgets.QHBoxLayout(self)
        self._row.setContentsMargins(4, 1, 4, 1)
        self._name = QtWidgets.QLabel(self)
        self._row.addWidget(self._name)

    def _show(self, text: str, color: Any) -> None:
        palette = self.palette()
        back = QtGui.QColor.fromRgbF(*color)
        palette.setColor(QtGui.QPalette.ColorRole.Window, back)
        dark = QtGui.QColor("black" if back.lightness() > 120 else "white")
        palette.setColor(QtGui.QPalette.ColorRole.WindowText, dark)
        self.setPalette(palette)
        self._name.setText(text)

    def viewLabel(self) -> Any:
        """Return the label."""
        return self._name

    def barWidget(self) -> Any:
        """Return the bar."""
        return self


@emulated
class qMRMLAbstractViewWidget(qMRMLWidget):
    """A bar above a view."""

    def _stack(self, bar: QtWidgets.QWidget, view: QtWidgets.QWidget) -> None:
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(view, 1)


@emulated
class qMRMLThreeDViewControllerWidget(qMRMLViewControllerBar):
    """The bar above a 3D view."""

    def setThreeDView(self, view: Any) -> None:
        """Take the view to act on."""
        self._view = view
        self._row.addStretch(1)

    def mrmlThreeDViewNode(self) -> Any:
        """Return the view node."""
        return self._view.mrmlViewNode()

    def resetFocalPoint(self) -> None:
        """Turn around the middle of what is visible."""
        self._view.resetFocalPoint()

    def setOrthographicModeEnabled(self, enabled: bool) -> None:
        """Choose parallel projection."""
        self._view.mrmlViewNode().SetRenderMode(int(enabled))

    def setBlackBackground(self) -> None:
        """Choose black."""
        self._background((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def setWhiteBackground(self) -> None:
        """Choose white."""
        self._background((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))

    def setLightBlueBackground(self) -> None:
        """Choose the default."""
        node = self._view.mrmlViewNode()
        self._background(node.defaultBackgroundColor(), node.defaultBackgroundColor2())

    def _background(self, below: Any, above: Any) -> None:
        self._view.mrmlViewNode().SetBackgroundColor(*below)
        self._view.mrmlViewNode().SetBackgroundColor2(*above)

    def set3DAxisVisible(self, visible: bool) -> None:
        """Show the box."""
        self._view.mrmlViewNode().SetBoxVisible(visible)

    def set3DAxisLabelVisible(self, visible: bool) -> None:
        """Show the letters."""
        self._view.mrmlViewNode().SetAxisLabelsVisible(visible)


@emulated
class qMRMLThreeDWidget(qMRMLAbstractViewWidget):
    """A 3D view with its bar."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._view, self._bar = qMRMLThreeDView(), qMRMLThreeDViewControllerWidget()
        self._bar.setThreeDView(self._view)
        self._stack(self._bar, self._view)
        self._logic: Any = None

    def setMRMLViewNode(self, node: Any) -> None:
        """Show a view node."""
        self._view.setMRMLViewNode(node)
        self.setObjectName(f"ThreeDWidget{node.GetLayoutLabel()}")
        self._bar._show(node.GetLayoutLabel() or node.GetName(), node.GetLayoutColor())

    setMRMLAbstractViewNode = setMRMLViewNode

    def begin(self, node: Any, logic: Any) -> None:
        """Take the view's logic and node."""
        self._logic = logic
        self.setMRMLViewNode(node)

    def threeDView(self) -> Any:
        """Return the view."""
        return self._view

    viewWidget = threeDView

    def threeDController(self) -> Any:
        """Return the bar."""
        return self._bar

    controllerWidget = threeDController

    def mrmlViewNode(self) -> Any:
        """Return the view node."""
        return self._view.mrmlViewNode()

    mrmlAbstractViewNode = mrmlViewNode

    def viewLogic(self) -> Any:
        """Return the view's logic."""
        return self._logic

    logic = viewLogic


@emulated
class qMRMLSliceControllerWidget(qMRMLViewControllerBar):
    """The bar above a slice view, with the offset slider."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic: Any = None
        self._watch = Watch(self)
        self._slider = qMRMLSliderWidget(self)
        self._slider.setProperty("suffix", "mm")
        self._row.addWidget(self._slider, 1)
        from . import signals

        signals.connect(self._slider, "qMRMLSliderWidget", "valueChanged(double)", self.setSliceOffsetValue)

    def follow(self, logic: Any) -> None:
        """Show the state of a slice logic."""
        self._logic = logic
        self._watch.observe(logic.GetSliceNode(), vtk.vtkCommand.ModifiedEvent, type(self)._on_node)
        self._watch.observe(logic, vtk.vtkCommand.ModifiedEvent, type(self)._on_node)
        self._on_node(None)

    def _on_node(self, _: Any) -> None:
        ends, step = [-1.0, -1.0], vtk.reference(1.0)
        blocked = self._slider.blockSignals(True)
        if self._logic.GetSliceOffsetRangeResolution(ends, step):
            for key, value in (("minimum", ends[0]), ("maximum", ends[1]), ("singleStep", float(step))):
                self._slider.setProperty(key, value)
        self._slider.setProperty("value", self._logic.GetSliceOffset())
        self._slider.blockSignals(blocked)

    def setSliceOffsetValue(self, value: float) -> None:
        """Move the slice."""
        self._logic.SetSliceOffset(value)

    def sliceOffsetSlider(self) -> Any:
        """Return the slider."""
        return self._slider

    def sliceLogic(self) -> Any:
        """Return the logic."""
        return self._logic

    def mrmlSliceNode(self) -> Any:
        """Return the slice node."""
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        """Return the node of the layers."""
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        """Show the whole image."""
        self._logic.FitSliceToBackground()

    def setSliceVisible(self, visible: bool) -> None:
        """Show the slice in 3D."""
        self._logic.GetSliceNode().SetSliceVisible(visible)

    def setSliceLink(self, linked: bool) -> None:
        """Link the slice views."""
        self._logic.GetSliceCompositeNode().SetLinkedControl(linked)

    def setForegroundOpacity(self, opacity: float) -> None:
        """Mix in the foreground."""
        self._logic.GetSliceCompositeNode().SetForegroundOpacity(opacity)


@emulated
class qMRMLSliceWidget(qMRMLAbstractViewWidget):
    """A slice view with its bar."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._view, self._bar = qMRMLSliceView(), qMRMLSliceControllerWidget()
        self._stack(self._bar, self._view)
        self._logic: Any = None

    def begin(self, node: Any, logic: Any) -> None:
        """Take the slice's logic and node."""
        self._logic = logic
        self.setObjectName(f"SliceWidget{node.GetLayoutName()}")
        logic.SetSliceNode(node)
        self._view.follow(logic)
        self._view.setMRMLSliceNode(node)
        self._bar.follow(logic)
        self._bar._show(node.GetLayoutLabel(), node.GetLayoutColor())

    def _get_sliceOrientation(self) -> str:
        return str(self.mrmlSliceNode().GetOrientation())

    def setSliceOrientation(self, orientation: str) -> None:
        """Choose Axial, Coronal or Sagittal."""
        self.mrmlSliceNode().SetOrientation(orientation)

    _set_sliceOrientation = setSliceOrientation

    def sliceView(self) -> Any:
        """Return the view."""
        return self._view

    viewWidget = sliceView

    def sliceController(self) -> Any:
        """Return the bar."""
        return self._bar

    controllerWidget = sliceController

    def sliceLogic(self) -> Any:
        """Return the logic."""
        return self._logic

    logic = sliceLogic

    def mrmlSliceNode(self) -> Any:
        """Return the slice node."""
        return self._logic.GetSliceNode()

    mrmlAbstractViewNode = mrmlSliceNode

    def mrmlSliceCompositeNode(self) -> Any:
        """Return the node of the layers."""
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        """Show the whole image."""
        size = self._view.size()
        self._logic.ResizeSliceNode(size.width(), size.height())
        self._logic.FitSliceToBackground()

    def interactorStyle(self) -> Any:
        """Return what turns the user's events into actions."""
        return self._view.interactorStyle()
