"""How wide the artery would be if it were healthy: two references, side by side, each a weighted sum of measured diameters.

*Adjacent*: the mean of the nearest plaque-free sections before and after the lesion, as workstations do with their flags
"normal", of the same stretch between branchings; only where it has none, those beyond a branching, scaled by the branching
law. *Taper*: a robust line through the plaque-free sections of the whole artery, with a step at each bifurcation, of which the
branching law tells beforehand.
Because both are weighted sums of the measured diameters, their errors follow from the covariance of those, and what they
share with the narrowest diameter cancels as it does in nature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray, mean_step_mm

from .branching import Bifurcation, Side, Step, expected_steps, sides_beside
from .lumen import Measured, Walls

BoolArray = NDArray[np.bool_]

TAPER_MM_PER_MM, TAPER_SD = -0.015, 0.02
"""Usual change of the diameter along an artery, and its spread. Chosen: left main to distal LAD fall by 1.5 to 2 mm on 100 mm."""
NORMAL_WALL_MM = 0.5
"""Thickness of the wall of a healthy coronary artery with its fat border, as CT analysis excludes it (0.5 to 0.6 mm)."""
DISEASED_WALL_MM = 0.9
"""A mean wall thicker than this holds plaque. Chosen: the normal wall and 0.4 mm, which noise hardly feigns."""
ADJACENT_LENGTH_MM = 4.0
_BRANCH_REACH, _FUNNEL_REACH = 1.25, 0.4
"""Half diameters of the mother around a branch point that are left out, and those of them before it where her lumen is surely
no longer her own. Chosen."""
_NEAR_SHARE, _PLAQUE_SHARE = 0.3, 0.1
"""Weights of plaque-free sections just before a branch point, and of sections with plaque, in the taper. Chosen."""
_ONE_SIDE_MM = 0.15
EDGE_MM = 1.2
"""So near to an end of the line the walls are less sure: nothing is read there."""
_MISFIT_FLOOR_MM = 0.05
_ALIKE_MM = 4.0


class ReferenceKind(Enum):
    """Which healthy reference a stenosis is measured against."""

    ADJACENT = "adjacent"
    TAPER = "taper"


@dataclass(frozen=True, eq=False)
class Reference:
    """Healthy diameters along an artery.

    Parameters
    ----------
    healthy_mm
        (N,); NaN where this reference says nothing.
    weights
        (N, N): ``healthy_mm[n]`` changes by ``weights[n, m]`` for each mm of the measured diameter m.
    misfit_mm
        (N,) standard deviation of what no measuring error explains: arteries are no ruled lines.
    """

    kind: ReferenceKind
    healthy_mm: FloatArray
    weights: FloatArray
    misfit_mm: FloatArray


def plaque_free(walls: Walls) -> BoolArray:
    """Return which sections (N,) have a wall of normal thickness."""
    return np.asarray((walls.outer_mm - walls.lumen_mm).mean(axis=1) <= DISEASED_WALL_MM)


def usable_sections(measured: Measured, bifurcations: Sequence[Bifurcation] = ()) -> BoolArray:
    """Return which sections (N,) may serve statistics: in the scan, away from the ends, branch points and calcium."""
    arc = measured.walls.arc_mm
    usable = measured.visible & (arc >= EDGE_MM) & (arc <= arc[-1] - EDGE_MM)
    usable &= measured.calcium_arc_deg == 0
    for one in bifurcations:
        usable &= np.abs(arc - one.arc_mm) > _BRANCH_REACH * 0.5 * one.parent_mm
    return np.asarray(usable)


def taper_reference(
    measured: Measured, bifurcations: Sequence[Bifurcation] = (), diameter_mm: FloatArray | None = None
) -> Reference:
    """Fit the robust taper.

    Sections with plaque weigh a tenth; narrower ones than the fit lose weight quickly, wider ones hardly.

    Parameters
    ----------
    diameter_mm
        (N,) edited diameters; those measured where not given.
    """
    walls = measured.walls
    diameter = walls.diameter_mm if diameter_mm is None else diameter_mm
    arc = walls.arc_mm
    places = branch_steps(measured, bifurcations, diameter)
    columns = [np.ones_like(arc), arc - arc.mean(), *[(arc > one.arc_mm).astype(np.float64) for one in places]]
    design = np.stack(columns, axis=1)
    expected = np.array([0.0, TAPER_MM_PER_MM, *[-one.step_mm for one in places]])
    trust = np.array([0.0, 1.0 / TAPER_SD**2, *[1.0 / one.step_sd_mm**2 for one in places]])
    usable, healthy = usable_sections(measured, bifurcations), plaque_free(walls)
    near = sections_before_branches(measured, bifurcations) & healthy
    base = np.where(usable, np.where(healthy, 1.0, _PLAQUE_SHARE), np.where(near, _NEAR_SHARE, 0.0)) + 1e-6
    # neighbouring sections err alike: a millimetre or so counts once
    base *= measured_step(walls) / (_ALIKE_MM * _MISFIT_FLOOR_MM**2)
    # from the healthy sections on: a fit that starts within a long plaque may throw out the few beside it
    weight = np.where(usable & ~healthy, 0.0, base) if (usable & healthy).any() else base.copy()
    for _ in range(15):
        inverse = np.linalg.inv((design * weight[:, None]).T @ design + np.diag(trust))
        answer = inverse @ (design.T @ (weight * diameter) + trust * expected)
        miss = diameter - design @ answer
        spread = max(_weighted_mad(miss, weight), _MISFIT_FLOOR_MM)
        weight = base / (1.0 + (np.where(miss < 0, miss / (3.0 * spread), miss / (4.0 * spread))) ** 2) ** 2
    sure = np.sqrt(np.einsum("np,pq,nq->n", design, inverse, design))
    shoulders = _from_shoulders(arc, miss, usable & healthy, near, places)
    misfit = np.hypot(np.maximum(spread / _MISFIT_FLOOR_MM, 1.0) * sure, shoulders)
    weights = design @ inverse @ (design * weight[:, None]).T
    return Reference(ReferenceKind.TAPER, design @ answer, weights, misfit)


def adjacent_reference(
    measured: Measured,
    lesions: Sequence[tuple[int, int]],
    bifurcations: Sequence[Bifurcation] = (),
    diameter_mm: FloatArray | None = None,
) -> Reference:
    """Average the nearest plaque-free sections on both sides of each lesion.

    Parameters
    ----------
    lesions
        First and last section of each. ``healthy_mm`` is NaN outside of them, and in those without plaque-free
        sections within 20 mm on either side.
    """
    walls = measured.walls
    diameter = walls.diameter_mm if diameter_mm is None else diameter_mm
    count = len(diameter)
    healthy, weights, misfit = np.full(count, np.nan), np.zeros((count, count)), np.full(count, np.nan)
    free = plaque_free(walls)
    fair, near = usable_sections(measured, bifurcations) & free, sections_before_branches(measured, bifurcations) & free
    for first, last in lesions:
        fair[first : last + 1] = near[first : last + 1] = False
    steps = branch_steps(measured, bifurcations, diameter)
    for first, last in lesions:
        at = first + int(np.argmin(diameter[first : last + 1]))
        sides = sides_beside(walls.arc_mm, (fair, near), steps, (first, at, last), ADJACENT_LENGTH_MM)
        if not sides:
            continue
        row = np.zeros(count)
        for one in sides:
            row[one.sections] += one.scale / (len(one.sections) * len(sides))
        inside = slice(first, last + 1)
        healthy[inside], weights[inside] = row @ diameter, row
        misfit[inside] = _adjacent_misfit(diameter, sides)
    return Reference(ReferenceKind.ADJACENT, healthy, weights, misfit)


def branch_steps(measured: Measured, bifurcations: Sequence[Bifurcation], diameter_mm: FloatArray) -> tuple[Step, ...]:
    """Return what the branching law expects at each bifurcation, from the healthy diameters (N,) that were measured behind it."""
    fair = usable_sections(measured, bifurcations) & plaque_free(measured.walls)
    return expected_steps(measured.walls.arc_mm, diameter_mm, fair, bifurcations)


def sections_before_branches(measured: Measured, bifurcations: Sequence[Bifurcation]) -> BoolArray:
    """Return the sections (N,) that come close to a bifurcation, yet not into its funnel: second choice where others lack."""
    arc = measured.walls.arc_mm
    near, within = np.zeros(len(arc), dtype=bool), np.zeros(len(arc), dtype=bool)
    for one in bifurcations:
        before = (one.arc_mm - arc) / (0.5 * one.parent_mm)
        near |= (before > _FUNNEL_REACH) & (before <= _BRANCH_REACH)
        within |= (before <= _FUNNEL_REACH) & (before >= -_BRANCH_REACH)
    return np.asarray(near & ~within & usable_sections(measured))


def _from_shoulders(
    arc: FloatArray, miss: FloatArray, fair: BoolArray, near: BoolArray, steps: Sequence[Step]
) -> FloatArray:  # fmt: skip
    """Return the spread (N,) that reaches from the line to what can be seen of a stretch that has no healthy section to fit."""
    away = np.zeros(len(arc))
    stretch = np.searchsorted([one.arc_mm for one in steps], arc)
    for number in range(len(steps) + 1):
        inside = stretch == number
        if (inside & near).any() and not (inside & fair).any():
            away[inside] = abs(float(np.median(miss[inside & near]))) / 1.96
    return away


def _adjacent_misfit(diameter: FloatArray, sides: Sequence[Side]) -> float:
    """Return the standard deviation: one side alone, or two that differ, tell less about what lies between, and a law less."""
    means = [one.scale * float(diameter[one.sections].mean()) for one in sides]
    law = float(np.mean([one.scale_sd * mean / one.scale for one, mean in zip(sides, means, strict=True)]))
    if len(sides) == 1:
        return float(np.hypot(_ONE_SIDE_MM, law))
    return float(np.sqrt(_MISFIT_FLOOR_MM**2 + (0.3 * (means[0] - means[1])) ** 2 + law**2))


def measured_step(walls: Walls) -> float:
    """Return the distance between sections, mm."""
    return mean_step_mm(walls.arc_mm)


def _weighted_mad(miss: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(np.abs(miss))
    total = np.cumsum(weight[order])
    return float(1.4826 * np.abs(miss)[order][np.searchsorted(total, 0.5 * total[-1])])
