"""Every picture of the coronary report and film, under keys that stay the same."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from SenseCarePlanningLib.pieces import side_by_side
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import save_png
from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.volume import Volume

from .pictures_calcium import calcium_picture
from .pictures_heart import heart_pictures
from .pictures_vessel import NumberedLesion, VesselPainter
from .read_in import picture_key
from .report_pages.assessed import blind_codes
from .report_pages.rows import lesion_rows, pictured_rows, shown_vessels
from .report_pages.words import Words
from .result import CoronaryResult
from .views import VesselViews

logger = logging.getLogger(__name__)

DPI = 300
CALCIUM_PICTURE = "pictures/calcium.png"
"""Within a result's folder."""


def numbered_lesions(result: CoronaryResult) -> dict[str, tuple[NumberedLesion, ...]]:
    """Return vessel name -> its lesions, numbered as in the report; with why those not graded are not."""
    found: dict[str, tuple[NumberedLesion, ...]] = {}
    for row in lesion_rows(result):
        name = row.vessel.vessel.name
        found[name] = (*found.get(name, ()), NumberedLesion(row.number, row.lesion, row.reason, row.pictured, row.given))
    return found


def make_pictures(
    result: CoronaryResult,
    volume: Volume,
    out_dir: Path | str,
    language: str = "en",
    progress: Progress | None = None,
    with_heart: bool = True,
    calcium_series: Volume | None = None,
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
    calcium_series
        The series that the calcium score was read from; without it there is no picture of the score.

    Returns
    -------
    dict
        Key -> file: ``heart_front``, ``heart_left``, ``heart_right``, ``arteries``; for each vessel shown ``vessel_<name>`` (its
        reformats), ``straight_<name>``, ``strip_<name>`` (sections all along),
        ``profile_<name>`` and ``wall_<name>``; for each lesion
        that counts, or is of 50 % and more, ``lesion_<n>_A``, ``_B``, ``_C``
        (cross-sections before it, at its narrowest, after it) and ``lesion_<n>_edges``; ``calcium`` where there is a score.
    """
    start = time.perf_counter()
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    progress = progress or Progress()
    expected = 4 * with_heart + 5 * len(shown_vessels(result)) + 4 * len(pictured_rows(result))
    words, lesions = Words.of(language), numbered_lesions(result)
    views = {one.vessel.name: VesselViews(one, volume) for one in result.vessels if one.measured is not None}
    heart: Iterator[tuple[str, RgbImage]] = iter(())
    if with_heart and result.heart.array_kji.any():
        heart = heart_pictures(result, volume, views, lesions, words)
    vessels = chain(_vessel_pictures(result, views, lesions, words), _calcium_picture(result, calcium_series, words))
    own, others = side_by_side(
        _saved(heart, folder), _saved(vessels, folder), lambda count: progress.update(min(count / max(expected, 1), 1.0))
    )
    files = dict([*own, *others])
    logger.info("%d pictures in %.1f s", len(files), time.perf_counter() - start)
    return files


def with_pictures(result: CoronaryResult, pictures: Mapping[str, Path], folder: Path) -> CoronaryResult:
    """Return the result with the evidence of each number of a lesion or segment pointing to the picture it was read in.

    Parameters
    ----------
    pictures
        As :func:`make_pictures` returns them.
    folder
        Of the result; pictures are named relative to it.
    """
    names = {key: path.relative_to(folder).as_posix() for key, path in pictures.items()}
    lesions = list(result.lesion_measurements)
    places = {(one.vessel, one.number): at for at, one in enumerate(result.lesions)}
    for row in pictured_rows(result):
        vessel = row.vessel.vessel.name
        at = places[vessel, row.vessel.lesions.index(row.lesion)]
        lesions[at] = tuple(_shown(one, names.get(picture_key(one.name, row.number, vessel))) for one in lesions[at])
    profiles = {part.code: names.get(f"profile_{one.vessel.name}") for one in result.vessels for part in one.vessel.stretches}
    segments = {
        code: tuple(_shown(one, profiles.get(code)) for one in numbers) for code, numbers in result.segment_measurements.items()
    }
    examination = {
        key: _shown(one, names.get("calcium")) if key.startswith(("agatston", "calcium")) else one
        for key, one in result.examination.items()
    }
    return replace(result, lesion_measurements=tuple(lesions), segment_measurements=segments, examination=examination)


def _shown(number: Measurement, picture: str | None) -> Measurement:
    return number if picture is None else replace(number, evidence=replace(number.evidence, picture=picture))


def make_turned_pictures(
    result: CoronaryResult,
    volume: Volume,
    vessel: str,
    out_dir: Path | str,
    step_deg: float = 9.0,
    language: str = "en",
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Draw the stretched reformat of a vessel from all sides as PNG files, as films of workstations show it.

    Parameters
    ----------
    vessel
        Name of a measured vessel.
    step_deg
        Between two pictures; half a turn is drawn, the other half shows the mirror images.

    Returns
    -------
    dict
        ``turn_<vessel>_<degrees>`` -> file, in order of the angle.

    Raises
    ------
    KeyError
        When there is no such vessel.
    ValueError
        When it was not measured, or the step is not in 1 to 90 degrees.
    """
    if not 1.0 <= step_deg <= 90.0:
        raise ValueError(f"the step must be 1 to 90 degrees, got {step_deg}")
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    progress = progress or Progress()
    lesions = numbered_lesions(result).get(vessel, ())
    one = result.vessel(vessel)
    painter = VesselPainter(VesselViews(one, volume), lesions, Words.of(language), frozenset(blind_codes(result, one)))
    angles = np.arange(0.0, 180.0, step_deg)
    files: dict[str, Path] = {}
    for number, angle in enumerate(angles, 1):
        key = f"turn_{vessel}_{round(float(angle)):03d}"
        files[key] = folder / f"{key}.png"
        save_png(painter.turned(float(angle)), files[key], DPI)
        progress.update(number / len(angles))
    return files


def _saved(pictures: Iterator[tuple[str, RgbImage]], folder: Path) -> Generator[tuple[str, Path], None, None]:
    """Save pictures as they come, and yield key and file of each."""
    for key, image in pictures:
        path = folder / f"{key}.png"
        save_png(image, path, DPI)
        yield key, path


def _vessel_pictures(
    result: CoronaryResult, views: Mapping[str, VesselViews], lesions: Mapping[str, tuple[NumberedLesion, ...]], words: Words
) -> Iterator[tuple[str, RgbImage]]:
    """Yield key and picture, one after the other."""
    for shown in shown_vessels(result):
        name = shown.vessel.name
        painter = VesselPainter(views[name], lesions.get(name, ()), words, frozenset(blind_codes(result, shown)))
        yield f"vessel_{name}", painter.board()
        yield f"straight_{name}", painter.straightened()
        yield f"strip_{name}", painter.strip()
        yield f"profile_{name}", painter.profile()
        yield f"wall_{name}", painter.unrolled()
        for one in (lesion for lesion in lesions.get(name, ()) if lesion.pictured):
            for section, letter in painter.probes_of(one):
                yield f"lesion_{one.number}_{letter}", painter.probe(one, section, letter)
            yield f"lesion_{one.number}_edges", painter.edges(one)


def _calcium_picture(result: CoronaryResult, series: Volume | None, words: Words) -> Iterator[tuple[str, RgbImage]]:
    """Yield the picture of the calcium score, where there is one."""
    picture = None if result.calcium is None or series is None else calcium_picture(result.calcium, series, words)
    if picture is not None:
        yield "calcium", picture
