"""A surface cut into cubes, and which of them can be seen from where: what is hidden is not drawn.

A software rasteriser spends most of a frame on triangles (half a millisecond per thousand), many of them behind others.
So flat stretches of wall get large triangles, and a small picture in which every cube has a colour of its own tells which
cubes are in sight of a pose; the frames near that pose draw only those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkFiltersCore import vtkDecimatePro, vtkPolyDataNormals
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from ..geometry import FloatArray
from ..surface import Surface
from .camera_pose import CameraPose
from .meshes import polydata_from_surface, surface_from_polydata
from .offscreen import OffscreenRenderer

CELL_MM = 10.0
"""Edge of the cubes."""
MOVED_MM = 0.02
"""Most that the wall moves where triangles are merged: half a pixel of a 640 pixel frame seen from 2 mm."""
SCOUT_PIXELS = 128
SCOUT_WIDER_DEG = 12.0
"""The scouting picture sees further to the sides than the frames do, for poses between two scouted ones."""
ALWAYS_MM = 12.0
"""Cubes this near are always drawn."""


def cut(surface: Surface, *, merge: bool = True, poll: Callable[[], None] = lambda: None) -> list[Any]:
    """Cut a surface into cubes, one vtkPolyData each, with the normals of the whole surface.

    Parameters
    ----------
    merge
        Whether to leave out needless triangles, which pays from some hundred frames on.
    poll
        Called after each cube; stops the work by raising.
    """
    normals = vtkPolyDataNormals()
    normals.SetInputData(polydata_from_surface(surface))
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.AutoOrientNormalsOff()
    normals.ComputePointNormalsOn()
    normals.Update()
    whole = normals.GetOutput()
    point_normals = vtk_to_numpy(whole.GetPointData().GetNormals())
    base = surface_from_polydata(whole)
    centres = base.points_lps_mm[base.triangles].mean(axis=1)
    cell = np.floor((centres - centres.min(axis=0)) / CELL_MM).astype(np.int64)
    extent = cell.max(axis=0) + 1
    key = (cell[:, 0] * extent[1] + cell[:, 1]) * extent[2] + cell[:, 2]
    order = np.argsort(key, kind="stable")
    parts = []
    for chosen in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        used, local = np.unique(base.triangles[chosen], return_inverse=True)
        part = polydata_from_surface(Surface(base.points_lps_mm[used], local.reshape(-1, 3)))
        part.GetPointData().SetNormals(numpy_to_vtk(np.ascontiguousarray(point_normals[used]), deep=True))
        parts.append(_merged(part) if merge else part)
        poll()
    return parts


def _merged(part: Any) -> Any:
    """Merge triangles where the wall is flat; the rim stays as it is, so that neighbouring cubes still meet."""
    merge = vtkDecimatePro()
    merge.SetInputData(part)
    merge.PreserveTopologyOn()
    merge.SplittingOff()
    merge.BoundaryVertexDeletionOff()
    merge.SetTargetReduction(0.95)
    merge.SetErrorIsAbsolute(1)
    merge.SetAbsoluteError(MOVED_MM)
    merge.AccumulateErrorOn()
    merge.Update()
    return merge.GetOutput()


class Scout:
    """Finds out which cubes are in sight from each of a list of poses.

    Parameters
    ----------
    parts
        The cubes of :func:`cut`.
    field_of_view_deg, near_mm, far_mm
        Of the frames to come.
    """

    def __init__(self, parts: Sequence[Any], field_of_view_deg: float, near_mm: float, far_mm: float) -> None:
        self.centres = np.array([part.GetCenter() for part in parts]).reshape(-1, 3)
        self.reach = np.array([part.GetLength() for part in parts]) / 2.0
        self._angle = min(field_of_view_deg + SCOUT_WIDER_DEG, 160.0)
        self._clipping = (near_mm, far_mm)
        self._renderer = OffscreenRenderer(SCOUT_PIXELS, SCOUT_PIXELS)
        for number, part in enumerate(parts):
            self._renderer.add(_flat_actor(part, number + 1))

    def visible(self, pose: CameraPose) -> NDArray[np.bool_]:
        """Return for each cube (N,) whether it is in sight or near."""
        self._renderer.look(
            pose.position_lps_mm, pose.focal_lps_mm, pose.up, view_angle_deg=self._angle, clipping_mm=self._clipping
        )
        image = self._renderer.render().astype(np.int64)
        numbers = np.unique(image[..., 0] * 65536 + image[..., 1] * 256 + image[..., 2])
        seen = np.linalg.norm(self.centres - pose.position_lps_mm, axis=1) - self.reach < ALWAYS_MM
        numbers = numbers[(numbers > 0) & (numbers <= len(seen))]
        seen[numbers - 1] = True
        return np.asarray(seen)

    def close(self) -> None:
        """Give the graphics memory back."""
        self._renderer.close()


class Sights:
    """What is in sight along a path: each place sees what the scouted poses around it see.

    Parameters
    ----------
    positions_lps_mm
        (N, 3) scouted places in the order of the path.
    seen
        (N, M) bool, cubes in sight from each.
    """

    def __init__(self, positions_lps_mm: FloatArray, seen: NDArray[np.bool_]) -> None:
        joined = seen.copy()
        joined[1:] |= seen[:-1]
        joined[:-1] |= seen[1:]
        self._seen = joined
        self._places = cKDTree(positions_lps_mm)

    def at(self, position_lps_mm: FloatArray, within_mm: float) -> NDArray[np.bool_] | None:
        """Return the cubes (M,) to draw at a place, None when no scouted place is near."""
        distance, nearest = self._places.query(position_lps_mm)
        return self._seen[nearest] if distance <= within_mm else None


def _flat_actor(part: Any, number: int) -> Any:
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(part)
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetColor(number // 65536 / 255.0, number // 256 % 256 / 255.0, number % 256 / 255.0)
    look.LightingOff()
    look.FrontfaceCullingOn()
    return actor
