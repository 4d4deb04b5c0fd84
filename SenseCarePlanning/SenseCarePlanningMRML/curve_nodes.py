"""Polylines and points <-> markups nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import ArrayLike
from vtk.util.numpy_support import numpy_to_vtk

from SenseCarePlanningLib.geometry import FloatArray

from .coordinates import ras_from_lps

CONTROL_POINT_MM = 2.0


def add_curve(
    scene: Any,
    points_lps_mm: ArrayLike,
    name: str,
    color: tuple[float, float, float],
    attributes: Mapping[str, str] | None = None,
) -> Any:
    """Add an open, locked curve through a polyline (N, 3), N >= 2, with the given node attributes.

    Slicer's spline runs through a control point about every 2 mm; both ends are kept.

    Raises
    ------
    ValueError
        When there are fewer than two points.
    """
    points = np.asarray(points_lps_mm, dtype=np.float64)
    if len(points) < 2:
        raise ValueError(f"a curve needs two points, got {len(points)}")
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", name)
    control = vtk.vtkPoints()
    control.SetData(numpy_to_vtk(np.ascontiguousarray(ras_from_lps(_thinned(points))), deep=True))
    node.SetControlPointPositionsWorld(control)
    _show(node, color)
    for key, value in (attributes or {}).items():
        node.SetAttribute(key, value)
    return node


def _thinned(points: FloatArray) -> FloatArray:
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    count = max(round(arc[-1] / CONTROL_POINT_MM) + 1, 2)
    wanted = np.linspace(0.0, arc[-1], count)
    return np.stack([np.interp(wanted, arc, points[:, axis]) for axis in range(3)], axis=1)


def add_point(scene: Any, point_lps_mm: ArrayLike, name: str, color: tuple[float, float, float]) -> Any:
    """Add a point list with one locked, named point."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.AddControlPointWorld(vtk.vtkVector3d(*ras_from_lps(point_lps_mm)), name)
    _show(node, color)
    node.GetDisplayNode().SetPointLabelsVisibility(True)
    return node


def _show(node: Any, color: tuple[float, float, float]) -> None:
    node.CreateDefaultDisplayNodes()
    node.SetLocked(True)
    display = node.GetDisplayNode()
    display.SetSelectedColor(*color)
    display.SetColor(*color)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetOccludedVisibility(True)
    display.SetUseGlyphScale(False)
    display.SetGlyphSize(1.0)


def control_points_lps(node: Any) -> FloatArray:
    """Return the control points (N, 3) of a markups node in LPS mm."""
    points = [node.GetNthControlPointPositionWorld(at) for at in range(node.GetNumberOfControlPoints())]
    return ras_from_lps(np.array(points, dtype=np.float64).reshape(-1, 3))


def curve_length_mm(node: Any) -> float:
    """Return the length of a curve as Slicer measures it."""
    assert isinstance(node, slicer.vtkMRMLMarkupsCurveNode)
    return float(node.GetCurveLengthWorld())
