"""Takes the pictures of one module in one language: ``python screens.py hub en FOLDER``; ``./run screenshots`` takes all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LOCALES = {"en": "en_US", "zh": "zh_CN"}
MOST_BYTES = 300_000
STEPS = ((6, 2), (10, 4), (16, 6), (24, 8))
"""Grey and colour steps to try, finest first: the noise of a CT is what makes a picture heavy; colours are hardly touched."""
GREY_SPREAD = 14


def lighten(path: Path) -> None:
    """Store a picture with fewer grey levels where it would be too heavy for the repository."""
    import numpy as np
    from PIL import Image

    if path.stat().st_size <= MOST_BYTES // 2:
        return
    with Image.open(path) as opened:
        full = np.asarray(opened.convert("RGB"))
    is_grey = full.max(axis=2).astype(int) - full.min(axis=2) < GREY_SPREAD
    for grey_step, colour_step in STEPS:
        few = (full // colour_step) * colour_step
        level = np.clip(np.round(full.mean(axis=2) / grey_step) * grey_step, 0, 255).astype(np.uint8)
        few[is_grey] = level[is_grey][:, None]
        Image.fromarray(few).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return


def main(module: str, language: str, folder: Path) -> int:
    """Start the stand-in, let the module's pictures be taken, and fail on what the desktop would only have printed."""
    sys.path[:0] = [str(HERE), str(ROOT / "SenseCarePlanning"), str(ROOT / "LungAirway")]
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
