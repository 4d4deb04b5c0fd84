"""Lesions of an artery: where, how narrow, how long, and how sure: every number with its 95 % interval, the grade from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .branching import Bifurcation
from .constants import MILD_FROM, MODERATE_FROM, OCCLUDED_AT, SEVERE_FROM
from .extent import OSTIUM_SD_MM, lesion_extent
from .findings import Stenosis
from .listing import NEAR_END, NO_PLAQUE, lesion_spans, near_end, shows_plaque, sure_narrowing
from .lumen import Measured, Walls
from .narrowest import Narrowest
from .occlusion import LumenBrightness, lumen_brightness
from .outer_unseen import Behind
from .plaque_region import PlaqueRegion, plaque_region
from .reference import Reference, ReferenceKind, adjacent_reference, taper_reference
from .throat import Throat, judge_throat

BoolArray = NDArray[np.bool_]

Z95 = 1.96
GRADES = (("1", 0), ("2", MILD_FROM), ("3", MODERATE_FROM), ("4A", SEVERE_FROM), ("5", OCCLUDED_AT))
"""Category of one lesion by its least percent diameter stenosis. Three vessels and the left main, which make 4B, are the
patient's business, not the lesion's."""
_OPEN_AT_MOST = 99.0
"""What is not held occluded is never called 100 %; an interval that ends at 100 says "may be occluded"."""
PSF_SHAPE_SD_MM = 0.03
"""Standard deviation of a diameter for what a Gaussian does not describe of a scanner's blur. Chosen."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Narrowing:
    """One lesion against one reference: diameter and area stenosis (percent) and the healthy diameter at the narrowest place."""

    reference: ReferenceKind
    diameter_stenosis_percent: Estimate
    area_stenosis_percent: Estimate
    reference_mm: Estimate


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Parameters
    ----------
    first, last, narrowest
        Sections.
    distance_mm
        From the start of the centreline (the ostium, where it starts there) to the narrowest section.
    mld_mm, mla_mm2
        Diameter of the circle of the least area, and the least area.
    least_axis_mm
        Minor axis of the narrowest section.
    narrowings
        Against each reference that can be had; the first is the one that ``grades`` rests on.
    grades
        Categories that the interval leaves possible, mildest first: more than one means "not certain".
    calcium_arc_deg
        Largest arc of calcium in the lesion; above 0 the stenosis beside it is less certain, which the interval holds.
    occluded
        Whether a total occlusion is at least twice as likely as a lumen, or was drawn: see ``hairline``. ``grades`` tell whether
        a lumen is ruled out.
    remarks
        What limits the figures, each a sentence.
    length_range_mm, distance_range_mm
        95 % intervals; None in results of before they were known.
    """

    first: int
    last: int
    narrowest: int
    distance_mm: float
    length_mm: float
    mld_mm: Estimate
    mla_mm2: Estimate
    least_axis_mm: float
    narrowings: tuple[Narrowing, ...]
    grades: tuple[str, ...]
    calcium_arc_deg: float
    occluded: bool
    remarks: tuple[str, ...]
    length_range_mm: tuple[float, float] | None = None
    distance_range_mm: tuple[float, float] | None = None

    @property
    def certain(self) -> bool:
        """Whether the interval leaves one category only."""
        return len(self.grades) == 1

    @property
    def grade_words(self) -> str:
        """The grade as it is said: ``3``, or ``3 or 4A, not certain``."""
        return self.grades[0] if self.certain else " or ".join(self.grades) + ", not certain"


@dataclass(frozen=True, eq=False)
class StenosisResult:
    """Lesions of one artery, with both references along it."""

    lesions: tuple[Lesion, ...]
    taper: Reference
    adjacent: Reference


def finding_of(lesion: Lesion) -> Stenosis:
    """Return the stenosis as grading takes it: percent of the diameter against the preferred reference, with its interval."""
    percent = lesion.narrowings[0].diameter_stenosis_percent
    return Stenosis(percent.value, (percent.low, percent.high))


def find_lesions(
    measured: Measured, bifurcations: Sequence[Bifurcation] = (), walls: Walls | None = None, ostium_mm: float = 0.0,
    prefer: ReferenceKind = ReferenceKind.TAPER, brightness: LumenBrightness | None = None,
    known: tuple[Reference, PlaqueRegion] | None = None,
) -> StenosisResult:  # fmt: skip
    """Find and grade the lesions of an artery.

    Parameters
    ----------
    walls
        Edited walls; those measured where not given.
    ostium_mm
        Length of the artery before the start of the centreline.
    prefer
        The reference that grades rest on.
    brightness
        Of the lumen, where it is known already; measured where not given.
    known
        Taper and diseased wall of these walls, where they are known already.
    """
    walls = walls or measured.walls
    diameter = walls.diameter_mm
    taper, region = known or taper_and_region(measured, walls, bifurcations)
    spans = lesion_spans(1.0 - diameter / taper.healthy_mm, region, measured.visible)
    adjacent = adjacent_reference(measured, spans, bifurcations, diameter)
    brightness = brightness or lumen_brightness(measured)
    found = []
    for at, span in enumerate(spans):
        order = (taper, adjacent) if prefer is ReferenceKind.TAPER else (adjacent, taper)
        lesion = _lesion(measured, walls, span, order, brightness, ostium_mm)
        plaque, first = shows_plaque(region, *span), lesion.narrowings[0].diameter_stenosis_percent
        if plaque or lesion.occluded or sure_narrowing(first.value, first.low):
            between = _between(spans, at, len(diameter))
            length, distance = _ranges(measured, walls, region, (lesion, between), order[0], ostium_mm)
            remarks = (*lesion.remarks, *_doubts(walls, lesion, plaque))
            found.append(replace(lesion, remarks=remarks, length_range_mm=length, distance_range_mm=distance))
    return StenosisResult(tuple(found), taper, adjacent)


def taper_and_region(
    measured: Measured, walls: Walls, bifurcations: Sequence[Bifurcation], behind: Behind | None = None
) -> tuple[Reference, PlaqueRegion]:
    """Return the healthy taper between walls and the diseased part of them, which lesions and plaque both rest on.

    Parameters
    ----------
    behind
        See :func:`.plaque_region.plaque_region`.
    """
    taper = taper_reference(measured, bifurcations, walls.diameter_mm)
    return taper, plaque_region(measured, walls, bifurcations, taper.healthy_mm, behind)


def _between(spans: Sequence[tuple[int, int]], at: int, count: int) -> tuple[int, int]:
    """Return the sections between which the ends of a lesion may lie: other lesions are not part of it."""
    return (spans[at - 1][1] + 1 if at else 0, spans[at + 1][0] - 1 if at + 1 < len(spans) else count - 1)


def _ranges(
    measured: Measured, walls: Walls, region: PlaqueRegion, lesion: tuple[Lesion, tuple[int, int]], preferred: Reference,
    ostium_mm: float,
) -> tuple[tuple[float, float], tuple[float, float]]:  # fmt: skip
    """Return the 95 % intervals of length and distance."""
    one, between = lesion
    reference = one.narrowings[0].reference_mm
    healthy = preferred.healthy_mm if np.isfinite(preferred.healthy_mm).all() else np.full_like(walls.arc_mm, reference.value)
    error = (reference.high - reference.low) / (2.0 * Z95)
    span = (one.first, one.last)
    extent = lesion_extent(walls.diameter_mm, measured.covariance_mm2, (healthy, error), region, walls.arc_mm, span, between)
    beside = Z95 * OSTIUM_SD_MM
    low, high = (ostium_mm + place for place in extent.narrowest_mm)
    below, above = max(one.distance_mm - low, 0.0), max(high - one.distance_mm, 0.0)
    distance = (
        max(one.distance_mm - float(np.hypot(below, beside)), 0.0),
        one.distance_mm + float(np.hypot(above, beside)),
    )
    return extent.length_mm, distance


def _lesion(
    measured: Measured,
    walls: Walls,
    span: tuple[int, int],
    order: Sequence[Reference],
    brightness: LumenBrightness,
    ostium_mm: float,
) -> Lesion:
    first, last = span
    inside = slice(first, last + 1)
    usable = [one for one in order if np.isfinite(one.healthy_mm[inside]).all()]
    judged = judge_throat(measured, walls, usable[0].healthy_mm, span, brightness)
    throat, hidden, occluded, unsure = judged.narrowest, judged.interval, judged.occluded, judged.unsure
    at = throat.section
    arc = float(measured.calcium_arc_deg[inside].max())
    low, high = _diameter_interval(measured, throat, hidden)
    mld = Estimate(0.0, 0.0, high) if occluded else Estimate(throat.diameter_mm, low, high)
    mla = Estimate(*(float(np.pi / 4.0 * value**2) for value in (mld.value, mld.low, mld.high)))
    axis = 0.0 if occluded else float(walls.least_diameter_mm[at])
    narrowings = tuple(_narrowing(measured, throat, one, hidden, occluded, unsure) for one in usable)
    return Lesion(
        first, last, at, ostium_mm + float(walls.arc_mm[at]), float(walls.arc_mm[last] - walls.arc_mm[first]), mld, mla, axis,
        narrowings, grades_of(narrowings[0].diameter_stenosis_percent, occluded and not unsure), arc, occluded,
        _remarks(arc, mld, measured, unsure, occluded),
    )  # fmt: skip


def _doubts(walls: Walls, lesion: Lesion, plaque: bool) -> tuple[str, ...]:
    end = near_end(walls.arc_mm, (lesion.first, lesion.last), lesion.narrowest, plaque)
    return (*((NEAR_END,) if end else ()), *(() if plaque else (NO_PLAQUE,)))


def _diameter_interval(measured: Measured, throat: Narrowest, hidden: Throat | None) -> tuple[float, float]:
    """Return the ends of the interval of the least diameter, mm."""
    scan, weights = measured.scan, throat.weights
    variance = PSF_SHAPE_SD_MM**2
    if hidden is None:
        variance += float(weights @ measured.covariance_mm2 @ weights)
        variance += (float(weights @ measured.by_sigma) * scan.sigma_error_mm) ** 2
    variance += (float(weights @ measured.by_lumen) * lumen_error_hu(measured)) ** 2
    beside = Z95 * float(np.sqrt(variance))
    below = 0.0 if hidden is None else max(throat.diameter_mm - hidden.low_mm, 0.0)
    above = 0.0 if hidden is None else max(hidden.high_mm - throat.diameter_mm, 0.0)
    return max(throat.diameter_mm - float(np.hypot(below, beside)), 0.0), throat.diameter_mm + float(np.hypot(above, beside))


def lumen_error_hu(measured: Measured) -> float:
    """Return the standard error of the lumen's level: 2 % of it. Chosen: mixing and beam hardening within one artery."""
    return 0.02 * float(np.median(measured.lumen_hu))


def _narrowing(
    measured: Measured, throat: Narrowest, reference: Reference, hidden: Throat | None, occluded: bool, unsure: bool
) -> Narrowing:
    """Return stenosis and interval: slopes of 1 - d/ref on all diameters, times their covariance, plus scan and reference."""
    at = throat.section
    healthy = float(reference.healthy_mm[at])
    ratio = 0.0 if occluded else throat.diameter_mm / healthy
    slopes = (ratio * reference.weights[at] - throat.weights) / healthy
    scan = measured.scan
    if hidden is None:
        variance = float(slopes @ measured.covariance_mm2 @ slopes)
        variance += float((slopes @ measured.by_sigma) * scan.sigma_error_mm) ** 2
    else:
        # the throat's part is in its own interval
        own = ratio * reference.weights[at] / healthy
        variance = float(own @ measured.covariance_mm2 @ own)
    variance += float((slopes @ measured.by_lumen) * lumen_error_hu(measured)) ** 2
    variance += (ratio * float(reference.misfit_mm[at]) / healthy) ** 2 + (PSF_SHAPE_SD_MM / healthy) ** 2
    sd = Z95 * float(np.sqrt(variance))
    narrower = 0.0 if hidden is None else max(throat.diameter_mm - hidden.low_mm, 0.0) / healthy
    wider = 0.0 if hidden is None else max(hidden.high_mm - throat.diameter_mm, 0.0) / healthy
    most = 100.0 if occluded else _OPEN_AT_MOST
    shifts = (0.0, -float(np.hypot(wider, sd)), float(np.hypot(narrower, sd)))
    # wider than its reference is no narrowing, yet no less uncertain
    narrowed = max(1.0 - ratio, 0.0)
    value, low, high = (float(np.clip(100.0 * (narrowed + shift), 0.0, most)) for shift in shifts)
    if occluded and not unsure:
        low = most  # a lumen is ruled out
    stenosis = Estimate(value, low, 100.0 if unsure else high)
    area = Estimate(*(100.0 * (1.0 - (1.0 - value / 100.0) ** 2) for value in (stenosis.value, stenosis.low, stenosis.high)))
    spread = float(
        np.sqrt(reference.weights[at] @ measured.covariance_mm2 @ reference.weights[at] + reference.misfit_mm[at] ** 2)
    )
    return Narrowing(reference.kind, stenosis, area, Estimate(healthy, healthy - Z95 * spread, healthy + Z95 * spread))


def grades_of(stenosis: Estimate, closed: bool) -> tuple[str, ...]:
    """Return the categories that an interval leaves possible, mildest first; its ends are rounded to whole percent.

    A total occlusion is the only answer where a lumen is ruled out, and possible where the interval ends at 100.
    """
    if closed:
        return ("5",)
    names = [name for name, _ in GRADES]
    least = [value for _, value in GRADES]
    low, high = (int(np.searchsorted(least, round(one), side="right")) - 1 for one in (stenosis.low, stenosis.high))
    return tuple(names[low : high + 1])


def _remarks(arc_deg: float, mld: Estimate, measured: Measured, unsure: bool, occluded: bool) -> tuple[str, ...]:
    remarks = []
    if arc_deg > 180.0:
        remarks.append("Calcium covers more than 180 degrees: the assessment of the stenosis is limited.")
    elif arc_deg > 0.0:
        remarks.append("Calcium beside the lumen: the stenosis is less certain, and the interval wider.")
    if unsure and occluded:
        remarks.append("A lumen too thin to be seen cannot be excluded: a total occlusion is the likelier.")
    elif unsure:
        remarks.append("A total occlusion can neither be supported nor excluded.")
    elif 0.0 < mld.value < 2.0 * measured.scan.sigma_mm:
        remarks.append("The lumen left is narrower than the scan resolves; its size rests on its brightness.")
    return tuple(remarks)
