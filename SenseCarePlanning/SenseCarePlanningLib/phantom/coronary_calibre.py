"""Healthy calibres of a coronary tree: a law at every division, an even taper between, published ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import FloatArray

MURRAY, HUO_KASSAB = 3.0, 7.0 / 3.0
"""Exponents of ``mother^n = sum of daughters^n``: Murray 1926 (doi:10.1073/pnas.12.3.207) and Huo and Kassab (7/3; Huo 2012,
doi:10.1098/rsif.2011.0605). With 3, the left main that follows from Dodge's LAD and LCX (4.48 mm) is Dodge's (4.5 mm)."""

STEP_LENGTH_MM = 2.0
"""Over which a vessel narrows behind a division."""

WALL_SHARE, THINNEST_WALL_MM, THICKEST_WALL_MM = 0.16, 0.30, 0.70
"""Normal wall as a share of the lumen diameter, within limits: 0.6 mm on a 3.7 mm artery. Normal wall of 0.6 mm: Brodoefel
2009; how it falls with the calibre is chosen."""


def mother_mm(daughters_mm: Sequence[float], exponent: float) -> float:
    """Return the diameter of the vessel that divides into ``daughters_mm``."""
    return float(sum(value**exponent for value in daughters_mm) ** (1.0 / exponent))


def wall_mm(lumen_diameter_mm: FloatArray) -> FloatArray:
    """Return the thickness of the normal wall of arteries of a lumen diameter."""
    return np.clip(WALL_SHARE * np.asarray(lumen_diameter_mm), THINNEST_WALL_MM, THICKEST_WALL_MM)


@dataclass(frozen=True, eq=False)
class Calibre:
    """Healthy diameters along an artery.

    Parameters
    ----------
    diameter_mm
        (N,) at the given arc lengths.
    side_mm
        Of the side branches, in the order given; smaller than wished when the artery could not have fed them.
    """

    diameter_mm: FloatArray
    side_mm: tuple[float, ...]


def calibre(
    arc_mm: FloatArray, start_mm: float, end_mm: float, side_at_mm: Sequence[float], side_mm: Sequence[float], exponent: float
) -> Calibre:
    """Return the diameters along an artery that gives off side branches.

    At every branch the law holds between the diameter just before it and the two just behind it; the rest of the way from
    ``start_mm`` to ``end_mm`` is an even taper per millimetre. Side branches shrink together when they alone would take
    the artery below ``end_mm``.
    """
    order = np.argsort(side_at_mm)
    at = [float(side_at_mm[n]) for n in order]
    wished = [float(side_mm[n]) for n in order]
    length = float(arc_mm[-1])
    share = 1.0
    if _end(0.0, start_mm, at, wished, length, exponent) < end_mm:
        share = _bisect(lambda s: _end(0.0, start_mm, at, [s * v for v in wished], length, exponent) - end_mm)
    sides = [share * value for value in wished]
    steepest = start_mm / length
    rate = steepest * _bisect(lambda s: _end(s * steepest, start_mm, at, sides, length, exponent) - end_mm)
    knots, values = _knots(rate, start_mm, at, sides, length, exponent)
    back = [0.0] * len(at)
    for place, value in zip(order, sides, strict=True):
        back[int(place)] = value
    return Calibre(np.interp(arc_mm, knots, values), tuple(back))


def _bisect(excess: Callable[[float], float]) -> float:
    """Return the share in 0 to 1 at which a falling function crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if excess(middle) > 0.0:
            low = middle
        else:
            high = middle
    return low


def _knots(
    rate: float, start_mm: float, at_mm: list[float], side_mm: list[float], length_mm: float, exponent: float
) -> tuple[list[float], list[float]]:
    knots, values = [0.0], [start_mm]
    for place, side in zip(at_mm, side_mm, strict=True):
        before = max(values[-1] - rate * (place - knots[-1]), 1e-3)
        after = max(before**exponent - side**exponent, 1e-9) ** (1.0 / exponent)
        knots += [place, place + STEP_LENGTH_MM]
        values += [before, after]
    knots.append(max(length_mm, knots[-1] + 1e-6))
    values.append(max(values[-1] - rate * (knots[-1] - knots[-2]), 1e-3))
    return knots, values


def _end(rate: float, start_mm: float, at_mm: list[float], side_mm: list[float], length_mm: float, exponent: float) -> float:
    return _knots(rate, start_mm, at_mm, side_mm, length_mm, exponent)[1][-1]
