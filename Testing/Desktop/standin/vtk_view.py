"""VTK views: rendered off screen by slicer-core's own displayable managers and painted into Qt widgets."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from vtk.util.numpy_support import vtk_to_numpy

from .emulation import Emits, emulated
from .watch import Watch

_ALL: list[Any] = []
"""Views with a live render window."""

BUTTONS = {
    QtCore.Qt.MouseButton.LeftButton: "LeftButton",
    QtCore.Qt.MouseButton.RightButton: "RightButton",
    QtCore.Qt.MouseButton.MiddleButton: "MiddleButton",
}


@emulated
class ctkVTKAbstractView(QtWidgets.QWidget, Emits):
    """A widget with a VTK render window."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"renderEnabled": True, "maximumUpdateRate": 60.0}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(80, 80)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._paused, self._dirty, self._picture = 0, True, QtGui.QImage()
        self.scale = 1  # pixels drawn for one shown, in each direction: software drawing has no smooth edges of its own
        self._renderer = vtk.vtkRenderer()
        self._window = vtk.vtkRenderWindow()
        self._window.SetShowWindow(False)
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(4)
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._corner = vtk.vtkCornerAnnotation()
        self._corner.SetMaximumFontSize(14)
        self._renderer.AddViewProp(self._corner)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._node: Any = None
        self._watch = Watch(self)
        _ALL.append(self)

    def _begin(self, factory: Any, managers: tuple[str, ...], style: Any) -> None:
        """Make the displayable managers; widgets in the view get the user's events through the style."""
        one = factory.GetInstance()
        for name in managers:
            if hasattr(slicer, name) and not one.IsDisplayableManagerRegistered(name):
                one.RegisterDisplayableManager(name)
        self._group.Initialize(one, self._renderer)
        self._user = vtk.vtkInteractorStyleUser()
        self._interactor.SetInteractorStyle(self._user)
        self._style = style
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._interactor)
        self._watch.observe(self._group, vtk.vtkCommand.UpdateEvent, type(self)._on_update)

    def _on_update(self, _: Any) -> None:
        self.scheduleRender()

    def _set_node(self, node: Any) -> None:
        self._node = node
        self._group.SetMRMLDisplayableNode(node)
        self.scheduleRender()

    def scheduleRender(self) -> None:
        """Draw at the next paint."""
        self._dirty = True
        if not self._paused:
            self.update()

    def forceRender(self) -> None:
        """Draw now."""
        self._window.SetSize(max(self.width() * self.scale, 2), max(self.height() * self.scale, 2))
        self._before_render()
        self._window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.SetInputBufferTypeToRGB()
        grab.ReadFrontBufferOff()
        grab.ShouldRerenderOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)[::-1].copy()
        self._picture = QtGui.QImage(pixels.data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888).copy()
        if self.scale != 1:
            smooth = QtCore.Qt.TransformationMode.SmoothTransformation
            self._picture = self._picture.scaled(self.width(), self.height(), mode=smooth)
        self._dirty = False

    def _before_render(self) -> None:
        """Bring sizes up to date."""

    def setRenderPaused(self, paused: bool) -> None:
        """Stop or go on drawing."""
        self._paused = max(0, self._paused + (1 if paused else -1))
        if not self._paused:
            self.update()

    def pauseRender(self) -> None:
        """Stop drawing."""
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        """Go on drawing."""
        self.setRenderPaused(False)

    def renderWindow(self) -> Any:
        """Return the render window."""
        return self._window

    def interactor(self) -> Any:
        """Return the interactor."""
        return self._interactor

    def interactorStyle(self) -> Any:
        """Return what turns the user's events into actions."""
        return self._style

    interactorObserver = interactorStyle

    def cornerAnnotation(self) -> Any:
        """Return the texts in the corners."""
        return self._corner

    def VTKWidget(self) -> Any:
        """Return the widget that is painted."""
        return self

    def getDisplayableManagers(self) -> Any:
        """Return the displayable managers."""
        found = vtk.vtkCollection()
        for at in range(self._group.GetDisplayableManagerCount()):
            found.AddItem(self._group.GetNthDisplayableManager(at))
        return found

    def displayableManagerByClassName(self, name: str) -> Any:
        """Return a displayable manager."""
        return self._group.GetDisplayableManagerByClassName(name)

    def _changed(self, key: str) -> None:
        if key == "cornerAnnotationText":
            self._corner.SetText(2, self.property(key))
        elif key in {"backgroundColor", "backgroundColor2"}:
            setter = self._renderer.SetBackground if key == "backgroundColor" else self._renderer.SetBackground2
            setter(*self.property(key).getRgbF()[:3])
        self.scheduleRender()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        if self._dirty and not self._paused:
            self.forceRender()
        QtGui.QPainter(self).drawImage(self.rect(), self._picture)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._dirty = True

    def _tell(self, event: Any, name: str, key: str = "") -> None:
        at = event.position().toPoint()
        modifiers = event.modifiers()
        self._window.SetSize(max(self.width(), 2), max(self.height(), 2))
        self._interactor.SetSize(self.width(), self.height())
        self._interactor.SetEventInformationFlipY(
            at.x(),
            at.y(),
            int(bool(modifiers & QtCore.Qt.KeyboardModifier.ControlModifier)),
            int(bool(modifiers & QtCore.Qt.KeyboardModifier.ShiftModifier)),
        )
        self._interactor.InvokeEvent(name)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self._tell(event, f"{BUTTONS[event.button()]}PressEvent")

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        self._tell(event, f"{BUTTONS[event.button()]}ReleaseEvent")

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        self._tell(event, "MouseMoveEvent")

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        self._tell(event, "MouseWheelForwardEvent" if event.angleDelta().y() > 0 else "MouseWheelBackwardEvent")

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        key = QtGui.QKeySequence(event.key()).toString()
        self._interactor.SetKeySym(key)
        self._interactor.InvokeEvent("KeyPressEvent")
        event.ignore()

    def end(self) -> None:
        """Let go of the scene and of the graphics memory."""
        self._watch.clear()
        self._group.SetMRMLDisplayableNode(None)
        self._style.SetInteractor(None)
        self._window.Finalize()


def end_all() -> None:
    """End all views: the run ends."""
    for view in _ALL:
        view.end()
    _ALL.clear()
