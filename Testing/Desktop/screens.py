"""Takes the pictures of one module in one language: ``python screens.py hub en FOLDER``; ``./run screenshots`` takes all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LOCALES = {"en": "en_US", "zh": "zh_CN"}
GREY_STEP, GREY_SPREAD = 8, 4
"""Grey levels kept, one in so many: the noise of a CT is what makes a picture heavy; and what counts as grey."""
COLOURS, PLAIN_COLOURS = 256, 50
"""Colours of a picture, and how many of them are those that most pixels of plain areas have: bars, buttons."""
FAR_COLOURS, LEAST_PIXELS = 50, 25
"""How many more are the most different ones of plain areas (a legend, the target), and how large these must be."""


def lighten(path: Path) -> None:
    """Store a picture with a palette: few greys for the CT, the rest for mucosa and tree, dithered so that no steps show."""
    import numpy as np
    from PIL import Image
    from scipy.ndimage import binary_opening

    with Image.open(path) as opened:
        full = np.asarray(opened.convert("RGB"))
    is_grey = full.max(axis=2).astype(int) - full.min(axis=2) < GREY_SPREAD
    level = np.clip(np.round(full.mean(axis=2) / GREY_STEP) * GREY_STEP, 0, 255).astype(np.uint8)
    few = full.copy()
    few[is_grey] = level[is_grey][:, None]
    palette = np.unique(few[is_grey], axis=0)
    flat = (few[:-1, :-1] == few[1:, :-1]).all(axis=2) & (few[:-1, :-1] == few[:-1, 1:]).all(axis=2) & ~is_grey[:-1, :-1]
    found, number = np.unique(few[~is_grey], axis=0, return_counts=True)
    if len(found):
        plain, often = np.unique(few[:-1, :-1][flat], axis=0, return_counts=True)
        by_number = plain[np.argsort(often)[::-1]]
        palette = np.concatenate([palette, by_number[:PLAIN_COLOURS], _far_apart(plain[often >= LEAST_PIXELS], by_number[:1])])
        # A colour counts by the root of its number, so that the rare ones (a thin branch) have their shades too.
        weighed = Image.fromarray(np.repeat(found, np.ceil(np.sqrt(number)).astype(int), axis=0)[None, :, :])
        left = COLOURS - len(palette)
        kept = weighed.quantize(left, method=Image.Quantize.MEDIANCUT).getpalette() or []
        palette = np.concatenate([palette, np.reshape(kept, (-1, 3))[:left]])
    chosen = Image.new("P", (1, 1))
    chosen.putpalette(palette.astype(np.uint8).ravel().tolist())
    smooth, plain_areas = (
        Image.fromarray(few).quantize(palette=chosen, dither=dither)
        for dither in (Image.Dither.FLOYDSTEINBERG, Image.Dither.NONE)
    )
    is_plain = np.zeros(is_grey.shape, dtype=bool)
    is_plain[:-1, :-1] = flat
    is_plain = binary_opening(is_plain, np.ones((3, 3)))
    smooth.putdata(np.where(is_plain, np.asarray(plain_areas), np.asarray(smooth)).ravel().tolist())
    smooth.save(path, optimize=True)


def _far_apart(colours: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return up to ``FAR_COLOURS`` of the colours (N, 3), each as far as can be from those before: a legend keeps its own."""
    import numpy as np

    away = np.full(len(colours), np.inf)
    found = list(first)
    while len(found) <= min(FAR_COLOURS, len(colours)):
        away = np.minimum(away, np.linalg.norm(colours.astype(float) - found[-1], axis=1))
        if away.max(initial=0.0) == 0.0:
            break
        found.append(colours[int(away.argmax())])
    return np.array(found)


def main(module: str, language: str, folder: Path) -> int:
    """Start the stand-in, let the module's pictures be taken, and fail on what the desktop would only have printed."""
    sys.path[:0] = [str(HERE), str(ROOT / "SenseCarePlanning"), str(ROOT / "LungAirway"), str(ROOT / "CardiacCTA")]
    from standin.desktop import Desktop

    take = __import__(f"screens_{module}").take
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        desktop = Desktop(Path(scratch))
        desktop.language(LOCALES[language])
        try:
            taken = take(desktop, folder, language)
        finally:
            faults = desktop.stop()
    for path in taken or sorted(folder.glob("*.png")):
        lighten(Path(path))
        print(f"{path} {Path(path).stat().st_size // 1000} kB")
    for fault in faults:
        print(f"[{fault.kind}] {fault.text}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
