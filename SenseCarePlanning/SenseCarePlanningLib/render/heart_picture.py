"""An organ and its vessels in three dimensions: volume rendering, maximum intensity, and the vessels as coloured tubes in it.

Strategy: VTK's fixed-point ray caster runs on the processor alone, so that a machine without a graphics card draws the same
picture; the scan is brought to one grid of about ``GRID_MM`` first, and what hides the organ is taken away by a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401 - the ray caster shows its picture through it
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPiecewiseFunction
from vtkmodules.vtkFiltersCore import vtkTubeFilter
from vtkmodules.vtkRenderingCore import vtkActor, vtkColorTransferFunction, vtkPolyDataMapper, vtkVolume, vtkVolumeProperty
from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper

from ..geometry import FloatArray, unit
from ..volume import Volume
from .meshes import add_point_array, polydata_from_polyline
from .offscreen import OffscreenRenderer, RgbImage
from .overlay import Colour, Shapes, draw_text, text_size
from .slice_picture import direction_letter
from .tree_labels import LETTERS_ACROSS, Labels, write_labels

BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

GRID_MM = 0.6
AIR_HU = -1000
BACKGROUND: Colour = (10, 12, 16)
INK: Colour = (236, 240, 245)
MARGIN = 1.1
HIDING_FROM_MM, HIDING_HU, HIDING_MM = 4.0, 90, 1.5
"""A point is hidden by so many mm of tissue over so many HU, so far in front of it: not by the wall of its own vessel."""
OPACITY = ((-1000.0, 0.0), (20.0, 0.0), (80.0, 0.18), (130.0, 0.5), (400.0, 0.85), (1200.0, 0.95))
COLOUR = (
    (0.0, (150, 62, 48)),
    (110.0, (188, 84, 66)),
    (230.0, (232, 160, 124)),
    (380.0, (252, 226, 190)),
    (900.0, (255, 255, 255)),
)
"""HU to opacity per mm and to colour. Chosen by eye for a contrast-filled heart: fat clear, muscle red-brown, contrast pale."""
SMOOTHING_MM = 0.6
"""Standard deviation of the Gaussian that calms noise before tissue is lit; the maximum intensity is not smoothed."""
PLAIN: Colour = (230, 92, 72)
LegendEntry = tuple[str, Colour] | tuple[str, Colour, Colour]
"""A name with its colour, or with the two colours that it is striped in."""


@dataclass(frozen=True)
class View:
    """Where the viewer stands: degrees towards the patient's left (LAO, positive) or right (RAO), and towards the head (cranial,
    positive) or feet, as angiography names its projections."""

    left_deg: float = 0.0
    cranial_deg: float = 0.0

    @property
    def axes(self) -> FloatArray:
        """Rows (3, 3): the picture's right, its up, and the way the viewer looks; LPS."""
        left, head = np.radians(self.left_deg), np.radians(self.cranial_deg)
        eye = np.array([np.sin(left) * np.cos(head), -np.cos(left) * np.cos(head), np.sin(head)])
        up = unit(np.array([0.0, 0.0, 1.0]) - eye[2] * eye)
        return np.stack([np.cross(-eye, up), up, -eye])


@dataclass(frozen=True, eq=False)
class Vessel:
    """A vessel drawn as a tube.

    Parameters
    ----------
    points_lps_mm, radius_mm
        (N, 3) and (N,).
    colours
        (N, 3) uint8 along it; None draws it in one colour.
    """

    points_lps_mm: FloatArray
    radius_mm: FloatArray
    colours: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class HeartStyle:
    """What is drawn.

    Parameters
    ----------
    view
        From where.
    vessels
        Tubes among the tissue.
    labels
        Names in margins beside the picture, with a line to a point (3,) each.
    legend
        Names explained below the picture, each with its colour, or with two in turn.
    letters
        Names of L, R, P, A, H, F.
    """

    view: View = View()
    vessels: tuple[Vessel, ...] = ()
    legend: tuple[LegendEntry, ...] = ()
    labels: Mapping[str, FloatArray] | None = None
    letters: tuple[str, ...] = ("L", "R", "P", "A", "H", "F")


class HeartPainter:
    """Draws one scan from several sides; the grid is made once. Close it, or use it in ``with``.

    Parameters
    ----------
    volume
        CT in HU.
    shown_kji
        (K, J, I) what is drawn of it; all when None.
    box_kji
        The part of the scan that ``shown_kji`` is of, where nothing else is drawn; the whole scan when None.
    """

    def __init__(self, volume: Volume, shown_kji: BoolArray | None = None, box_kji: Box | None = None) -> None:
        self._values, self._affine = _on_grid(volume, shown_kji, box_kji)
        tissue = np.argwhere(self._values[::4, ::4, ::4] > 0.0)[:, ::-1] * 4.0
        if not len(tissue):
            raise ValueError("nothing that is to be shown of the scan is denser than water")
        self._tissue_lps = tissue * GRID_MM + self._affine[:3, 3]
        self._renderers: dict[tuple[int, int], OffscreenRenderer] = {}

    @cached_property
    def _plain(self) -> Any:
        return _vtk_image(self._values, self._affine)

    @cached_property
    def _lit(self) -> Any:
        """The tissue as it is lit: kept, so that its gradients are computed for the first view only."""
        return _tissue(_vtk_image(gaussian_filter(self._values, SMOOTHING_MM / GRID_MM), self._affine))

    def __enter__(self) -> HeartPainter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory of the windows back."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def volume_rendering(self, width: int, height: int, style: HeartStyle | None = None) -> RgbImage:
        """Draw tissue as light in it would show it, with the vessels as tubes: (height, width, 3)."""
        return self._painted(width, height, style or HeartStyle(), self._lit)

    def maximum_intensity(
        self, width: int, height: int, style: HeartStyle | None = None, window_hu: tuple[float, float] = (300.0, 800.0)
    ) -> RgbImage:
        """Draw the brightest of what lies behind each pixel, with vessels only where the style has them."""
        return self._painted(width, height, style or HeartStyle(), _brightest(self._plain, window_hu))

    def _painted(self, width: int, height: int, style: HeartStyle, body: Any) -> RgbImage:
        axes = style.view.axes
        places = {} if style.labels is None else dict(enumerate(style.labels.items()))
        shown = [self._tissue_lps, *(vessel.points_lps_mm for vessel in style.vessels)]
        seen = np.concatenate(shown) @ axes.T
        middle = 0.5 * (seen.min(axis=0) + seen.max(axis=0))
        labels = Labels.plan(
            {key: name for key, (name, _) in places.items()},
            {key: float(point @ axes[0]) for key, (_, point) in places.items()},
            float(middle[0]),
            width,
        )
        inner = width - labels.left - labels.right
        canvas = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
        height -= _write_legend(canvas, style.legend)
        extent = np.ptp(seen, axis=0)
        tall = float(max(extent[1], extent[0] * height / inner)) * MARGIN
        image = canvas[:height]
        image[:, labels.left : labels.left + inner] = self._drawn(inner, height, style, body, middle @ axes, tall)
        lines: list[FloatArray] = []
        if places:
            scale = height / tall
            at = {
                key: np.array([labels.left + inner / 2.0, height / 2.0])
                + scale * np.array([1.0, -1.0]) * (axes[:2] @ (point - middle @ axes))
                for key, (_, point) in places.items()
            }
            lines = [line - np.array([labels.left, 0.0]) for line in write_labels(image, labels, at, INK)]
        _write_directions(image[:, labels.left : labels.left + inner], axes, style.letters, lines)
        return canvas

    def hidden(self, point_lps_mm: FloatArray, view: View) -> bool:
        """Tell whether tissue that is drawn opaque lies between a point (3,) and the viewer."""
        away = np.arange(HIDING_FROM_MM, 2.0 * float(np.linalg.norm(self._values.shape)) * GRID_MM, GRID_MM)
        places = point_lps_mm - away[:, None] * view.axes[2]
        index = np.rint((places - self._affine[:3, 3]) / GRID_MM).astype(np.int64)[:, ::-1]
        inside = ((index >= 0) & (index < np.array(self._values.shape))).all(axis=1)
        return int((self._values[tuple(index[inside].T)] > HIDING_HU).sum()) * GRID_MM > HIDING_MM

    def _drawn(self, width: int, height: int, style: HeartStyle, body: Any, centre: FloatArray, tall: float) -> RgbImage:
        renderer = self._renderers.get((width, height))
        if renderer is None:
            back = (BACKGROUND[0] / 255.0, BACKGROUND[1] / 255.0, BACKGROUND[2] / 255.0)
            renderer = self._renderers[width, height] = OffscreenRenderer(width, height, background=back)
        renderer.add(body)
        for vessel in style.vessels:
            renderer.add(_tube(vessel))
        axes = style.view.axes
        renderer.look(centre - 1000.0 * axes[2], centre, axes[1], parallel_height_mm=tall)
        image = renderer.render()
        renderer.clear()
        return image


def _on_grid(volume: Volume, shown_kji: BoolArray | None, box_kji: Box | None) -> tuple[NDArray[np.int16], FloatArray]:
    """Return the scan along the patient's axes with voxels of :data:`GRID_MM`, cut to what is to be shown, air elsewhere."""
    grid = volume.grid
    shown = np.broadcast_to(True, grid.shape_kji) if shown_kji is None else shown_kji
    start = np.zeros(3, dtype=int) if box_kji is None else np.array([part.start for part in box_kji])
    first = -start % 4
    index = np.argwhere(shown[first[0] :: 4, first[1] :: 4, first[2] :: 4]) * 4 + first + start
    if not len(index):
        raise ValueError("nothing of the scan is to be shown: the mask is empty")
    places = grid.lps_from_kji(index.astype(np.float64))
    low, high = places.min(axis=0) - 2.0, places.max(axis=0) + 2.0
    size = np.ceil((high - low) / GRID_MM).astype(int) + 1
    affine = np.diag([GRID_MM, GRID_MM, GRID_MM, 1.0])
    affine[:3, 3] = low
    inverse = np.linalg.inv(grid.affine_ijk_to_lps)
    matrix = np.asarray((inverse[:3, :3] * GRID_MM)[::-1, ::-1], dtype=np.float64)
    offset = np.asarray((inverse[:3, :3] @ low + inverse[:3, 3])[::-1], dtype=np.float64)
    shape = (int(size[2]), int(size[1]), int(size[0]))
    box = _reached(matrix, offset, shape, grid.shape_kji)
    offset = offset - [part.start for part in box]
    values = affine_transform(volume.array_kji[box], matrix, offset, shape, order=1, cval=AIR_HU, output=np.int16)
    if shown_kji is not None:
        # a share of tissue fades out what stands at the mask's edge, so that no staircase shows
        part = _placed(shown_kji, start, box)
        share = affine_transform(part, matrix, offset, shape, order=1, cval=0.0, output=np.float32)
        share *= values.astype(np.float32) - AIR_HU
        share += AIR_HU
        values = share.astype(np.int16)
    return values, affine


def _reached(matrix: FloatArray, offset: FloatArray, shape: tuple[int, int, int], whole_kji: tuple[int, int, int]) -> Box:
    """Return the part of an array [k, j, i] that lies about the places ``matrix @ index + offset`` of a box of indices."""
    corners = np.array(list(product(*((0, size - 1) for size in shape)))) @ matrix.T + offset
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, np.array(whole_kji) - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, low + 1, whole_kji)
    parts = [slice(int(first), int(last)) for first, last in zip(low, high, strict=True)]
    return (parts[0], parts[1], parts[2])


def _placed(shown: BoolArray, start: NDArray[np.int_], box: Box) -> NDArray[np.uint8]:
    """Return 0 and 1 of a box of the scan, of a mask that begins at ``start`` [k, j, i]."""
    found = np.zeros([part.stop - part.start for part in box], dtype=np.uint8)
    both = [
        (max(part.start, int(at)), min(part.stop, int(at) + size)) for part, at, size in zip(box, start, shown.shape, strict=True)
    ]
    own = tuple(slice(low - part.start, high - part.start) for (low, high), part in zip(both, box, strict=True))
    other = tuple(slice(low - int(at), high - int(at)) for (low, high), at in zip(both, start, strict=True))
    found[own] = shown[other]
    return found


def _vtk_image(values: NDArray[np.int16], affine: FloatArray) -> Any:
    image = vtkImageData()
    image.SetDimensions(*values.shape[::-1])
    image.SetSpacing(GRID_MM, GRID_MM, GRID_MM)
    image.SetOrigin(*affine[:3, 3])
    # the ray caster wants values that are not negative
    raised = np.maximum(values, AIR_HU).view(np.uint16) + np.uint16(-AIR_HU)
    image.GetPointData().SetScalars(numpy_to_vtk(raised.ravel(), deep=True))
    return image


def _transfer(points: Sequence[tuple[float, float]]) -> Any:
    function = vtkPiecewiseFunction()
    for level, value in points:
        function.AddPoint(level - AIR_HU, value)
    return function


def _prop(image: Any, properties: Any) -> tuple[Any, Any]:
    mapper = vtkFixedPointVolumeRayCastMapper()
    mapper.SetInputData(image)
    mapper.AutoAdjustSampleDistancesOff()
    mapper.SetImageSampleDistance(1.0)
    mapper.SetSampleDistance(0.5 * GRID_MM)
    properties.SetInterpolationTypeToLinear()
    prop = vtkVolume()
    prop.SetMapper(mapper)
    prop.SetProperty(properties)
    return prop, mapper


def _tissue(image: Any) -> Any:
    properties = vtkVolumeProperty()
    colours = vtkColorTransferFunction()
    for level, (red, green, blue) in COLOUR:
        colours.AddRGBPoint(level - AIR_HU, red / 255.0, green / 255.0, blue / 255.0)
    properties.SetColor(colours)
    properties.SetScalarOpacity(_transfer(OPACITY))
    properties.SetScalarOpacityUnitDistance(1.0)
    properties.ShadeOn()
    properties.SetAmbient(0.25)
    properties.SetDiffuse(0.75)
    properties.SetSpecular(0.15)
    properties.SetSpecularPower(12.0)
    return _prop(image, properties)[0]


def _brightest(image: Any, window_hu: tuple[float, float]) -> Any:
    level, width = window_hu
    properties = vtkVolumeProperty()
    properties.SetColor(_transfer(((level - width / 2.0, 0.0), (level + width / 2.0, 1.0))))
    properties.SetScalarOpacity(_transfer(((level - width / 2.0, 0.0), (level - width / 2.0 + 1.0, 1.0), (level + width, 1.0))))
    prop, mapper = _prop(image, properties)
    mapper.SetBlendModeToMaximumIntensity()
    return prop


def _tube(vessel: Vessel) -> Any:
    mesh = polydata_from_polyline(vessel.points_lps_mm)
    add_point_array(mesh, "radius", np.asarray(vessel.radius_mm, dtype=np.float64))
    colours = np.broadcast_to(np.array(PLAIN, dtype=np.uint8), (len(vessel.points_lps_mm), 3))
    add_point_array(mesh, "colour", np.ascontiguousarray(colours if vessel.colours is None else vessel.colours))
    mesh.GetPointData().SetActiveScalars("radius")
    tube = vtkTubeFilter()
    tube.SetInputData(mesh)
    tube.SetVaryRadiusToVaryRadiusByAbsoluteScalar()
    tube.SetNumberOfSides(16)
    tube.CappingOn()
    tube.Update()
    surface = tube.GetOutput()
    surface.GetPointData().SetActiveScalars("colour")
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(surface)
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetAmbient(0.3)
    look.SetDiffuse(0.75)
    look.SetSpecular(0.2)
    return actor


def _write_legend(canvas: RgbImage, legend: Sequence[LegendEntry]) -> int:
    """Write names with their colours along the bottom, in place, in as many rows as they need; return how high they are."""
    if not legend:
        return 0
    height, width = canvas.shape[:2]
    size = max(int(width) // LETTERS_ACROSS, 9)
    rows: list[list[tuple[float, LegendEntry]]] = [[]]
    x = 0.6 * size
    for entry in legend:
        room = text_size(entry[0], size)[0] + 2.4 * size
        if rows[-1] and x + room > width:
            rows.append([])
            x = 0.6 * size
        rows[-1].append((x, entry))
        x += room
    band = int((1.4 * len(rows) + 0.5) * size)
    shapes = Shapes()
    for number, row in enumerate(rows):
        y = height - band + (0.9 + 1.4 * number) * size
        for x, entry in row:
            for part, colour in enumerate(entry[1:] * (3 if len(entry) > 2 else 1)):
                step = 0.9 * size / (6 if len(entry) > 2 else 1)
                shapes.line([[x + part * step, y], [x + (part + 1) * step, y]], (*colour, 255), 0.4 * size)
            draw_text(canvas, entry[0], x + 1.2 * size, y, size, colour=INK, halo=None, anchor="lm")
    shapes.draw(canvas)
    return band


def _write_directions(image: RgbImage, axes: FloatArray, letters: tuple[str, ...], lines: Sequence[FloatArray]) -> None:
    """Write where the sides of the picture look; those at the left and right edge as near to its middle as lines leave free."""
    height, width = image.shape[:2]
    size, edge = max(width // 30, 11), max(width // 60, 4)
    for direction, x, anchor in ((axes[0], width - edge, "rm"), (-axes[0], edge, "lm")):
        text = direction_letter(direction, letters)
        room = text_size(text, size, True)[0] + edge
        reach = (x - room, x) if anchor == "rm" else (x, x + room)
        draw_text(image, text, x, _free_row(lines, reach, height, size), size, bold=True, anchor=anchor)
    for direction, y, anchor in ((-axes[1], height - edge, "mb"), (axes[1], edge, "mt")):
        draw_text(image, direction_letter(direction, letters), width / 2.0, y, size, bold=True, anchor=anchor)


def _free_row(lines: Sequence[FloatArray], reach: tuple[float, float], height: int, size: int) -> float:
    """Return the row nearest to the middle on which letters between two columns touch no line; the middle without any."""
    across = np.linspace(*reach, 5)
    taken = []
    for line in lines:
        (low, low_row), (high, high_row) = line[np.argsort(line[:, 0])]
        inside = across[(across >= low) & (across <= high)]
        taken.extend(np.interp(inside, [low, high], [low_row, high_row]).tolist())
    middle = 0.5 * height
    rows = middle + np.array([0.0, *(sign * step for step in np.arange(0.25, 10.0, 0.25) * size for sign in (-1.0, 1.0))])
    rows = rows[(rows > 2.0 * size) & (rows < height - 2.0 * size)]
    free = [row for row in rows if all(abs(row - one) > 0.8 * size for one in taken)]
    return float(free[0]) if free else middle
