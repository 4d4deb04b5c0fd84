"""Triangles and polylines between plain arrays and VTK."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

from ..surface import Surface


def _points(points_mm: ArrayLike) -> Any:
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(points_mm, dtype=np.float32), deep=True))
    return points


def polydata_from_surface(surface: Surface) -> Any:
    """Return a vtkPolyData with the triangles (float32 points, LPS mm)."""
    mesh = vtkPolyData()
    mesh.SetPoints(_points(surface.points_lps_mm))
    cells = vtkCellArray()
    count = len(surface.triangles)
    offsets = numpy_to_vtkIdTypeArray(np.arange(0, 3 * count + 1, 3, dtype=np.int64), deep=True)
    cells.SetData(offsets, numpy_to_vtkIdTypeArray(np.ascontiguousarray(surface.triangles, dtype=np.int64).ravel(), deep=True))
    mesh.SetPolys(cells)
    return mesh


def surface_from_polydata(mesh: Any) -> Surface:
    """Return the triangles of a vtkPolyData."""
    if mesh.GetNumberOfPolys() == 0:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    points = vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float64)
    triangles = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return Surface(points, triangles)


def polydata_from_polyline(points_mm: ArrayLike) -> Any:
    """Return a vtkPolyData with one polyline through points (N, 3)."""
    points = np.asarray(points_mm, dtype=np.float64)
    mesh = vtkPolyData()
    mesh.SetPoints(_points(points))
    cells = vtkCellArray()
    cells.InsertNextCell(len(points), list(range(len(points))))
    mesh.SetLines(cells)
    return mesh


def add_point_array(mesh: Any, name: str, values: ArrayLike, *, scalars: bool = False) -> None:
    """Attach a point array (N,) or (N, C); uint8 arrays become colours when ``scalars`` is set."""
    array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    array.SetName(name)
    if scalars:
        mesh.GetPointData().SetScalars(array)
    else:
        mesh.GetPointData().AddArray(array)
