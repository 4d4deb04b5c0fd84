"""Where calcium may hide or feign lumen, an artery is fitted again with calcium in the picture, and what else is possible kept.

What the scan shows where calcium touches contrast is the sum of two blurred things. Calcium thinner than the blur is no
brighter than contrast, and a fit without it takes it for lumen: severe stenoses then look mild, and only what the fit leaves
unexplained betrays them. So every stretch with something brighter than its fit, or than contrast, is fitted again from several
starts (``calcium_starts``), and the likeliest answer stays. How likely the others are is kept beside it, with a ladder of
lumens forced narrower and wider: the interval of a stenosis is made from all of these, not from the best answer's curvature.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .calcium_fit import Part, Pins, Solution, calcium_share, solve, spread_of
from .calcium_starts import search
from .narrowest import smoothing
from .scan_model import ScanModel
from .section_fit import SectionFit, Sections, along, along_kernel, diameter_slopes, fit_sections
from .section_model import LUMEN, LUMEN_RADIUS, OUTER, OUTER_RADIUS, PARAMETERS, RING, Places, contours_of, from_line, lattice_of

log = logging.getLogger(__name__)
BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

_QUIET_MM = (0.5, 0.3)
_SEED_SIGMAS, _WALL_SIGMAS = 4.5, 3.0
"""Brightness above the fit, averaged over a small plate, that betrays calcium: anywhere, and in a thickened wall. Noise reached
4.0 in 30 digital tubes of a hundred sections."""
_CORE_MM, _CORE_SIGMAS = (0.8, 0.15), 3.5
"""The same for what lies within the fitted lumen: a speck of calcium in a thin artery outshines contrast in its middle only,
where a wider mean takes it away with the edge that the fit then draws too steep. Chosen: of healthy sections in eight digital
hearts 99 of 100 stayed at 3.0 or less, single ones reached 5; two such specks, each read as a lumen far wider than the true one,
reached 3.9 and 5.0."""
_THICK_WALL_MM = 0.9
STEEP_ERROR_MM = 0.03
"""Error of the modelled scan for each HU a mm of slope: what is not Gaussian of the blur. Chosen: 10 % of a sigma of 0.3 mm."""
_PLACE_SHARE = 0.3
"""A place counts as calcium where so much of what is seen there is."""
_GROW_MM, _MARGIN_MM, _MOST_MM = 1.2, 2.4, 32.0
_LADDER = (0.75, 0.5, 0.25, 1.15, 1.35, 1.6)
"""Radii at the narrowest place that are tried, as shares of the likeliest; the first ones downwards, the others upwards."""
_LADDER_DOWN = 3
_LADDER_MM, _LADDER_SD_MM, _LADDER_ROUNDS, _LADDER_ENDS = 1.0, 0.03, 3, 40.0
_LEAST_LADDER_MM = 0.1
_FREED_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Alternatives:
    """What else a stretch of an artery may be: K answers, those of one stretch told by the same number in ``stretch``.

    Parameters
    ----------
    stretch, pinned
        (K,) which stretch, and whether the lumen was held at a size rather than found.
    cost
        (K,) minus the logarithm of the posterior, from the stretch's likeliest answer.
    diameter_mm, spread_mm
        (K, N) lumen diameters, NaN outside the stretch; standard deviation of each as the parabola through its neighbours
        gives it.
    """

    stretch: NDArray[np.int64]
    pinned: BoolArray
    cost: FloatArray
    diameter_mm: FloatArray
    spread_mm: FloatArray


def no_alternatives(count: int = 0) -> Alternatives:
    """Return none, for an artery of so many sections."""
    empty = np.zeros(0)
    return Alternatives(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), empty, *np.zeros((2, 0, count)))


@dataclass(frozen=True, eq=False)
class Refit:
    """An artery with calcium in the picture.

    Parameters
    ----------
    fit
        All sections; its covariance holds for given calcium.
    covariance_mm2, noise_mm2, by_sigma, by_lumen
        Of the lumen diameters, calcium not given, as ``Measured`` has them.
    calcium
        (N, M) which places are calcium.
    calcium_hu
        Mean level of it; None without.
    alternatives
        See there.
    """

    fit: SectionFit
    covariance_mm2: FloatArray
    noise_mm2: FloatArray
    by_sigma: FloatArray
    by_lumen: FloatArray
    calcium: BoolArray
    calcium_hu: float | None
    alternatives: Alternatives


def refit_with_calcium(sections: Sections, fit: SectionFit, lumen_hu: FloatArray, scan: ScanModel, calcium: BoolArray) -> Refit:
    """Fit again where calcium may be.

    Parameters
    ----------
    sections, fit
        The artery, all of its places weighed, and its fit without calcium.
    calcium
        (N, M) places brighter than any lumen.
    """
    spans = suspected(sections, fit, scan, calcium)
    if spans:
        sections = replace(sections, weight=_trusted(sections, scan))
    done = [_refit(sections, fit, lumen_hu, scan, span) for span in spans]
    owned = _owned([one.window for one in done], spans, len(fit.values))
    values = fit.values.copy()
    share, level = np.zeros_like(sections.values), np.zeros(len(values))
    for one, (whole_rows, own_rows) in zip(done, owned, strict=True):
        values[whole_rows] = one.best.values[own_rows, :PARAMETERS]
        level[whole_rows] = one.best.level_hu
        share[whole_rows] = one.share[own_rows]
    excess = _excess(values, share, level, scan, sections.step_mm)
    after = fit_sections(replace(sections, values=sections.values - excess), values, lumen_hu, scan, rounds=0, settled=True)
    after = replace(after, calcium_share=share, calcium_level_hu=level)
    slopes = diameter_slopes(values)
    covariance, noise = after.covariance(slopes)
    by_sigma, by_lumen = (slopes * after.by_sigma).sum(axis=1), (slopes * after.by_lumen).sum(axis=1)
    for one, (whole_rows, own_rows) in zip(done, owned, strict=True):
        for whole, own in ((covariance, one.covariance), (noise, one.noise)):
            whole[whole_rows], whole[:, whole_rows] = 0.0, 0.0
            whole[np.ix_(whole_rows, whole_rows)] = own[np.ix_(own_rows, own_rows)]
        by_sigma[whole_rows], by_lumen[whole_rows] = one.by_sigma[own_rows], one.by_lumen[own_rows]
    hard = along(share, along_kernel(scan.sigma_mm, sections.step_mm)) > _PLACE_SHARE
    mean = float(np.average(level[:, None] + 0.0 * share, weights=share)) if share.sum() > 0.0 else None
    return Refit(after, covariance, noise, by_sigma, by_lumen, hard, mean, _joined(done, len(values)))


def _owned(windows: list[slice], spans: list[tuple[int, int]], count: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return for each window which sections it answers for, counted in the artery and in itself: not those of another's span."""
    owner = np.full(count, -1)
    for number, (first, last) in enumerate(spans):
        owner[first : last + 1] = number
    found = []
    for number, window in enumerate(windows):
        rows = np.arange(window.start, window.stop)
        rows = rows[(owner[rows] == number) | (owner[rows] == -1)]
        owner[rows] = number
        found.append((rows, rows - window.start))
    return found


def plate_excess_hu(fit: SectionFit, scan: ScanModel, step_mm: float) -> Float32Array:
    """Return what the plates add to the picture (N, M)."""
    if fit.calcium_level_hu.size == 0:
        return np.zeros_like(fit.calcium_share)
    return _excess(fit.values, fit.calcium_share, fit.calcium_level_hu, scan, step_mm)


def suspected(sections: Sections, fit: SectionFit, scan: ScanModel, calcium: BoolArray) -> list[tuple[int, int]]:
    """Return first and last sections of the stretches where something is brighter than a lumen, or than the fit explains."""
    step, values = sections.step_mm, fit.values
    bright = _brighter(sections, fit, scan, _QUIET_MM, OUTER, 0.2)
    core = _brighter(sections, fit, scan, _CORE_MM, LUMEN, 0.0)
    thick = (values[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS]) > _THICK_WALL_MM
    seed = calcium.any(axis=1) | (bright > _SEED_SIGMAS) | (core > _CORE_SIGMAS)
    labels, count = ndimage.label(ndimage.binary_closing(thick, iterations=2) | thick)
    for one in range(1, count + 1):
        wall = labels == one
        if (seed & wall).any() or (bright[wall] > _WALL_SIGMAS).any():
            seed |= wall
    seed = ndimage.binary_dilation(seed, iterations=max(round(_GROW_MM / step), 1)) if seed.any() else seed
    labels, _ = ndimage.label(ndimage.binary_closing(seed, iterations=max(round(_MARGIN_MM / step), 1)) | seed)
    spans = [(int(part.start), int(part.stop) - 1) for (part,) in ndimage.find_objects(labels)]
    most = round(_MOST_MM / step)
    return [(at, min(at + most, last)) for first, last in spans for at in range(first, last + 1, most + 1)]


def _trusted(sections: Sections, scan: ScanModel) -> Float32Array:
    """Return weights (N, M), less where the scan is steep: there a blur that is not quite a Gaussian, and voxels hardly finer
    than it, err by more than the noise."""
    cube, lattice = _cube(sections, sections.values)
    cube = ndimage.gaussian_filter(cube, (0.3 / sections.step_mm, 0.5, 0.5))
    place = float(np.sqrt(sections.place_mm2))
    steep = np.sqrt(sum(one**2 for one in np.gradient(cube, sections.step_mm, place, place)))
    error = STEEP_ERROR_MM * steep[:, lattice[:, 0], lattice[:, 1]] / scan.noise_hu
    return np.asarray(sections.weight / (1.0 + error**2), dtype=np.float32)


def _cube(sections: Sections, values: Float32Array) -> tuple[Float32Array, NDArray[np.int64]]:
    """Lay values (N, M) out on the square lattice of the places: (N, S, S), with the lattice indices (M, 2)."""
    at = sections.places.at_mm
    lattice = lattice_of(at, float(np.sqrt(sections.place_mm2)))
    size = int(lattice.max()) + 1
    cube = np.zeros((len(values), size, size), dtype=np.float32)
    cube[:, lattice[:, 0], lattice[:, 1]] = values
    return cube, lattice


def _brighter(
    sections: Sections, fit: SectionFit, scan: ScanModel, plate_mm: tuple[float, float], contour: slice, beyond_mm: float
) -> FloatArray:
    """Return the largest mean of scan less fit over a small plate within a contour, or so far beyond it (N,), in its standard
    deviations."""
    at, place = sections.places.at_mm, np.sqrt(sections.place_mm2)
    cube, lattice = _cube(sections, np.clip(fit.residual, -400.0, 400.0))
    length, width = plate_mm
    cube = ndimage.gaussian_filter(cube, (length / sections.step_mm, width / place, width / place))
    alike = scan.noise_volume_mm3 / ((4.0 * np.pi) ** 1.5 * length * width**2)
    away = np.linalg.norm(at[None] - fit.values[:, None, contour][..., :2], axis=2)
    within = away < fit.values[:, contour][:, 2, None] + beyond_mm
    found = np.where(within, cube[:, lattice[:, 0], lattice[:, 1]], 0.0).max(axis=1)
    return np.asarray(found / (scan.noise_hu * np.sqrt(min(alike, 1.0))))


@dataclass(frozen=True, eq=False)
class _Stretch:
    window: slice
    best: Solution
    share: Float32Array
    covariance: FloatArray
    noise: FloatArray
    by_sigma: FloatArray
    by_lumen: FloatArray
    others: list[tuple[Solution, bool]]
    spreads: list[FloatArray]


def _refit(sections: Sections, fit: SectionFit, lumen_hu: FloatArray, scan: ScanModel, span: tuple[int, int]) -> _Stretch:
    margin = round(_MARGIN_MM / sections.step_mm)
    window = slice(max(span[0] - margin, 0), min(span[1] + margin + 1, len(fit.values)))
    order = from_line(sections.places)
    kept = order[sections.weight[window].max(axis=0)[order] > 0.0]
    places = Places(sections.places.at_mm[kept], sections.places.tilt[kept])
    count = window.stop - window.start
    tied = np.zeros(count, dtype=bool)
    tied[:2], tied[-2:] = True, True
    part = Part(
        sections.values[window][:, kept], sections.weight[window][:, kept], sections.around_hu[window][:, kept], places,
        sections.step_mm, sections.place_mm2, lumen_hu[window], scan, fit.values[window], tied,
        sections.expected.part(window),
    )  # fmt: skip
    inside = np.zeros(count, dtype=bool)
    inside[span[0] - window.start : span[1] - window.start + 1] = True
    found = search(part, inside)
    held = _ladder(part, found[0], inside)
    least = min(held, key=lambda one: one.cost)
    if least.cost < found[0].cost:
        found = sorted([solve(part, least.values, least.level_hu, _FREED_ROUNDS), *found], key=lambda one: one.cost)
    best = found[0]
    others = [(one, False) for one in found] + [(one, True) for one in held]
    smooth = smoothing(count, sections.step_mm)
    spreads = [spread_of(part, one) for one, _ in others]
    share = np.zeros((count, len(order)), dtype=np.float32)
    share[:, kept] = calcium_share(part, best)
    wide = [
        np.sqrt(np.maximum(np.diag(smooth @ one[0] @ smooth.T), 0.0) + (smooth @ one[2] * scan.sigma_error_mm) ** 2)
        for one in spreads
    ]
    return _Stretch(window, best, share, *spreads[0], others, wide)


def _ladder(part: Part, best: Solution, inside: BoolArray) -> list[Solution]:
    """Force the lumen's narrowest place narrower and wider, step by step, until what is left is too unlikely to matter."""
    radius = best.values[:, LUMEN_RADIUS]
    ratio = ndimage.gaussian_filter1d(radius, _LADDER_MM / part.step_mm)
    narrow = int(np.where(inside, ratio, np.inf).argmin())
    near = np.abs(np.arange(len(radius)) - narrow) * part.step_mm <= _LADDER_MM
    found: list[Solution] = []
    for steps in (_LADDER[:_LADDER_DOWN], _LADDER[_LADDER_DOWN:]):
        at = best
        for size in steps:
            target = np.maximum(radius * size, radius + (size - 1.0) * 0.3 if size > 1.0 else _LEAST_LADDER_MM)
            pins = Pins(np.where(near, target, np.nan), _LADDER_SD_MM)
            at = solve(part, at.values, at.level_hu, _LADDER_ROUNDS, pins)
            found.append(at)
            if at.cost > best.cost + _LADDER_ENDS:
                break
    return found


def _excess(values: FloatArray, share: Float32Array, level: FloatArray, scan: ScanModel, step_mm: float) -> Float32Array:
    excess = (level - values[:, RING.start])[:, None] * share
    return along(excess.astype(np.float32), along_kernel(scan.sigma_mm, step_mm))


def _joined(done: list[_Stretch], count: int) -> Alternatives:
    if not done:
        return no_alternatives(count)
    stretch, pinned, cost, diameter, spread = [], [], [], [], []
    for number, one in enumerate(done):
        for (other, held), wide in zip(one.others, one.spreads, strict=True):
            row, sd = np.full(count, np.nan), np.full(count, np.nan)
            contours = contours_of(other.values, LUMEN)
            row[one.window] = 2.0 * np.sqrt((contours.radius_mm**2).mean(axis=1))
            sd[one.window] = wide
            stretch.append(number)
            pinned.append(held)
            cost.append(other.cost - one.best.cost)
            diameter.append(row)
            spread.append(sd)
    return Alternatives(np.array(stretch), np.array(pinned), np.array(cost), np.array(diameter), np.array(spread))
