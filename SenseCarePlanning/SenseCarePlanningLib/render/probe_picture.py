"""Cross-sections of a vessel ("probes") with their contours, each with its letter and what was measured there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..tubes.reformat import ReformatImage
from ..tubes.sheets import SectionSheet
from ..tubes.wall_lines import section_ring
from .offscreen import RgbImage
from .overlay import Shapes, draw_text, text_size
from .slice_picture import direction_letter
from .vessel_picture import FAINT, GROUND, INK, PROBE, VESSEL_WINDOW, DrawnWall, windowed

_LINE_GAP = 1.2


@dataclass(frozen=True, eq=False)
class ProbeStyle:
    """What is drawn on a probe.

    Parameters
    ----------
    at_mm, letter, lines
        Place along the vessel, its letter, and what stands below the picture, one text a line.
    walls
        Drawn where they cut the plane.
    cut_deg
        Angle, from "up" towards "left", of the reformat that stands beside; ticked at the edges. None for none.
    letters
        Names of L, R, P, A, H, F.
    """

    at_mm: float
    letter: str = ""
    lines: tuple[str, ...] = ()
    walls: tuple[DrawnWall, ...] = ()
    cut_deg: float | None = None
    window_hu: tuple[float, float] = VESSEL_WINDOW
    text_px: int = 26
    letters: tuple[str, ...] = ("L", "R", "P", "A", "H", "F")
    scale_text: str = "{length} mm"


def probe_picture(image: ReformatImage, style: ProbeStyle) -> RgbImage:
    """Draw one probe: a square, and below it as many lines as are given; as wide as both need."""
    sheet = image.sheet
    if not isinstance(sheet, SectionSheet):
        raise ValueError(f"expected a cross-section, got a reformat on a {type(sheet).__name__}")
    size = style.text_px
    below = round((len(style.lines) * _LINE_GAP + 0.4) * size) if style.lines else 0
    width = max(sheet.columns, max((text_size(line, size)[0] + size // 2 for line in style.lines), default=0))
    canvas = np.full((sheet.rows + below, width, 3), GROUND, dtype=np.uint8)
    left = (width - sheet.columns) // 2
    field = canvas[: sheet.rows, left : left + sheet.columns]
    field[...] = windowed(image, style.window_hu)
    _draw_marks(field, sheet, style)
    _write_directions(field, sheet, style)
    for number, line in enumerate(style.lines):
        y = sheet.rows + (0.2 + (number + 0.5) * _LINE_GAP) * size
        draw_text(canvas, line, width / 2.0, y, size, colour=INK, halo=None, anchor="mm")
    return canvas


def _draw_marks(field: RgbImage, sheet: SectionSheet, style: ProbeStyle) -> None:
    shapes = Shapes()
    size = style.text_px
    for drawn in style.walls:
        shapes.line(section_ring(drawn.wall, sheet, style.at_mm), (*drawn.colour, 240), max(0.07 * size, 1.0))
    middle = np.array([sheet.columns, sheet.rows]) / 2.0
    if style.cut_deg is not None:
        angle = np.radians(style.cut_deg)
        way = np.array([-np.sin(angle), -np.cos(angle)])
        for sign in (-1.0, 1.0):
            shapes.line([middle + sign * 0.34 * sheet.columns * way, middle + sign * 0.41 * sheet.columns * way],
                        (*PROBE, 255), max(0.1 * size, 1.0))  # fmt: skip
    length = 2.0 if sheet.columns * sheet.pixel_mm < 16.0 else 5.0
    right, bottom = sheet.columns - 0.4 * size, sheet.rows - 0.4 * size
    bar = [[right - length / sheet.pixel_mm, bottom], [right, bottom]]
    shapes.line(bar, (0, 0, 0, 200), max(0.22 * size, 2.0))
    shapes.line(bar, (*INK, 255), max(0.1 * size, 1.0))
    shapes.draw(field)
    text = style.scale_text.format(length=f"{length:.0f}")
    draw_text(field, text, right, bottom - 0.2 * size, round(0.8 * size), colour=INK, anchor="rb")
    draw_text(field, style.letter, 0.35 * size, 0.3 * size, round(1.2 * size), colour=INK, bold=True, anchor="lt")


def _write_directions(field: RgbImage, sheet: SectionSheet, style: ProbeStyle) -> None:
    size = round(0.85 * style.text_px)
    right, down, _ = sheet.axes
    height, width = field.shape[:2]
    edge = 0.3 * size
    draw_text(field, direction_letter(-down, style.letters), width / 2.0, edge, size, colour=FAINT, anchor="mt")
    draw_text(field, direction_letter(right, style.letters), width - edge, height / 2.0, size, colour=FAINT, anchor="rm")


def beside(picture: RgbImage, probes: Sequence[RgbImage], gap_px: int = 12) -> RgbImage:
    """Put probes in columns right of a picture, top down; as high as the higher of both."""
    if not probes:
        return picture
    tallest = max(probe.shape[0] for probe in probes)
    rows = max((picture.shape[0] + gap_px) // (tallest + gap_px), 1)
    columns = [probes[start : start + rows] for start in range(0, len(probes), rows)]
    height = max(picture.shape[0], *(sum(one.shape[0] + gap_px for one in column) - gap_px for column in columns))
    widths = [max(one.shape[1] for one in column) for column in columns]
    canvas = np.full((height, picture.shape[1] + sum(widths) + gap_px * len(widths), 3), GROUND, dtype=np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    x = picture.shape[1] + gap_px
    for column, width in zip(columns, widths, strict=True):
        y = 0
        for one in column:
            left = x + (width - one.shape[1]) // 2
            canvas[y : y + one.shape[0], left : left + one.shape[1]] = one
            y += one.shape[0] + gap_px
        x += width + gap_px
    return canvas


def in_rows(probes: Sequence[RgbImage], columns: int, gap_px: int = 6) -> RgbImage:
    """Put pictures of one size in rows, from left to right and top down.

    Raises
    ------
    ValueError
        When there are none, or they differ in size.
    """
    sizes = {one.shape for one in probes}
    if len(sizes) != 1 or columns < 1:
        raise ValueError(f"expected pictures of one size in at least one column, got sizes {sorted(sizes)}, {columns} columns")
    height, width = probes[0].shape[:2]
    rows = -(-len(probes) // columns)
    canvas = np.full((rows * (height + gap_px) - gap_px, columns * (width + gap_px) - gap_px, 3), GROUND, dtype=np.uint8)
    for at, one in enumerate(probes):
        y, x = (at // columns) * (height + gap_px), (at % columns) * (width + gap_px)
        canvas[y : y + height, x : x + width] = one
    return canvas
