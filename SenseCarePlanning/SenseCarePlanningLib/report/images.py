"""Pictures brought to the size at which they are printed, so that a report stays small and sharp."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

logger = logging.getLogger(__name__)

PRINT_DPI = 300
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


def prepared_image(path: Path | None, max_width_mm: float, max_height_mm: float, dpi: int = PRINT_DPI) -> PreparedImage | None:
    """Read a picture and shrink it to what fits a box at ``dpi``; never enlarged.

    Transparency is laid on white. Flat drawings stay lossless, photographs become JPEG, whichever is smaller.

    Returns
    -------
    PreparedImage or None
        None when there is no such file or it is not a readable picture.
    """
    from PIL import Image, UnidentifiedImageError

    if path is None:
        return None
    try:
        with Image.open(path) as opened:
            opened.load()
            image = opened.convert("RGBA") if opened.mode in ("P", "PA", "LA", "RGBA") else opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        logger.warning("a picture of the report cannot be read: %s", type(error).__name__)
        return None
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    box = (max(int(max_width_mm / 25.4 * dpi), 1), max(int(max_height_mm / 25.4 * dpi), 1))
    image.thumbnail(box, Image.Resampling.LANCZOS)
    red, green, blue = (channel.tobytes() for channel in image.split())
    if red == green == blue:
        image = image.convert("L")
    jpeg, png = BytesIO(), BytesIO()
    image.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    image.save(png, "PNG", compress_level=6)
    lossless = png.tell() <= 1.25 * jpeg.tell()
    data, mime = (png, "image/png") if lossless else (jpeg, "image/jpeg")
    return PreparedImage(data.getvalue(), mime, image.width, image.height)
