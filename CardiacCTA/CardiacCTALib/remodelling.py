"""Remodelling: is the artery wider outside at the lesion than before and after it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured, Walls
from .narrowest import smoothing
from .plaque_region import UNSEEN_SD_MM
from .reference import Bifurcation, measured_step, plaque_free, usable_sections
from .section_fit import outer_diameter_slopes
from .stenosis import Estimate, Lesion

BoolArray = NDArray[np.bool_]

POSITIVE_FROM = 1.10
"""Positive remodelling: outer diameter at least 10 % greater than the mean of the normal proximal and distal ones (ASCI
consensus on coronary CT reporting)."""
_WITHIN_MM, _LENGTH_MM, _GAP_MM = 20.0, 5.0, 1.0
_STEP_SHARE = 0.05
"""A branch that narrows the artery by this share of its diameter or more parts references. Chosen: half of the sign's 10 %."""
_Z95 = 1.96
_MISFIT = 0.02
"""Standard deviation of the index for what noise does not explain: arteries are not ruled. Chosen."""


@dataclass(frozen=True)
class Remodelling:
    """The index, the section it was read at, and the outer diameters it rests on, mm; ``sides`` 1 or 2 normal stretches."""

    index: Estimate
    section: int
    outer_mm: float
    reference_mm: float
    sides: int

    @property
    def positive(self) -> bool:
        """Whether the index reaches 1.10."""
        return self.index.value >= POSITIVE_FROM

    @property
    def certain(self) -> bool:
        """Whether the interval lies on one side of 1.10."""
        return not self.index.low < POSITIVE_FROM <= self.index.high


def remodelling_index(
    measured: Measured, walls: Walls, lesion: Lesion, diseased: BoolArray | None = None, unseen: FloatArray | None = None,
    bifurcations: Sequence[Bifurcation] = (),
) -> Remodelling | None:  # fmt: skip
    """Return the index at the narrowest section; None where no plaque-free stretch lies within 20 mm on either side.

    Between two normal stretches the reference runs in a straight line, so that an artery that tapers is no sign. What lies
    beyond the origin of a branch that takes a good part of the artery is no reference.

    Parameters
    ----------
    diseased
        (N,) where there is plaque; where the wall is thick, where not given.
    unseen
        (N,) share of the outer wall's round whose edge is not seen; nothing, where not given.
    """
    arc, outer = walls.arc_mm, walls.outer_diameter_mm
    fair = usable_sections(measured) & (plaque_free(walls) if diseased is None else ~diseased)
    fair[lesion.first : lesion.last + 1] = False
    for one in bifurcations:
        if one.expected_step_mm > _STEP_SHARE * one.parent_mm:
            fair &= (arc < one.arc_mm) == bool(arc[lesion.narrowest] < one.arc_mm)
    before = fair & (arc < arc[lesion.first] - _GAP_MM) & (arc > arc[lesion.first] - _WITHIN_MM)
    after = fair & (arc > arc[lesion.last] + _GAP_MM) & (arc < arc[lesion.last] + _WITHIN_MM)
    length = max(round(_LENGTH_MM / measured_step(walls)), 1)
    sides = [one for one in (np.flatnonzero(before)[-length:], np.flatnonzero(after)[:length]) if len(one)]
    if not sides:
        return None
    at = lesion.narrowest
    reference = _weights(arc, sides, at)
    here = smoothing(len(outer), measured_step(walls))[at]
    value, healthy = float(here @ outer), float(reference @ outer)
    slopes = (here - value / healthy * reference) / healthy
    hidden = 0.0 if unseen is None else 2.0 * UNSEEN_SD_MM * float(unseen[at]) / healthy
    noise = measured.fit.variance(outer_diameter_slopes(measured.fit.values), slopes)
    sd = float(np.sqrt(noise + _MISFIT**2 + hidden**2))
    index = value / healthy
    return Remodelling(Estimate(index, index - _Z95 * sd, index + _Z95 * sd), at, value, healthy, len(sides))


def _weights(arc: FloatArray, sides: list[np.ndarray], at: int) -> FloatArray:
    row = np.zeros(len(arc))
    shares = [1.0] * len(sides)
    if len(sides) == 2:
        near, far = (float(arc[one].mean()) for one in sides)
        shares = [(far - float(arc[at])) / (far - near), (float(arc[at]) - near) / (far - near)]
    for one, share in zip(sides, shares, strict=True):
        row[one] += share / len(one)
    return row
