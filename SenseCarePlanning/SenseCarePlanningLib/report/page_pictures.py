"""Pages of a PDF as small pictures in colour, for a window to show what would be printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


def page_pictures(path: Path, width_px: int) -> tuple[NDArray[np.uint8], ...]:
    """Draw every page of a PDF.

    Parameters
    ----------
    path
        The PDF.
    width_px
        Width of the pictures; the height follows from the page.

    Returns
    -------
    tuple of array
        (H, width_px, 3) uint8 each, in order of the pages.

    Raises
    ------
    InputError
        When it is no PDF or is damaged.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise InputError(f"The film {path.name} cannot be read as a PDF; make it again.", detail=str(error)) from error
    pictures = []
    for number in range(len(document)):
        page = document[number]
        drawn = page.render(scale=width_px / page.get_width(), rev_byteorder=True).to_numpy()
        pictures.append(np.ascontiguousarray(drawn[..., :3]))
        page.close()
    document.close()
    return tuple(pictures)
