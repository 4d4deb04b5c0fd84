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

MANAGERS_3D = (
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager3D",
    "vtkMRMLLinearTransformsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
MANAGERS_SLICE = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLLinearTransformsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
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
        scale = 1
        self._window.SetSize(max(self.width() * scale, 2), max(self.height() * scale, 2))
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


@emulated
class ctkVTKRenderView(ctkVTKAbstractView):
    """A 3D view."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"zoomFactor": 0.05, "pitchRollYawIncrement": 5.0}

    def setFocalPoint(self, x: float, y: float, z: float) -> None:
        """Look at a point."""
        self._renderer.GetActiveCamera().SetFocalPoint(x, y, z)
        self.scheduleRender()

    def zoomIn(self) -> None:
        """Come nearer."""
        self._renderer.GetActiveCamera().Dolly(1 + self.property("zoomFactor"))
        self.scheduleRender()

    def zoomOut(self) -> None:
        """Go away."""
        self._renderer.GetActiveCamera().Dolly(1 - self.property("zoomFactor"))
        self.scheduleRender()


@emulated
class qMRMLThreeDView(ctkVTKRenderView):
    """The 3D view of a view node."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._renderer.SetUseDepthPeeling(True)
        self._renderer.SetUseDepthPeelingForVolumes(True)
        self._begin(slicer.vtkMRMLThreeDViewDisplayableManagerFactory, MANAGERS_3D, slicer.vtkMRMLThreeDViewInteractorStyle())

    def setMRMLScene(self, scene: Any) -> None:
        """The scene comes with the view node."""

    def setMRMLViewNode(self, node: Any) -> None:
        """Show a view node's view."""
        self._set_node(node)

    def mrmlViewNode(self) -> Any:
        """Return the view node."""
        return self._node

    def cameraNode(self) -> Any:
        """Return the camera node of the view."""
        manager = self.displayableManagerByClassName("vtkMRMLCameraDisplayableManager")
        return manager.GetCameraNode() if manager is not None else None

    def resetFocalPoint(self) -> None:
        """Turn around the middle of what is visible."""
        bounds = self._visible_bounds()
        if bounds is not None:
            self.cameraNode().SetFocalPoint(*[(bounds[2 * at] + bounds[2 * at + 1]) / 2 for at in range(3)])

    def _visible_bounds(self) -> Any:
        box, labels = self._node.GetBoxVisible(), self._node.GetAxisLabelsVisible()
        modifying = self._node.StartModify()
        self._node.SetBoxVisible(0)
        self._node.SetAxisLabelsVisible(0)
        self._node.EndModify(modifying)
        bounds = list(self._renderer.ComputeVisiblePropBounds())
        self._node.SetBoxVisible(box)
        self._node.SetAxisLabelsVisible(labels)
        return bounds if vtk.vtkMath.AreBoundsInitialized(bounds) else None

    def resetCamera(self, rotation: bool = True, translation: bool = True, distance: bool = True) -> None:
        """Look at all that is visible."""
        bounds = self._visible_bounds()
        if bounds is not None:
            self._renderer.ResetCamera(bounds)
        self.scheduleRender()

    def rotateToViewAxis(self, axis: int) -> None:
        """Look from one of the six directions of vtkMRMLCameraNode."""
        self.cameraNode().RotateTo(int(axis))

    def lookFromViewAxis(self, axis: int) -> None:
        """Look from one of ctkAxesWidget's axes: 1 right, 2 left, 3 superior, 4 inferior, 5 anterior, 6 posterior."""
        ends = slicer.vtkMRMLCameraNode
        order = (None, ends.Right, ends.Left, ends.Superior, ends.Inferior, ends.Anterior, ends.Posterior)
        self.cameraNode().RotateTo(order[int(axis)])


@emulated
class ctkVTKSliceView(ctkVTKAbstractView):
    """A view of an image."""


@emulated
class qMRMLSliceView(ctkVTKSliceView):
    """The view of a slice node."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic: Any = None
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        self._renderer.AddViewProp(self._actor)
        self._begin(slicer.vtkMRMLSliceViewDisplayableManagerFactory, MANAGERS_SLICE, slicer.vtkMRMLSliceViewInteractorStyle())

    def follow(self, logic: Any) -> None:
        """Show the image of a slice logic."""
        self._logic = logic
        self._style.SetSliceLogic(logic)
        self._watch.observe(logic, vtk.vtkCommand.ModifiedEvent, type(self)._on_update)
        self._watch.observe(logic, slicer.vtkMRMLSliceLogic.CompositeModifiedEvent, type(self)._on_update)

    def setMRMLScene(self, scene: Any) -> None:
        """The scene comes with the slice node."""

    def setMRMLSliceNode(self, node: Any) -> None:
        """Show a slice node's view."""
        self._set_node(node)

    def mrmlSliceNode(self) -> Any:
        """Return the slice node."""
        return self._node

    sliceViewInteractorStyle = ctkVTKAbstractView.interactorStyle

    def _before_render(self) -> None:
        if self._logic is None or self._node is None:
            return
        size = self._window.GetSize()
        if tuple(self._node.GetDimensions()[:2]) != tuple(size):
            self._logic.ResizeSliceNode(size[0], size[1])
        connection = self._logic.GetImageDataConnection()
        self._actor.GetMapper().SetInputConnection(connection)
        self._actor.SetVisibility(connection is not None)

    def convertXYZToRAS(self, xyz: Any) -> list[float]:
        """Return the world position of a position in the view."""
        return list(self._node.GetXYToRAS().MultiplyPoint((*[float(one) for one in xyz], 1.0))[:3])

    def convertRASToXYZ(self, ras: Any) -> list[float]:
        """Return the position in the view of a world position."""
        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self._node.GetXYToRAS(), inverse)
        return list(inverse.MultiplyPoint((*[float(one) for one in ras], 1.0))[:3])

    def convertDeviceToXYZ(self, position: Any) -> list[float]:
        """Return the position in the view of a pixel (origin below left)."""
        return [float(position[0]), float(position[1]), 0.0]
