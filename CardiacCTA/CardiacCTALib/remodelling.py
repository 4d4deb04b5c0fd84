"""Remodelling: is the artery wider outside at the lesion than before and after it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .branching import Bifurcation, Side, sides_beside
from .lumen import Measured, Walls
from .narrowest import smoothing
from .plaque_region import UNSEEN_SD_MM
from .reference import branch_steps, measured_step, plaque_free, sections_before_branches, usable_sections
from .section_fit import outer_diameter_slopes
from .stenosis import Estimate, Lesion

BoolArray = NDArray[np.bool_]

POSITIVE_FROM = 1.10
"""Positive remodelling: outer diameter at least 10 % greater than the mean of the normal proximal and distal ones (ASCI
consensus on coronary CT reporting)."""
_LENGTH_MM = 5.0
_Z95 = 1.96
_MISFIT = 0.02
"""Standard deviation of the index for what noise does not explain: arteries are not ruled. Chosen."""
_ONE_SIDE = 0.04
"""The same where one normal stretch alone is known, which tells nothing of how the artery tapers. Chosen."""


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
    beyond the origin of a branch that takes a good part of the artery counts only where there is nothing on this side, scaled
    by the branching law and with the law's spread.

    Parameters
    ----------
    diseased
        (N,) where there is plaque; where the wall is thick, where not given.
    unseen
        (N,) share of the outer wall's round whose edge is not seen; nothing, where not given.
    """
    arc, outer = walls.arc_mm, walls.outer_diameter_mm
    free = plaque_free(walls) if diseased is None else ~diseased
    fair, near = usable_sections(measured, bifurcations) & free, sections_before_branches(measured, bifurcations) & free
    fair[lesion.first : lesion.last + 1] = near[lesion.first : lesion.last + 1] = False
    at = lesion.narrowest
    steps = branch_steps(measured, bifurcations, walls.diameter_mm)
    sides = sides_beside(arc, (fair, near), steps, (lesion.first, at, lesion.last), _LENGTH_MM)
    if not sides:
        return None
    reference = _weights(arc, sides, at)
    here = smoothing(len(outer), measured_step(walls))[at]
    value, healthy = float(here @ outer), float(reference @ outer)
    slopes = (here - value / healthy * reference) / healthy
    hidden = 0.0 if unseen is None else 2.0 * UNSEEN_SD_MM * float(unseen[at]) / healthy
    noise = measured.fit.variance(outer_diameter_slopes(measured.fit.values), slopes)
    index = value / healthy
    law = index * float(np.mean([one.scale_sd / one.scale for one in sides]))
    misfit = _MISFIT if len(sides) == 2 else _ONE_SIDE
    sd = float(np.sqrt(noise + misfit**2 + law**2 + hidden**2))
    return Remodelling(Estimate(index, index - _Z95 * sd, index + _Z95 * sd), at, value, healthy, len(sides))


def _weights(arc: FloatArray, sides: Sequence[Side], at: int) -> FloatArray:
    row = np.zeros(len(arc))
    shares = [1.0] * len(sides)
    if len(sides) == 2:
        near, far = (float(arc[one.sections].mean()) for one in sides)
        shares = [(far - float(arc[at])) / (far - near), (float(arc[at]) - near) / (far - near)]
    for one, share in zip(sides, shares, strict=True):
        row[one.sections] += share * one.scale / len(one.sections)
    return row
