"""The heart in three dimensions with its arteries in the colours of their stenoses, and the arteries alone as an angiogram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.heart_picture import Box, HeartPainter, HeartStyle, LegendEntry, Vessel, View
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .artery_colours import NOT_ASSESSED, artery_colours, unassessed_codes
from .pictures_vessel import NumberedLesion
from .report_pages.rows import lesion_rows
from .report_pages.words import Words, label_of
from .result import CoronaryResult
from .structures import FAR_AORTA
from .vessel_result import VesselResult
from .views import GRADE_COLOURS, VesselViews

VIEWS: tuple[tuple[str, View], ...] = (
    ("heart_front", View(0.0, 0.0)),
    ("heart_left", View(50.0, 20.0)),
    ("heart_right", View(-35.0, 0.0)),
)
"""Key of the picture and where it is seen from: the front, left anterior oblique with cranial tilt, right anterior oblique."""
VIEW_WORDS = {
    "heart_front": label_of("From the front"),
    "heart_left": label_of("From the left front and above (LAO 50°, cranial 20°)"),
    "heart_right": label_of("From the right front (RAO 35°)"),
    "arteries": label_of("Arteries alone, maximum intensity, from the left front (LAO 50°, cranial 20°)"),
}
GRADE_WORDS = {
    "": label_of("No stenosis"),
    "1": label_of("1–24 %"),
    "2": label_of("25–49 %"),
    "3": label_of("50–69 %"),
    "4A": label_of("70–99 %"),
    "5": label_of("May be occluded"),
}
SIZE_PX = 1040
_AROUND_HEART_MM, _AROUND_ARTERY_MM = 1.8, 1.2
_NAMED_AT = 0.42
_THICKER_MM, _LEAST_MM = 0.2, 0.5
"""Tubes are drawn a little outside of the lumen, so that it does not shine through them."""


def heart_pictures(
    result: CoronaryResult,
    volume: Volume,
    views: Mapping[str, VesselViews],
    lesions: Mapping[str, Sequence[NumberedLesion]],
    words: Words,
) -> Iterator[tuple[str, RgbImage]]:
    """Yield the heart from three sides and ``arteries``, the arteries alone.

    Parameters
    ----------
    views
        Measured vessels by name.
    lesions
        Their lesions.
    """  # fmt: skip
    tubes = tuple(_tube(result, one) for one in result.vessels)
    labels = _labels(views, lesions, words)
    letters = tuple(words.say(side) for side in ("L", "R", "P", "A", "H", "F"))
    legend = _legend(result, words)
    with HeartPainter(volume, *_about(result.heart, _AROUND_HEART_MM, hidden=FAR_AORTA)) as painter:
        for key, view in VIEWS:
            seen = {name: point for name, point in labels.items() if not painter.hidden(point, view)}
            style = HeartStyle(view, tubes, legend, seen, letters)
            yield key, painter.volume_rendering(SIZE_PX, SIZE_PX, style)
    if result.segments.array_kji.any():
        with HeartPainter(volume, *_about(result.segments, _AROUND_ARTERY_MM)) as painter:
            yield "arteries", painter.maximum_intensity(SIZE_PX, SIZE_PX, HeartStyle(VIEWS[1][1], (), (), labels, letters))


def _tube(result: CoronaryResult, one: VesselResult) -> Vessel:
    """Return a vessel as a tube: its lumen, or the width that it was followed with where it was not measured."""
    colours = artery_colours(result, one)
    if one.measured is None:
        return Vessel(one.vessel.points_lps_mm, np.maximum(one.vessel.radius_mm, _LEAST_MM), colours)
    walls = one.measured.walls
    return Vessel(walls.points_lps_mm, 0.5 * walls.diameter_mm + _THICKER_MM, colours)


def _legend(result: CoronaryResult, words: Words) -> tuple[LegendEntry, ...]:
    """Return what the colours mean; grey and stripes only where there are any."""
    found: list[LegendEntry] = [(words.say(GRADE_WORDS[grade]), colour) for grade, colour in GRADE_COLOURS.items()]
    drawn = {part.code for one in result.vessels for part in one.vessel.stretches}
    if drawn & unassessed_codes(result) or any(one.measured is None for one in result.vessels):
        found.append((words.say("Not assessed"), NOT_ASSESSED))
    striped = [row.lesion.grades[-1] for row in lesion_rows(result) if row.reason]
    if striped:
        found.append((words.say("Striped: not graded"), GRADE_COLOURS[max(striped)], NOT_ASSESSED))
    return tuple(found)


def _labels(
    views: Mapping[str, VesselViews], lesions: Mapping[str, Sequence[NumberedLesion]], words: Words
) -> dict[str, FloatArray]:
    """Return names and where they point: each vessel before its middle, each lesion at its narrowest section."""
    found: dict[str, FloatArray] = {}
    for name, one in views.items():
        line = one.line
        found[name] = line.at(_NAMED_AT * float(line.arc_mm[-1]))[0]
        for numbered in (lesion for lesion in lesions.get(name, ()) if lesion.pictured):
            percent = words.with_unit(numbered.lesion.narrowings[0].diameter_stenosis_percent.value, "%")
            found[f"{numbered.name} {percent}"] = line.points_lps_mm[numbered.lesion.narrowest]
    return found


def _about(labels: LabelMap, reach_mm: float, hidden: int = 0) -> tuple[NDArray[np.bool_], Box]:
    """Return the labelled voxels with all that is within a distance of them along each axis, and the box [k, j, i] they fill.

    Parameters
    ----------
    hidden
        A label to leave out: the arch and the descending aorta would hide the back of the heart.
    """
    reach = [max(round(reach_mm / size), 1) for size in labels.grid.spacing_kji_mm]
    box = bounding_box(labels.array_kji, (reach[0], reach[1], reach[2]))
    part = labels.array_kji[box]
    mask = (part > 0) & (part != hidden)
    size = tuple(2 * count + 1 for count in reach)
    return ndimage.maximum_filter(mask.view(np.uint8), size=size, mode="constant") > 0, box
