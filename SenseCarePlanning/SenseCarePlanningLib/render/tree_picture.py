"""The tree in three dimensions: coloured branches, the route, the target, glassy lungs, names at their branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment
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
from .overlay import Colour, Shapes, draw_text, resized, text_size
from .slice_picture import direction_letter

VIEWS = {
    "front": ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "left": ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "right": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "back": ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""Viewing direction and up in LPS. From the front the patient's right is on the left of the picture."""
PLAIN: Colour = (214, 219, 226)
ROUTE: Colour = (245, 124, 0)
TARGET: Colour = (211, 47, 47)
OVERSAMPLING = 2
LETTERS_ACROSS = 35
"""Width of a picture over the height of its names: 7 points where 1000 pixels are printed 87 mm wide."""
LUNG_STEP_MM = 4.0
DRAWN_BELOW = 205
"""Pixels darker than this in any channel belong to the tree or the target; the glassy lungs are lighter."""


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
        branch id -> name, written beside the picture with a line to the branch.
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
        self._renderers: dict[tuple[int, int], OffscreenRenderer] = {}
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
        scale = OVERSAMPLING
        window = self._window(style, width / height)
        drawn = self._drawn(self._actors(style), window, style, width * scale, height * scale)
        image: RgbImage = resized(drawn, width, height).copy()
        if style.lungs is not None and len(style.lungs.triangles):
            # The lungs lie in front of their airways and are smooth: drawn apart, coarser, they cost a third.
            glass = self._drawn([_glass(style.lungs)], window, style, width, height).astype(np.uint16)
            glass *= image
            glass += 255
            image[...] = glass >> 8
        self._write(image, style, window)
        return image

    def _drawn(self, actors: list[Any], window: _Window, style: TreeStyle, width: int, height: int) -> RgbImage:
        """Return the actors on white; the window is kept for the next picture of that size."""
        renderer = self._renderers.get((width, height))
        if renderer is None:
            renderer = self._renderers[width, height] = OffscreenRenderer(width, height, background=(1.0, 1.0, 1.0))
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
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def __enter__(self) -> TreePainter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def to_pixels(self, points_lps_mm: ArrayLike, width: int, height: int, style: TreeStyle) -> FloatArray:
        """Return where points (N, 3) lie in the picture of that size and style: (N, 2) as (x, y)."""
        return self._window(style, width / height).to_pixels(np.atleast_2d(points_lps_mm), width, height)

    def _window(self, style: TreeStyle, aspect: float) -> _Window:
        if style.focus_lps_mm is not None:
            points = style.focus_lps_mm
        else:
            parts = [self._points[:: max(len(self._points) // 20000, 1)]]
            parts += [style.lungs.points_lps_mm] if style.lungs is not None else []
            parts += [style.target.points_lps_mm] if style.target is not None else []
            points = np.concatenate(parts)
        return _Window.around(points, style.view, aspect, 1.42 if style.labels else 1.12)

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

    def _write(self, image: RgbImage, style: TreeStyle, window: _Window) -> None:
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
        if style.labels:
            _write_labels(image, self.tree, style.labels, window)


@dataclass(frozen=True, eq=False)
class _Window:
    """An orthographic view: centre (3,), right and up (3,), height in mm."""

    centre: FloatArray
    right: FloatArray
    up: FloatArray
    height_mm: float

    @classmethod
    def around(cls, points: FloatArray, view: str, aspect: float, room: float) -> _Window:
        forward, up = (np.array(axis) for axis in VIEWS[view])
        right = np.cross(forward, up)
        along = points @ np.stack([right, up, forward], axis=1)
        low, high = along.min(axis=0), along.max(axis=0)
        middle = (low + high) / 2.0
        extent = np.maximum(high - low, 10.0)
        height = max(extent[1] * 1.12, extent[0] * room / aspect)
        return cls(middle[0] * right + middle[1] * up + middle[2] * forward, right, up, float(height))

    def to_pixels(self, points: FloatArray, width: int, height: int) -> FloatArray:
        offset = points - self.centre
        scale = height / self.height_mm
        return np.stack([width / 2.0 + scale * (offset @ self.right), height / 2.0 - scale * (offset @ self.up)], axis=1)


def _write_labels(image: RgbImage, tree: Tree, labels: Mapping[int, str], window: _Window) -> None:
    """Write names in a column on either side, each level with its branch as far as room allows."""
    height, width = image.shape[:2]
    size = max(width // LETTERS_ACROSS, 9)
    places = {}
    for branch_id in labels:
        branch = tree[branch_id]
        middle = branch.points_lps_mm[len(branch.points_lps_mm) // 2]
        places[branch_id] = window.to_pixels(middle[None], width, height)[0]
    middle_x = float(window.to_pixels(tree.root.points_lps_mm[-1][None], width, height)[0, 0])
    if not 0.15 * width < middle_x < 0.85 * width:  # the carina is out of the picture, or nearly
        middle_x = float(np.mean([place[0] for place in places.values()]))
    shapes = Shapes()
    texts = []
    for side in (-1, 1):
        mine = [key for key in places if (places[key][0] >= middle_x) == (side > 0)]
        mine.sort(key=lambda key: float(places[key][1]))
        rows = _spread([float(places[key][1]) for key in mine], 1.45 * size, 2.0 * size, height - 2.0 * size)
        edge = width / 15.0
        widest = max((text_size(labels[key], size)[0] for key in mine), default=0)
        near = width - edge - widest if side > 0 else edge + widest
        column = slice(round(near), round(width - edge)) if side > 0 else slice(round(edge), round(near))
        shift = _clear_shift(image[:, column], rows, size)
        ends = np.array([[near - side * 0.4 * size, row + shift] for row in rows]).reshape(-1, 2)
        points = np.array([places[key] for key in mine]).reshape(-1, 2)
        # The shortest lines in all never cross: two that did would be shorter with their ends exchanged.
        _, chosen = linear_sum_assignment(np.linalg.norm(points[:, None] - ends[None], axis=2))
        for key, end in zip(mine, ends[chosen], strict=True):
            shapes.line([end, places[key]], (90, 98, 110, 200), max(width / 800.0, 1.0))
            texts.append((labels[key], near, float(end[1]), "lm" if side > 0 else "rm"))
    shapes.draw(image)
    for text, x, row, anchor in texts:
        _plate(image, text, x, row, size, anchor)
        draw_text(image, text, x, row, size, colour=(33, 37, 43), halo=(255, 255, 255), anchor=anchor)


def _clear_shift(column: RgbImage, rows: list[float], size: int) -> float:
    """Return how far, in pixels, to move rows of text up or down together so that they cover little of what is drawn.

    Parameters
    ----------
    column
        (H, W, 3) the part of the picture in which the texts lie; glass is light and does not count.
    """
    if not rows:
        return 0.0
    height = len(column)
    ink = np.concatenate([[0.0], np.cumsum((column.min(axis=2) < DRAWN_BELOW).sum(axis=1))])
    shifts = np.arange(2.0 * size - rows[0], height - 2.0 * size - rows[-1] + 1.0, 4.0)
    if not len(shifts):
        return 0.0
    places = np.array(rows)[None, :] + shifts[:, None]
    low, high = (np.clip(np.rint(places + way * 0.8 * size), 0, height).astype(int) for way in (-1, 1))
    covered = (ink[high] - ink[low]).sum(axis=1)
    return float(shifts[np.argmin(covered + size * np.abs(shifts) / 12.0)])


def _plate(image: RgbImage, text: str, x: float, row: float, size: int, anchor: str) -> None:
    """Whiten the ground of a text, in place, so that branches behind it do not run through the letters."""
    wide, high = text_size(text, size)
    left = x - (wide if anchor[0] == "r" else 0.0)
    part = image[
        max(round(row - 0.5 * high - 4), 0) : round(row + 0.5 * high + 4), max(round(left - 5), 0) : round(left + wide + 5)
    ]
    part[...] = 255 - (255 - part) // 8


def _spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move sorted positions apart to at least ``gap`` within low..high, as little as a sweep down and up does."""
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    placed = list(wanted)
    for at in range(len(placed)):
        placed[at] = max(placed[at], low if at == 0 else placed[at - 1] + gap)
    for at in reversed(range(len(placed))):
        placed[at] = min(placed[at], high if at == len(placed) - 1 else placed[at + 1] - gap)
    return placed


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
