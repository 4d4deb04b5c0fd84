"""The target seen through the wall: a translucent disc drawn over the view from inside, as large as the target is from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.camera_pose import CameraPose

COLOR = (0.20, 1.0, 0.35)
OPACITY = 0.45
SMALLEST_PX, LARGEST_PX = 5.0, 160.0
NEAREST_MM = 1.0


class TargetGlow:
    """One disc in one renderer, moved with the camera."""

    def __init__(self) -> None:
        self._disc = vtk.vtkRegularPolygonSource()
        self._disc.SetNumberOfSides(48)
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputConnection(self._disc.GetOutputPort())
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetPositionCoordinate().SetCoordinateSystemToWorld()
        self._actor.GetProperty().SetColor(*COLOR)
        self._actor.GetProperty().SetOpacity(OPACITY)
        self._renderer: Any = None

    def show(self, renderer: Any, pose: CameraPose, centre_lps_mm: FloatArray, radius_mm: float, view_angle_deg: float) -> None:
        """Draw the target as it lies from a pose; behind the tip it is not drawn."""
        if self._renderer is not renderer:
            self.hide()
            renderer.AddViewProp(self._actor)
            self._renderer = renderer
        offset = np.asarray(centre_lps_mm) - pose.position_lps_mm
        ahead = float(offset @ pose.axes[2])
        self._actor.SetVisibility(ahead > NEAREST_MM)
        if ahead <= NEAREST_MM:
            return
        half_height = renderer.GetSize()[1] / 2.0
        size = half_height * radius_mm / (ahead * np.tan(np.radians(view_angle_deg / 2.0)))
        self._disc.SetRadius(float(np.clip(size, SMALLEST_PX, LARGEST_PX)))
        x, y, z = centre_lps_mm
        self._actor.GetPositionCoordinate().SetValue(-x, -y, z)

    def hide(self) -> None:
        """Take the disc out of its view."""
        if self._renderer is not None:
            self._renderer.RemoveViewProp(self._actor)
            self._renderer = None
