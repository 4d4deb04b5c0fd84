"""A result in the scene: a tube for each vessel in the colours of its stenoses; those that are not chosen are pale."""

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from CardiacCTALib.artery_colours import artery_colours
from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningMRML.model_nodes import add_model

from .case import ROLE, remember_node, remove_result_nodes, result_nodes

COLORS, PALE_COLORS = "StenosisColors", "PaleStenosisColors"
SIDES = 14
PALE, PALE_SHARE = (205, 208, 214), 0.72
"""Vessels that are not chosen have so much of this colour mixed in; see-through ones would need more of the graphics card."""
WINDOW_HU, LEVEL_HU = 800.0, 300.0
"""Window and level for contrast in coronary arteries, as the reformats have them."""


def build_pieces(case: Any, result: Any) -> Any:
    """Build the result's nodes, one vessel at a time."""
    remove_result_nodes(case)
    scene = case.parameterNode.GetScene()
    for one in result.vessels:
        node = add_model(scene, tube(one, result), one.vessel.name, (1.0, 1.0, 1.0))
        display = node.GetDisplayNode()
        display.SetActiveScalar(COLORS, vtk.vtkAssignAttribute.POINT_DATA)
        display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
        display.SetScalarVisibility(True)
        display.SetVisibility2D(False)
        remember_node(case, f"vessel {one.vessel.name}", node)
        yield
    display = case.volume.GetDisplayNode()
    if display is not None and display.GetAutoWindowLevel():
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(WINDOW_HU, LEVEL_HU)


def tube(one: Any, result: Any) -> Any:
    """Return a vessel's lumen as a tube (polydata, RAS mm) with a colour at each point; grey where it was not assessed."""
    colors = artery_colours(result, one)
    if one.measured is not None:
        walls = one.measured.walls
        points, radius = walls.points_lps_mm, 0.5 * walls.diameter_mm
    else:
        points, radius = one.vessel.points_lps_mm, one.vessel.radius_mm
    line = vtk.vtkPolyData()
    places, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    cells.InsertNextCell(len(points))
    for number, point in enumerate(ras_from_lps(points)):
        places.InsertNextPoint(*point)
        cells.InsertCellPoint(number)
    line.SetPoints(places)
    line.SetLines(cells)
    pale = np.rint((1.0 - PALE_SHARE) * colors + PALE_SHARE * np.array(PALE)).astype(np.uint8)
    for name, values in (("Radius", np.maximum(radius, 0.3).astype(np.float64)), (COLORS, colors), (PALE_COLORS, pale)):
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


def rename(node: Any, name: str) -> None:
    """Give a vessel's node the vessel's new name."""
    node.SetName(name)
    node.SetAttribute(ROLE, f"vessel {name}")


def redraw(node: Any, one: Any, result: Any) -> None:
    """Show a vessel with the walls and findings that it has now, in the same colours as before: its own or pale ones."""
    shown = node.GetDisplayNode().GetActiveScalarName()
    node.SetAndObservePolyData(tube(one, result))
    node.GetDisplayNode().SetActiveScalar(shown, vtk.vtkAssignAttribute.POINT_DATA)


def choose(case: Any, name: str) -> None:
    """Show one vessel in its colours and the others pale; all in their colours without a choice."""
    for node in result_nodes(case):
        mine = not name or node.GetAttribute(ROLE) == f"vessel {name}"
        node.GetDisplayNode().SetActiveScalar(COLORS if mine else PALE_COLORS, vtk.vtkAssignAttribute.POINT_DATA)


def show_case(case: Any) -> None:
    """Show the nodes of one case and hide those of the others."""
    scene = case.parameterNode.GetScene()
    mine = {node.GetID() for node in result_nodes(case)}
    for node in slicer.util.getNodesByClass("vtkMRMLModelNode", scene):
        role = node.GetAttribute(ROLE) or ""
        if role.startswith("vessel ") and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(node.GetID() in mine)
