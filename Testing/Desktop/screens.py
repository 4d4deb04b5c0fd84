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
COLOURS = (160, 112, 80, 56)
"""Palettes to try, richest first."""


def lighten(path: Path) -> None:
    """Store a picture with a palette where it would be too heavy for the repository."""
    from PIL import Image

    if path.stat().st_size <= MOST_BYTES // 2:
        return
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    for count in COLOURS:
        picture.quantize(count, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
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
