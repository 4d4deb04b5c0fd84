"""How sure it is where a lesion begins, ends and is narrowest: the 95 % intervals of its length and of its distance.

Strategy: a parametric bootstrap. The walls are drawn again from their covariance, with the healthy reference and the normal wall
moved as their errors allow, and the lesion's ends and its narrowest place are found again on each draw: where the interval of
the narrowing, or of the thickness of the wall, crosses the limit of what is listed, the ends move. The step between sections is
added, and for the distance what is not known of the ostium's place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .listing import LESION_FROM
from .plaque_region import LEAST_EXCESS_MM, PlaqueRegion

BoolArray = NDArray[np.bool_]

OSTIUM_SD_MM = 1.4
"""Standard deviation of the distance for where the aorta ends and the artery begins, and for a line that cuts corners. From 11
lesions of four digital hearts, fully automatic (error of the distance -2.5 to 0.7 mm, root mean square 1.3 mm); the bias of
-0.8 mm is in it. Not checked on others."""
ENDS_SD_MM = 0.4
"""Standard deviation of a length for what smoothing along the artery and the blur of the scan do to both ends. Chosen."""
_AROUND_MM, _SMOOTH_MM, _DRAWS = 12.0, 0.6, 200
_Z95 = 1.96
_ENDS = (2.5, 97.5)


@dataclass(frozen=True)
class Extent:
    """95 % intervals, mm: of the length, and of the narrowest section's place along the line (without the ostium's error)."""

    length_mm: tuple[float, float]
    narrowest_mm: tuple[float, float]


def lesion_extent(
    diameter_mm: FloatArray,
    covariance_mm2: FloatArray,
    healthy: tuple[FloatArray, float],
    region: PlaqueRegion,
    arc_mm: FloatArray,
    span: tuple[int, int],
    between: tuple[int, int],
) -> Extent:
    """Return how far ends and narrowest place of one lesion may move.

    Parameters
    ----------
    diameter_mm, covariance_mm2
        (N,) lumen diameters and (N, N) their covariance.
    healthy
        (N,) healthy diameters and the standard error of their level, mm.
    region
        The diseased wall.
    arc_mm
        (N,) place of the sections.
    span, between
        First and last section of the lesion; and of the stretch in which its ends may lie, which other lesions bound.
    """
    around = round(_AROUND_MM / region.step_mm)
    part = slice(max(span[0] - around, between[0]), min(span[1] + around, between[1]) + 1)
    inside = np.zeros(part.stop - part.start, dtype=bool)
    inside[span[0] - part.start : span[1] + 1 - part.start] = True
    random = np.random.default_rng(0)
    narrowing = _narrowings(diameter_mm[part], covariance_mm2[part, part], (healthy[0][part], healthy[1]), region.step_mm, random)
    listed = narrowing > LESION_FROM
    if region.diseased[part][inside].any():
        listed |= _excesses(region, part, random) > LEAST_EXCESS_MM
    place = np.where(inside, narrowing, -np.inf).argmax(axis=1)
    length = _run_lengths(listed, place, arc_mm[part])
    step = _Z95 * region.step_mm / np.sqrt(6.0)  # two ends, each anywhere within a step
    own = float(arc_mm[span[1]] - arc_mm[span[0]])
    return Extent(_interval(length, own, float(np.hypot(step, _Z95 * ENDS_SD_MM))), _interval(arc_mm[part][place], None, step))


def _narrowings(
    diameter_mm: FloatArray, covariance_mm2: FloatArray, healthy: tuple[FloatArray, float], step_mm: float,
    random: np.random.Generator,
) -> FloatArray:  # fmt: skip
    """Return narrowings (D, K), smoothed as the listing smooths them."""
    values, vectors = np.linalg.eigh(covariance_mm2)
    noise = random.normal(size=(_DRAWS, len(values))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    level = healthy[0][None] + healthy[1] * random.normal(size=(_DRAWS, 1))
    drawn = 1.0 - np.maximum(diameter_mm[None] + noise, 0.0) / np.maximum(level, 0.1)
    return np.asarray(ndimage.gaussian_filter1d(drawn, _SMOOTH_MM / step_mm, axis=1, mode="nearest"))


def _excesses(region: PlaqueRegion, part: slice, random: np.random.Generator) -> FloatArray:
    """Return thicknesses of the wall beyond the normal one (D, K); the normal wall errs alike along the lesion."""
    excess, error, common = region.excess_mm[part], region.excess_error_mm[part], region.normal_error_mm[part]
    own = np.sqrt(np.maximum(error**2 - common**2, 0.0))
    width = _SMOOTH_MM / region.step_mm
    noise = ndimage.gaussian_filter1d(random.normal(size=(_DRAWS, len(excess))), width, axis=1, mode="wrap")
    noise /= max(float(noise.std()), 1e-9)
    return np.asarray(excess + own * noise + common * random.normal(size=(_DRAWS, 1)))


def _run_lengths(listed: BoolArray, place: NDArray[np.intp], arc_mm: FloatArray) -> FloatArray:
    """Return the length (D,) of the run of listed sections around a place; 0 where the place itself is not listed."""
    count = listed.shape[1]
    index = np.arange(count)
    gap = ~listed
    before = np.where(gap & (index <= place[:, None]), index, -1).max(axis=1)
    after = np.where(gap & (index >= place[:, None]), index, count).min(axis=1)
    return np.where(before >= after, 0.0, arc_mm[np.maximum(after - 1, 0)] - arc_mm[np.minimum(before + 1, count - 1)])


def _interval(drawn: FloatArray, value: float | None, spread: float) -> tuple[float, float]:
    """Return the interval of what was drawn, widened by an independent error, with the value inside."""
    middle = float(np.median(drawn)) if value is None else value
    low, high = (float(one) for one in np.percentile(drawn, _ENDS))
    low, high = min(low, middle), max(high, middle)
    return max(middle - float(np.hypot(middle - low, spread)), 0.0), middle + float(np.hypot(high - middle, spread))
