"""Text, lines and shapes on pictures, with smooth edges and with Chinese characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from ..report.fonts import font_path, printable
from .offscreen import RgbImage

Colour = tuple[int, int, int]
Rgba = tuple[int, int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
OVERSAMPLING = 2


@lru_cache(maxsize=32)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the report's font at a size in pixels; PIL's own where the file is missing."""
    path = font_path(bold)
    if path.is_file():
        return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


@lru_cache(maxsize=2048)
def _text_patch(text: str, size: int, colour: Colour, bold: bool, halo: Colour | None) -> RgbImage:
    """Return a text as an RGBA patch (H, W, 4) just large enough."""
    if halo is None:
        mask = _text_mask(text, size, bold)
        patch = np.empty((*mask.shape, 4), dtype=np.uint8)
        patch[..., :3], patch[..., 3] = colour, mask
        return patch
    letters = font(size, bold)
    stroke = max(size // 10, 1)
    box = letters.getbbox(text, stroke_width=stroke)
    width, height = int(np.ceil(box[2] - box[0])) + 2, int(np.ceil(box[3] - box[1])) + 2
    picture = Image.new("RGBA", (max(width, 1), max(height, 1)), (*halo, 0))
    place = (1 - box[0], 1 - box[1])
    ImageDraw.Draw(picture).text(place, text, font=letters, fill=(*colour, 255), stroke_width=stroke, stroke_fill=(*halo, 200))
    return np.asarray(picture)


@lru_cache(maxsize=2048)
def _text_mask(text: str, size: int, bold: bool) -> RgbImage:
    """Return the coverage (H, W) of a text: numbers digit by digit, so that a counting number costs nothing, the rest whole."""
    pieces = [_piece(part, size, bold) for part in _PIECES.findall(text)]
    width = sum(advance for _, _, advance in pieces)
    room = size
    line = np.zeros((3 * size, int(np.ceil(width)) + 2 * room), dtype=np.uint8)
    pen = float(room)
    for mask, (left, top), advance in pieces:
        x, y = round(pen + left), size // 2 + round(top)
        part = line[y : y + mask.shape[0], x : x + mask.shape[1]]
        np.maximum(part, mask[: part.shape[0], : part.shape[1]], out=part)
        pen += advance
    rows, columns = np.flatnonzero(line.any(axis=1)), np.flatnonzero(line.any(axis=0))
    if not len(rows):
        return np.zeros((1, 1), dtype=np.uint8)
    return line[rows[0] - 1 : rows[-1] + 2, min(columns[0], room) - 1 : max(columns[-1] + 2, room + round(width) + 1)]


_PIECES = re.compile(r"\d|[^\d]+")


@lru_cache(maxsize=2048)
def _piece(text: str, size: int, bold: bool) -> tuple[RgbImage, tuple[float, float], float]:
    """Return the coverage (H, W) of a piece of a text, its place from the pen as (x, y), and how far it moves the pen."""
    letters = font(size, bold)
    box = letters.getbbox(text)
    width, height = max(int(np.ceil(box[2] - box[0])), 1), max(int(np.ceil(box[3] - box[1])), 1)
    picture = Image.new("L", (width, height), 0)
    ImageDraw.Draw(picture).text((-box[0], -box[1]), text, font=letters, fill=255)
    return np.asarray(picture), (box[0], box[1]), letters.getlength(text)


def text_size(text: str, size: int, bold: bool = False) -> tuple[int, int]:
    """Return width and height in pixels that a text takes."""
    mask = _text_mask(_shown(text), size, bold)
    return int(mask.shape[1]), int(mask.shape[0])


@lru_cache(maxsize=2048)
def _shown(text: str) -> str:
    """Return a text with only characters that the font has."""
    return printable(text)[0]


def blend(image: RgbImage, patch: RgbImage, left: int, top: int) -> None:
    """Lay an RGBA patch (h, w, 4) over a picture, in place; what sticks out is cut off."""
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + patch.shape[1], image.shape[1]), min(top + patch.shape[0], image.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = patch[y0 - top : y1 - top, x0 - left : x1 - left]
    below = image[y0:y1, x0:x1]
    below[...] = mixed(below, part[..., :3], part[..., 3:])


def mixed(below: RgbImage, colour: RgbImage, alpha: NDArray[np.uint8]) -> RgbImage:
    """Return colours laid over others: uint8 arrays (..., 3), coverage (..., 1) from 0 to 255; rounded exactly."""
    cover = alpha.astype(np.uint16)
    total = colour * cover
    total += below * (255 - cover)
    total += 128
    total += total >> 8  # with the shift below: a division by 255 without dividing
    total >>= 8
    return total.astype(np.uint8)


def draw_text(
    image: RgbImage,
    text: str,
    x: float,
    y: float,
    size: int,
    *,
    colour: Colour = WHITE,
    bold: bool = False,
    halo: Colour | None = BLACK,
    anchor: str = "lt",
) -> None:
    """Write a line of text on a picture, in place.

    Parameters
    ----------
    x, y
        Where the anchor goes, pixels from the top left.
    anchor
        Two letters: l, m or r for left, middle, right; t, m or b for top, middle, bottom.
    halo
        Colour of the outline that keeps the text legible on any ground; None for none.
    """
    shown = _shown(text)
    if not shown.strip():
        return
    patch = _text_patch(shown, size, colour, bold, halo)
    left = x - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * patch.shape[1]
    top = y - {"t": 0.0, "m": 0.5, "b": 1.0}[anchor[1]] * patch.shape[0]
    blend(image, patch, round(left), round(top))


class Shapes:
    """Shapes collected in pixel coordinates and laid over a picture together, oversampled for smooth edges."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, np.ndarray, Rgba, float]] = []

    def line(self, points: ArrayLike, colour: Rgba, width: float = 2.0) -> None:
        """Add a polyline (N, 2); points that are not finite break it."""
        array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        finite = np.asarray(np.isfinite(array).all(axis=1))
        for run in np.split(np.arange(len(array)), np.flatnonzero(np.diff(finite.astype(int))) + 1):
            if len(run) > 1 and finite[run[0]]:
                self._parts.append(("line", array[run], colour, width))

    def polygon(self, points: ArrayLike, colour: Rgba) -> None:
        """Add a filled polygon (N, 2); one with a point that is not finite is left out."""
        array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        if len(array) > 2 and np.isfinite(array).all():
            self._parts.append(("polygon", array, colour, 0.0))

    def circle(self, centre: Sequence[float], radius: float, colour: Rgba, width: float = 0.0) -> None:
        """Add a circle, filled when the width is 0."""
        angle = np.linspace(0.0, 2.0 * np.pi, 49)
        ring = np.asarray(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        if width > 0:
            self.line(ring, colour, width)
        else:
            self.polygon(ring, colour)

    def draw(self, image: RgbImage) -> None:
        """Lay everything over a picture, in place; only the part that is touched is worked on."""
        parts: list[tuple[str, np.ndarray, Rgba, float]] = []
        numbers: dict[Rgba, int] = {}
        for part in self._parts:
            if numbers.setdefault(part[2], len(numbers) + 1) > MOST_COLOURS:
                _draw_together(image, parts)
                parts, numbers = [], {part[2]: 1}
            parts.append(part)
        if parts:
            _draw_together(image, parts)


MOST_COLOURS = 255
"""On one canvas, which holds a number of eight bits for each."""


def _draw_together(image: RgbImage, parts: Sequence[tuple[str, np.ndarray, Rgba, float]]) -> None:
    """Lay shapes of at most :data:`MOST_COLOURS` colours over a picture, in place; later shapes cover earlier ones."""
    corners = np.concatenate([part[1] for part in parts])
    margin = 3.0 + max(part[3] for part in parts)
    low = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0) + margin), [image.shape[1], image.shape[0]]).astype(int)
    if bool(np.any(high <= low)):
        return
    size = (high - low) * OVERSAMPLING
    colours = {colour: number for number, colour in enumerate(dict.fromkeys(part[2] for part in parts), 1)}
    canvas = Image.new("L", (int(size[0]), int(size[1])), 0)
    pen = ImageDraw.Draw(canvas)
    for kind, points, colour, width in parts:
        place = (points - low) * OVERSAMPLING
        if kind == "line":
            _stroke(pen, place, colours[colour], max(round(width * OVERSAMPLING), 1))
        else:
            pen.polygon(place.ravel().tolist(), fill=colours[colour])
    _lay(image, np.asarray(canvas), np.array([(0, 0, 0, 0), *colours], dtype=np.uint16), low)


def _stroke(pen: ImageDraw.ImageDraw, points: NDArray[np.float64], number: int, width: int) -> None:
    """Draw a polyline (N, 2); only where it turns enough to leave a notch is a joint put in."""
    pen.line(points.ravel().tolist(), fill=number, width=width)
    if width < 3 or len(points) < 3:
        return
    steps = np.diff(points, axis=0)
    before, after = steps[:-1], steps[1:]
    turn = np.abs(np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1)))
    for x, y in points[1:-1][turn * width > NOTCH]:
        pen.ellipse((x - width / 2.0, y - width / 2.0, x + width / 2.0, y + width / 2.0), fill=number)


NOTCH = 2.0
"""Oversampled pixels that the corner of a polyline may gape before it gets a joint."""


def _lay(image: RgbImage, canvas: NDArray[np.uint8], colours: NDArray[np.uint16], low: NDArray[np.int_]) -> None:
    """Lay an oversampled canvas (2 H, 2 W) of colour numbers over a picture, in place: only touched pixels are computed."""
    rows = canvas[::OVERSAMPLING] | canvas[1::OVERSAMPLING]
    # Two neighbours in a row at a time: many times faster than a search in two dimensions.
    touched = np.flatnonzero(rows.view(np.uint16) != 0)
    y, x = np.divmod(touched, rows.shape[1] // OVERSAMPLING)
    corner = OVERSAMPLING * (y * canvas.shape[1] + x)
    flat = canvas.ravel()
    numbers = [flat[corner + row * canvas.shape[1] + column] for row in range(OVERSAMPLING) for column in range(OVERSAMPLING)]
    place = (y + low[1], x + low[0])
    if len(colours) == 2:
        covered = np.sum([number != 0 for number in numbers], axis=0, dtype=np.uint16)
        alpha, colour = (covered * colours[1, 3] // len(numbers)).astype(np.uint8), colours[1, :3].astype(np.uint8)
    else:
        drawn = [colours[number] for number in numbers]
        total = np.sum([part[:, 3] for part in drawn], axis=0, dtype=np.uint32)
        weighted = np.sum([part[:, :3].astype(np.uint32) * part[:, 3:] for part in drawn], axis=0)
        alpha, colour = (total // len(drawn)).astype(np.uint8), (weighted // np.maximum(total, 1)[:, None]).astype(np.uint8)
    image[place] = mixed(image[place], colour, alpha[:, None])


def save_png(image: RgbImage, path: object, dpi: int = 200) -> None:
    """Write a picture as PNG with its print resolution."""
    Image.fromarray(image).save(str(path), dpi=(dpi, dpi), compress_level=2)


def resized(image: RgbImage, width: int, height: int) -> RgbImage:
    """Return a picture at another size, smoothly."""
    if image.shape[:2] == (2 * height, 2 * width):
        return np.asarray(Image.fromarray(image).reduce(2))
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
