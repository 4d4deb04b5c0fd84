"""How wide the narrowest place of a lesion may be, and whether it is closed: from all answers that explain the scan.

The likelihood of a diameter is that of the best answer which has it: answers found from different starts, each with its own
spread, and answers whose lumen was held narrower or wider, with straight lines between. Costs are divided by a temperature,
because the picture of the scan is not exact: an answer a little worse than the best is not yet ruled out by noise alone.

Without calcium the likelihood is the contour's own, and below what the blur resolves that of the throat's brightness.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray

from .hairline import CLOSED_FROM, CLOSED_MAYBE
from .lumen import Measured, Walls
from .narrowest import Narrowest, drawn_noise, narrowest_of
from .occlusion import LumenBrightness
from .reference import measured_step

TEMPERATURE, WIDE_TEMPERATURE = 3.0, 15.0
"""Costs count by a third. Chosen on digital arteries with calcium: the truth's cost lay up to 15 above the best answer's. Calcium
half round the lumen leaves more open: there it lay 23 above, and costs count by a fifteenth."""
_NARROW_ARC_DEG, _WIDE_ARC_DEG = 120.0, 180.0
_STEP_MM, _WIDEST_MM = 0.01, 8.0
_LEAST_SPREAD_MM = 0.05
_TAIL, _Z95 = 0.025, 1.96
_MAYBE_CLOSED_MM, _HIDDEN_MM = 0.45, 0.2
"""A lumen that may be narrower than the first without any other evidence, or than the second by contours, may be none."""
_UNRESOLVED_SIGMAS = 2.0
"""A lumen narrower than this is known by its brightness; its contour is held up by what is known about arteries."""


@dataclass(frozen=True)
class Throat:
    """Diameters that the narrowest place may have: likeliest half way, and the ends of the 95 % interval, mm."""

    median_mm: float
    low_mm: float
    high_mm: float


@dataclass(frozen=True)
class Judged:
    """The narrowest place of a lesion.

    Parameters
    ----------
    narrowest
        Where it is, and its diameter.
    interval
        Of its diameter; None where it is the contour's own.
    occluded
        Whether it is likelier closed than open by the odds that are asked for, or was drawn closed.
    unsure
        Whether the other of closed and open is not excluded.
    """

    narrowest: Narrowest
    interval: Throat | None
    occluded: bool
    unsure: bool


def judge_throat(
    measured: Measured, walls: Walls, healthy_mm: FloatArray, span: tuple[int, int], brightness: LumenBrightness
) -> Judged:
    """Judge the narrowest place of a lesion.

    Parameters
    ----------
    walls
        Those in use: measured, or drawn by a reader.
    healthy_mm
        (N,) healthy diameters.
    span
        First and last section of the lesion.
    """
    step = measured_step(walls)
    noise = drawn_noise(measured.noise_mm2, span, step)
    narrowest = narrowest_of(walls.diameter_mm, healthy_mm, noise, span, step)
    interval = throat_of(measured, walls.diameter_mm, healthy_mm, span, step, noise)
    dark = brightness.throat(*span, healthy_mm)
    if dark is not None and dark[0].tissue and not measured.calcium_arc_deg[dark[0].first : dark[0].last + 1].any():
        interval = None  # calcium elsewhere in the lesion hides nothing of a throat without any
    # calcium in place of the lumen may be lumen in another answer
    bare = interval is None or interval.high_mm < _MAYBE_CLOSED_MM
    closed = bare and dark is not None and dark[0].tissue and dark[1].closed >= CLOSED_FROM
    least = float(brightness.bounds_mm()[span[0] : span[1] + 1].min())
    unsure = CLOSED_MAYBE <= dark[1].closed <= 1.0 - CLOSED_MAYBE if dark else least < _MAYBE_CLOSED_MM
    unsure |= interval is not None and interval.low_mm < _HIDDEN_MM
    if interval is None and narrowest.diameter_mm < _UNRESOLVED_SIGMAS * measured.scan.sigma_mm:
        if dark is not None and dark[1].median_mm < _MAYBE_CLOSED_MM:
            interval = Throat(dark[1].median_mm, dark[1].low_mm, dark[1].high_mm)
            narrowest = replace(narrowest, diameter_mm=interval.median_mm)
        else:
            interval = _unresolved(measured, narrowest, brightness)
            unsure |= interval.low_mm < _HIDDEN_MM
    drawn = brightness.drawn_closed(*span)
    return Judged(narrowest, interval, closed or drawn, unsure and not drawn)


def _unresolved(measured: Measured, throat: Narrowest, brightness: LumenBrightness) -> Throat:
    """Return the interval of a lumen narrower than the blur: its contour's, and down to what its brightness leaves possible."""
    weights = throat.weights
    variance = float(weights @ measured.covariance_mm2 @ weights)
    variance += (float(weights @ measured.by_sigma) * measured.scan.sigma_error_mm) ** 2
    beside = _Z95 * float(np.sqrt(variance))
    low = max(min(throat.diameter_mm - beside, brightness.least_mm(throat.section)), 0.0)
    return Throat(throat.diameter_mm, low, throat.diameter_mm + beside)


def throat_of(
    measured: Measured, diameter_mm: FloatArray, healthy_mm: FloatArray, span: tuple[int, int], step_mm: float,
    noise_mm: FloatArray | None = None,
) -> Throat | None:  # fmt: skip
    """Return what the narrowest place of a lesion may be; None where nothing else was possible, or walls were edited there.

    Parameters
    ----------
    diameter_mm, healthy_mm
        (N,) diameters in use and healthy ones.
    span
        First and last section of the lesion.
    noise_mm
        As :func:`.narrowest.drawn_noise` draws it, where that was done already.
    """
    others = measured.alternatives
    inside = slice(span[0], span[1] + 1)
    touched = [
        one for one in np.unique(others.stretch) if np.isfinite(others.diameter_mm[others.stretch == one][0, inside]).any()
    ]
    if not touched or np.abs(diameter_mm - measured.walls.diameter_mm)[inside].max() > 1e-6:
        return None
    noise = drawn_noise(measured.noise_mm2, span, step_mm) if noise_mm is None else noise_mm
    at = narrowest_of(diameter_mm, healthy_mm, noise, span, step_mm).section
    stretch = min(touched, key=lambda one: _apart(others.diameter_mm[others.stretch == one][0], at))
    rows = np.flatnonzero(others.stretch == stretch)
    found, spread = np.empty(len(rows)), np.empty(len(rows))
    for number, row in enumerate(rows):
        own = np.isfinite(others.diameter_mm[row])
        trial = np.where(own, others.diameter_mm[row], diameter_mm)
        throat = narrowest_of(trial, healthy_mm, noise, span, step_mm)
        found[number] = throat.diameter_mm * healthy_mm[at] / healthy_mm[throat.section]
        sd = others.spread_mm[row, throat.section]
        spread[number] = sd if np.isfinite(sd) else np.sqrt(throat.weights @ measured.covariance_mm2 @ throat.weights)
    arc = float(measured.calcium_arc_deg[inside].max())
    temperature = float(np.interp(arc, (_NARROW_ARC_DEG, _WIDE_ARC_DEG), (TEMPERATURE, WIDE_TEMPERATURE)))
    spread = np.maximum(spread, _LEAST_SPREAD_MM)
    return throat_interval(found, spread, others.cost[rows], others.pinned[rows], temperature)


def _apart(row: FloatArray, at: int) -> int:
    return int(np.abs(np.flatnonzero(np.isfinite(row)) - at).min())


def throat_interval(
    found: FloatArray, spread: FloatArray, cost: FloatArray, pinned: np.ndarray, temperature: float = TEMPERATURE
) -> Throat:
    """Return the interval that answers leave: found diameters (K,), their spreads, costs, and which were held at a size."""
    grid = np.arange(0.0, _WIDEST_MM, _STEP_MM)
    free = ~pinned
    least = (cost[free, None] + 0.5 * ((grid - found[free, None]) / spread[free, None]) ** 2).min(axis=0)
    held = pinned | (np.arange(len(cost)) == int(np.where(free, cost, np.inf).argmin()))
    order = np.argsort(found[held])
    if held.sum() > 1:
        line = np.interp(grid, found[held][order], cost[held][order], left=np.inf, right=np.inf)
        least = np.minimum(least, line)
    weight = np.exp(-(least - least.min()) / temperature)
    total = np.cumsum(weight) / weight.sum()
    low, middle, high = (float(grid[np.searchsorted(total, part)]) for part in (_TAIL, 0.5, 1.0 - _TAIL))
    return Throat(middle, low, high)
