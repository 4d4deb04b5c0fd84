"""What a window shows of one vessel: it lying straightened, the strip of cross-sections around a place, and what was measured.

Prepared once for a vessel, beside the window; each place is then drawn in a few hundredths of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.lying_vessel import MARK, LyingPicture, LyingStyle, lying_vessel
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import draw_text
from SenseCarePlanningLib.render.probe_picture import ProbeStyle, probe_picture
from SenseCarePlanningLib.render.vessel_picture import GROUND, Stretch, windowed
from SenseCarePlanningLib.tubes.reformat import Reformatter
from SenseCarePlanningLib.tubes.sheets import cross_section, straightened
from SenseCarePlanningLib.volume import Volume

from .report_pages.rows import LesionRow
from .report_pages.words import Words
from .vessel_result import VesselResult
from .views import GRADE_COLOURS, VesselViews

REACH_MM = 12.0
"""So far around the vessel the scan is prepared."""
WIDTH_MM, PIXEL_MM = 16.0, 0.16
"""Of the straightened picture."""
STRIP_STEPS_MM = (-4.0, -2.0, 0.0, 2.0, 4.0)
"""Cross-sections of the strip, from the place that is looked at."""
STRIP_PX, SECTION_PX, SECTION_MM = 74, 190, 10.0
STRIDE = 2
"""Of the cross-sections only every so many pixels are sampled: they are finer than the scan."""
_GAP_PX = 2


@dataclass(frozen=True, eq=False)
class AlongVessel:
    """One measured vessel, ready to be looked at place by place.

    Parameters
    ----------
    views
        Its line and walls.
    reformatter
        The scan around it.
    lying
        The straightened picture.
    angle_deg
        At which it is cut.
    words
        The reader's language.
    """

    views: VesselViews
    reformatter: Reformatter
    lying: LyingPicture
    angle_deg: float
    words: Words

    @property
    def length_mm(self) -> float:
        """Length of the measured line."""
        return float(self.views.line.arc_mm[-1])

    def point_lps_mm(self, at_mm: float) -> FloatArray:
        """Return the point (3,) of a place along the vessel."""
        return self.views.line.at(at_mm)[0]

    def section(self, at_mm: float) -> RgbImage:
        """Draw the cross-section at a place with lumen and outer wall."""
        sheet = cross_section(self.views.line, at_mm, SECTION_MM, SECTION_MM / SECTION_PX)
        letters = tuple(self.words.say(side) for side in ("L", "R", "P", "A", "H", "F"))
        style = ProbeStyle(at_mm, walls=self.views.walls, cut_deg=self.angle_deg, text_px=14, letters=letters)
        return probe_picture(self.reformatter.cut(sheet, stride=STRIDE), style)

    def strip(self, at_mm: float) -> RgbImage:
        """Draw the cross-sections before, at and after a place, that at the place framed; past the vessel's ends none."""
        count = len(STRIP_STEPS_MM)
        canvas = np.full((STRIP_PX, count * STRIP_PX + (count - 1) * _GAP_PX, 3), GROUND, dtype=np.uint8)
        for number, step in enumerate(STRIP_STEPS_MM):
            place = at_mm + step
            if not -1e-6 <= place <= self.length_mm + 1e-6:
                continue
            left = number * (STRIP_PX + _GAP_PX)
            sheet = cross_section(self.views.line, place, SECTION_MM, SECTION_MM / STRIP_PX)
            canvas[:, left : left + STRIP_PX] = windowed(self.reformatter.cut(sheet, stride=STRIDE))
            if step:
                text = f"{step:+.0f}".replace("-", "−")
                draw_text(canvas, text, left + 3, 3, 11, anchor="lt")
            else:
                _frame(canvas[:, left : left + STRIP_PX])
        return canvas

    def said(self, at_mm: float) -> tuple[str, ...]:
        """Return what was measured at a place: where it is, lumen, outer wall; one text a line."""
        result, words, walls = self.views.result, self.words, self.views.measured.walls
        at = int(np.abs(walls.arc_mm - at_mm).argmin())
        part = result.vessel.stretch_at(at_mm)
        name = result.vessel.name if part is None else words.segment(part.code)
        where = words.say("{place} from the ostium", place=words.with_unit(result.vessel.ostium_mm + at_mm, "mm"))
        if not self.views.measured.visible[at]:
            return (name, where, words.say("Not visible here."))
        healthy = None if result.stenosis is None else float(result.stenosis.taper.healthy_mm[at])
        lines = [
            name,
            where,
            words.say("Lumen area {value}", value=words.with_unit(float(walls.lumen_area_mm2[at]), "mm2")),
            words.say("Lumen diameter {value}", value=words.with_unit(float(walls.diameter_mm[at]), "mm")),
        ]
        if healthy is not None:
            lines.append(words.say("Healthy diameter here {value}", value=words.with_unit(healthy, "mm")))
        lines.append(words.say("Outer diameter {value}", value=words.with_unit(float(walls.outer_diameter_mm[at]), "mm")))
        return tuple(lines)


def along_vessel(result: VesselResult, volume: Volume, rows: Sequence[LesionRow], words: Words) -> AlongVessel:
    """Prepare a vessel; takes about a second.

    Parameters
    ----------
    result
        A measured vessel.
    volume
        The scan, HU.
    rows
        The vessel's lesions.

    Raises
    ------
    ValueError
        When the vessel was not measured.
    """
    views = VesselViews(result, volume)
    reformatter = Reformatter.around(volume, views.line, REACH_MM)
    angle = views.angle_deg()
    stretches = tuple(_stretch(views, row, words) for row in rows)
    divisions = tuple((one.from_mm, f"{one.code} ?" if one.assumed else one.code) for one in result.vessel.stretches)
    image = reformatter.cut(straightened(views.line, angle, WIDTH_MM, PIXEL_MM))
    lying = lying_vessel(image, LyingStyle(views.walls, stretches, divisions))
    return AlongVessel(views, reformatter, lying, angle, words)


def _stretch(views: VesselViews, row: LesionRow, words: Words) -> Stretch:
    arc, lesion = views.line.arc_mm, row.lesion
    percent = lesion.narrowings[0].diameter_stenosis_percent.value
    text = f"{row.name} {words.with_unit(percent, '%')}"
    colour = GRADE_COLOURS[lesion.grades[-1]]
    return Stretch(float(arc[lesion.first]), float(arc[lesion.last]), float(arc[lesion.narrowest]), (text,), colour)


def _frame(picture: RgbImage) -> None:
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        edge[...] = MARK
