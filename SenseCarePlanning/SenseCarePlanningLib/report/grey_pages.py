"""Pages as grey images of known size, 12 bit: what a film printer takes; from the pages of a PDF, or from pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

WHITE = 4095
"""The brightest value of a page, 12 bit; 0 is black."""

MM_PER_INCH = 25.4
MM_PER_POINT = MM_PER_INCH / 72.0
FINER = 2
"""A PDF page is drawn this much finer, then averaged: four samples of 8 bit give 10 bit of grey and smooth letters."""

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue (ITU-R BT.709)."""


@dataclass(frozen=True, eq=False)
class GreyPage:
    """One page or picture in grey.

    Parameters
    ----------
    grey
        (rows, columns) uint16, 0 black to 4095 white, square pixels.
    width_mm
        How wide it is meant to be; None where it has no size of its own.
    """

    grey: NDArray[np.uint16]
    width_mm: float | None = None

    def __post_init__(self) -> None:
        if self.grey.ndim != 2 or self.grey.dtype != np.uint16 or not self.grey.size:
            raise ValueError(f"a grey page is a 2-D uint16 array, got {self.grey.dtype} of shape {self.grey.shape}")
        if int(self.grey.max()) > WHITE:
            raise ValueError(f"grey values go from 0 to {WHITE}, found {int(self.grey.max())}")
        if self.width_mm is not None and not self.width_mm > 0:
            raise ValueError(f"the width must be positive, got {self.width_mm} mm")

    @property
    def height_mm(self) -> float | None:
        """How high it is meant to be."""
        rows, columns = self.grey.shape
        return None if self.width_mm is None else self.width_mm * rows / columns

    def as_8_bit(self) -> NDArray[np.uint8]:
        """Return the values scaled to 0 to 255."""
        return ((self.grey.astype(np.uint32) * 255 + WHITE // 2) // WHITE).astype(np.uint8)


def grey_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return 12 bit grey (rows, columns) of an 8 bit picture, grey (rows, columns) or colour (rows, columns, 3)."""
    shade = pixels @ np.array(LUMINANCE) if pixels.ndim == 3 else pixels.astype(np.float64)
    return np.rint(shade * (WHITE / 255.0)).clip(0, WHITE).astype(np.uint16)


def page_size_mm(path: Path) -> tuple[float, float]:
    """Return width and height of a PDF's first page, mm.

    Raises
    ------
    InputError
        When it is no PDF, is encrypted, or is damaged.
    """
    width, height = PdfPages(path)._document[0].get_size()
    return width * MM_PER_POINT, height * MM_PER_POINT


class PdfPages(Sequence[GreyPage]):
    """The pages of a PDF, drawn one by one when asked for: a page at 300 dpi takes some 20 MB.

    Parameters
    ----------
    path
        The PDF.
    dpi
        Dots per inch of the page at its own size.

    Raises
    ------
    InputError
        When it is no PDF, is encrypted, or is damaged.
    """

    def __init__(self, path: Path, dpi: float = 300.0) -> None:
        import pypdfium2

        if not 30.0 <= dpi <= 1200.0:
            raise ValueError(f"the resolution must be 30 to 1200 dpi, got {dpi}")
        self._name, self._dpi = path.name, dpi
        try:
            self._document = pypdfium2.PdfDocument(path)
            self._count = len(self._document)
        except (pypdfium2.PdfiumError, OSError) as error:
            raise InputError(f"The report {path.name} cannot be read as a PDF; make it again.", detail=str(error)) from error
        if not self._count:
            raise InputError(f"The report {path.name} has no pages; make it again.")

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> GreyPage: ...

    @overload
    def __getitem__(self, index: slice) -> list[GreyPage]: ...

    def __getitem__(self, index: int | slice) -> GreyPage | list[GreyPage]:
        if isinstance(index, slice):
            return [self._draw(number) for number in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._draw(index % self._count)

    def __iter__(self) -> Iterator[GreyPage]:
        return (self._draw(number) for number in range(self._count))

    def _draw(self, number: int) -> GreyPage:
        page = self._document[number]
        try:
            width_mm = page.get_width() * MM_PER_POINT
            drawn = page.render(scale=FINER * self._dpi / 72.0, grayscale=True).to_numpy()
        finally:
            page.close()
        rows, columns = (size // FINER for size in drawn.shape[:2])
        fine = drawn[: rows * FINER, : columns * FINER].reshape(rows, FINER, columns, FINER)
        total = fine.sum(axis=(1, 3), dtype=np.uint32)
        highest = 255 * FINER * FINER
        return GreyPage(((total * WHITE + highest // 2) // highest).astype(np.uint16), width_mm)


class ChosenPages(Sequence[GreyPage]):
    """Some pages of a sequence, in the order chosen, each made when asked for.

    Parameters
    ----------
    pages
        All of them.
    chosen
        Their numbers, from 0.
    """

    def __init__(self, pages: Sequence[GreyPage], chosen: Sequence[int]) -> None:
        self._pages, self._chosen = pages, tuple(chosen)

    def __len__(self) -> int:
        return len(self._chosen)

    @overload
    def __getitem__(self, index: int) -> GreyPage: ...

    @overload
    def __getitem__(self, index: slice) -> list[GreyPage]: ...

    def __getitem__(self, index: int | slice) -> GreyPage | list[GreyPage]:
        if isinstance(index, slice):
            return [self._pages[number] for number in self._chosen[index]]
        return self._pages[self._chosen[index]]
