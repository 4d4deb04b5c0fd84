"""Slices of a CT with what was found drawn on them: right side of the patient on the left of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import affine_transform

from ..geometry import FloatArray, unit
from ..volume import Grid, LabelMap, Volume
from .offscreen import RgbImage
from .overlay import Colour, Shapes, draw_text

LUNG_WINDOW = (-600.0, 1500.0)
"""Level and width in HU of the lung window."""
OUTLINE_STRIDE = 2


@dataclass(frozen=True, eq=False)
class Plane:
    """A picture's place in the patient.

    Parameters
    ----------
    centre_lps_mm
        (3,) middle of the picture.
    right, down
        (3,) unit directions of the picture's x and y.
    width_mm, height_mm
        Size of the field.
    """

    centre_lps_mm: FloatArray
    right: FloatArray
    down: FloatArray
    width_mm: float
    height_mm: float

    @property
    def normal(self) -> FloatArray:
        """Unit normal (3,)."""
        return unit(np.cross(self.right, self.down))

    def to_pixels(self, points_lps_mm: ArrayLike, pixel_mm: float) -> FloatArray:
        """Return pixel positions (N, 2) as (x, y) of points (N, 3) seen along the normal."""
        offset = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64)) - self.centre_lps_mm
        x = (offset @ self.right + self.width_mm / 2.0) / pixel_mm
        y = (offset @ self.down + self.height_mm / 2.0) / pixel_mm
        return np.stack([x, y], axis=1)

    def distance_mm(self, points_lps_mm: ArrayLike) -> FloatArray:
        """Return the signed distance (N,) of points (N, 3) from the plane."""
        return np.asarray((np.atleast_2d(points_lps_mm) - self.centre_lps_mm) @ self.normal)


_AXES = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""Picture x and y in LPS: x to the patient's left (sagittal: posterior), y posterior (else: caudal)."""


def standard_plane(name: str, centre_lps_mm: ArrayLike, width_mm: float, height_mm: float | None = None) -> Plane:
    """Return an axial, coronal or sagittal plane in radiological convention.

    Raises
    ------
    ValueError
        For another name.
    """
    if name not in _AXES:
        raise ValueError(f"unknown plane {name!r}, expected one of {sorted(_AXES)}")
    right, down = _AXES[name]
    centre = np.asarray(centre_lps_mm, dtype=np.float64)
    return Plane(centre, np.array(right), np.array(down), width_mm, height_mm or width_mm)


def oblique_plane(start_lps_mm: ArrayLike, end_lps_mm: ArrayLike, along: ArrayLike, width_mm: float) -> Plane:
    """Return the plane that holds a line from start to end and a direction beside it.

    The picture's sides are chosen so that the patient's left is to the right of the picture as far as the plane
    allows, and head (else front) is up.

    Parameters
    ----------
    start_lps_mm, end_lps_mm
        (3,) the line; the picture's middle is halfway.
    along
        (3,) a second direction in the plane, such as the airway before its exit.
    width_mm
        Width and height of the field.
    """
    start, end = np.asarray(start_lps_mm, dtype=np.float64), np.asarray(end_lps_mm, dtype=np.float64)
    first = unit(end - start)
    second = np.asarray(along, dtype=np.float64)
    normal = np.cross(first, second)
    for fallback in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)):
        if np.linalg.norm(normal) > 0.15:
            break
        normal = np.cross(first if first.any() else np.array([1.0, 0.0, 0.0]), np.array(fallback))
    normal = unit(normal)
    head, front = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
    up = head - np.dot(head, normal) * normal
    if np.linalg.norm(up) < 0.5:
        up = front - np.dot(front, normal) * normal
    up = unit(up)
    right = np.cross(up, normal)
    wanted_left = right[0] if abs(right[0]) > 0.3 else right[1]
    if wanted_left < 0:
        right = -right
    return Plane((start + end) / 2.0, np.asarray(right), -up, width_mm, width_mm)


@dataclass(frozen=True, eq=False)
class Outline:
    """Labels outlined on a slice: each of ``values`` for itself, or all together when empty; colour, width in pixels."""

    labels: LabelMap
    values: tuple[int, ...]
    colour: Colour
    width: float = 2.0


@dataclass(frozen=True, eq=False)
class Curve:
    """A line in the patient, drawn where it is within ``slab_mm`` of the plane, paler further away."""

    points_lps_mm: FloatArray
    colour: Colour
    width: float = 2.5
    slab_mm: float = 6.0
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class SliceOptions:
    """What is drawn on a slice.

    Parameters
    ----------
    pixels
        Width of the picture in pixels.
    window_hu
        Level and width.
    outlines, curves
        Drawn in this order.
    cross_lps_mm
        (3,) point marked by a cross with an open middle; None for none.
    circle
        Centre (3,) and radius in mm of a dashed sphere outline, such as a bare target point; None for none.
    letters
        Names of the six directions in the order L, R, P, A, H, F.
    scale_text
        Text at the scale bar, with ``{length}``.
    """

    pixels: int = 700
    window_hu: tuple[float, float] = LUNG_WINDOW
    outlines: tuple[Outline, ...] = ()
    curves: tuple[Curve, ...] = ()
    cross_lps_mm: FloatArray | None = None
    circle: tuple[FloatArray, float] | None = None
    letters: tuple[str, ...] = ("L", "R", "P", "A", "H", "F")
    scale_text: str = "{length} mm"
    background_hu: float = field(default=-1024.0)


def slice_picture(volume: Volume | None, plane: Plane, options: SliceOptions | None = None) -> RgbImage:
    """Draw a slice.

    Parameters
    ----------
    volume
        The CT; None gives a dark ground on which only the outlines are drawn.
    plane
        Where the picture lies; voxels may be anisotropic and oblique, the picture's pixels are square.

    Returns
    -------
    array
        (H, W, 3) uint8.
    """
    options = options or SliceOptions()
    pixel_mm = plane.width_mm / options.pixels
    height = max(round(plane.height_mm / pixel_mm), 1)
    raster = _raster(plane, options.pixels, height, pixel_mm)
    if volume is None:
        image = np.full((height, options.pixels, 3), 28, dtype=np.uint8)
    else:
        values = _sampled(volume.array_kji, volume.grid, raster, options.background_hu)
        values = np.full((height, options.pixels), options.background_hu) if values is None else values
        level, width = options.window_hu
        grey = np.clip((values - level + width / 2.0) / width, 0.0, 1.0) * 255.0
        image = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
    shapes = Shapes()
    for outline in options.outlines:
        _add_outline(shapes, outline, raster)
    for curve in options.curves:
        _add_curve(shapes, curve, plane, pixel_mm)
    _add_marks(shapes, options, plane, pixel_mm)
    shapes.draw(image)
    _add_letters(image, plane, options)
    _add_scale(image, pixel_mm, options)
    return image


@dataclass(frozen=True, eq=False)
class _Raster:
    """Where the pixels of a picture lie: the first one's middle, the ways to the next and to the one below (3,), and how many."""

    first_lps_mm: FloatArray
    across: FloatArray
    down: FloatArray
    width: int
    height: int

    def every(self, stride: int) -> _Raster:
        """Return the raster of every n-th pixel both ways."""
        width, height = -(-self.width // stride), -(-self.height // stride)
        return _Raster(self.first_lps_mm, stride * self.across, stride * self.down, width, height)


def _raster(plane: Plane, width: int, height: int, pixel_mm: float) -> _Raster:
    across, down = plane.right * pixel_mm, plane.down * pixel_mm
    corner = plane.centre_lps_mm - plane.right * plane.width_mm / 2.0 - plane.down * plane.height_mm / 2.0
    return _Raster(corner + (across + down) / 2.0, across, down, width, height)


def _numbers(part: NDArray[Any]) -> NDArray[np.float32]:
    return part.astype(np.float32)


def _mask_of(part: NDArray[Any], value: int | None) -> NDArray[np.float32]:
    """Return 1 where a label is, or any label for None, and 0 elsewhere."""
    return (part > 0 if value is None else part == value).astype(np.float32)


def _sampled(
    array_kji: NDArray[Any],
    grid: Grid,
    raster: _Raster,
    outside: float,
    as_float: Callable[[NDArray[Any]], NDArray[np.float32]] = _numbers,
) -> FloatArray | None:
    """Sample an array linearly at a raster (H, W), reading only the part that is needed; None when nothing is there."""
    first = grid.kji_from_lps(raster.first_lps_mm)
    steps = grid.kji_from_lps(np.stack([raster.first_lps_mm + raster.down, raster.first_lps_mm + raster.across])) - first
    far = first + np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * [raster.height - 1, raster.width - 1] @ steps
    start = np.clip(np.floor(far.min(axis=0)).astype(int) - 1, 0, grid.shape_kji)
    stop = np.clip(np.ceil(far.max(axis=0)).astype(int) + 2, 0, grid.shape_kji)
    if (stop <= start).any():
        return None
    part = as_float(array_kji[tuple(slice(low, high) for low, high in zip(start, stop, strict=True))])
    if not part.any() and outside == 0.0:
        return None
    matrix = np.column_stack([np.zeros(3), steps.T])
    sampled = affine_transform(
        part,
        matrix,
        first - start,
        output_shape=(1, raster.height, raster.width),
        order=1,
        mode="constant",
        cval=outside,
        prefilter=False,
    )
    return np.asarray(sampled[0])


def _add_outline(shapes: Shapes, outline: Outline, raster: _Raster) -> None:
    """Add the outlines of the wanted values, found on every second pixel: smoother and four times as fast."""
    from skimage.measure import find_contours  # Slicer lacks it until the user installs it: views need only letters from here

    coarse = raster.every(OUTLINE_STRIDE)
    labels = outline.labels
    for value in outline.values or (None,):
        values = _sampled(labels.array_kji, labels.grid, coarse, 0.0, partial(_mask_of, value=value))
        if values is None or not values.any():
            continue
        for contour in find_contours(np.pad(values, 1), 0.5):
            shapes.line((contour[:, ::-1] - 1.0) * OUTLINE_STRIDE, (*outline.colour, 255), outline.width)


def _add_curve(shapes: Shapes, curve: Curve, plane: Plane, pixel_mm: float) -> None:
    pixels = plane.to_pixels(curve.points_lps_mm, pixel_mm)
    away = np.abs(plane.distance_mm(curve.points_lps_mm))
    for at in range(len(pixels) - 1):
        if curve.dashed and at % 4 >= 2:
            continue
        nearness = max(0.0, 1.0 - max(away[at], away[at + 1]) / (3.0 * curve.slab_mm))
        if nearness > 0:
            alpha = 255 if away[at] <= curve.slab_mm else round(200 * nearness)
            shapes.line(pixels[at : at + 2], (*curve.colour, alpha), curve.width)


def _add_marks(shapes: Shapes, options: SliceOptions, plane: Plane, pixel_mm: float) -> None:
    unit_px = options.pixels / 100.0
    if options.cross_lps_mm is not None:
        centre = plane.to_pixels(options.cross_lps_mm, pixel_mm)[0]
        gap = 4.0 * unit_px if options.circle is None else max(4.0 * unit_px, options.circle[1] / pixel_mm + 2.0 * unit_px)
        for direction in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            step = np.array(direction, dtype=np.float64)
            shapes.line([centre + step * gap, centre + step * (gap + 5.0 * unit_px)], (255, 235, 59, 255), 0.35 * unit_px)
    if options.circle is not None:
        centre_mm, radius = options.circle
        away = float(plane.distance_mm(centre_mm)[0])
        if radius > abs(away):
            centre = plane.to_pixels(centre_mm, pixel_mm)[0]
            shapes.circle(centre, np.sqrt(radius**2 - away**2) / pixel_mm, (255, 82, 82, 255), 0.35 * unit_px)


def direction_letter(direction: FloatArray, letters: tuple[str, ...] = ("L", "R", "P", "A", "H", "F")) -> str:
    """Return the letters of a direction, nearest first; a second one where the direction is oblique by over 22 degrees."""
    names = np.array([[letters[1], letters[0]], [letters[3], letters[2]], [letters[5], letters[4]]])
    order = np.argsort(-np.abs(direction))
    shown = [names[axis, int(direction[axis] > 0)] for axis in order if abs(direction[axis]) > 0.38]
    return "".join(str(letter) for letter in shown[:2])


def _add_letters(image: RgbImage, plane: Plane, options: SliceOptions) -> None:
    height, width = image.shape[:2]
    size, edge = max(width // 24, 10), max(width // 60, 4)
    sides = (
        (plane.right, width - edge, height / 2.0, "rm"),
        (-plane.right, edge, height / 2.0, "lm"),
        (plane.down, width / 2.0, height - edge, "mb"),
        (-plane.down, width / 2.0, edge, "mt"),
    )
    for direction, x, y, anchor in sides:
        draw_text(image, direction_letter(direction, options.letters), x, y, size, bold=True, anchor=anchor)


def _add_scale(image: RgbImage, pixel_mm: float, options: SliceOptions) -> None:
    height, width = image.shape[:2]
    wanted = 0.25 * width * pixel_mm
    length = max((step for step in (1, 2, 5, 10, 20, 50, 100) if step <= wanted), default=1)
    edge, size = max(width // 40, 6), max(width // 30, 9)
    left, bottom = edge, height - edge
    right = left + length / pixel_mm
    shapes = Shapes()
    tick = size / 3.0
    ends = [[left, bottom - tick], [left, bottom], [right, bottom], [right, bottom - tick]]
    shapes.line(ends, (0, 0, 0, 200), max(width / 140.0, 3.0))
    shapes.line(ends, (255, 255, 255, 255), max(width / 350.0, 1.5))
    shapes.draw(image)
    text = options.scale_text.format(length=length)
    draw_text(image, text, left, bottom - 1.4 * tick, size, anchor="lb")
