"""Is a hairline of lumen left in a throat that shows none? All of its sections asked together, with the plaque's own level.

A stenosis of 90 to 95 % leaves a lumen of 0.15 to 0.3 mm. In one section its brightness drowns in noise, and plaque brighter than
usual feigns it. So the throat is fitted without lumen, with a plaque whose level is not expected beforehand; then it is asked
how much better a thin lumen along the whole throat would explain the scan, its line not known to a quarter of a millimetre. The
uncertainty of plaque, wall and surroundings is taken out of that lumen's evidence (the efficient score of the linear model).
What this leaves undecided, the scan does not tell: with usual noise (25 HU) and blur a lumen of 5 % of a 3 mm artery, 6 mm long,
is as bright as one standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import cho_solve_banded, cholesky_banded

from SenseCarePlanningLib.geometry import FloatArray

from .calcium_plate import plate_excess_hu
from .lumen import Measured, near_artery
from .outer_rim import rim_seen
from .plaque_level import OPEN_SD_HU
from .reference import measured_step
from .scan_model import ScanModel
from .section_fit import along, along_kernel, banded, blocks_of, gradient, limited_step, normal_rows, robust_weight, solution
from .section_knowledge import PLAQUE_HU, PLAQUE_SD_HU, ExpectedWall, add_knowledge
from .section_model import AROUND, LUMEN, LUMEN_RADIUS, OUTER, OUTER_RADIUS, PARAMETERS, RING, lattice_of, picture
from .section_start import surroundings

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

DARK_MM = 0.6
"""A throat is dark where a millimetre of it holds less brightness than a lumen of this diameter."""
CLOSED_BEFORE = 0.25
"""Share of occlusions among the narrowings from 70 % on, before the scan is asked: one in four. Chosen."""
CLOSED_FROM = 2.0 / 3.0
"""An occlusion is claimed where it is twice as likely as a lumen. Chosen: with usual noise few occlusions ever reach 0.85, as
lumens of 5 to 6 % can hardly be told from none; to ask for more is to call nearly all of them severe stenoses."""
CLOSED_MAYBE = 0.025
"""Below this probability an occlusion is excluded."""
_OPEN_SHARE = (0.05, 0.30)
"""Lumens that compete with none, as shares of the healthy diameter: stenoses of 70 to 95 %. All are as likely beforehand."""
_EDGE_MM, _LEAST_MM, _MARGIN_MM = 0.5, 1.2, 3.2
_BEND, _SEEN_SD_MM, _DARK_SD_MM = 0.15, 0.06, 1.0
_ASIDE_MM, _ASIDE_STEP_MM, _ASIDE_SD_MM = 0.75, 0.15, 0.25
_ROUNDS = 4
_TISSUE_HU, _BESIDE_MM = (-20.0, 220.0), 2.0
_FREE = np.r_[OUTER, RING, AROUND]
_HELD = np.setdiff1d(np.arange(PARAMETERS), _FREE)
_TAIL, _GRID_MM, _WIDEST_MM = 0.025, 0.005, 1.2


@dataclass(frozen=True)
class Hair:
    """What the lumen of a dark throat may be: how probably there is none; median and 95 % interval of its diameter, mm."""

    closed: float
    median_mm: float
    low_mm: float
    high_mm: float


@dataclass(frozen=True, eq=False)
class Hairline:
    """The evidence of one dark throat.

    Parameters
    ----------
    first, last
        Sections that it rests on.
    pull, power, weight
        (K,) for each line that a lumen may take: its score and information for each mm2, and how likely it is beforehand.
    tissue
        Whether plaque is there, and nothing as bright as a lumen beside it: else the line may have left the artery.
    """

    first: int
    last: int
    pull: FloatArray
    power: FloatArray
    weight: FloatArray
    tissue: bool

    def gain(self, diameter_mm: FloatArray) -> FloatArray:
        """Return the logarithm of how much likelier lumens (D,) of these diameters make the scan than none does."""
        area = np.pi / 4.0 * np.asarray(diameter_mm)[:, None] ** 2
        each = area * self.pull - 0.5 * area**2 * self.power
        most = each.max(axis=1)
        return np.asarray(most + np.log((self.weight * np.exp(each - most[:, None])).sum(axis=1)))

    def hair(self, healthy_mm: float) -> Hair:
        """Return what the lumen may be where a healthy one had this diameter."""
        share = np.linspace(*_OPEN_SHARE, 26)
        opened = float(np.exp(np.minimum(self.gain(share * healthy_mm), 300.0)).mean())
        closed = CLOSED_BEFORE / (CLOSED_BEFORE + (1.0 - CLOSED_BEFORE) * opened)
        grid = np.arange(_GRID_MM, _WIDEST_MM, _GRID_MM)
        gain = self.gain(grid)
        weight = np.exp(gain - gain.max())
        total = closed + (1.0 - closed) * np.cumsum(weight) / weight.sum()
        low, middle, high = (
            float(grid[np.searchsorted(total, part)]) if part > closed else 0.0 for part in (_TAIL, 0.5, 1 - _TAIL)
        )
        return Hair(closed, middle, low, high)


def hairlines(measured: Measured, area_mm2: FloatArray) -> tuple[Hairline, ...]:
    """Ask every dark throat of an artery.

    Parameters
    ----------
    area_mm2
        (N,) lumen by its brightness, section by section.
    """
    step = measured_step(measured.walls)
    mean = ndimage.uniform_filter1d(area_mm2, max(round(1.0 / step), 1))
    labels, count = ndimage.label((mean < np.pi / 4.0 * DARK_MM**2) & measured.visible)
    edge, margin = max(round(_EDGE_MM / step), 1), round(_MARGIN_MM / step)
    found = []
    for one in range(1, count + 1):
        rows = np.flatnonzero(labels == one)
        beyond = min(rows[0], len(labels) - 1 - rows[-1])
        if beyond * step >= _LEAST_MM and (len(rows) - 2 * edge) * step >= _LEAST_MM:
            found.append(_asked(measured, rows, slice(max(rows[0] - margin, 0), rows[-1] + margin + 1), edge, step))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Closed:
    """A stretch fitted without lumen: residual and weights (n, M), slopes (n, 20, M), and the factored normal matrix."""

    values: FloatArray
    miss: Float32Array
    weight: Float32Array
    slopes: Float32Array
    factor: FloatArray
    kernel: FloatArray


def _asked(measured: Measured, rows: NDArray[np.int64], window: slice, edge: int, step: float) -> Hairline:
    centre = _line(measured.fit.values[:, LUMEN][:, :2], rows, step)[window]
    dark = np.zeros(len(centre), dtype=bool)
    dark[rows - window.start] = True
    asked = dark & ndimage.binary_erosion(dark, iterations=edge)
    closed = _fit_closed(measured, window, dark, centre, step)
    level = closed.values[:, RING.start]
    turns = np.arange(-_ASIDE_MM, _ASIDE_MM + 1e-6, _ASIDE_STEP_MM)
    aside = np.stack(np.meshgrid(turns, turns, indexing="ij"), axis=-1).reshape(-1, 2)
    aside = aside[np.linalg.norm(aside, axis=1) <= _ASIDE_MM + 1e-6]
    contrast = np.where(asked, measured.lumen_hu[window] - level, 0.0)
    pull, power = _scores(measured, closed, centre, aside, contrast)
    sharp = _noise_at_blur(measured.scan)
    weight = np.exp(-0.5 * (aside**2).sum(axis=1) / _ASIDE_SD_MM**2)
    low, high = _TISSUE_HU
    plaque = low <= float(level[asked].mean()) <= high
    alone = plaque and not _bright_beside(measured, window, centre, asked, level)
    return Hairline(int(rows[edge]), int(rows[-edge - 1]), sharp * pull, sharp * power, weight / weight.sum(), alone)


def _noise_at_blur(scan: ScanModel) -> float:
    """Return how much more a spot as wide as the blur tells than the noise of large volumes lets expect.

    Noise is blurred too, so that it lives in large patches more than in small ones. With a Gaussian autocorrelation, whose
    width follows from the volume over which noise is alike, the variance of a sum weighted with a spot is smaller by this factor
    (ratio of the integrals of their power spectra over the section).
    """
    width = float(np.cbrt(scan.noise_volume_mm3)) / (2.0 * np.sqrt(np.pi))
    return float(1.0 + (width / scan.sigma_mm) ** 2)


def _line(centre: FloatArray, rows: NDArray[np.int64], step: float) -> FloatArray:
    """Return the lumen's centres (N, 2), those of the dark sections led smoothly from the lumen before to that behind."""
    count = len(centre)
    trust = np.full(count, 1.0 / _SEEN_SD_MM**2)
    trust[rows] = 1.0 / _DARK_SD_MM**2
    bends = np.diff(np.eye(count), n=2, axis=0)
    return np.asarray(np.linalg.solve(bends.T @ bends / (_BEND * step**2) ** 2 + np.diag(trust), trust[:, None] * centre))


def _fit_closed(measured: Measured, window: slice, dark: BoolArray, centre: FloatArray, step: float) -> _Closed:
    """Fit wall, plaque and surroundings of a stretch whose dark sections have no lumen; the lumen of the others stays."""
    scan, fit = measured.scan, measured.fit
    values = fit.values[window].copy()
    values[dark, :2], values[dark, LUMEN_RADIUS] = centre[dark], 0.0
    values[dark, LUMEN_RADIUS + 1 : LUMEN.stop] = 0.0
    given = (measured.values_hu - plate_excess_hu(fit, scan, step))[window]
    around, near = _around(measured, window, step)
    plaque = np.full(len(values), PLAQUE_HU), np.where(dark, OPEN_SD_HU, PLAQUE_SD_HU)
    # the wall is where the fit had it: that it stands around no lumen is no reason to draw it in
    wall = values[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS]
    expected = ExpectedWall(*plaque, wall, values[:, OUTER.start : OUTER.start + 2])
    kernel = along_kernel(scan.sigma_mm, step)
    power = np.float32(measured.options.place_mm**2 * step / (scan.noise_hu**2 * scan.noise_volume_mm3))
    for turn in range(_ROUNDS + 1):
        # where the lumen is as bright as the plaque there is none
        level = np.where(dark, values[:, RING.start], measured.lumen_hu[window])
        seen, slopes, _, _ = picture(values, level, around, measured.places, scan.sigma_mm)
        rim, share = rim_seen(values, measured.places.at_mm, scan.sigma_mm)
        slopes[:, RING.start] -= share
        slopes[:, _HELD] = 0.0
        miss = given - along(seen + rim, kernel)
        weight = power * near * robust_weight(miss, scan.noise_hu)
        rows, pull = normal_rows(slopes, weight, kernel), gradient(slopes, along(weight * miss, kernel))
        bands = blocks_of(rows)
        add_knowledge(bands, pull, values, step, expected)
        pull[:, _HELD] = 0.0
        for block in bands:
            block[:, _HELD, :], block[:, :, _HELD] = 0.0, 0.0
        bands[0][:, _HELD, _HELD] = 1.0
        factor = cholesky_banded(banded(rows), overwrite_ab=True, lower=True, check_finite=False)
        if turn < _ROUNDS:
            values = values + limited_step(solution(factor, pull))
            values[:, OUTER_RADIUS] = np.maximum(values[:, OUTER_RADIUS], values[:, LUMEN_RADIUS] + 0.1)
    return _Closed(values, miss, weight, slopes, factor, kernel)


def _around(measured: Measured, window: slice, step: float) -> tuple[Float32Array, Float32Array]:
    """Return what lies around some sections (n, M), and the weights of places near the artery."""
    at, outer = measured.places.at_mm, measured.fit.values[window][:, OUTER][:, :3]
    lattice = lattice_of(at, measured.options.place_mm)
    values = measured.values_hu[window]
    around = surroundings(
        values, np.ones(values.shape, dtype=bool), at, lattice, outer, measured.scan, step, measured.options.place_mm
    )
    return around, near_artery(measured.fit.values[window], at).astype(np.float32)


def _scores(
    measured: Measured, closed: _Closed, centre: FloatArray, aside: FloatArray, contrast: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return score and information (K,) of a thin lumen along lines aside (K, 2) of the expected one, for each mm2 of it."""
    pull, own, shared = [], [], []
    for shift in aside:
        hair = along(_spots(measured.scan, measured.places.at_mm, centre + shift, contrast), closed.kernel)
        heavy = closed.weight * hair
        pull.append(float((heavy * closed.miss).sum(dtype=np.float64)))
        own.append(float((heavy * hair).sum(dtype=np.float64)))
        shared.append(gradient(closed.slopes, along(heavy, closed.kernel)).ravel())
    right = np.array(shared).T
    lost = (right * cho_solve_banded((closed.factor, True), right)).sum(axis=0)
    return np.array(pull), np.maximum(np.array(own) - lost, 1e-9)


def _spots(scan: ScanModel, at_mm: FloatArray, centre: FloatArray, contrast: FloatArray) -> Float32Array:
    """Return the blurred picture (n, M) of a lumen of 1 mm2 that is thinner than the blur."""
    squared = ((at_mm[None] - centre[:, None]) ** 2).sum(axis=2)
    spot = np.exp(-0.5 * squared / scan.sigma_mm**2) / (2.0 * np.pi * scan.sigma_mm**2)
    return np.asarray(spot * contrast[:, None], dtype=np.float32)


def _bright_beside(measured: Measured, window: slice, centre: FloatArray, asked: BoolArray, level: FloatArray) -> bool:
    """Tell whether something as bright as a lumen runs beside the expected line: a step of the scan, or a line that strayed."""
    rows = np.flatnonzero(asked)
    middle = centre[rows].mean(axis=0)
    near = np.linalg.norm(measured.places.at_mm - middle, axis=1) <= _BESIDE_MM
    mean = measured.values_hu[window][rows].mean(axis=0)
    half = 0.5 * float((measured.lumen_hu[window] + level)[rows].mean())
    return bool(mean[near].max() > half)
