"""The 3D view and the slice view, drawn by slicer-core's own displayable managers."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
import vtk
from PySide6 import QtWidgets

from .emulation import emulated
from .vtk_view import ctkVTKAbstractView

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
        ends = slicer.vtkMRMLCameraNode
        known = (ends.Right, ends.Left, ends.Anterior, ends.Posterior, ends.Inferior, ends.Superior)
        self.cameraNode().RotateTo({int(one): one for one in known}[int(axis)])

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
