"""Every picture of the coronary report and film, under keys that stay the same."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import save_png
from SenseCarePlanningLib.volume import Volume

from .pictures_heart import heart_pictures
from .pictures_vessel import NumberedLesion, VesselPainter
from .report_pages.words import Words
from .result import CoronaryResult
from .vessel_result import VesselResult
from .views import VesselViews

logger = logging.getLogger(__name__)

DPI = 300
MAIN = ("LAD", "LCx", "RCA")
"""Vessels that are always shown; others where they have a lesion."""


def numbered_lesions(result: CoronaryResult) -> dict[str, tuple[NumberedLesion, ...]]:
    """Return vessel name -> its lesions, numbered through the patient in the order of ``result.lesions``."""
    found: dict[str, list[NumberedLesion]] = {}
    for number, one in enumerate(result.lesions, 1):
        found.setdefault(one.vessel, []).append(NumberedLesion(number, result.vessel(one.vessel).lesions[one.number]))
    return {name: tuple(lesions) for name, lesions in found.items()}


def shown_vessels(result: CoronaryResult) -> tuple[VesselResult, ...]:
    """Return the vessels that have pages of their own: the main ones that were measured, and those with a lesion."""
    return tuple(one for one in result.vessels if one.measured is not None and (one.vessel.name in MAIN or one.lesions))


def make_pictures(
    result: CoronaryResult,
    volume: Volume,
    out_dir: Path | str,
    language: str = "en",
    progress: Progress | None = None,
    with_heart: bool = True,
) -> dict[str, Path]:
    """Draw the pictures of the report as PNG files.

    Parameters
    ----------
    result
        What was found.
    volume
        The contrast CT.
    out_dir
        Folder for the files; made when it is missing.
    language
        ``en`` or ``zh``.
    progress
        Hears of each picture and may stop the run between two.
    with_heart
        Whether the pictures in three dimensions are drawn; ask ``rendering_available`` first. All others need no rendering.

    Returns
    -------
    dict
        Key -> file: ``heart_front``, ``heart_left``, ``heart_right``, ``arteries``; for each vessel shown ``vessel_<name>`` (its
        reformats), ``straight_<name>``, ``profile_<name>`` and ``wall_<name>``; for each lesion ``lesion_<n>_A``, ``_B``, ``_C``
        (cross-sections before it, at its narrowest, after it) and ``lesion_<n>_edges``.
    """
    start = time.perf_counter()
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    progress = progress or Progress()
    expected = 4 * with_heart + 4 * len(shown_vessels(result)) + 4 * len(result.lesions)
    files: dict[str, Path] = {}
    for key, image in _all_pictures(result, volume, Words.of(language), with_heart):
        files[key] = folder / f"{key}.png"
        save_png(image, files[key], DPI)
        progress.update(min(len(files) / max(expected, 1), 1.0))
    logger.info("%d pictures in %.1f s", len(files), time.perf_counter() - start)
    return files


def _all_pictures(result: CoronaryResult, volume: Volume, words: Words, with_heart: bool) -> Iterator[tuple[str, RgbImage]]:
    """Yield key and picture, one after the other."""
    lesions = numbered_lesions(result)
    views = {one.vessel.name: VesselViews(one, volume) for one in result.vessels if one.measured is not None}
    if with_heart and (result.heart.array_kji > 0).any():
        yield from heart_pictures(result, volume, views, lesions, words)
    for shown in shown_vessels(result):
        name = shown.vessel.name
        painter = VesselPainter(views[name], lesions.get(name, ()), words)
        yield f"vessel_{name}", painter.board()
        yield f"straight_{name}", painter.straightened()
        yield f"profile_{name}", painter.profile()
        yield f"wall_{name}", painter.unrolled()
        for one in lesions.get(name, ()):
            for section, letter in painter.probes_of(one):
                yield f"lesion_{one.number}_{letter}", painter.probe(one, section, letter)
            yield f"lesion_{one.number}_edges", painter.edges(one)
