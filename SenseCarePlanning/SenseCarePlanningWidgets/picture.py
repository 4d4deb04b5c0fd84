"""Pictures that were computed, shown in the panel: an RGB array on a label."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import qt
import slicer


class PictureStore:
    """Gives pictures to labels through small files: the one way of pixels to Qt that every Slicer has.

    The files lie in a folder of their own, which :meth:`close` removes.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def show(self, label: Any, picture: Any) -> None:
        """Show a picture (H, W, 3) uint8 on a label, one pixel for one; None clears the label."""
        if picture is None:
            label.clear()
            return
        if self._folder is None:
            root = Path(str(slicer.app.temporaryPath))
            root.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="sensecare-", dir=root))
        path = self._folder / "picture.ppm"
        height, width = picture.shape[:2]
        head = f"P6 {width} {height} 255\n".encode("ascii")
        path.write_bytes(head + np.ascontiguousarray(picture, dtype=np.uint8).tobytes())
        # A pixmap of a file is taken from Qt's cache when name, size and second of the file are those of an earlier one.
        label.setPixmap(qt.QPixmap.fromImage(qt.QImage(str(path))))
        label.setFixedSize(width, height)

    def close(self) -> None:
        """Remove the files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
