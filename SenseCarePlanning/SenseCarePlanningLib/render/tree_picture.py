"""The tree in three dimensions: coloured branches, the route, the target, glassy lungs, names at their branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull, QhullError, cKDTree
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkPolyDataNormals, vtkTubeFilter
from vtkmodules.vtkFiltersSources import vtkSphereSource
from vtkmodules.vtkRenderingCore import vtkActor, vtkLight, vtkPolyDataMapper

from ..geometry import FloatArray
from ..surface import Surface
from ..tubes.tree import Tree
from ..volume import LabelMap, bounding_box
from .meshes import add_point_array, polydata_from_polyline, polydata_from_surface, surface_from_polydata
from .offscreen import OffscreenRenderer, RgbImage
from .overlay import Colour, draw_text, resized
from .plan_colours import ROUTE, TARGET
from .slice_picture import direction_letter
from .tree_labels import Labels, write_labels

VIEWS = {
    "front": ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "left": ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "right": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "back": ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""Viewing direction and up in LPS. From the front the patient's right is on the left of the picture."""
PLAIN: Colour = (214, 219, 226)
OVERSAMPLING = 2
LUNG_STEP_MM = 4.0
MARGIN = 1.12
FRAME: Colour = (188, 196, 206)
LEAST_SHOWN = 0.1
"""Share of a branch that must be in the picture for its name to stand beside it."""


def branch_of_points(tree: Tree, points_lps_mm: ArrayLike) -> NDArray[np.int64]:
    """Return for each point (N, 3) the id of the branch whose tube it lies on: the smallest distance to a tube's wall."""
    samples = [branch.points_lps_mm for branch in tree]
    ids = np.concatenate([np.full(len(branch.points_lps_mm), branch.id) for branch in tree])
    radii = np.concatenate([branch.radius_mm for branch in tree])
    centres = np.concatenate(samples)
    count = min(12, len(centres))
    distance, nearest = cKDTree(centres).query(np.asarray(points_lps_mm, dtype=np.float64), k=count)
    distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
    best = np.argmin(distance - radii[nearest], axis=1)
    return np.asarray(ids[nearest[np.arange(len(nearest)), best]], dtype=np.int64)


def lung_surface(lungs: LabelMap, *values: int) -> Surface:
    """Return a coarse, smooth surface of the lungs (or of the given labels) for a glassy background; may be empty."""
    step = [max(int(LUNG_STEP_MM // spacing), 1) for spacing in lungs.grid.spacing_kji_mm]
    coarse = lungs.mask(*values)[:: step[0], :: step[1], :: step[2]]
    if not coarse.any():
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    box = bounding_box(coarse)
    field = gaussian_filter(np.pad(coarse[box].astype(np.float32), 3), 0.9)
    image = vtkImageData()
    image.SetDimensions(*field.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(field).ravel(), deep=True))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.5)
    contour.Update()
    mesh = surface_from_polydata(contour.GetOutput())
    start = np.array([part.start for part in box])
    indices = (mesh.points_lps_mm[:, ::-1] - 3.0 + start) * np.array(step)
    return Surface(lungs.grid.lps_from_kji(indices), mesh.triangles)


@dataclass(frozen=True, eq=False)
class Ball:
    """A target: points on its surface (N, 3) or its centre alone, drawn with at least ``radius_mm``."""

    points_lps_mm: FloatArray
    radius_mm: float = 4.0


@dataclass(frozen=True, eq=False)
class TreeStyle:
    """What is drawn, and how.

    Parameters
    ----------
    colours
        branch id -> RGB; others are grey.
    route_ids
        Branches painted in the colour of the route.
    curves
        Further lines in the patient: points (N, 3), colour, radius in mm.
    target
        Drawn as a solid ball.
    lungs
        A glassy surface around the tree.
    labels
        branch id -> name, written in gutters beside the drawing with a line to the branch.
    view
        ``front``, ``back``, ``left`` or ``right``.
    letters
        Names of L, R, P, A, H, F.
    focus_lps_mm
        Points (N, 3) that must be in the picture; everything when None.
    """

    colours: Mapping[int, Colour] | None = None
    route_ids: frozenset[int] = frozenset()
    curves: tuple[tuple[FloatArray, Colour, float], ...] = ()
    target: Ball | None = None
    lungs: Surface | None = None
    labels: Mapping[int, str] | None = None
    view: str = "front"
    letters: tuple[str, ...] = ("L", "R", "P", "A", "H", "F")
    focus_lps_mm: FloatArray | None = None


class TreePainter:
    """Draws one tree in several styles; the triangles are assigned to branches once. Close it, or use it in ``with``.

    Parameters
    ----------
    surface, tree
        The lumen and its tree.
    """

    def __init__(self, surface: Surface, tree: Tree) -> None:
        self.tree = tree
        self._renderer: OffscreenRenderer | None = None  # a large window in software takes 200 MB: one is kept, not one a size
        normals = vtkPolyDataNormals()
        normals.SetInputData(polydata_from_surface(surface))
        normals.SplittingOff()
        normals.ConsistencyOff()
        normals.Update()
        self._mesh = normals.GetOutput()
        self._points = surface.points_lps_mm
        self._branch = branch_of_points(tree, surface.points_lps_mm) if len(surface.points_lps_mm) else np.zeros(0, np.int64)

    def paint(self, width: int, height: int, style: TreeStyle) -> RgbImage:
        """Draw the tree on white.

        Parameters
        ----------
        width, height
            Size of the picture in pixels.

        Returns
        -------
        array
            (height, width, 3) uint8.

        Raises
        ------
        ValueError
            For an unknown view.
        """
        if style.view not in VIEWS:
            raise ValueError(f"unknown view {style.view!r}, expected one of {sorted(VIEWS)}")
        labels = self._labels(style, width)
        image: RgbImage = np.full((height, width, 3), 255, dtype=np.uint8)
        part = image[:, labels.left : width - labels.right]
        inner = part.shape[1]
        window = self._window(style, inner / height)
        part[...] = resized(
            self._drawn(self._actors(style), window, style, inner * OVERSAMPLING, height * OVERSAMPLING), inner, height
        )
        if style.lungs is not None and len(style.lungs.triangles):
            # The lungs lie in front of their airways and are smooth: drawn apart, coarser, they cost a third.
            glass = self._drawn([_glass(style.lungs)], window, style, inner, height).astype(np.uint16)
            glass *= part
            glass += 255
            part[...] = glass >> 8
        if labels.lines:  # what is cut at the edge shall look like cut by a frame
            part[[0, -1]] = FRAME
            part[:, [0, -1]] = FRAME
        write_labels(image, labels, self._label_places(labels, window, inner, height))
        _write_letters(part, style, window)
        return image

    def _labels(self, style: TreeStyle, width: int) -> Labels:
        """Divide the names between the sides of the carina, or of their own middle where the carina is far from what is shown."""
        names = dict(style.labels or {})
        forward, up = (np.array(axis) for axis in VIEWS[style.view])
        right = np.cross(forward, up)
        along = {key: float(self._middle_of(key) @ right) for key in names}
        middle = float(self.tree.root.points_lps_mm[-1] @ right)
        if along and not min(along.values()) <= middle <= max(along.values()):
            middle = float(np.mean(list(along.values())))
        return Labels.plan(names, along, middle, width)

    def _middle_of(self, branch_id: int) -> FloatArray:
        points = self.tree[branch_id].points_lps_mm
        return np.asarray(points[len(points) // 2])

    def _label_places(self, labels: Labels, window: _Window, inner: int, height: int) -> dict[int, FloatArray]:
        """Return where the line of each name ends, pixels of the whole picture: on the branch, as near to its middle as is shown.

        A branch of which next to nothing is shown gets no name.
        """
        places = {}
        for key in labels.lines:
            pixels = window.to_pixels(self.tree[key].points_lps_mm, inner, height)
            shown = np.flatnonzero(((pixels > 0) & (pixels < (inner, height))).all(axis=1))
            if len(shown) >= LEAST_SHOWN * len(pixels):
                nearest = shown[np.argmin(np.abs(shown - len(pixels) // 2))]
                places[key] = pixels[nearest] + (labels.left, 0.0)
        return places

    def _drawn(self, actors: list[Any], window: _Window, style: TreeStyle, width: int, height: int) -> RgbImage:
        """Return the actors on white; the window is kept for the next picture if that has the same size, one window at a time."""
        renderer = self._renderer
        if renderer is None or (renderer.width, renderer.height) != (width, height):
            self.close()
            renderer = self._renderer = OffscreenRenderer(width, height, background=(1.0, 1.0, 1.0))
            _add_lights(renderer)
        for actor in actors:
            renderer.add(actor)
        forward, up = (np.array(axis) for axis in VIEWS[style.view])
        renderer.look(window.centre - 1000.0 * forward, window.centre, up, parallel_height_mm=window.height_mm)
        image = renderer.render()
        renderer.clear()
        return image

    def close(self) -> None:
        """Give the graphics memory back."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None

    def __enter__(self) -> TreePainter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def to_pixels(self, points_lps_mm: ArrayLike, width: int, height: int, style: TreeStyle) -> FloatArray:
        """Return where points (N, 3) lie in the picture of that size and style: (N, 2) as (x, y)."""
        labels = self._labels(style, width)
        inner = width - labels.left - labels.right
        pixels = self._window(style, inner / height).to_pixels(np.atleast_2d(points_lps_mm), inner, height)
        pixels[:, 0] += labels.left
        return pixels

    def _window(self, style: TreeStyle, aspect: float) -> _Window:
        if style.focus_lps_mm is not None:
            points = style.focus_lps_mm
        else:
            parts = [self._points[:: max(len(self._points) // 20000, 1)]]
            parts += [style.lungs.points_lps_mm] if style.lungs is not None else []
            parts += [style.target.points_lps_mm] if style.target is not None else []
            points = np.concatenate(parts)
        return _Window.around(points, style.view, aspect)

    def _actors(self, style: TreeStyle) -> list[Any]:
        known = sorted({int(branch.id) for branch in self.tree})
        table = np.empty((max(known, default=0) + 1, 3), dtype=np.uint8)
        table[:] = PLAIN
        for branch_id, colour in (style.colours or {}).items():
            table[branch_id] = colour
        colours = table[self._branch]
        colours[self._on_route(style.route_ids)] = ROUTE
        add_point_array(self._mesh, "colour", colours, scalars=True)
        actors = [_actor(self._mesh, None)]
        for points, colour, radius in style.curves:
            actors.append(_actor(_tube(points, radius), colour))
        if style.target is not None:
            actors.append(_actor(_ball(style.target), TARGET))
        return actors

    def _on_route(self, route_ids: frozenset[int]) -> NDArray[np.bool_]:
        """Tell which points lie on the route's own tube, the mouths of its side branches included."""
        branches = [self.tree[branch_id] for branch_id in route_ids]
        if not branches or not len(self._points):
            return np.zeros(len(self._points), dtype=np.bool_)
        reach = 1.25 * np.concatenate([branch.radius_mm for branch in branches]) + 0.4
        centres = cKDTree(np.concatenate([branch.points_lps_mm for branch in branches]))
        distance, nearest = centres.query(self._points, distance_upper_bound=float(reach.max()))
        mine = np.isin(self._branch, sorted(route_ids))
        return np.asarray(mine | (distance < np.append(reach, -1.0)[nearest]))


@dataclass(frozen=True, eq=False)
class _Window:
    """An orthographic view: centre (3,), right and up (3,), height in mm."""

    centre: FloatArray
    right: FloatArray
    up: FloatArray
    height_mm: float

    @classmethod
    def around(cls, points: FloatArray, view: str, aspect: float) -> _Window:
        forward, up = (np.array(axis) for axis in VIEWS[view])
        right = np.cross(forward, up)
        along = points @ np.stack([right, up, forward], axis=1)
        low, high = along.min(axis=0), along.max(axis=0)
        middle = (low + high) / 2.0
        extent = np.maximum(high - low, 10.0)
        height = max(extent[1], extent[0] / aspect) * MARGIN
        return cls(middle[0] * right + middle[1] * up + middle[2] * forward, right, up, float(height))

    def to_pixels(self, points: FloatArray, width: int, height: int) -> FloatArray:
        offset = points - self.centre
        scale = height / self.height_mm
        return np.stack([width / 2.0 + scale * (offset @ self.right), height / 2.0 - scale * (offset @ self.up)], axis=1)


def _write_letters(image: RgbImage, style: TreeStyle, window: _Window) -> None:
    """Write the directions at the four edges of the drawing, in place."""
    height, width = image.shape[:2]
    size, edge = max(width // 26, 11), max(width // 50, 5)
    ink = (70, 78, 90)
    sides = (
        (window.right, width - edge, height / 2.0, "rm"),
        (-window.right, edge, height / 2.0, "lm"),
        (-window.up, width / 2.0, height - edge, "mb"),
        (window.up, width / 2.0, edge, "mt"),
    )
    for direction, x, y, anchor in sides:
        letter = direction_letter(direction, style.letters)
        draw_text(image, letter, x, y, size, bold=True, colour=ink, halo=(255, 255, 255), anchor=anchor)


def _add_lights(renderer: OffscreenRenderer) -> None:
    renderer.renderer.AutomaticLightCreationOff()
    for place, strength in (((0.4, 0.7, 1.0), 0.85), ((-1.0, 0.1, 0.6), 0.35)):
        light = vtkLight()
        light.SetLightTypeToCameraLight()
        light.SetPosition(*place)
        light.SetIntensity(strength)
        renderer.renderer.AddLight(light)


def _actor(mesh: Any, colour: Colour | None) -> Any:
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(mesh)
    mapper.SetScalarVisibility(colour is None)
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    if colour is not None:
        look.SetColor(*(part / 255.0 for part in colour))
    look.SetAmbient(0.22)
    look.SetDiffuse(0.80)
    look.SetSpecular(0.10)
    look.SetSpecularPower(20.0)
    return actor


def _glass(surface: Surface) -> Any:
    normals = vtkPolyDataNormals()
    normals.SetInputData(polydata_from_surface(surface))
    normals.SplittingOff()
    normals.Update()
    actor = _actor(normals.GetOutput(), (120, 150, 190))
    look = actor.GetProperty()
    look.SetOpacity(0.10)
    look.SetSpecular(0.0)
    look.BackfaceCullingOn()
    return actor


def _tube(points: FloatArray, radius: float) -> Any:
    tube = vtkTubeFilter()
    tube.SetInputData(polydata_from_polyline(points))
    tube.SetRadius(radius)
    tube.SetNumberOfSides(12)
    tube.CappingOn()
    tube.Update()
    return tube.GetOutput()


def _ball(ball: Ball) -> Any:
    """Return the convex hull of the target's surface; a sphere where there is no body to wrap."""
    try:
        hull = ConvexHull(ball.points_lps_mm)
    except (QhullError, ValueError):
        sphere = vtkSphereSource()
        sphere.SetCenter(*ball.points_lps_mm.mean(axis=0))
        sphere.SetRadius(ball.radius_mm)
        sphere.SetThetaResolution(32)
        sphere.SetPhiResolution(24)
        sphere.Update()
        return sphere.GetOutput()
    corners = ball.points_lps_mm[hull.simplices]
    outward = np.einsum("ij,ij->i", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), hull.equations[:, :3])
    turned = np.where((outward < 0)[:, None], hull.simplices[:, ::-1], hull.simplices)
    normals = vtkPolyDataNormals()
    normals.SetInputData(polydata_from_surface(Surface(ball.points_lps_mm, turned.astype(np.int64))))
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()


def clearest_view(surface: Surface, line_lps_mm: FloatArray, views: Sequence[str]) -> str:
    """Return the view in which a line (N, 3) is the least foreshortened and the least hidden behind the surface."""
    lengths = np.linalg.norm(np.diff(line_lps_mm, axis=0), axis=1)
    costs = []
    for view in views:
        forward, up = (np.array(axis) for axis in VIEWS[view])
        flat = np.stack([np.cross(forward, up), up], axis=1)
        seen = np.linalg.norm(np.diff(line_lps_mm @ flat, axis=0), axis=1).sum() / max(float(lengths.sum()), 1e-6)
        depth = surface.points_lps_mm @ forward
        near = cKDTree(surface.points_lps_mm @ flat).query_ball_point(line_lps_mm @ flat, HIDING_MM)
        hidden = [
            bool((depth[index] < at - HIDING_DEPTH_MM).any()) for index, at in zip(near, line_lps_mm @ forward, strict=True)
        ]
        costs.append(float(np.mean(hidden)) + 1.0 - float(seen))
    return views[int(np.argmin(costs))]


HIDING_MM, HIDING_DEPTH_MM = 1.0, 8.0
"""A point is hidden by surface so near to it in the picture and so much nearer to the eye: not by its own wall."""
