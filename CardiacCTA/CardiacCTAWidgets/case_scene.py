"""A result in the scene: a tube for each vessel in the colours of its stenoses, and a ball at the place that is looked at."""

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from CardiacCTALib.views import GRADE_COLOURS
from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningMRML.model_nodes import add_model
from SenseCarePlanningWidgets.texts import tr as _

from .case import ROLE, remember_node, remove_result_nodes, result_nodes

COLORS = "StenosisColors"
SIDES = 14
MARK_COLOR, MARK_RADIUS_MM = (1.0, 0.32, 0.32), 2.2
UNMEASURED = (150, 160, 174)
PALE = 0.35
"""Opacity of the vessels that are not chosen."""
WINDOW_HU, LEVEL_HU = 800.0, 300.0
"""Window and level for contrast in coronary arteries, as the reformats have them."""


def build_pieces(case: Any, result: Any) -> Any:
    """Build the result's nodes, one vessel at a time."""
    remove_result_nodes(case)
    scene = case.parameterNode.GetScene()
    for one in result.vessels:
        node = add_model(scene, tube(one), one.vessel.name, (1.0, 1.0, 1.0))
        display = node.GetDisplayNode()
        display.SetActiveScalar(COLORS, vtk.vtkAssignAttribute.POINT_DATA)
        display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
        display.SetScalarVisibility(True)
        display.SetVisibility2D(False)
        remember_node(case, f"vessel {one.vessel.name}", node)
        yield
    remember_node(case, "place", _mark(scene))
    display = case.volume.GetDisplayNode()
    if display is not None and display.GetAutoWindowLevel():
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(WINDOW_HU, LEVEL_HU)


def tube(one: Any) -> Any:
    """Return a vessel's lumen as a tube (polydata, RAS mm) with a colour at each point; grey where it was not measured."""
    if one.measured is not None:
        walls = one.measured.walls
        points, radius = walls.points_lps_mm, 0.5 * walls.diameter_mm
        colors = np.tile(np.array(GRADE_COLOURS[""], dtype=np.uint8), (len(points), 1))
        for lesion in one.lesions:
            colors[lesion.first : lesion.last + 1] = GRADE_COLOURS[lesion.grades[-1]]
    else:
        points, radius = one.vessel.points_lps_mm, one.vessel.radius_mm
        colors = np.tile(np.array(UNMEASURED, dtype=np.uint8), (len(points), 1))
    line = vtk.vtkPolyData()
    places, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    cells.InsertNextCell(len(points))
    for number, point in enumerate(ras_from_lps(points)):
        places.InsertNextPoint(*point)
        cells.InsertCellPoint(number)
    line.SetPoints(places)
    line.SetLines(cells)
    for name, values in (("Radius", np.maximum(radius, 0.3).astype(np.float64)), (COLORS, colors)):
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(name)
        line.GetPointData().AddArray(array)
    line.GetPointData().SetActiveScalars("Radius")
    filtered = vtk.vtkTubeFilter()
    filtered.SetInputData(line)
    filtered.SetNumberOfSides(SIDES)
    filtered.SetVaryRadiusToVaryRadiusByAbsoluteScalar()
    filtered.CappingOn()
    filtered.Update()
    return filtered.GetOutput()


def _mark(scene: Any) -> Any:
    source = vtk.vtkSphereSource()
    source.SetRadius(MARK_RADIUS_MM)
    source.SetThetaResolution(24)
    source.SetPhiResolution(18)
    source.Update()
    node = add_model(scene, source.GetOutput(), _("Place along the vessel"), MARK_COLOR, 0.7)
    node.GetDisplayNode().SetVisibility2D(False)
    node.GetDisplayNode().SetVisibility(False)
    return node


def choose(case: Any, name: str) -> None:
    """Show one vessel fully and the others pale; all fully without a choice."""
    for node in result_nodes(case):
        role = node.GetAttribute(ROLE)
        if role.startswith("vessel "):
            node.GetDisplayNode().SetOpacity(1.0 if not name or role == f"vessel {name}" else PALE)


def mark(case: Any, point_ras: Any) -> None:
    """Put the ball to a place (R, A, S), or hide it."""
    for node in result_nodes(case, "place"):
        display = node.GetDisplayNode()
        if point_ras is None:
            display.SetVisibility(False)
            continue
        source = vtk.vtkSphereSource()
        source.SetRadius(MARK_RADIUS_MM)
        source.SetThetaResolution(24)
        source.SetPhiResolution(18)
        source.SetCenter(*point_ras)
        source.Update()
        node.SetAndObservePolyData(source.GetOutput())
        display.SetVisibility(True)


def rename(case: Any, old: str, new: str) -> None:
    """Give a vessel's node another name."""
    for node in result_nodes(case, f"vessel {old}"):
        node.SetName(new)


def show_case(case: Any) -> None:
    """Show the nodes of one case and hide those of the others."""
    scene = case.parameterNode.GetScene()
    mine = {node.GetID() for node in result_nodes(case)}
    for node in slicer.util.getNodesByClass("vtkMRMLModelNode", scene):
        role = node.GetAttribute(ROLE) or ""
        if role.startswith("vessel ") and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(node.GetID() in mine)
        elif role == "place" and node.GetID() not in mine:
            node.GetDisplayNode().SetVisibility(False)
