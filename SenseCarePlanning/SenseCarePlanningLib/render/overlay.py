"""Text, lines and shapes on pictures, with smooth edges and with Chinese characters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
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
    letters = font(size, bold)
    stroke = max(size // 10, 1) if halo is not None else 0
    box = letters.getbbox(text, stroke_width=stroke)
    width, height = int(np.ceil(box[2] - box[0])) + 2, int(np.ceil(box[3] - box[1])) + 2
    patch = Image.new("RGBA", (max(width, 1), max(height, 1)), (*(halo or colour), 0))
    draw = ImageDraw.Draw(patch)
    place = (1 - box[0], 1 - box[1])
    if halo is not None:
        draw.text(place, text, font=letters, fill=(*colour, 255), stroke_width=stroke, stroke_fill=(*halo, 200))
    else:
        draw.text(place, text, font=letters, fill=(*colour, 255))
    return np.asarray(patch)


def text_size(text: str, size: int, bold: bool = False) -> tuple[int, int]:
    """Return width and height in pixels that a text takes."""
    patch = _text_patch(printable(text)[0], size, WHITE, bold, None)
    return int(patch.shape[1]), int(patch.shape[0])


def blend(image: RgbImage, patch: RgbImage, left: int, top: int) -> None:
    """Lay an RGBA patch (h, w, 4) over a picture, in place; what sticks out is cut off."""
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + patch.shape[1], image.shape[1]), min(top + patch.shape[0], image.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = patch[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:].astype(np.uint16)
    below = image[y0:y1, x0:x1]
    below[...] = ((part[..., :3] * alpha + below * (255 - alpha) + 127) // 255).astype(np.uint8)


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
    shown = printable(text)[0]
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
        if not self._parts:
            return
        corners = np.concatenate([part[1] for part in self._parts])
        margin = 3.0 + max(part[3] for part in self._parts)
        low = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
        high = np.minimum(np.ceil(corners.max(axis=0) + margin), [image.shape[1], image.shape[0]]).astype(int)
        if bool(np.any(high <= low)):
            return
        size = (high - low) * OVERSAMPLING
        canvas = Image.new("RGBA", (int(size[0]), int(size[1])), (0, 0, 0, 0))
        pen = ImageDraw.Draw(canvas)
        for kind, points, colour, width in self._parts:
            place = [(float(x), float(y)) for x, y in (points - low) * OVERSAMPLING]
            if kind == "line":
                pen.line(place, fill=colour, width=max(round(width * OVERSAMPLING), 1), joint="curve")
            else:
                pen.polygon(place, fill=colour)
        patch = np.asarray(canvas.resize((int(high[0] - low[0]), int(high[1] - low[1])), Image.Resampling.BOX))
        blend(image, patch, int(low[0]), int(low[1]))


def save_png(image: RgbImage, path: object, dpi: int = 200) -> None:
    """Write a picture as PNG with its print resolution."""
    Image.fromarray(image).save(str(path), dpi=(dpi, dpi), compress_level=4)


def resized(image: RgbImage, width: int, height: int) -> RgbImage:
    """Return a picture at another size, smoothly."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
