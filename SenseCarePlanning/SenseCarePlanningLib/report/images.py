"""Pictures brought to the size at which they are printed, so that a report stays small and sharp."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

PRINT_DPI = 250
JPEG_QUALITY = 92


@dataclass(frozen=True)
class PreparedImage:
    """An encoded picture: ``data`` is JPEG or PNG (``mime`` tells), the size in pixels."""

    data: bytes
    mime: str
    width_px: int
    height_px: int

    @property
    def aspect(self) -> float:
        """Height over width."""
        return self.height_px / self.width_px


def prepared_image(path: Path | None, max_width_mm: float, max_height_mm: float) -> PreparedImage | None:
    """Read a picture and shrink it to what fits a box at :data:`PRINT_DPI`; never enlarged.

    Transparency is laid on white. Flat drawings stay lossless, photographs become JPEG, whichever is smaller.

    Returns
    -------
    PreparedImage or None
        None when there is no such file or it is not a readable picture.
    """
    if path is None:
        return None
    box = (max(int(max_width_mm / 25.4 * PRINT_DPI), 1), max(int(max_height_mm / 25.4 * PRINT_DPI), 1))
    try:
        return _read(path, path.stat().st_mtime_ns, box)
    except OSError as error:
        logger.warning("a picture of the report cannot be read: %s", type(error).__name__)
        return None


@lru_cache(maxsize=256)
def _read(path: Path, _changed_ns: int, box: tuple[int, int]) -> PreparedImage | None:
    """Read and encode; kept, because both forms of the report show the same pictures."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (2 * box[0], 2 * box[1]))
            image = opened.convert("RGBA") if opened.mode in ("P", "PA", "LA", "RGBA") else opened.convert("RGB")
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        logger.warning("a picture of the report cannot be read: %s", type(error).__name__)
        return None
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
    image.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=3.0)
    red, green, blue = (channel.tobytes() for channel in image.split())
    if red == green == blue:
        image = image.convert("L")
    return _encoded(image)


LOSSLESS_UP_TO, QUICK_LOSS = 1.25, 2.0
"""A picture stays lossless up to so many times the bytes of a JPEG. Packed quickly it takes at most twice what it does packed
well: drawings and reformats take up to 1.35 times as much."""


def _encoded(image: Any) -> PreparedImage:
    jpeg, png = BytesIO(), BytesIO()
    image.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    most = LOSSLESS_UP_TO * jpeg.tell()
    image.save(png, "PNG", compress_level=1)
    lossless = png.tell() <= QUICK_LOSS * most  # else it is not worth the time to pack it well
    if lossless:
        png = BytesIO()
        image.save(png, "PNG", compress_level=6)
        lossless = png.tell() <= most
    data, mime = (png, "image/png") if lossless else (jpeg, "image/jpeg")
    return PreparedImage(data.getvalue(), mime, image.width, image.height)
