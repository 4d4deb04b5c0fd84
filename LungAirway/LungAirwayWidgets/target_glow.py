"""The target seen through the wall: a translucent disc drawn over the view from inside, as large as the target is from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.plan_colours import TARGET, as_fractions

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
        self._actor.GetProperty().SetColor(*as_fractions(TARGET))
        self._actor.GetProperty().SetOpacity(OPACITY)
        self._renderer: Any = None

    def show(self, renderer: Any, centre_ras: FloatArray, ahead_mm: float, radius_mm: float, view_angle_deg: float) -> None:
        """Draw the target; behind the tip it is not drawn.

        Parameters
        ----------
        centre_ras
            Its middle (3,) in the scene, mm.
        ahead_mm
            How far that lies ahead of the tip, along the view.
        """
        if self._renderer is not renderer:
            self.hide()
            renderer.AddViewProp(self._actor)
            self._renderer = renderer
        self._actor.SetVisibility(ahead_mm > NEAREST_MM)
        if ahead_mm <= NEAREST_MM:
            return
        half_height = renderer.GetSize()[1] / 2.0
        size = half_height * radius_mm / (ahead_mm * np.tan(np.radians(view_angle_deg / 2.0)))
        self._disc.SetRadius(float(np.clip(size, SMALLEST_PX, LARGEST_PX)))
        self._actor.GetPositionCoordinate().SetValue(*centre_ras)

    def hide(self) -> None:
        """Take the disc out of its view."""
        if self._renderer is not None:
            self._renderer.RemoveViewProp(self._actor)
            self._renderer = None
