"""What a bronchoscope would see: the lumen from inside, lit from the tip, through a round window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from ..geometry import FloatArray, unit
from ..surface import Surface
from .meshes import polydata_from_surface, surface_from_polydata
from .offscreen import OffscreenRenderer, RgbImage

FIELD_OF_VIEW_DEG = 115.0
"""Thin bronchoscopes see 110 to 120 degrees (reference B.5)."""
NEAR_MM, FAR_MM = 0.05, 140.0
CELL_MM = 20.0
"""Edge of the cubes the wall is cut into, so that what lies outside the picture is skipped."""
MUCOSA_RGB = (0.93, 0.62, 0.55)
EXPOSURE = 2.6
LIGHT_REACH_MM = 14.0
"""Distance at which the light of the tip has fallen to half."""

_TIP_LIGHT = """
  vec3 toTip = -vertexVC.xyz;
  float distanceMm = length(toTip);
  float facing = abs(dot(normalVCVSOutput, toTip)) / max(distanceMm, 1e-4);
  float reach = distanceMm / {reach:.3f};
  float light = (0.16 + 0.84 * facing) / (1.0 + reach * reach) + 0.02;
  float gloss = 0.22 * pow(facing, 48.0) / (1.0 + 4.0 * reach * reach);
  vec3 lit = vec3({red:.3f}, {green:.3f}, {blue:.3f}) * light * {exposure:.3f};
  gl_FragData[0] = vec4(vec3(1.0) - exp(-lit) + gloss, 1.0);
"""
"""Light and eye are one point, so diffuse and gloss depend on one angle: cheaper than VTK's own lights."""


@dataclass(frozen=True, eq=False)
class CameraPose:
    """Where the tip is (3,), what it looks at (3,), and what is up in its picture (3,); LPS mm."""

    position_lps_mm: FloatArray
    focal_lps_mm: FloatArray
    up: FloatArray

    @property
    def axes(self) -> FloatArray:
        """Rows (3, 3): right, up and forward of the picture, orthonormal.

        Right is forward x up. With the scope going down the trachea (forward caudal) and anterior up, right is the
        patient's right: the view of an operator who stands at the head of a supine patient.
        """
        forward = unit(self.focal_lps_mm - self.position_lps_mm)
        right = unit(np.cross(forward, self.up))
        return np.stack([right, np.cross(right, forward), forward])


def clock_angle_deg(pose: CameraPose, direction: ArrayLike) -> float:
    """Return where a direction points in the picture, degrees clockwise from 12 o'clock (0 to 360)."""
    right, up, _ = pose.axes @ np.asarray(direction, dtype=np.float64)
    return float(np.degrees(np.arctan2(right, up)) % 360.0)


def clock_hour(angle_deg: float) -> int:
    """Return the clock hour, 1 to 12, nearest to an angle clockwise from 12 o'clock."""
    return int(np.rint(angle_deg / 30.0)) % 12 or 12


def _cells(surface: Surface) -> list[Any]:
    """Cut a surface into cubes; each comes with the normals of the whole."""
    normals = vtkPolyDataNormals()
    normals.SetInputData(polydata_from_surface(surface))
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.AutoOrientNormalsOff()
    normals.ComputePointNormalsOn()
    normals.Update()
    whole = normals.GetOutput()
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    point_normals = vtk_to_numpy(whole.GetPointData().GetNormals())
    base = surface_from_polydata(whole)
    centres = base.points_lps_mm[base.triangles].mean(axis=1)
    cell = np.floor((centres - centres.min(axis=0)) / CELL_MM).astype(np.int64)
    key = (cell * np.array([1_000_000, 1_000, 1])).sum(axis=1)
    order = np.argsort(key, kind="stable")
    bounds = np.flatnonzero(np.diff(key[order])) + 1
    parts = []
    for chosen in np.split(order, bounds):
        used, local = np.unique(base.triangles[chosen], return_inverse=True)
        part = polydata_from_surface(Surface(base.points_lps_mm[used], local.reshape(-1, 3)))
        array = numpy_to_vtk(np.ascontiguousarray(point_normals[used]), deep=True)
        part.GetPointData().SetNormals(array)
        parts.append(part)
    return parts


class EndoluminalView:
    """A virtual bronchoscope: one surface, uploaded once, seen from as many poses as wanted.

    Parameters
    ----------
    surface
        The lumen, normals out of it.
    size
        Width and height of the picture in pixels.
    field_of_view_deg
        Full angle of the round picture.
    wall_rgb
        Colour of the wall, 0 to 1.
    """

    def __init__(
        self,
        surface: Surface,
        *,
        size: int = 640,
        field_of_view_deg: float = FIELD_OF_VIEW_DEG,
        wall_rgb: tuple[float, float, float] = MUCOSA_RGB,
    ) -> None:
        self.size = size
        self.field_of_view_deg = field_of_view_deg
        self.renderer = OffscreenRenderer(size, size)
        self._mask = round_window(size)
        for part in _cells(surface) if len(surface.triangles) else []:
            self.renderer.add(_wall_actor(part, wall_rgb))

    def frame(self, pose: CameraPose) -> RgbImage:
        """Return the round picture (size, size, 3) at a pose."""
        self.renderer.look(
            pose.position_lps_mm,
            pose.focal_lps_mm,
            pose.up,
            view_angle_deg=self.field_of_view_deg,
            clipping_mm=(NEAR_MM, FAR_MM),
        )
        image = self.renderer.render()
        image *= self._mask[..., None]
        return image

    def project(self, pose: CameraPose, points_lps_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return pixel positions (N, 2) as (x, y) from the top left, and depths (N,) mm along the view; behind is <= 0."""
        return project(pose, points_lps_mm, self.size, self.field_of_view_deg)

    def close(self) -> None:
        """Give the graphics memory back."""
        self.renderer.close()


def project(pose: CameraPose, points_lps_mm: ArrayLike, size: int, field_of_view_deg: float) -> tuple[FloatArray, FloatArray]:
    """Project points (N, 3) into a square picture.

    Returns
    -------
    pixels, depth_mm
        (N, 2) as (x, y) from the top left; (N,) along the view. Pixels of points behind the tip mean nothing.
    """
    local = (np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64)) - pose.position_lps_mm) @ pose.axes.T
    depth = local[:, 2]
    scale = 0.5 * size / np.tan(np.radians(field_of_view_deg) / 2.0)
    safe = np.where(depth > NEAR_MM, depth, np.nan)
    x = 0.5 * size + scale * local[:, 0] / safe
    y = 0.5 * size - scale * local[:, 1] / safe
    return np.stack([x, y], axis=1), depth


def round_window(size: int) -> NDArray[np.uint8]:
    """Return (size, size) uint8: 1 inside the round picture of a bronchoscope."""
    offset = np.arange(size) + 0.5 - size / 2.0
    return (offset[:, None] ** 2 + offset[None, :] ** 2 <= (size / 2.0 - 1.0) ** 2).astype(np.uint8)


def _wall_actor(part: Any, colour: tuple[float, float, float]) -> Any:
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(part)
    mapper.ScalarVisibilityOff()
    mapper.StaticOn()
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetColor(*colour)
    look.FrontfaceCullingOn()
    red, green, blue = colour
    shader = _TIP_LIGHT.format(reach=LIGHT_REACH_MM, exposure=EXPOSURE, red=red, green=green, blue=blue)
    actor.GetShaderProperty().AddFragmentShaderReplacement("//VTK::Light::Impl", True, shader, False)
    return actor
