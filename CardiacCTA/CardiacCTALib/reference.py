"""How wide the artery would be if it were healthy: two references, side by side, each a weighted sum of measured diameters.

*Adjacent*: the mean of the nearest plaque-free sections before and after the lesion, as workstations do with their flags
"normal". *Taper*: a robust line through the plaque-free sections of the whole artery, with a step at each bifurcation.
Because both are weighted sums of the measured diameters, their errors follow from the covariance of those, and what they
share with the narrowest diameter cancels as it does in nature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured, Walls

BoolArray = NDArray[np.bool_]

BRANCH_EXPONENT = 7.0 / 3.0
"""Diameters at a bifurcation obey D**x = D1**x + D2**x. Murray's x is 3; 7/3 (Huo and Kassab) fits casts of coronary
bifurcations better (Huo et al. 2012, PMC4913552), and 2.15 to 2.38 fit flow and resistance in human coronary arteries (Taylor
et al. 2022, doi:10.3389/fphys.2022.871912)."""
STEP_SD_MM = 0.25
"""How far a bifurcation's step may stray from that law. Chosen."""
TAPER_MM_PER_MM, TAPER_SD = -0.015, 0.02
"""Usual change of the diameter along an artery, and its spread. Chosen: left main to distal LAD fall by 1.5 to 2 mm on 100 mm."""
NORMAL_WALL_MM = 0.5
"""Thickness of the wall of a healthy coronary artery with its fat border, as CT analysis excludes it (0.5 to 0.6 mm)."""
DISEASED_WALL_MM = 0.9
"""A mean wall thicker than this holds plaque. Chosen: the normal wall and 0.4 mm, which noise hardly feigns."""
ADJACENT_NEAREST_MM, ADJACENT_WITHIN_MM, ADJACENT_LENGTH_MM = 1.0, 20.0, 4.0
_BRANCH_REACH = 1.25
EDGE_MM = 1.2
"""So near to an end of the line the walls are less sure: nothing is read there."""
_MISFIT_FLOOR_MM = 0.05
_ALIKE_MM = 4.0


class ReferenceKind(Enum):
    """Which healthy reference a stenosis is measured against."""

    ADJACENT = "adjacent"
    TAPER = "taper"


@dataclass(frozen=True)
class Bifurcation:
    """A branch point along the artery: its place, the mother's diameter there, and the side branch's, mm (None: not known)."""

    arc_mm: float
    parent_mm: float
    side_mm: float | None = None

    @property
    def expected_step_mm(self) -> float:
        """Fall of the main vessel's diameter by the branching law; 0 where the side branch is not known."""
        if self.side_mm is None:
            return 0.0
        rest = max(self.parent_mm**BRANCH_EXPONENT - min(self.side_mm, self.parent_mm) ** BRANCH_EXPONENT, 0.0)
        return float(self.parent_mm - max(rest ** (1.0 / BRANCH_EXPONENT), 0.6 * self.parent_mm))


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
    places = sorted(bifurcations, key=lambda one: one.arc_mm)
    columns = [np.ones_like(arc), arc - arc.mean(), *[(arc > one.arc_mm).astype(np.float64) for one in places]]
    design = np.stack(columns, axis=1)
    expected = np.array([0.0, TAPER_MM_PER_MM, *[-one.expected_step_mm for one in places]])
    trust = np.array([0.0, 1.0 / TAPER_SD**2, *[1.0 / STEP_SD_MM**2 for _ in places]])
    base = np.where(usable_sections(measured, bifurcations), 1.0, 0.0) * np.where(plaque_free(walls), 1.0, 0.1) + 1e-6
    # neighbouring sections err alike: a millimetre or so counts once
    base *= measured_step(walls) / (_ALIKE_MM * _MISFIT_FLOOR_MM**2)
    weight = base.copy()
    for _ in range(15):
        inverse = np.linalg.inv((design * weight[:, None]).T @ design + np.diag(trust))
        answer = inverse @ (design.T @ (weight * diameter) + trust * expected)
        miss = diameter - design @ answer
        spread = max(_weighted_mad(miss, weight), _MISFIT_FLOOR_MM)
        weight = base / (1.0 + (np.where(miss < 0, miss / (3.0 * spread), miss / (4.0 * spread))) ** 2) ** 2
    sure = np.sqrt(np.einsum("np,pq,nq->n", design, inverse, design))
    misfit = np.maximum(spread / _MISFIT_FLOOR_MM, 1.0) * sure
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
    fair = usable_sections(measured, bifurcations) & plaque_free(walls)
    for first, last in lesions:
        fair[first : last + 1] = False
    for first, last in lesions:
        sides = [one for one in (_nearest(walls.arc_mm, fair, first, -1), _nearest(walls.arc_mm, fair, last, 1)) if len(one)]
        if not sides:
            continue
        row = np.zeros(count)
        for one in sides:
            row[one] += 1.0 / (len(one) * len(sides))
        inside = slice(first, last + 1)
        healthy[inside], weights[inside] = row @ diameter, row
        gap = abs(diameter[sides[0]].mean() - diameter[sides[-1]].mean())
        # one side alone, or two that differ, tell less about what lies between
        misfit[inside] = np.hypot(_MISFIT_FLOOR_MM, 0.3 * gap) if len(sides) == 2 else 0.15
    return Reference(ReferenceKind.ADJACENT, healthy, weights, misfit)


def _nearest(arc: FloatArray, fair: BoolArray, edge: int, side: int) -> NDArray[np.int64]:
    """Return the fair sections nearest to a lesion's edge on one side: up to 4 mm of them, 1 to 20 mm away."""
    away = (arc - arc[edge]) * side
    found = np.flatnonzero(fair & (away >= ADJACENT_NEAREST_MM) & (away <= ADJACENT_WITHIN_MM))
    order = found[np.argsort(away[found])]
    step = float(arc[-1] - arc[0]) / (len(arc) - 1)  # the first one alone may be shorter
    return np.asarray(order[: max(round(ADJACENT_LENGTH_MM / step), 1)])


def measured_step(walls: Walls) -> float:
    """Return the distance between sections, mm."""
    return float(walls.arc_mm[-1] / (len(walls.arc_mm) - 1))


def _weighted_mad(miss: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(np.abs(miss))
    total = np.cumsum(weight[order])
    return float(1.4826 * np.abs(miss)[order][np.searchsorted(total, 0.5 * total[-1])])
