"""A vessel's reformat as it is read: grey picture with centreline and walls, lesions marked, segments named, a ruler in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..geometry import FloatArray, unit
from ..tubes.reformat import ReformatImage
from ..tubes.sheets import CurvedSheet, StraightenedSheet
from ..tubes.wall_lines import TubeWall, prepare_wall_lines, wall_lines
from .offscreen import RgbImage
from .overlay import Colour, Shapes, draw_text, text_size
from .tree_labels import spread

VESSEL_WINDOW = (300.0, 800.0)
"""Level and width in HU in which coronary CT angiography is read."""
GROUND: Colour = (10, 12, 16)
OUTSIDE: Colour = (44, 50, 62)
"""Where the scan ends: neither black as air nor grey as tissue."""
INK: Colour = (236, 240, 245)
FAINT: Colour = (150, 160, 174)
LUMEN: Colour = (0, 229, 255)
OUTER: Colour = (255, 179, 0)
PROBE: Colour = (255, 82, 82)
_LINE_GAP = 1.2
_BESIDE_MM = 1.1
_TICK_MM = 10.0
_NUMBER_MM = 20.0


@dataclass(frozen=True, eq=False)
class DrawnWall:
    """A wall and its colour."""

    wall: TubeWall
    colour: Colour


@dataclass(frozen=True)
class Stretch:
    """A part of the vessel that is marked, such as a lesion.

    Parameters
    ----------
    first_mm, last_mm, at_mm
        Its ends and its narrowest place.
    lines
        What stands beside it.
    colour
        Of its bracket; what is written is light, for colours are lost in grey print.
    weight
        Of its bracket: 1 is the usual width of the line.
    dashed
        Whether the bracket is broken, as for what is shown and not counted.
    """

    first_mm: float
    last_mm: float
    at_mm: float
    lines: tuple[str, ...]
    colour: Colour
    weight: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Probe:
    """A place (mm) whose cross-section is shown elsewhere, and the letter that it goes by."""

    at_mm: float
    letter: str


@dataclass(frozen=True, eq=False)
class VesselStyle:
    """What is drawn on a reformat.

    Parameters
    ----------
    walls
        All around one line; drawn where they cut the picture, the later over the earlier.
    centreline
        Whether the vessel's own line is drawn.
    stretches
        Bracketed on the right of the vessel, named in the right margin.
    divisions
        Start (mm) and name of each segment, in order; named in the left margin. A name may have lines.
    probes
        Ticked across the vessel, their letters in a column of their own left of the picture.
    text_px
        Height of letters; 7 points where so many pixels are printed 2.5 mm high.
    scale_text
        Text at the scale bar, with ``{length}``.
    before_mm
        Length of artery before the start of the line: what the ruler counts from its first place on.
    """

    window_hu: tuple[float, float] = VESSEL_WINDOW
    walls: tuple[DrawnWall, ...] = ()
    centreline: bool = True
    stretches: tuple[Stretch, ...] = ()
    divisions: tuple[tuple[float, str], ...] = ()
    probes: tuple[Probe, ...] = ()
    text_px: int = 26
    scale_text: str = "{length} mm"
    before_mm: float = 0.0


def windowed(image: ReformatImage, window_hu: tuple[float, float] = VESSEL_WINDOW) -> RgbImage:
    """Return a reformat in grey (rows, columns, 3); :data:`OUTSIDE` where the scan ends."""
    level, width = window_hu
    shown = np.clip((image.values_hu - (level - 0.5 * width)) * (255.0 / width), 0.0, 255.0)
    outside = np.isnan(shown)
    grey = np.rint(np.where(outside, 0.0, shown)).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    if outside.any():
        picture[outside] = OUTSIDE
    return picture


def prepare_drawing(text_px: int = 26) -> None:
    """Load contour finder and letters once, when a view is prepared and not while it turns."""
    prepare_wall_lines()
    for bold in (False, True):
        text_size("0", text_px, bold)


def vessel_picture(image: ReformatImage, style: VesselStyle | None = None) -> RgbImage:
    """Draw a curved reformat with margins as wide as what is written in them.

    Parameters
    ----------
    image
        Cut on a straightened, stretched or projected sheet.

    Returns
    -------
    array
        (H, W, 3) uint8; the reformat's own pixels begin at :func:`margin_px` from the left, at the top.
    """
    style = style or VesselStyle()
    sheet = image.sheet
    if not isinstance(sheet, CurvedSheet):
        raise ValueError(f"expected a reformat along a vessel, got one on a {type(sheet).__name__}")
    left, right = margin_px(sheet, style), _right_px(style)
    rows = max(sheet.rows, _least_rows(style))
    canvas = np.full((rows, left + sheet.columns + right, 3), GROUND, dtype=np.uint8)
    field = canvas[: sheet.rows, left : left + sheet.columns]
    field[...] = windowed(image, style.window_hu)
    _draw_vessel(field, sheet, style)
    if isinstance(sheet, StraightenedSheet):
        _draw_ruler(canvas, sheet, style, left)
    else:
        _draw_scale(field, sheet, style)
    _draw_divisions(canvas, sheet, style, left)
    _draw_probes(canvas, sheet, style, left)
    _write_stretches(canvas, sheet, style, left)
    return canvas


def margin_px(sheet: CurvedSheet, style: VesselStyle) -> int:
    """Return the width of the left margin, which holds segment names and, where rows are places along the vessel, the ruler."""
    size = style.text_px
    names = _names_px(style)
    ruler = text_size("000", size)[0] + round(1.3 * size) if isinstance(sheet, StraightenedSheet) else 0
    edge = round(0.3 * size) if ruler or names else 0
    return ruler + (names + round(0.8 * size) if names else 0) + edge + _probes_px(style)


def _names_px(style: VesselStyle) -> int:
    return max((text_size(line, style.text_px)[0] for _, name in style.divisions for line in name.split("\n")), default=0)


def _probes_px(style: VesselStyle) -> int:
    """Return the width of the column of the probes' letters."""
    widest = max((text_size(one.letter, style.text_px, True)[0] for one in style.probes), default=0)
    return widest + round(1.1 * style.text_px) if widest else 0


def margins_px(sheet: CurvedSheet, style: VesselStyle) -> int:
    """Return how much wider than the reformat itself its picture is."""
    return margin_px(sheet, style) + _right_px(style)


def _right_px(style: VesselStyle) -> int:
    size = style.text_px
    widest = max((text_size(line, size)[0] for one in style.stretches for line in one.lines), default=0)
    return widest + round(1.6 * size) if widest else 0


def _least_rows(style: VesselStyle) -> int:
    """Return how high the picture must be for all labels of the right margin."""
    return round(sum(_label_px(one, style) for one in style.stretches) + style.text_px)


def _label_px(stretch: Stretch, style: VesselStyle) -> float:
    return (len(stretch.lines) * _LINE_GAP + 0.6) * style.text_px


def _width(style: VesselStyle, share: float) -> float:
    return max(share * style.text_px, 1.0)


def _draw_vessel(field: RgbImage, sheet: CurvedSheet, style: VesselStyle) -> None:
    shapes = Shapes()
    if style.centreline:
        arc = np.linspace(sheet.line.arc_mm[0], sheet.line.arc_mm[-1], max(int(sheet.line.length_mm / 0.5), 2))
        path = sheet.along(arc)
        for start in range(0, len(path) - 2, 4):
            shapes.line(path[start : start + 3], (255, 255, 255, 150), _width(style, 0.05))
    for drawn, lines in zip(style.walls, wall_lines([one.wall for one in style.walls], sheet), strict=True):
        for line in lines:
            shapes.line(line, (*drawn.colour, 235), _width(style, 0.07))
    for one in style.stretches:
        _add_bracket(shapes, sheet, one, style)
    shapes.draw(field)


def _reach_mm(arc_mm: FloatArray, style: VesselStyle) -> FloatArray:
    """Return how far (M,) the walls reach from the line at places (M,)."""
    reach = np.full(len(arc_mm), 1.5)
    for drawn in style.walls:
        reach = np.maximum(reach, np.interp(arc_mm, drawn.wall.line.arc_mm, drawn.wall.reach_mm))
    return reach


def beside_px(sheet: CurvedSheet, arc_mm: ArrayLike, reach_mm: ArrayLike) -> FloatArray:
    """Return pixels (M, 2) so far beside the line at places (M,): left (negative) or right of who goes down it."""
    arc = np.atleast_1d(np.asarray(arc_mm, dtype=np.float64))
    first, last = float(sheet.line.arc_mm[0]), float(sheet.line.arc_mm[-1])
    ahead = unit(sheet.along(np.minimum(arc + 0.5, last)) - sheet.along(np.maximum(arc - 0.5, first)))
    away = np.broadcast_to(np.asarray(reach_mm, dtype=np.float64), arc.shape) / sheet.pixel_mm
    return np.asarray(sheet.along(arc) + away[:, None] * np.stack([ahead[:, 1], -ahead[:, 0]], axis=1))


def _bracket_mm(one: Stretch, style: VesselStyle) -> float:
    """Return how far right of the line the bracket of a stretch stands: clear of the walls all along."""
    return float(_reach_mm(np.linspace(one.first_mm, one.last_mm, 20), style).max()) + _BESIDE_MM


def _add_bracket(shapes: Shapes, sheet: CurvedSheet, one: Stretch, style: VesselStyle) -> None:
    arc = np.linspace(one.first_mm, one.last_mm, max(int((one.last_mm - one.first_mm) / 0.4), 2))
    away = _bracket_mm(one, style)
    outer, inner = beside_px(sheet, arc, away), beside_px(sheet, arc[[0, -1]], away - 0.6)
    path = np.concatenate([inner[:1], outer, inner[1:]])
    for piece in _dashes(path, 0.35 * style.text_px) if one.dashed else [path]:
        shapes.line(piece, (*one.colour, 255), _width(style, 0.12 * one.weight))
    (tip,), (back,) = beside_px(sheet, one.at_mm, away - 0.9), beside_px(sheet, one.at_mm, away + 0.4)
    along = unit(np.array([tip[1] - back[1], back[0] - tip[0]])) * 0.25 * style.text_px
    shapes.polygon([tip, back + along, back - along], (*one.colour, 255))


def _dashes(path: FloatArray, length_px: float) -> list[FloatArray]:
    """Cut a line (K, 2) into dashes with gaps as long between them; it begins and ends with one."""
    place = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    count = 2 * max(round(float(place[-1]) / (2.0 * length_px)), 1) + 1
    ends = np.linspace(0.0, float(place[-1]), count + 1)
    found = []
    for low, high in zip(ends[:-1:2], ends[1::2], strict=True):
        at = np.unique(np.concatenate([[low, high], place[(place > low) & (place < high)]]))
        found.append(np.stack([np.interp(at, place, path[:, column]) for column in (0, 1)], axis=1))
    return found


def _draw_ruler(canvas: RgbImage, sheet: StraightenedSheet, style: VesselStyle, left: int) -> None:
    """Draw a tick every 10 mm and a number every 20 mm left of the picture, counted from the vessel's ostium."""
    left -= _probes_px(style)
    shapes = Shapes()
    shapes.line([[left - 1.5, 0.0], [left - 1.5, sheet.rows]], (*FAINT, 255), _width(style, 0.05))
    size = style.text_px
    first = 5.0 * max(int(np.ceil(style.before_mm / 5.0 - 1e-6)), 0)
    for place in np.arange(first, style.before_mm + sheet.line.arc_mm[-1] + 1e-6, 5.0):
        row = (place - style.before_mm - sheet.top_mm) / sheet.pixel_mm
        whole = place % _TICK_MM == 0
        shapes.line([[left - (0.6 if whole else 0.3) * size, row], [left - 1.5, row]], (*INK, 255), _width(style, 0.07))
        if place % _NUMBER_MM == 0:
            at = float(np.clip(row, 0.5 * size, canvas.shape[0] - 0.6 * size))
            draw_text(canvas, f"{place:.0f}", left - 0.75 * size, at, size, colour=INK, halo=None, anchor="rm")
    shapes.draw(canvas)


def _draw_scale(field: RgbImage, sheet: CurvedSheet, style: VesselStyle) -> None:
    """Draw a bar of 10 mm and ticks every 10 mm along the vessel."""
    size = style.text_px
    shapes = Shapes()
    left, bottom = 0.5 * size, field.shape[0] - 0.5 * size
    ends = [[left, bottom - 0.3 * size], [left, bottom], [left + 10.0 / sheet.pixel_mm, bottom]]
    ends.append([ends[-1][0], bottom - 0.3 * size])
    for colour, width in (((0, 0, 0, 200), 0.2), ((*INK, 255), 0.09)):
        shapes.line(ends, colour, _width(style, width))
    arc = np.arange(sheet.line.arc_mm[0], sheet.line.arc_mm[-1] + 1e-6, _TICK_MM)
    reach = _reach_mm(arc, style)
    for inner, outer in zip(beside_px(sheet, arc, -reach - 0.3), beside_px(sheet, arc, -reach - 1.0), strict=True):
        shapes.line([inner, outer], (*INK, 220), _width(style, 0.06))
    shapes.draw(field)
    draw_text(field, style.scale_text.format(length=10), left, bottom - 0.4 * size, size, colour=INK, anchor="lb")


def _draw_divisions(canvas: RgbImage, sheet: CurvedSheet, style: VesselStyle, left: int) -> None:
    """Draw where segments begin, and their names in the left margin at their middles."""
    if not style.divisions:
        return
    size = style.text_px
    starts = [max(start, float(sheet.line.arc_mm[0])) for start, _ in style.divisions]
    ends = [*starts[1:], float(sheet.line.arc_mm[-1])]
    middles = sheet.along([0.5 * (start + end) for start, end in zip(starts, ends, strict=True)])
    wanted = [float(row) for row in middles[:, 1]]
    order = np.argsort(wanted)
    most = max(name.count("\n") + 1 for _, name in style.divisions)
    edge = (0.6 * most + 0.1) * size
    rows = spread([wanted[at] for at in order], (1.2 * most + 0.1) * size, edge, canvas.shape[0] - edge)
    names = _names_px(style)
    shapes = Shapes()
    for start in starts[1:]:
        reach = float(_reach_mm(np.array([start]), style)[0])
        for side in (-1.0, 1.0):
            tick = [beside_px(sheet, start, side * (reach + more))[0] for more in (0.3, 2.3)]
            shapes.line(tick, (*INK, 255), _width(style, 0.08))
    shapes.draw(canvas[: sheet.rows, left : left + sheet.columns])
    if not isinstance(sheet, StraightenedSheet):
        leaders = Shapes()
        for at, row in zip(order, rows, strict=True):
            middle = np.array([0.5 * (starts[at] + ends[at])])
            (end,) = beside_px(sheet, middle, -_reach_mm(middle, style) - 0.4)
            leaders.line([[names + 0.5 * size, row], end + np.array([left, 0.0])], (*FAINT, 170), _width(style, 0.05))
        leaders.draw(canvas)
    for at, row in zip(order, rows, strict=True):
        lines = style.divisions[at][1].split("\n")
        for number, text in enumerate(lines):
            y = row + 1.1 * size * (number - 0.5 * (len(lines) - 1))
            draw_text(canvas, text, 0.3 * size, y, size, colour=FAINT if not number else INK, halo=None, anchor="lm")


def _draw_probes(canvas: RgbImage, sheet: CurvedSheet, style: VesselStyle, left: int) -> None:
    """Draw a tick across the vessel for each probe, and the letters in a column left of it, moved apart where they are near."""
    if not style.probes:
        return
    size = style.text_px
    arc = np.array([probe.at_mm for probe in style.probes])
    reach = _reach_mm(arc, style)
    shift = np.array([left, 0.0])
    ends, others = beside_px(sheet, arc, -reach - 1.2) + shift, beside_px(sheet, arc, reach + 0.4) + shift
    order = np.argsort(arc)
    rows = spread([float(ends[at, 1]) for at in order], 1.05 * size, 0.6 * size, canvas.shape[0] - 0.6 * size)
    shapes = Shapes()
    for at, row in zip(order, rows, strict=True):
        start = np.array([left - 0.35 * size, row])
        shapes.line([start, ends[at], others[at]], (*PROBE, 255), _width(style, 0.07))
        draw_text(canvas, style.probes[at].letter, left - 0.5 * size, row, size, colour=INK, bold=True, halo=None, anchor="rm")
    shapes.draw(canvas)


def _write_stretches(canvas: RgbImage, sheet: CurvedSheet, style: VesselStyle, left: int) -> None:
    """Write what stands beside each marked stretch into the right margin, as level with it as room allows, with a line to it."""
    named = sorted((one for one in style.stretches if one.lines), key=lambda one: float(sheet.along(one.at_mm)[0, 1]))
    if not named:
        return
    size = style.text_px
    tops: list[float] = []
    low = 0.3 * size
    for one in named:
        height = _label_px(one, style)
        tops.append(max(float(sheet.along(one.at_mm)[0, 1]) - 0.5 * height, low))
        low = tops[-1] + height
    high = canvas.shape[0] - 0.1 * size
    for at in reversed(range(len(named))):
        tops[at] = min(tops[at], high - _label_px(named[at], style))
        high = tops[at]
    near = left + sheet.columns + 0.9 * size
    shapes = Shapes()
    for one, top in zip(named, tops, strict=True):
        (back,) = beside_px(sheet, one.at_mm, _bracket_mm(one, style) + 0.4)
        shapes.line(
            [back + np.array([left, 0.0]), [near - 0.3 * size, top + 0.5 * _label_px(one, style)]],
            (*one.colour, 255),
            _width(style, 0.07),
        )
    shapes.draw(canvas)
    for one, top in zip(named, tops, strict=True):
        for number, line in enumerate(one.lines):
            y = top + 0.3 * size + (number + 0.5) * _LINE_GAP * size
            draw_text(canvas, line, near, y, size, colour=INK, bold=number == 0, halo=None, anchor="lm")
