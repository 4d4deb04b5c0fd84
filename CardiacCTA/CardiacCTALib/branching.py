"""What a branching tells of an artery's healthy width: the law for the diameters around it, and which sections lie this side.

The law's exponent is not known better than from 7/3 to 3, and the side branch's diameter not better than its line's: what is
carried across a branching carries that spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray, mean_step_mm

BoolArray = NDArray[np.bool_]

BRANCH_EXPONENT, MURRAY_EXPONENT = 7.0 / 3.0, 3.0
"""Diameters at a bifurcation obey D**x = D1**x + D2**x. Murray's x is 3; 7/3 (Huo and Kassab) fits casts of coronary
bifurcations better (Huo et al. 2012, PMC4913552), and 2.15 to 2.38 fit flow and resistance in human coronary arteries (Taylor
et al. 2022, doi:10.3389/fphys.2022.871912)."""
STEP_SD_MM, SIDE_SD_MM = 0.25, 0.2
"""How far a bifurcation's step may stray from that law at least, and how well a tree's line knows a diameter. Chosen."""
NOTE_SHARE = 0.05
"""A branch that takes this share of the artery's diameter or more parts references. Chosen: half of the 10 % of remodelling."""
NEAREST_MM, WITHIN_MM = 1.0, 20.0
_LEAST_SHARE = 0.6
_BEHIND_MM, _BEHIND_LEAST_MM, _AT_ONCE_MM = 15.0, 2.0, 6.0


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
        return self.parent_mm - self.parent_mm / _from_mother(self.parent_mm, self.side_mm, BRANCH_EXPONENT)


@dataclass(frozen=True)
class Step:
    """What the law expects at a branching: the diameter before it over the one behind it, and the fall, mm, with their spread."""

    arc_mm: float
    ratio: float
    ratio_sd: float
    step_mm: float
    step_sd_mm: float


@dataclass(frozen=True, eq=False)
class Side:
    """Healthy sections on one side of a lesion, and by what their diameters are scaled, with its standard deviation."""

    sections: NDArray[np.int64]
    scale: float = 1.0
    scale_sd: float = 0.0


def expected_steps(
    arc_mm: FloatArray, diameter_mm: FloatArray, fair: BoolArray, bifurcations: Sequence[Bifurcation]
) -> tuple[Step, ...]:
    """Return the expected step of each bifurcation, in the order of their places.

    It is reckoned from the healthy diameters behind it where there are, because the mother may be narrowed and a difference of
    powers of like numbers errs much; where the next branching follows at once, from the mother that it asks for; from
    the mother's own otherwise.

    Parameters
    ----------
    arc_mm, diameter_mm, fair
        (N,) places of the sections, their diameters, and which are healthy.
    """
    places = sorted(bifurcations, key=lambda one: one.arc_mm)
    found: list[Step] = []
    end, beyond = np.inf, None
    for one in reversed(places):
        behind = fair & (arc_mm > one.arc_mm) & (arc_mm < min(end, one.arc_mm + _BEHIND_MM))
        known = beyond if end - one.arc_mm < _AT_ONCE_MM else None
        if behind.sum() * mean_step_mm(arc_mm) >= _BEHIND_LEAST_MM:
            known = float(np.median(diameter_mm[behind]))
        step = _step(one, known)
        found.insert(0, step)
        end, beyond = one.arc_mm, None if known is None else known + step.step_mm
    return tuple(found)


def sides_beside(
    arc_mm: FloatArray,
    choices: Sequence[BoolArray],
    steps: Sequence[Step],
    lesion: tuple[int, int, int],
    length_mm: float,
) -> tuple[Side, ...]:
    """Return the healthy sections before and behind a lesion, 1 to 20 mm away: its own stretch's, else what lies beyond.

    Parameters
    ----------
    choices
        (N,) each: which sections are healthy, the first choice first; beyond a branching only that one counts.
    lesion
        Its first, narrowest and last section.
    length_mm
        How much of each side is taken.
    """
    first, at, last = lesion
    noted = [one for one in steps if one.ratio > 1.0 / (1.0 - NOTE_SHARE)]
    stretch = np.searchsorted([one.arc_mm for one in noted], arc_mm)
    length = max(round(length_mm / mean_step_mm(arc_mm)), 1)
    for fair in choices:
        own = fair & (stretch == stretch[at])
        sides = [one for one in (_nearest(arc_mm, own, first, -1, length), _nearest(arc_mm, own, last, 1, length)) if len(one)]
        if sides:
            return tuple(Side(one) for one in sides)
    found = []
    for edge, side in ((first, -1), (last, 1)):
        beyond = _nearest(arc_mm, choices[0], edge, side, length)
        # no further than to the other side of one branching more: what the first holds
        beyond = beyond[stretch[beyond] == stretch[beyond[0]]] if len(beyond) else beyond
        if len(beyond):
            found.append(_scaled(beyond, int(stretch[beyond[0]]), int(stretch[at]), noted))
    return tuple(found)


def _scaled(sections: NDArray[np.int64], there: int, here: int, noted: Sequence[Step]) -> Side:
    """Carry sections of one stretch to another."""
    crossed = noted[min(there, here) : max(there, here)]
    ratio = float(np.prod([one.ratio for one in crossed]))
    spread = float(np.sqrt(sum((one.ratio_sd / one.ratio) ** 2 for one in crossed)))
    scale = ratio if there > here else 1.0 / ratio
    return Side(sections, scale, scale * spread)


def _nearest(arc: FloatArray, fair: BoolArray, edge: int, side: int, length: int) -> NDArray[np.int64]:
    """Return the fair sections nearest to a lesion's edge on one side, 1 to 20 mm away."""
    away = (arc - arc[edge]) * side
    found = np.flatnonzero(fair & (away >= NEAREST_MM) & (away <= WITHIN_MM))
    return np.asarray(found[np.argsort(away[found])][:length])


def _step(one: Bifurcation, behind_mm: float | None) -> Step:
    if one.side_mm is None:
        return Step(one.arc_mm, 1.0, STEP_SD_MM / one.parent_mm, 0.0, STEP_SD_MM)
    exponents = (BRANCH_EXPONENT, MURRAY_EXPONENT)
    sides = (max(one.side_mm - SIDE_SD_MM, 0.1), one.side_mm + SIDE_SD_MM)
    if behind_mm is not None:
        ratios = np.array([(1.0 + (side / behind_mm) ** power) ** (1.0 / power) for power in exponents for side in sides])
    else:
        mothers = (one.parent_mm - SIDE_SD_MM, one.parent_mm + SIDE_SD_MM)
        ratios = np.array([_from_mother(mother, side, power) for power in exponents for side in sides for mother in mothers])
    ratio = float(ratios.mean())
    behind = one.parent_mm / ratio if behind_mm is None else behind_mm
    spread = max(float(ratios.std()), STEP_SD_MM / behind)
    return Step(one.arc_mm, ratio, spread, behind * (ratio - 1.0), behind * spread)


def _from_mother(mother_mm: float, side_mm: float, power: float) -> float:
    """Return the mother's diameter over the main vessel's behind the branching, by the law."""
    rest = max(mother_mm**power - min(side_mm, mother_mm) ** power, 0.0) ** (1.0 / power)
    return float(mother_mm / max(rest, _LEAST_SHARE * mother_mm))
