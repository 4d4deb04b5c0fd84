"""What a window shows of one vessel: it lying, cut and turned as wished, the cross-sections around a place, what was measured.

Prepared once for a vessel, beside the window; each place is then drawn in a few hundredths of a second, each turn in tenths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.lying_vessel import MARK, LyingPicture, LyingStyle, lying_vessel
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Shapes, draw_text
from SenseCarePlanningLib.render.probe_picture import ProbeStyle, probe_picture
from SenseCarePlanningLib.render.vessel_picture import GROUND, Stretch, windowed
from SenseCarePlanningLib.tubes.reformat import Reformatter, Slab
from SenseCarePlanningLib.tubes.sheets import CurvedSheet, SectionSheet, cross_section, projected, straightened, stretched
from SenseCarePlanningLib.tubes.wall_edit import Anchor
from SenseCarePlanningLib.volume import Volume

from .report_pages.rows import LesionRow
from .report_pages.words import Words
from .vessel_result import VesselResult
from .views import VesselViews, grade_colour

REACH_MM = 20.0
"""So far around the vessel the scan is prepared."""
WIDTH_MM, PIXEL_MM = 16.0, 0.16
"""Of the straightened picture."""
MARGIN_MM, KEPT_PIXEL_MM = 9.0, 0.2
"""Beside a vessel that keeps its shape, and the pixels of that picture."""
THICKEST_MM = 20.0
STRIP_STEPS_MM = (-4.0, -2.0, 0.0, 2.0, 4.0)
"""Cross-sections of the strip, from the place that is looked at."""
STRIP_PX, SECTION_PX, SECTION_MM = 74, 240, 10.0
STRIDE = 2
"""Of the cross-sections only every so many pixels are sampled: they are finer than the scan."""
_GAP_PX, CROSS_PX = 2, 7.0


class CutKind(Enum):
    """How a vessel is cut along its course."""

    STRAIGHTENED = "straightened"
    STRETCHED = "stretched"
    PROJECTED = "projected"


@dataclass(frozen=True)
class Cut:
    """How the vessel shall be seen.

    Parameters
    ----------
    turn_deg
        From the view that is taken by itself: where the worst lesion's plaque is thickest, or, for the kinds in which the
        vessel keeps its shape, where its course is spread out the most.
    thickness_mm
        Of the slab; 0 for a thin cut.
    slab
        What becomes of the layers of a slab.

    Raises
    ------
    ValueError
        When the thickness is not 0 to 20 mm.
    """

    kind: CutKind = CutKind.STRAIGHTENED
    turn_deg: float = 0.0
    thickness_mm: float = 0.0
    slab: Slab = Slab.MEAN

    def __post_init__(self) -> None:
        if not 0.0 <= self.thickness_mm <= THICKEST_MM:
            raise ValueError(f"a slab is 0 to {THICKEST_MM:g} mm thick, got {self.thickness_mm}")


@dataclass(frozen=True, eq=False)
class AlongVessel:
    """One measured vessel, ready to be looked at place by place.

    Parameters
    ----------
    views
        Its line and walls.
    reformatter
        The scan around it.
    angle_deg
        From "up" towards "left", of the straightened view that is not turned; drawn walls do not turn it.
    style
        What is drawn on the pictures along it.
    cut
        How it is seen.
    lying
        The picture along it.
    words
        The reader's language.
    """

    views: VesselViews
    reformatter: Reformatter
    angle_deg: float
    style: LyingStyle
    cut: Cut
    lying: LyingPicture
    words: Words

    @property
    def length_mm(self) -> float:
        """Length of the measured line."""
        return float(self.views.line.arc_mm[-1])

    def point_lps_mm(self, at_mm: float) -> FloatArray:
        """Return the point (3,) of a place along the vessel."""
        return self.views.line.at(at_mm)[0]

    def seen(self, cut: Cut, stride: int = 1) -> AlongVessel:
        """Return the vessel seen in another way.

        Parameters
        ----------
        stride
            Only every so many pixels are sampled: for a picture that is replaced soon.

        Raises
        ------
        ValueError
            When the vessel cannot be seen so: it runs straight along the rows.
        """
        return replace(
            self, cut=cut, lying=_drawn(self.reformatter, _sheet(self.views, self.angle_deg, cut), self.style, cut, stride)
        )

    def drawn(self, result: VesselResult, rows: Sequence[LesionRow]) -> AlongVessel:
        """Return the vessel with other walls around the same line; the picture along it is the old one until it is seen anew."""
        views = VesselViews(result, self.views.volume)
        return replace(self, views=views, style=_style(views, rows, self.words))

    def anchor_at(self, point_lps_mm: FloatArray, at_mm: float) -> Anchor:
        """Return where a point (3,) beside a place lies about the middle of the lumen there, as anchors of walls count."""
        walls = self.views.measured.walls
        centre = [np.interp(at_mm, walls.arc_mm, column) for column in walls.points_lps_mm.T]
        frame = self.views.line.at(at_mm)[1]
        up, left = (float((point_lps_mm - centre) @ frame[row]) for row in (1, 2))
        return Anchor(at_mm, float(np.degrees(np.arctan2(left, up))) % 360.0, float(np.hypot(up, left)))

    def point_in_section(self, at_mm: float, x: float, y: float) -> FloatArray:
        """Return the point (3,) of a pixel of the cross-section at a place."""
        return np.asarray(self._section_sheet(at_mm).to_lps([[x, y]])[0])

    def point_in_picture(self, x: float, y: float) -> FloatArray:
        """Return the point (3,) of a pixel of the picture along the vessel."""
        return np.asarray(self.lying.sheet.to_lps(self.lying.upright(x, y))[0])

    def _section_sheet(self, at_mm: float) -> SectionSheet:
        return cross_section(self.views.line, at_mm, SECTION_MM, SECTION_MM / SECTION_PX)

    def cut_deg(self, at_mm: float) -> float:
        """Return the angle at which the picture along the vessel cuts the cross-section at a place, from "up" towards "left"."""
        sheet = self.lying.sheet
        down = sheet.along(at_mm)[0, 1] * sheet.pixel_mm + sheet.top_mm
        row = sheet.rulings(np.array([down]))[1][0]
        frame = self.views.line.at(at_mm)[1]
        return float(np.degrees(np.arctan2(row @ frame[2], row @ frame[1])))

    def section(self, at_mm: float, middle: FloatArray | None = None) -> RgbImage:
        """Draw the cross-section at a place with lumen and outer wall.

        Parameters
        ----------
        middle
            (3,) a point that the line is about to be moved to, marked with a cross.
        """
        sheet = self._section_sheet(at_mm)
        letters = tuple(self.words.say(side) for side in ("L", "R", "P", "A", "H", "F"))
        style = ProbeStyle(at_mm, walls=self.views.walls, cut_deg=self.cut_deg(at_mm), text_px=14, letters=letters)
        picture = probe_picture(self.reformatter.cut(sheet, stride=STRIDE), style)
        if middle is not None:
            _cross(picture, sheet.to_pixels(middle)[0][0])
        return picture

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


def along_vessel(
    result: VesselResult, volume: Volume, rows: Sequence[LesionRow], words: Words, cut: Cut | None = None
) -> AlongVessel:
    """Prepare a vessel; takes about a second.

    Parameters
    ----------
    result
        A measured vessel.
    volume
        The scan, HU.
    rows
        The vessel's lesions.
    cut
        How it is seen; thin, straightened and not turned by default.

    Raises
    ------
    ValueError
        When the vessel was not measured.
    """
    views = VesselViews(result, volume)
    reformatter = Reformatter.around(volume, views.line, REACH_MM)
    angle, style, cut = views.angle_deg(), _style(views, rows, words), cut or Cut()
    lying = _drawn(reformatter, _sheet(views, angle, cut), style, cut)
    return AlongVessel(views, reformatter, angle, style, cut, lying, words)


def _style(views: VesselViews, rows: Sequence[LesionRow], words: Words) -> LyingStyle:
    stretches = tuple(_stretch(views, row, words) for row in rows)
    divisions = tuple((one.from_mm, f"{one.code} ?" if one.assumed else one.code) for one in views.result.vessel.stretches)
    return LyingStyle(views.walls, stretches, divisions, scale_text=words.say("{length} mm"))


def _drawn(reformatter: Reformatter, sheet: CurvedSheet, style: LyingStyle, cut: Cut, stride: int = 1) -> LyingPicture:
    image = reformatter.cut(sheet, cut.thickness_mm, cut.slab, stride)
    # What is averaged or the brightest of a slab has no wall at one place.
    return lying_vessel(image, style if cut.thickness_mm == 0.0 else replace(style, walls=()))


def _sheet(views: VesselViews, angle_deg: float, cut: Cut) -> CurvedSheet:
    if cut.kind is CutKind.STRAIGHTENED:
        return straightened(views.line, angle_deg + cut.turn_deg, WIDTH_MM, PIXEL_MM)
    make = stretched if cut.kind is CutKind.STRETCHED else projected
    return make(views.line, views.widest_angle_deg() + cut.turn_deg, MARGIN_MM, KEPT_PIXEL_MM)


def _stretch(views: VesselViews, row: LesionRow, words: Words) -> Stretch:
    arc, lesion = views.line.arc_mm, row.lesion
    percent = lesion.narrowings[0].diameter_stenosis_percent.value
    text = f"{row.name} {words.with_unit(percent, '%')}"
    if row.reason:
        text = words.say("{lesion}, not graded", lesion=text)
    colour, place = grade_colour(row.grades), (lesion.first, lesion.last, lesion.narrowest)
    first, last, at = (float(arc[section]) for section in place)
    return Stretch(first, last, at, (text,), colour, dashed=bool(row.reason))


def _frame(picture: RgbImage) -> None:
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        edge[...] = MARK


def _cross(picture: RgbImage, place: FloatArray) -> None:
    """Mark a pixel with a small cross."""
    shapes = Shapes()
    for step in (np.array([CROSS_PX, 0.0]), np.array([0.0, CROSS_PX])):
        shapes.line([place - step, place + step], (*MARK, 255), 2.0)
    shapes.draw(picture)
