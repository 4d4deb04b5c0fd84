"""A stretch of an artery fitted with calcium in the picture: lumen, outer wall, plates of calcium and their level together.

Gauss-Newton as in ``section_fit``, with damping, because calcium that touches contrast bends the way to the answer: a step
that does not lower the cost is taken back. The cost is minus the logarithm of the posterior, so that answers reached from
different starts can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from SenseCarePlanningLib.geometry import FloatArray

from .calcium_knowledge import LEVEL_RANGE_HU, LEVEL_SD_HU, add_calcium_knowledge
from .scan_model import ScanModel
from .section_fit import (
    REACH,
    ROBUST_SIGMAS,
    along,
    along_kernel,
    banded,
    blocks_of,
    diameter_slopes,
    gradient,
    legal,
    normal_rows,
    one_each,
    summed_each,
    times_banded,
    weighed_places,
)
from .section_knowledge import ExpectedWall, add_knowledge, knowledge_cost
from .section_model import AROUND, GAP, LUMEN_RADIUS, PARAMETERS, PLATE, RING, WITH_CALCIUM, Places, picture

Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_TIE_SD_MM, _TIE_SD_HU = 0.05, 10.0
_STEP_LIMIT_MM, _STEP_LIMIT_HU, _LEVEL_LIMIT_HU = 0.3, 40.0, 150.0
_MOST_DAMPING = 100.0
_ENOUGH = 0.2
_HELD = 1e6


@dataclass(frozen=True, eq=False)
class Part:
    """Sections of an artery: as ``Sections``, with the lumen's level (N,), and parameters (N, 20) held where ``tied`` (N,)."""

    values: Float32Array
    weight: Float32Array
    around_hu: Float32Array
    places: Places
    step_mm: float
    place_mm2: float
    lumen_hu: FloatArray
    scan: ScanModel
    tie: FloatArray
    tied: BoolArray
    expected: ExpectedWall

    @cached_property
    def weighed(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See :func:`.section_fit.weighed_places`; places stand in the order of their distance from the line."""
        return weighed_places(self.weight)

    def thinned(self) -> Part:
        """Return every other place, as on a chessboard: enough to tell a good start from a bad one."""
        cell = np.rint((self.places.at_mm - self.places.at_mm.min(axis=0)) / np.sqrt(self.place_mm2)).astype(int)
        kept = cell.sum(axis=1) % 2 == 0
        places = Places(self.places.at_mm[kept], self.places.tilt[kept])
        return Part(
            self.values[:, kept], self.weight[:, kept], self.around_hu[:, kept], places, self.step_mm, 2.0 * self.place_mm2,
            self.lumen_hu, self.scan, self.tie, self.tied, self.expected,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pins:
    """Radii (N,) that the lumen is held at, NaN where free, and how firmly, mm."""

    radius_mm: FloatArray
    sd_mm: float

    def short_mm(self, values: FloatArray) -> FloatArray:
        """Return how far (N,) the radii lie below, 0 where free."""
        return np.asarray(np.nan_to_num(self.radius_mm - values[:, LUMEN_RADIUS]))


@dataclass(frozen=True, eq=False)
class Solution:
    """Parameters (N, 60), the level of solid calcium, and the cost: minus the logarithm of the posterior, pins not counted."""

    values: FloatArray
    level_hu: float
    cost: float
    state: State


@dataclass(frozen=True, eq=False)
class State:
    """The cost about one place, to second order; ``column`` (N, 60) and ``corner`` belong to the level of calcium.

    ``known`` is what knowledge adds to the normal matrix, as :func:`.section_fit.normal_rows` has it, ``kernel`` the blur along
    the artery and ``weighed`` up to where there are weights.
    """

    cost: float
    known: FloatArray
    pull: FloatArray
    column: FloatArray
    corner: float
    pull_level: float
    weight: Float32Array
    slopes: Float32Array
    seen: Float32Array
    lumen_share: Float32Array
    kernel: FloatArray
    weighed: NDArray[np.int64]

    @property
    def told(self) -> FloatArray:
        """What the scan alone tells of the normal matrix: worked out when asked, for most states that are tried are not."""
        return normal_rows(self.slopes, self.weight, self.kernel, self.weighed)

    @cached_property
    def bands(self) -> FloatArray:
        """The normal matrix by its lower bands, see :func:`.section_fit.banded`."""
        return banded(self.told + self.known)


def solve(
    part: Part, start: FloatArray, level_hu: float, rounds: int, pins: Pins | None = None, hold_level: bool = False
) -> Solution:
    """Go downhill from a start (N, 60), with the level of calcium held or free; stop where a round gains next to nothing."""
    values, level, damping = start, level_hu, 1e-3
    state = state_at(part, values, level)
    cost = state.cost + _pin_cost(values, pins)
    for _ in range(rounds):
        step, step_level = _step(state, values, damping, pins, hold_level)
        tried = _legal(values + step)
        tried_level = float(np.clip(level + step_level, *LEVEL_RANGE_HU))
        trial = state_at(part, tried, tried_level)
        trial_cost = trial.cost + _pin_cost(tried, pins)
        if trial_cost < cost:
            gained = cost - trial_cost
            values, level, state, cost = tried, tried_level, trial, trial_cost
            damping = max(damping / 5.0, 1e-4)
            if gained < _ENOUGH:
                break
        else:
            damping = max(damping * 20.0, 1e-2)
            if damping > _MOST_DAMPING:
                break
    return Solution(values, level, state.cost, state)


def state_at(part: Part, values: FloatArray, level_hu: float) -> State:
    """Return the cost and its derivatives at parameters (N, 60)."""
    scan = part.scan
    kernel = along_kernel(scan.sigma_mm, part.step_mm)
    power = np.float32(part.place_mm2 * part.step_mm / (scan.noise_hu**2 * scan.noise_volume_mm3))
    weighed, needed = part.weighed
    seen, slopes, lumen, hard = picture(values, part.lumen_hu, part.around_hu, part.places, scan.sigma_mm, level_hu, needed)
    seen, moved = along(seen, kernel), along(hard, kernel)
    miss = part.values - seen
    scale = np.float32(ROBUST_SIGMAS * scan.noise_hu)
    ratio = (miss / scale) ** 2
    cost = 0.5 * float((power * scale**2 * part.weight * np.log1p(ratio)).sum(dtype=np.float64))
    weight = power * part.weight / (1.0 + ratio)
    rows = np.zeros((*values.shape, (REACH + 1) * values.shape[1]))
    bands = blocks_of(rows)
    pull = gradient(slopes, along(weight * miss, kernel), needed)
    column = gradient(slopes, along(weight * moved, kernel), needed)
    corner = float((weight * moved**2).sum(dtype=np.float64)) + 1.0 / LEVEL_SD_HU**2
    cost += knowledge_cost(values[:, :PARAMETERS], part.step_mm, part.expected)
    add_knowledge(bands, pull, values, part.step_mm, part.expected)
    known, pull_level = add_calcium_knowledge(bands, pull, values, level_hu, part.step_mm)
    pull_level += float((weight * moved * miss).sum(dtype=np.float64))
    cost += known + _tie(part, bands[0], pull, values)
    return State(cost, rows, pull, column, corner, pull_level, weight, slopes, seen, lumen, kernel, weighed)


def calcium_share(part: Part, found: Solution) -> Float32Array:
    """Return the share of calcium (N, M) that a solution has at all places of the part, those without a weight too."""
    return picture(found.values, part.lumen_hu, part.around_hu, part.places, part.scan.sigma_mm, found.level_hu)[3]


def spread_of(part: Part, found: Solution) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return how sure a solution's lumen diameters are.

    Returns
    -------
    uncertain, noisy, by_sigma, by_lumen
        Covariances (N, N), as ``SectionFit.covariance`` has them, the level of calcium not known; changes (N,) of the
        diameters for 1 mm more blur and 1 HU more lumen level.
    """
    state, count = found.state, len(found.values)
    factor = _factor(state, found.values, 0.0, None)
    slopes = np.hstack([diameter_slopes(found.values[:, :PARAMETERS]), np.zeros((count, WITH_CALCIUM - PARAMETERS))])
    sigma = part.scan.sigma_mm
    wider = picture(found.values, part.lumen_hu, part.around_hu, part.places, 1.02 * sigma, found.level_hu, part.weighed[1])[0]
    blurred = (along(wider, along_kernel(1.02 * sigma, part.step_mm)) - state.seen) / np.float32(0.02 * sigma)
    kernel = along_kernel(sigma, part.step_mm)
    changes = [blurred, along(state.lumen_share, kernel)]
    pulled = [gradient(state.slopes, along(state.weight * one, kernel), part.weighed[1]).ravel() for one in changes]
    right = np.column_stack([one_each(slopes), state.column.ravel(), *pulled])
    answer = cho_solve_banded((factor, True), right, check_finite=False)
    own, summed = answer[:, :count], summed_each(slopes, answer)
    by_level = summed[:, count]
    free = max(state.corner - float(state.column.ravel() @ answer[:, count]), 1.0 / LEVEL_SD_HU**2)
    noisy = own.T @ times_banded(banded(state.told), own)
    return summed[:, :count] + np.outer(by_level, by_level) / free, noisy, -summed[:, count + 1], -summed[:, count + 2]


def _tie(part: Part, blocks: FloatArray, pull: FloatArray, values: FloatArray) -> float:
    """Hold the ends at what the whole artery's fit found."""
    sd = np.full(PARAMETERS, _TIE_SD_MM)
    sd[RING], sd[AROUND] = _TIE_SD_HU, _TIE_SD_HU
    away = (values[:, :PARAMETERS] - part.tie) * part.tied[:, None]
    index = np.arange(PARAMETERS)
    pull[:, :PARAMETERS] -= away / sd**2
    blocks[:, index, index] += part.tied[:, None] / sd**2
    return 0.5 * float(((away / sd) ** 2).sum())


def _pin_cost(values: FloatArray, pins: Pins | None) -> float:
    return 0.0 if pins is None else 0.5 * float((pins.short_mm(values) ** 2).sum()) / pins.sd_mm**2


def _factor(state: State, values: FloatArray, damping: float, pins: Pins | None) -> FloatArray:
    """Factor the damped normal matrix; what stands at zero and is pulled below it stays there."""
    bands = state.bands.copy(order="F")
    diagonal = bands[0].reshape(values.shape) * (1.0 + damping)
    for which in (PLATE, GAP):
        diagonal[:, which] += _HELD * ((values[:, which] <= 0.0) & (state.pull[:, which] < 0.0))
    if pins is not None:
        diagonal[:, LUMEN_RADIUS] += np.isfinite(pins.radius_mm) / pins.sd_mm**2
    bands[0] = diagonal.ravel()
    return np.asarray(cholesky_banded(bands, overwrite_ab=True, lower=True, check_finite=False))


def _step(state: State, values: FloatArray, damping: float, pins: Pins | None, hold_level: bool) -> tuple[FloatArray, float]:
    pull = state.pull
    if pins is not None:
        pull = pull.copy()
        pull[:, LUMEN_RADIUS] += pins.short_mm(values) / pins.sd_mm**2
    column = state.column.ravel()
    factor = _factor(state, values, damping, pins)
    answer = cho_solve_banded((factor, True), np.stack([pull.ravel(), column], axis=1), check_finite=False)
    free = max(state.corner - float(column @ answer[:, 1]), 1e-12)
    level = 0.0 if hold_level else (state.pull_level - float(column @ answer[:, 0])) / free
    step = (answer[:, 0] - answer[:, 1] * level).reshape(values.shape)
    limit = np.full(WITH_CALCIUM, _STEP_LIMIT_MM)
    limit[RING], limit[AROUND] = _STEP_LIMIT_HU, _STEP_LIMIT_HU
    return np.clip(step, -limit, limit), float(np.clip(level, -_LEVEL_LIMIT_HU, _LEVEL_LIMIT_HU))


def _legal(values: FloatArray) -> FloatArray:
    values = legal(values)
    values[:, PLATE], values[:, GAP] = np.clip(values[:, PLATE], 0.0, 3.0), np.clip(values[:, GAP], 0.0, 1.5)
    return values
