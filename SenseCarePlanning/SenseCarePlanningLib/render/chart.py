"""Charts along a vessel on white ground: the unrolled wall in colours of its composition, and profiles with their references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from .offscreen import RgbImage
from .overlay import Colour, Shapes, draw_text, text_size

PAPER: Colour = (255, 255, 255)
INK: Colour = (33, 37, 43)
GRID: Colour = (214, 219, 226)
_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


@dataclass(frozen=True)
class Span:
    """A marked part of the x axis: its ends and its middle mark (mm), the text above it, its colour."""

    first_mm: float
    last_mm: float
    at_mm: float
    text: str
    colour: Colour


@dataclass(frozen=True)
class ChartStyle:
    """Size and texts of a chart.

    Parameters
    ----------
    width, height
        Of the field inside the axes, pixels.
    x_title, y_title
        What the axes show, with their units.
    spans
        Marked parts of the x axis.
    divisions
        Start (mm) and name of each segment, named above the field.
    marks
        Places (in units of the x axis) and colours of upright lines without a name.
    text_px
        Height of letters.
    """

    width: int
    height: int
    x_title: str
    y_title: str
    spans: tuple[Span, ...] = ()
    divisions: tuple[tuple[float, str], ...] = ()
    marks: tuple[tuple[float, Colour], ...] = ()
    text_px: int = 26


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve (N,) over the x axis, NaN where it says nothing; ``band`` are its lower and upper bound."""

    name: str
    values: FloatArray
    colour: Colour
    band: tuple[FloatArray, FloatArray] | None = None
    dashed: bool = False
    width: float = 0.1


@dataclass(frozen=True, eq=False)
class _Frame:
    """The field of a chart within its canvas and what the axes run over."""

    canvas: RgbImage
    left: int
    top: int
    style: ChartStyle
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @property
    def field(self) -> RgbImage:
        """The part of the canvas inside the axes."""
        return self.canvas[self.top : self.top + self.style.height, self.left : self.left + self.style.width]

    def x(self, value: float | FloatArray) -> FloatArray:
        """Return columns of the canvas."""
        low, high = self.x_range
        return np.asarray(self.left + (np.asarray(value) - low) / (high - low) * self.style.width)

    def y(self, value: float | FloatArray) -> FloatArray:
        """Return rows of the canvas; values grow upwards."""
        low, high = self.y_range
        return np.asarray(self.top + (high - np.asarray(value)) / (high - low) * self.style.height)


def unrolled_picture(
    arc_mm: FloatArray, classes: NDArray[np.integer], palette: Sequence[tuple[str, Colour]], style: ChartStyle
) -> RgbImage:
    """Draw a wall unrolled: along the vessel to the right, around it upwards from 0 to 360 degrees, a colour for each class.

    Parameters
    ----------
    arc_mm
        (N,) ascending places of the rows of ``classes``.
    classes
        (N, J) index into the palette.
    palette
        Name and colour of each class; classes that occur are explained below the field.
    """
    legend = [(name, colour) for number, (name, colour) in enumerate(palette) if (classes == number).any()]
    x_range = (float(arc_mm[0]), float(arc_mm[-1]))
    frame = _frame(style, x_range, (0.0, 360.0), legend)
    columns = np.linspace(*x_range, style.width)
    nearest = np.searchsorted(0.5 * (arc_mm[1:] + arc_mm[:-1]), columns)
    around = (np.arange(style.height)[::-1] + 0.5) / style.height * classes.shape[1]
    angle = np.rint(around).astype(np.int64) % classes.shape[1]
    colours = np.array([colour for _, colour in palette], dtype=np.uint8)
    frame.field[...] = colours[classes[nearest][:, angle].T]
    _draw_axes(frame, grid=False, y_step=90.0)
    _draw_spans(frame)
    return frame.canvas


def profile_picture(
    arc_mm: FloatArray, curves: Sequence[Curve], style: ChartStyle, y_range: tuple[float, float] | None = None
) -> RgbImage:
    """Draw curves over places (N,), with their bands; from 0 upwards where no range is given. Only named ones are explained."""
    if y_range is None:
        tops = [np.nanmax(one.band[1] if one.band else one.values) for one in curves if np.isfinite(one.values).any()]
        y_range = (0.0, float(np.ceil(1.08 * max(tops, default=1.0) * 2.0) / 2.0))
    named = [(one.name, one.colour) for one in curves if one.name]
    frame = _frame(style, (float(arc_mm[0]), float(arc_mm[-1])), y_range, named)
    _draw_axes(frame, grid=True)
    _draw_spans(frame)
    x = frame.x(arc_mm)
    shapes = Shapes()
    for one in curves:
        if one.band is not None:
            low, upper = (frame.y(np.clip(edge, *frame.y_range)) for edge in one.band)
            for part in _runs(np.isfinite(low) & np.isfinite(upper)):
                outline = np.concatenate([np.stack([x[part], upper[part]], 1), np.stack([x[part], low[part]], 1)[::-1]])
                shapes.polygon(outline, (*one.colour, 60))
    shapes.draw(frame.canvas)
    shapes = Shapes()
    width = style.text_px
    for one in curves:
        points = np.stack([x, frame.y(np.clip(one.values, *y_range))], axis=1)
        if not one.dashed:
            shapes.line(points, (*one.colour, 255), max(one.width * width, 1.5))
            continue
        gap = max(int(0.5 * width / max((x[-1] - x[0]) / max(len(x) - 1, 1), 1e-6)), 2)
        for start in range(0, len(points) - 1, 2 * gap):
            shapes.line(points[start : start + gap + 1], (*one.colour, 255), max(one.width * width, 1.5))
    shapes.draw(frame.canvas)
    return frame.canvas


def _runs(held: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return runs of at least two neighbours that are true."""
    at = np.flatnonzero(held)
    return [run for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(run) > 1]


def _frame(
    style: ChartStyle, x_range: tuple[float, float], y_range: tuple[float, float], legend: Sequence[tuple[str, Colour]]
) -> _Frame:
    """Return an empty chart with room for all that is written around it, the legend written."""
    size = style.text_px
    left = round(text_size("0000", size)[0] + 0.9 * size)
    top = round(1.5 * size * (1 + bool(style.spans) + bool(style.divisions)) + 0.4 * size)
    rows = _legend_rows(legend, left + style.width, size)
    height = top + style.height + round((2.9 + 1.4 * len(rows)) * size)
    canvas = np.full((height, left + style.width + round(1.2 * size), 3), PAPER, dtype=np.uint8)
    frame = _Frame(canvas, left, top, style, x_range, y_range)
    draw_text(canvas, style.y_title, 0.2 * size, 0.75 * size, size, colour=INK, halo=None, anchor="lm")
    below = top + style.height + 2.1 * size
    draw_text(canvas, style.x_title, left + style.width / 2.0, below, size, colour=INK, halo=None, anchor="mm")
    shapes = Shapes()
    for number, row in enumerate(rows):
        y = below + (1.4 * (number + 1)) * size
        for x, name, colour in row:
            box = np.array([[0.0, -0.35], [0.8, -0.35], [0.8, 0.35], [0.0, 0.35]]) * size + [x, y]
            shapes.polygon(box, (*colour, 255))
            shapes.line(np.concatenate([box, box[:1]]), (*INK, 255), 1.0)
            draw_text(canvas, name, x + 1.1 * size, y, size, colour=INK, halo=None, anchor="lm")
    shapes.draw(canvas)
    return frame


def _legend_rows(legend: Sequence[tuple[str, Colour]], width: float, size: int) -> list[list[tuple[float, str, Colour]]]:
    """Return places of the legend's entries, broken into rows that fit."""
    rows: list[list[tuple[float, str, Colour]]] = []
    x = width
    for name, colour in legend:
        room = text_size(name, size)[0] + 2.2 * size
        if x + room > width and (not rows or rows[-1]):
            rows.append([])
            x = 0.4 * size
        rows[-1].append((x, name, colour))
        x += room
    return rows


def _step(extent: float, room_px: float, least_px: float) -> float:
    """Return the smallest usual step whose ticks are not nearer than ``least_px``."""
    return next((step for step in _STEPS if step / extent * room_px >= least_px), _STEPS[-1])


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) != 0.0 else text.lstrip("-")


def _draw_axes(frame: _Frame, grid: bool, y_step: float | None = None) -> None:
    style, size = frame.style, frame.style.text_px
    bottom, right = frame.top + style.height, frame.left + style.width
    shapes = Shapes()
    x_step = max(_step(frame.x_range[1] - frame.x_range[0], style.width, 3.0 * size), 1.0)
    for value in np.arange(np.ceil(frame.x_range[0] / x_step) * x_step, frame.x_range[1] + 1e-6, x_step):
        x = float(frame.x(value))
        shapes.line([[x, bottom], [x, bottom + 0.3 * size]], (*INK, 255), 2.0)
        draw_text(frame.canvas, _number(float(value), 0), x, bottom + 0.95 * size, size, colour=INK, halo=None, anchor="mm")
    y_step = y_step or _step(frame.y_range[1] - frame.y_range[0], style.height, 1.6 * size)
    for value in np.arange(np.ceil(frame.y_range[0] / y_step) * y_step, frame.y_range[1] + 1e-6, y_step):
        y = float(frame.y(value))
        if grid:
            shapes.line([[frame.left, y], [right, y]], (*GRID, 255), 1.0)
        shapes.line([[frame.left - 0.3 * size, y], [frame.left, y]], (*INK, 255), 2.0)
        text = _number(float(value), 0 if y_step >= 1.0 else 1)
        draw_text(frame.canvas, text, frame.left - 0.45 * size, y, size, colour=INK, halo=None, anchor="rm")
    box = [[frame.left, frame.top], [right, frame.top], [right, bottom], [frame.left, bottom], [frame.left, frame.top]]
    shapes.line(box, (*INK, 255), 2.0)
    shapes.draw(frame.canvas)


def _draw_spans(frame: _Frame) -> None:
    """Mark lesions and segments above the field, and how far they reach in it."""
    style, size = frame.style, frame.style.text_px
    shapes = Shapes()
    for place, colour in style.marks:
        x = float(frame.x(place))
        shapes.line([[x, frame.top], [x, frame.top + style.height]], (*colour, 255), 3.0)
    starts = [max(start, frame.x_range[0]) for start, _ in style.divisions]
    for number, (start, end) in enumerate(pairwise([*starts, frame.x_range[1]])):
        first, last = float(frame.x(start)), float(frame.x(end))
        name = style.divisions[number][1]
        if text_size(name, size)[0] <= last - first:
            y = frame.top - (2.25 if style.spans else 0.75) * size
            draw_text(frame.canvas, name, 0.5 * (first + last), y, size, colour=INK, halo=None, anchor="mm")
        if number:
            shapes.line([[first, frame.top], [first, frame.top + style.height]], (*INK, 120), 1.5)
    row = frame.top - 0.75 * size
    free = 0.0
    for span in sorted(style.spans, key=lambda one: one.at_mm):
        first, at, last = (float(frame.x(value)) for value in (span.first_mm, span.at_mm, span.last_mm))
        for x in (first, last):
            shapes.line([[x, frame.top], [x, frame.top + style.height]], (*span.colour, 255), 2.0)
        shapes.line([[at, row + 0.55 * size], [at, frame.top + style.height]], (*span.colour, 255), 3.0)
        wide = text_size(span.text, size, True)[0]
        x = float(np.clip(at, max(0.5 * wide, free + 0.5 * wide), frame.canvas.shape[1] - 0.5 * wide - 2))
        draw_text(frame.canvas, span.text, x, row, size, colour=span.colour, bold=True, halo=None, anchor="mm")
        free = x + 0.5 * wide + 0.5 * size
    shapes.draw(frame.canvas)
