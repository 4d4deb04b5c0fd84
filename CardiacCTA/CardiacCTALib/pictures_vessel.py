"""Pictures of one vessel and of its lesions: reformats, probes, profiles, the unrolled wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.render.chart import ChartStyle, Curve, Span, profile_picture, unrolled_picture
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.probe_picture import ProbeStyle, in_rows, probe_picture
from SenseCarePlanningLib.render.vessel_picture import GROUND, Probe, Stretch, VesselStyle, margins_px, vessel_picture
from SenseCarePlanningLib.tubes.reformat import ReformatImage
from SenseCarePlanningLib.tubes.sheets import cross_section, straightened, stretched

from .plaque import BINS_HU
from .read_in import probe_name
from .report_pages.words import Words
from .stenosis import Lesion
from .views import CLASS_COLOURS, VesselViews, diameter_band, grade_colour

BOARD_PX = 2126
"""Width of pictures that fill a page of 180 mm at 300 dpi."""
TEXT_PX = 29
"""7 points at 300 dpi."""
QUARTER_PX = 510
"""Width of a picture that stands beside three others on a page."""
BOARD_HEIGHT_PX = 1300
STRAIGHT_WIDTH_MM, MARGIN_MM, END_MM, PROBE_MM = 16.0, 9.0, 4.0, 10.0
LETTERS = "ABC"
_STRIP_COLUMNS, _STRIP_ROWS, _STRIP_MM = 8, 3, 8.0
_GAP_PX, _FINEST_MM, _TURNED_PX = 24, 0.05, 900
_HU_RANGE = (-150.0, 700.0)
_INK, _UNGRADED = (2, 119, 189), (96, 104, 116)
WEIGHTS = {"0": 0.8, "1": 0.8, "2": 0.9, "3": 1.2, "4A": 1.6, "5": 1.6}
"""How heavy the bracket of a lesion is drawn, by its gravest possible grade: on grey film weight tells what colour does not."""


@dataclass(frozen=True)
class NumberedLesion:
    """A lesion with its number in the patient, why it is not graded (empty where it is), and whether its sections are drawn.

    ``given`` are the categories by a reader's grade; empty where they are as measured.
    """

    number: int
    lesion: Lesion
    reason: str = ""
    pictured: bool = True
    given: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``L1``."""
        return f"L{self.number}"


@dataclass(frozen=True, eq=False)
class VesselPainter:
    """Draws one vessel.

    Parameters
    ----------
    views
        The measured vessel and the scan around it.
    lesions
        Its lesions, with their numbers in the patient.
    words
        The reader's language.
    unassessed
        Codes of its segments that were not assessed, or not wholly.
    """

    views: VesselViews
    lesions: tuple[NumberedLesion, ...]
    words: Words
    unassessed: frozenset[str] = frozenset()

    def board(self) -> RgbImage:
        """Draw the straightened vessel beside the stretched one from two sides: as wide as a page."""
        views, line = self.views, self.views.line
        pixel = self._straight.sheet.pixel_mm
        parts = [vessel_picture(self._straight, self.style())]
        plain = self.style(with_probes=False)
        rough = [stretched(line, views.widest_angle_deg() + turn, MARGIN_MM, 1.0, END_MM) for turn in (0.0, 90.0)]
        room = BOARD_PX - parts[0].shape[1] - 2 * _GAP_PX
        margins = margins_px(rough[0], plain) + _GAP_PX
        both = max(*(one.rows / BOARD_HEIGHT_PX for one in rough), sum(one.columns for one in rough) / (room - 2 * margins))
        if both > 1.5 * pixel:
            rough = rough[:1]
            both = max(rough[0].rows / BOARD_HEIGHT_PX, rough[0].columns / (room - margins))
        for turn in (0.0, 90.0)[: len(rough)]:
            sheet = stretched(line, views.widest_angle_deg() + turn, MARGIN_MM, max(both, _FINEST_MM), END_MM)
            parts.append(vessel_picture(views.reformatter.cut(sheet), plain))
        return _side_by_side(parts, BOARD_PX)

    def straightened(self, text_px: int = TEXT_PX) -> RgbImage:
        """Draw the straightened vessel alone."""
        return vessel_picture(self._straight, self.style(text_px=text_px))

    @cached_property
    def _straight(self) -> ReformatImage:
        """The straightened vessel, cut once."""
        line = self.views.line
        pixel = max(_FINEST_MM, line.length_mm / BOARD_HEIGHT_PX)
        return self.views.reformatter.cut(straightened(line, self.views.angle_deg(), STRAIGHT_WIDTH_MM, pixel))

    def turned(self, angle_deg: float, text_px: int = TEXT_PX) -> RgbImage:
        """Draw the stretched vessel turned by an angle from its widest view: one step of a rotation."""
        views = self.views
        rough = stretched(views.line, views.widest_angle_deg(), MARGIN_MM, 1.0, END_MM)
        pixel = max(_FINEST_MM, rough.rows / _TURNED_PX, rough.columns / _TURNED_PX)
        sheet = stretched(views.line, views.widest_angle_deg() + angle_deg, MARGIN_MM, pixel, END_MM)
        return vessel_picture(views.reformatter.cut(sheet), self.style(with_probes=False, text_px=text_px))

    def style(self, with_probes: bool = True, text_px: int = TEXT_PX) -> VesselStyle:
        """Return what is drawn on the vessel's reformats."""
        arc = self.views.line.arc_mm
        shown = [one for one in self.lesions if one.pictured]
        probes = [
            Probe(float(arc[section]), probe_name(one.number, letter)) for one in shown for section, letter in self.probes_of(one)
        ]
        return VesselStyle(
            walls=self.views.told_walls,
            stretches=tuple(self._stretch(one) for one in self.lesions),
            divisions=self._divisions(),
            probes=tuple(probes) if with_probes else (),
            text_px=text_px,
            scale_text=self.words.say("{length} mm"),
            before_mm=self.views.result.vessel.ostium_mm,
        )

    def probes_of(self, one: NumberedLesion) -> list[tuple[int, str]]:
        """Return section and letter of each probe of a lesion: A before it, B at its narrowest, C after it."""
        places = self.views.probe_places(one.lesion)
        pairs = zip((places.before, places.narrowest, places.after), LETTERS, strict=True)
        return [(section, letter) for section, letter in pairs if section is not None]

    def _stretch(self, one: NumberedLesion) -> Stretch:
        arc, lesion = self.views.line.arc_mm, one.lesion
        percent = lesion.narrowings[0].diameter_stenosis_percent
        text = self.words.estimate(percent, "%", by_reader=self.views.result.drawn_lesion(lesion))
        value, _, interval = text.partition(" (")
        lines: tuple[str, ...] = (f"{one.name}  {value}", f"({interval}")
        lines += (self.words.say("MLD {value}", value=f"{lesion.mld_mm.value:.1f} mm"),)
        lines += (self.words.say("not graded"),) if one.reason else ()
        grades = one.given or lesion.grades
        colour, place = grade_colour(grades), (lesion.first, lesion.last, lesion.narrowest)
        first, last, at = (float(arc[section]) for section in place)
        return Stretch(first, last, at, lines, colour, WEIGHTS[grades[-1]], bool(one.reason))

    def _divisions(self, lines: int = 2) -> tuple[tuple[float, str], ...]:
        """Return where segments begin and what they are called, with a note in a line of its own where not assessed."""
        found = []
        for one in self.views.result.vessel.stretches:
            name = f"{one.code} ?" if one.assumed else one.code
            if one.code in self.unassessed:
                name += ("\n" if lines > 1 else ": ") + self.words.say("not assessed")
            found.append((one.from_mm, name))
        return tuple(found)

    def probe(self, one: NumberedLesion, section: int, letter: str) -> RgbImage:
        """Draw one cross-section with its contours and what was measured there."""
        views, words = self.views, self.words
        walls = views.measured.walls
        at = float(views.line.arc_mm[section])
        where = words.say("at {place}", place=words.with_unit(views.result.vessel.ostium_mm + at, "mm"))
        area = words.with_unit(float(walls.lumen_area_mm2[section]), "mm2")
        diameter = words.with_unit(float(walls.diameter_mm[section]), "mm")
        if section == one.lesion.narrowest:  # what is reported rests on its neighbours too
            area, diameter = words.with_unit(one.lesion.mla_mm2.value, "mm2"), words.with_unit(one.lesion.mld_mm.value, "mm")
        what = words.say("lumen {area}, Ø {diameter}", area=area, diameter=diameter)
        style = ProbeStyle(
            at, probe_name(one.number, letter), (where, what), views.walls_at(section), views.angle_deg(one.lesion),
            text_px=TEXT_PX, letters=tuple(words.say(side) for side in ("L", "R", "P", "A", "H", "F")),
            scale_text=words.say("{length} mm"),
        )  # fmt: skip
        sheet = cross_section(views.line, at, PROBE_MM, PROBE_MM / QUARTER_PX)
        return probe_picture(views.reformatter.cut(sheet), style)

    def strip(self) -> RgbImage:
        """Draw sections evenly spaced along the whole vessel, each with its place: three rows of eight."""
        views = self.views
        line = views.line
        width = (BOARD_PX - (_STRIP_COLUMNS - 1) * 6) // _STRIP_COLUMNS
        drawn = []
        for at in np.linspace(float(line.arc_mm[0]), float(line.arc_mm[-1]), _STRIP_COLUMNS * _STRIP_ROWS + 2)[1:-1]:
            place = self.words.with_unit(views.result.vessel.ostium_mm + float(at), "mm")
            nearest = int(np.abs(line.arc_mm - at).argmin())
            style = ProbeStyle(float(at), lines=(place,), walls=views.walls_at(nearest), text_px=TEXT_PX, letters=("",) * 6,
                               scale_text=self.words.say("{length} mm"))  # fmt: skip
            sheet = cross_section(line, float(at), _STRIP_MM, _STRIP_MM / width)
            drawn.append(probe_picture(views.reformatter.cut(sheet), style))
        return in_rows(drawn, _STRIP_COLUMNS)

    def edges(self, one: NumberedLesion) -> RgbImage:
        """Draw the HU along the cut through the narrowest section, with the edges that were found of lumen and outer wall."""
        views, lesion = self.views, one.lesion
        place = np.linspace(-0.5 * PROBE_MM, 0.5 * PROBE_MM, 201)
        centre, frame = views.line.at(float(views.line.arc_mm[lesion.narrowest]))
        angle = np.radians(views.angle_deg(lesion))
        direction = np.cos(angle) * frame[1] + np.sin(angle) * frame[2]
        lumen_centre = views.measured.walls.points_lps_mm[lesion.narrowest]
        start = float((lumen_centre - centre) @ direction)
        values = views.reformatter.box.sample(lumen_centre + (place - start)[:, None] * direction)
        marks = []
        for drawn in views.walls_at(lesion.narrowest):
            radius = drawn.wall.radius_mm[lesion.narrowest]
            for turn, sign in ((angle, 1.0), (angle + np.pi, -1.0)):
                column = int(np.rint(turn / (2.0 * np.pi) * len(radius))) % len(radius)
                marks.append((start + sign * float(radius[column]), drawn.colour))
        high = max(_HU_RANGE[1], float(np.nanmax(values)) * 1.05) if np.isfinite(values).any() else _HU_RANGE[1]
        size = TEXT_PX
        style = ChartStyle(
            QUARTER_PX - round(4.6 * size), QUARTER_PX - round(3.2 * size), self.words.say("Along the cut (mm)"),
            self.words.say("HU in section {name}", name=probe_name(one.number, "B")), marks=tuple(marks), text_px=size,
        )  # fmt: skip
        return profile_picture(place, (Curve("", values, _INK),), style, (_HU_RANGE[0], high))

    @property
    def _from_ostium_mm(self) -> FloatArray:
        """Distance (N,) of the sections from the artery's ostium: what tables, probes, rulers and charts all count by."""
        return np.asarray(self.views.result.vessel.ostium_mm + self.views.line.arc_mm)

    def _spans(self) -> tuple[Span, ...]:
        place = self._from_ostium_mm
        return tuple(
            Span(
                float(place[one.lesion.first]), float(place[one.lesion.last]), float(place[one.lesion.narrowest]),
                f"{one.name} {self.words.with_unit(one.lesion.narrowings[0].diameter_stenosis_percent.value, '%')}"
                + (f" {self.words.say('not graded')}" if one.reason else ""),
                _UNGRADED if one.reason else (183, 28, 28),
            )
            for one in self.lesions
        )  # fmt: skip

    def profile(self) -> RgbImage:
        """Draw diameters along the vessel with both healthy references."""
        views, words = self.views, self.words
        stenosis, measured = views.result.stenosis, views.measured
        assert stenosis is not None
        curves = (
            Curve(words.say("Outer wall"), measured.walls.outer_diameter_mm, (255, 143, 0)),
            Curve(words.say("Healthy diameter: taper of the vessel"), stenosis.taper.healthy_mm, (46, 125, 50), dashed=True),
            Curve(words.say("Healthy diameter: beside the lesion"), stenosis.adjacent.healthy_mm, (106, 27, 154), width=0.14),
            Curve(words.say("Lumen with its 95 % interval"), measured.walls.diameter_mm, _INK, diameter_band(measured)),
        )
        return profile_picture(self._from_ostium_mm, curves, self._chart(350, words.say("Diameter (mm)")))

    def unrolled(self) -> RgbImage:
        """Draw the wall unrolled, in colours of its composition."""
        words = self.words
        names = [
            words.say("Wall of normal thickness"),
            *(words.say(BIN_WORDS[name]) for name, _, _ in BINS_HU),
            words.say("Calcified"),
            words.say("Thick, composition not determined"),
        ]
        palette = tuple(zip(names, CLASS_COLOURS, strict=True))
        style = self._chart(250, words.say("Angle (°)"))
        return unrolled_picture(self._from_ostium_mm, self.views.composition(), palette, style)

    def _chart(self, height: int, y_title: str) -> ChartStyle:
        title = self.words.say("Distance from the ostium (mm)")
        before = self.views.result.vessel.ostium_mm
        divisions = tuple((before + start, name) for start, name in self._divisions(lines=1))
        return ChartStyle(BOARD_PX - round(4.6 * TEXT_PX), height, title, y_title, self._spans(), divisions, text_px=TEXT_PX)


BIN_WORDS = {
    "necrotic core": "Low attenuation, under 30 HU",
    "fibro-fatty": "Fibro-fatty, 30 to 130 HU",
    "fibrous": "Fibrous, over 130 HU",
}


def _side_by_side(parts: Sequence[RgbImage], width: int) -> RgbImage:
    """Put pictures side by side on dark ground of a given width (wider where they need it), evenly apart."""
    used = sum(one.shape[1] for one in parts)
    width = max(width, used + _GAP_PX * (len(parts) - 1))
    height = max(one.shape[0] for one in parts)
    canvas = np.full((height, width, 3), GROUND, dtype=np.uint8)
    free = (width - used) / max(len(parts) - 1, 1) if len(parts) > 1 else 0.0
    x = 0.0
    for one in parts:
        left = round(x)
        canvas[: one.shape[0], left : left + one.shape[1]] = one
        x += one.shape[1] + free
    return canvas
