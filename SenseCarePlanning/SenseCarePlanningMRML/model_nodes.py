"""Tree and Surface -> vtkMRMLModelNode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.tree import Tree

from .coordinates import ras_from_lps

TREE_ARRAYS = ("Generation", "LabelId", "Radius", "Confidence", "BranchId")


def tree_polydata(tree: Tree) -> tuple[vtk.vtkPolyData, Mapping[int, str]]:
    """Return one polyline a branch in RAS mm with the point arrays ``TREE_ARRAYS``, and the names behind ``LabelId``.

    ``LabelId`` 0 is a branch without a name; ``Confidence`` is that of the branch, not of its name.
    """
    codes = sorted({branch.label.code for branch in tree if branch.label is not None})
    label_ids = {code: number for number, code in enumerate(codes, start=1)}
    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    columns: dict[str, list[float]] = {name: [] for name in TREE_ARRAYS}
    for branch in tree:
        ids = [points.InsertNextPoint(*point) for point in ras_from_lps(branch.points_lps_mm)]
        lines.InsertNextCell(len(ids), ids)
        count = len(ids)
        label = 0 if branch.label is None else label_ids[branch.label.code]
        columns["Generation"] += [branch.generation] * count
        columns["LabelId"] += [label] * count
        columns["Radius"] += branch.radius_mm.tolist()
        columns["Confidence"] += [branch.confidence] * count
        columns["BranchId"] += [branch.id] * count
    polydata = vtk.vtkPolyData()
    polydata.SetPoints(points)
    polydata.SetLines(lines)
    for name, values in columns.items():
        kind = np.float64 if name in {"Radius", "Confidence"} else np.int32
        array = numpy_to_vtk(np.array(values, dtype=kind), deep=True)
        array.SetName(name)
        polydata.GetPointData().AddArray(array)
    return polydata, {number: code for code, number in label_ids.items()}


def surface_polydata(surface: Surface) -> vtk.vtkPolyData:
    """Return the triangles in RAS mm; their orientation stays outward, since the flip of two axes is a rotation."""
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(ras_from_lps(surface.points_lps_mm)), deep=True))
    polygons = vtk.vtkCellArray()
    corners = np.ascontiguousarray(surface.triangles, dtype=np.int64).ravel()
    polygons.SetData(3, numpy_to_vtkIdTypeArray(corners, deep=True))
    polydata = vtk.vtkPolyData()
    polydata.SetPoints(points)
    polydata.SetPolys(polygons)
    return polydata


def add_model(scene: Any, polydata: vtk.vtkPolyData, name: str, color: tuple[float, float, float], opacity: float = 1.0) -> Any:
    """Add a model node with its display; returns the node."""
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    node.SetAndObservePolyData(polydata)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*color)
    display.SetOpacity(opacity)
    return node


def add_tree(scene: Any, tree: Tree, name: str) -> Any:
    """Add the tree as a model coloured by generation; the names behind ``LabelId`` are the node attribute ``Labels``."""
    polydata, names = tree_polydata(tree)
    node = add_model(scene, polydata, name, (1.0, 0.85, 0.4))
    node.SetAttribute("SenseCarePlanning.Labels", ";".join(f"{number}={code}" for number, code in names.items()))
    display = node.GetDisplayNode()
    display.SetActiveScalarName("Generation")
    display.SetScalarVisibility(True)
    display.SetLineWidth(3.0)
    return node
