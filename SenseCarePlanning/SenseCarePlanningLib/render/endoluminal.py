"""What a bronchoscope would see: the lumen from inside, lit from the tip, through a round window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from ..geometry import FloatArray
from ..surface import Surface
from .camera_pose import CameraPose, clock_angle_deg, project
from .offscreen import OffscreenRenderer, RgbImage
from .wall_cells import Scout, Sights, cut

__all__ = ["FIELD_OF_VIEW_DEG", "CameraPose", "EndoluminalView", "clock_angle_deg", "project", "round_window"]

FIELD_OF_VIEW_DEG = 115.0
"""Of the picture; chosen for a wide-angle bronchoscope. Instruments differ, and no data sheet was at hand."""
NEAR_MM, FAR_MM = 0.02, 160.0
"""Clipping planes. A corner of the near one is 0.05 mm from the eye, so a wall further off than that is never sliced."""
MUCOSA_RGB = (1.30, 0.52, 0.40)
"""Reflectance of the wall before tone mapping; chosen by eye."""
LIGHT_REACH_MM, NEAR_LIGHT_REACH_MM = 14.0, 2.5
"""Distances at which the far and the near part of the light have fallen to half; the near part models narrow airways."""
SIGHT_MM = 3.0
"""Distance along a path between poses that are scouted."""

_TIP_LIGHT = """
  float squared = dot(vertexVC.xyz, vertexVC.xyz);
  float facing = abs(dot(normalVCVSOutput, vertexVC.xyz)) * inversesqrt(squared);
  float fall = 1.0 / (1.0 + squared * {far:.6f}) * (0.6 + 0.4 / (1.0 + squared * {near:.6f}));
  float gloss = facing * facing;
  gloss *= gloss; gloss *= gloss; gloss *= gloss; gloss *= gloss;
  vec3 lit = vec3({red:.3f}, {green:.3f}, {blue:.3f}) * (fall * (0.22 + 0.78 * facing) + 0.012);
  gl_FragData[0] = vec4(lit / (lit + vec3(0.40)) + 0.16 * gloss * gloss * fall * fall, 1.0);
"""
"""Light and eye are one point, so diffuse and gloss depend on one angle: cheaper than VTK's own lights."""


class EndoluminalView:
    """A virtual bronchoscope: one surface, uploaded once, seen from as many poses as wanted.

    Parameters
    ----------
    surface
        The lumen, normals out of it; an empty one gives black pictures.
    size
        Width and height of the picture in pixels.
    field_of_view_deg
        Full angle of the round picture.
    wall_rgb
        Reflectance of the wall.
    many
        Whether many frames are to come, so that preparing the surface pays.
    poll
        Called now and then during long preparations; stops them by raising.
    """

    def __init__(
        self,
        surface: Surface,
        *,
        size: int = 640,
        field_of_view_deg: float = FIELD_OF_VIEW_DEG,
        wall_rgb: tuple[float, float, float] = MUCOSA_RGB,
        many: bool = True,
        poll: Callable[[], None] = lambda: None,
    ) -> None:
        self.size = size
        self._poll = poll
        self.field_of_view_deg = field_of_view_deg
        self.renderer = OffscreenRenderer(size, size)
        self._window = np.repeat(round_window(size)[:, :, None], 3, axis=2)
        self._parts = cut(surface, merge=many, poll=poll) if len(surface.triangles) else []
        self._actors = [_wall_actor(part, wall_rgb) for part in self._parts]
        self._sights: Sights | None = None
        self._shown = np.ones(len(self._actors), dtype=np.bool_)
        for actor in self._actors:
            self.renderer.add(actor)

    def scout(self, poses: Sequence[CameraPose]) -> None:
        """Find out what is in sight along a path, so that frames near it draw nothing else.

        Parameters
        ----------
        poses
            Along the path, at most :data:`SIGHT_MM` apart.
        """
        if not self._parts or not poses:
            return
        scout = Scout(self._parts, self.field_of_view_deg, NEAR_MM, FAR_MM)
        try:
            seen = np.stack([self._scouted(scout, pose) for pose in poses])
        finally:
            scout.close()
        self._sights = Sights(np.stack([pose.position_lps_mm for pose in poses]), seen)

    def frame(self, pose: CameraPose, out: RgbImage | None = None) -> RgbImage:
        """Return the round picture (size, size, 3) at a pose; black around it; written into ``out`` where that is given."""
        self._show(pose.position_lps_mm)
        self.renderer.look(
            pose.position_lps_mm,
            pose.focal_lps_mm,
            pose.up,
            view_angle_deg=self.field_of_view_deg,
            clipping_mm=(NEAR_MM, FAR_MM),
        )
        drawn = self.renderer.drawn()
        return np.multiply(drawn, self._window, out=np.empty_like(drawn, order="C") if out is None else out)

    def _scouted(self, scout: Scout, pose: CameraPose) -> NDArray[np.bool_]:
        self._poll()
        return scout.visible(pose)

    def _show(self, position_lps_mm: FloatArray) -> None:
        wanted = self._sights.at(position_lps_mm, SIGHT_MM) if self._sights is not None else None
        if wanted is None:
            wanted = np.ones(len(self._actors), dtype=np.bool_)
        for number in np.flatnonzero(wanted != self._shown):
            self._actors[number].SetVisibility(bool(wanted[number]))
        self._shown = wanted

    def project(self, pose: CameraPose, points_lps_mm: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return pixels (N, 2) as (x, y) and depths (N,) of points (N, 3) in the picture at a pose."""
        return project(pose, points_lps_mm, self.size, self.field_of_view_deg)

    def close(self) -> None:
        """Give the graphics memory back."""
        self.renderer.close()


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
    look.FrontfaceCullingOn()
    red, green, blue = colour
    far, near = 1.0 / LIGHT_REACH_MM**2, 1.0 / NEAR_LIGHT_REACH_MM**2
    shader = _TIP_LIGHT.format(far=far, near=near, red=red, green=green, blue=blue)
    actor.GetShaderProperty().AddFragmentShaderReplacement("//VTK::Light::Impl", True, shader, False)
    return actor
