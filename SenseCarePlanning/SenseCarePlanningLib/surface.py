"""A triangle mesh as plain arrays, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles in LPS mm, normals pointing out of the tube.

    Parameters
    ----------
    points_lps_mm
        (N, 3) vertices.
    triangles
        (M, 3) int64 vertex indices.
    """

    points_lps_mm: FloatArray
    triangles: NDArray[np.int64]


def write_surface(surface: Surface, path: Path) -> None:
    """Write a surface as VTP, points in LPS mm, double precision so that reading gives the same numbers."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(surface.points_lps_mm, dtype=np.float64), deep=True))
    cells = vtkCellArray()
    offsets = np.arange(0, 3 * len(surface.triangles) + 1, 3, dtype=np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(surface.triangles.ravel()), deep=True),
    )
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(cells)
    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(data)
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    if not writer.Write():
        raise OSError(f"the surface could not be written to {path.name}")


def read_surface(path: Path) -> Surface:
    """Read what :func:`write_surface` wrote.

    Raises
    ------
    InputError
        When the file is missing or holds no triangles.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    if not path.is_file():
        raise InputError(f"The surface {path.name} is missing from the result.")
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    data = reader.GetOutput()
    if data is None or data.GetNumberOfPolys() == 0:
        raise InputError(f"The file {path.name} holds no surface.")
    return Surface(
        vtk_to_numpy(data.GetPoints().GetData()).astype(np.float64),
        vtk_to_numpy(data.GetPolys().GetConnectivityArray()).astype(np.int64).reshape(-1, 3),
    )
