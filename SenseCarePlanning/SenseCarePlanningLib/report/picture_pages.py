"""Pictures as film pages: each in grey, with whose it is and what it shows written below, since a film has no header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..errors import InputError
from .fonts import font_path, printable
from .grey_pages import WHITE, GreyPage, grey_of

LINE_SHARE = 0.028
"""Height of a line of the caption as a share of the picture's longer side: readable on a film of 3 by 4 pictures."""
LEAST_LINE_PX = 14
SPACING = 1.35


class PicturePages(Sequence[GreyPage]):
    """Picture files, each read when asked for.

    Parameters
    ----------
    pictures
        Files and what each shows.
    patient_line
        Whose they are; printed under every picture.

    Raises
    ------
    InputError
        When a picture is asked for that cannot be read.
    """

    def __init__(self, pictures: Sequence[tuple[Path, str]], patient_line: str) -> None:
        self._pictures, self._patient_line = tuple(pictures), patient_line

    def __len__(self) -> int:
        return len(self._pictures)

    @overload
    def __getitem__(self, index: int) -> GreyPage: ...

    @overload
    def __getitem__(self, index: slice) -> list[GreyPage]: ...

    def __getitem__(self, index: int | slice) -> GreyPage | list[GreyPage]:
        if isinstance(index, slice):
            return [self._page(path, name) for path, name in self._pictures[index]]
        return self._page(*self._pictures[index])

    def _page(self, path: Path, name: str) -> GreyPage:
        from PIL import Image

        try:
            with Image.open(path) as opened:
                image = opened.convert("RGBA")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"The picture {path.name} cannot be read.", detail=str(error)) from error
        flat = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
        grey = grey_of(np.asarray(flat))
        return GreyPage(np.concatenate([grey, self._caption(name, grey.shape)]))

    def _caption(self, name: str, shape: tuple[int, ...]) -> Any:
        """Return the strip under a picture, black letters on white, as wide as the picture."""
        from PIL import Image, ImageDraw, ImageFont

        rows, columns = shape
        size = max(round(LINE_SHARE * max(rows, columns)), LEAST_LINE_PX)
        lines = [printable(text)[0] for text in (self._patient_line, name)]
        font = ImageFont.truetype(str(font_path()), size)
        widest = max(font.getlength(line) for line in lines)
        room = columns - size
        if widest > room:  # smaller letters rather than a cut name
            font = ImageFont.truetype(str(font_path()), max(int(size * room / widest), 6))
        step = round(SPACING * size)
        strip = Image.new("L", (columns, step * len(lines) + size // 2), 255)
        pen = ImageDraw.Draw(strip)
        for number, line in enumerate(lines):
            pen.text((size // 2, size // 4 + number * step), line, fill=0, font=font)
        return (np.asarray(strip).astype(np.uint32) * WHITE // 255).astype(np.uint16)
