"""What is known of an artery's sections before the scan is asked: smooth along the artery, round, with usual walls and levels.

The knowledge (standard deviations of second derivatives and of shapes) is chosen: wide enough for any lesion that the
scan resolves (a full occlusion within 3 mm bends the radius by about 1 per mm), narrow enough to quiet noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray

from .section_model import AROUND, CONTOUR, LUMEN, LUMEN_RADIUS, OUTER, OUTER_RADIUS, PARAMETERS, RING

PLAQUE_HU, PLAQUE_SD_HU, TILT_SD_HU, AROUND_SD_HU = 60.0, 20.0, 20.0, 15.0
"""Level of wall and non-calcified plaque before the scan is asked: the middle of the 20 to 90 HU of soft plaque. Chosen."""
WALL_MM, WALL_SD_MM = 0.6, 1.0
_BEND = {
    "centre": 0.5,
    "radius": 1.0,
    "shape": 0.4,
    "outer_centre": 0.4,
    "outer_radius": 0.5,
    "outer_shape": 0.3,
    "ring": 60.0,
    "around": 40.0,
}
"""Standard deviation of the second derivative along the artery: 1/mm for lengths, HU/mm2 for levels."""
_SHAPE_SHARE = (0.12, 0.06)
"""Standard deviation of harmonics 2 and 3 as a share of the radius: an ellipse of 1 to 1.27 is one deviation."""
_ECCENTRIC_MM = 0.6


@dataclass(frozen=True, eq=False)
class ExpectedWall:
    """Wall or plaque of N sections before the scan is asked.

    Parameters
    ----------
    hu, sd_hu
        (N,) its level, and how far the truth may lie from it.
    thick_mm, centre_mm
        (N,) its mean thickness and (N, 2) the centre of the outer wall in the section's plane.
    """

    hu: FloatArray
    sd_hu: FloatArray
    thick_mm: FloatArray
    centre_mm: FloatArray

    def part(self, which: slice) -> ExpectedWall:
        """Return it for some sections."""
        return ExpectedWall(self.hu[which], self.sd_hu[which], self.thick_mm[which], self.centre_mm[which])


def add_knowledge(bands: list[FloatArray], pull: FloatArray, values: FloatArray, step_mm: float, expected: ExpectedWall) -> None:
    """Add what is known beforehand: smooth along the artery, round sections, usual levels, a wall of usual thickness."""
    diagonal = np.arange(PARAMETERS)
    add_bends(bands, pull, values, 1.0 / (_bend_sd() * step_mm**2) ** 2, diagonal)
    pull, values = pull[:, :PARAMETERS], values[:, :PARAMETERS]
    usual, sd = _usual(values, expected)
    bands[0][:, diagonal, diagonal] += 1.0 / sd**2
    pull -= (values - usual) / sd**2
    wall = 1.0 / WALL_SD_MM**2
    short = expected.thick_mm - (values[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS])
    for one, sign in ((OUTER_RADIUS, 1.0), (LUMEN_RADIUS, -1.0)):
        pull[:, one] += sign * wall * short
        bands[0][:, one, one] += wall
    bands[0][:, OUTER_RADIUS, LUMEN_RADIUS] -= wall
    bands[0][:, LUMEN_RADIUS, OUTER_RADIUS] -= wall


def add_bends(
    bands: list[FloatArray], pull: FloatArray, values: FloatArray, weight: FloatArray, which: NDArray[np.int64]
) -> FloatArray:
    """Add that parameters hardly bend along the artery to blocks by offset, gradient and values of N sections.

    Parameters
    ----------
    weight, which
        (P,) of each parameter's squared second difference, and its number.

    Returns
    -------
    FloatArray
        The second differences (N - 2, P).
    """
    count, own = len(values), values[:, which]
    second = own[2:] - 2.0 * own[1:-1] + own[:-2]
    for first, weight_first in ((0, 1.0), (1, -2.0), (2, 1.0)):
        pull[first : count - 2 + first, which] -= weight_first * weight * second
        for other, weight_other in ((0, 1.0), (1, -2.0), (2, 1.0)):
            if other >= first:
                bands[other - first][first : count - 2 + first, which, which] += weight_first * weight_other * weight
    return np.asarray(second)


def knowledge_cost(values: FloatArray, step_mm: float, expected: ExpectedWall) -> float:
    """Return half the squared deviations that ``add_knowledge`` stands for."""
    second = (values[2:] - 2.0 * values[1:-1] + values[:-2]) / (_bend_sd() * step_mm**2)
    usual, sd = _usual(values, expected)
    short = (expected.thick_mm - (values[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS])) / WALL_SD_MM
    return 0.5 * float((second**2).sum() + (((values - usual) / sd) ** 2).sum() + (short**2).sum())


def _bend_sd() -> FloatArray:
    sd = np.empty(PARAMETERS)
    sd[LUMEN] = [_BEND["centre"]] * 2 + [_BEND["radius"]] + [_BEND["shape"]] * (CONTOUR - 3)
    sd[OUTER] = [_BEND["outer_centre"]] * 2 + [_BEND["outer_radius"]] + [_BEND["outer_shape"]] * (CONTOUR - 3)
    sd[RING], sd[AROUND] = _BEND["ring"], _BEND["around"]
    return sd


def _usual(values: FloatArray, expected: ExpectedWall) -> tuple[FloatArray, FloatArray]:
    usual, sd = np.zeros_like(values), np.full_like(values, 1e6)
    for part, radius in ((LUMEN, LUMEN_RADIUS), (OUTER, OUTER_RADIUS)):
        sd[:, part.start : part.start + 2] = _ECCENTRIC_MM
        share = np.repeat(_SHAPE_SHARE, 2)[None, :] * np.maximum(values[:, radius : radius + 1], 0.5)
        sd[:, part.start + 3 : part.stop] = share
    usual[:, OUTER.start : OUTER.start + 2] = expected.centre_mm
    usual[:, RING.start], sd[:, RING.start] = expected.hu, expected.sd_hu
    sd[:, RING.start + 1 : RING.stop] = TILT_SD_HU
    sd[:, AROUND] = AROUND_SD_HU
    return usual, sd
