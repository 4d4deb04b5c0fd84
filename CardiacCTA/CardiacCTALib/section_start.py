"""First guess of an artery's sections: where the lumen is, how wide, how bright, and what is calcium."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .outer_start import outer_circles
from .scan_model import ScanModel
from .section_knowledge import PLAQUE_HU, WALL_MM
from .section_model import LEAST_RADIUS_MM, LUMEN, LUMEN_RADIUS, OUTER, OUTER_RADIUS, PARAMETERS, RING

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

CALCIUM_LEAST_HU = 350.0
"""Calcified plaque is above 350 HU (reference bins of quantitative plaque analysis, 120 kV) and brighter than the lumen."""
_SEED_SHARE, _SEED_SIGMAS, _LEAST_SEEDS = 0.08, 4.5, 3
_GROW_SHARE, _GROW_SIGMAS, _LEAST_OVER = 0.03, 1.5, 0.5
CALCIUM_QUIET_MM = (0.8, 0.22)
_BLOOM_SIGMAS = 1.8
_WIDE_SIGMAS = 3.0
_RING_STEP_MM = 0.2
FAT_HU = -90.0
"""Fat around the heart lies at -80 to -100 HU."""
_BRIGHT_HU = 150.0


def calcium_places(
    values: Float32Array, expected_hu: Float32Array, lumen_hu: FloatArray, scan: ScanModel, lattice: NDArray[np.int64],
    step_mm: float, place_mm: float,
) -> BoolArray:  # fmt: skip
    """Return which places (N, M) are calcium: brighter than any lumen can be, and than what is expected there.

    Noise is averaged first, more along the artery than across it. What then stays above both the lumen's level and what is
    expected, by 8 % of that level and four and a half deviations of the noise left, are seeds; they grow into places a
    little above it.

    Parameters
    ----------
    expected_hu
        (N, M) what a lumen would show: its level before a fit, the fitted picture after it. Calcium hardly brighter than
        contrast is seen in the second only, where a fit that takes it for lumen cannot explain its brightness.
    lumen_hu
        (N,) level of the lumen.
    lattice
        (M, 2) integer lattice indices of the places, from 0.
    """
    size = int(lattice.max()) + 1
    over, level = np.full((2, len(values), size, size), -500.0, dtype=np.float32)
    over[:, lattice[:, 0], lattice[:, 1]] = values - expected_hu
    level[:, lattice[:, 0], lattice[:, 1]] = values - np.maximum(lumen_hu, CALCIUM_LEAST_HU)[:, None]
    along_mm, across_mm = CALCIUM_QUIET_MM
    widths = (along_mm / step_mm, across_mm / place_mm, across_mm / place_mm)
    over, level = ndimage.gaussian_filter(over, widths), ndimage.gaussian_filter(level, widths)
    quiet = _quiet_hu(scan)
    high = np.maximum(_SEED_SHARE * lumen_hu, _SEED_SIGMAS * quiet)[:, None, None]
    low = np.maximum(_GROW_SHARE * lumen_hu, _GROW_SIGMAS * quiet)[:, None, None]
    labels, count = ndimage.label((over > low) & (level > _LEAST_OVER * low), np.ones((3, 3, 3)))
    if count == 0:
        return np.zeros(values.shape, dtype=bool)
    kept = np.bincount(labels[(over > high) & (labels > 0)], minlength=count + 1) >= _LEAST_SEEDS
    kept[0] = False
    return np.asarray(kept[labels][:, lattice[:, 0], lattice[:, 1]])


def least_calcium_hu(scan: ScanModel) -> float:
    """Return the brightness that :func:`calcium_places` asks of calcium beside a lumen as bright as the aorta."""
    return max(scan.lumen_hu, CALCIUM_LEAST_HU) + max(_SEED_SHARE * scan.lumen_hu, _SEED_SIGMAS * _quiet_hu(scan))


def _quiet_hu(scan: ScanModel) -> float:
    along_mm, across_mm = CALCIUM_QUIET_MM
    volume = (4.0 * np.pi) ** 1.5 * along_mm * across_mm**2
    return scan.noise_hu * float(np.sqrt(min(scan.noise_volume_mm3 / volume, 1.0)))


def bloomed(calcium: BoolArray, lattice: NDArray[np.int64], place_mm: float, step_mm: float, sigma_mm: float) -> BoolArray:
    """Return the places (N, M) that calcium brightens: within 1.8 sigmas of it."""
    if not calcium.any():
        return calcium
    size = int(lattice.max()) + 1
    cube = np.zeros((len(calcium), size, size), dtype=bool)
    cube[:, lattice[:, 0], lattice[:, 1]] = calcium
    away = ndimage.distance_transform_edt(~cube, sampling=(step_mm, place_mm, place_mm))
    return np.asarray((away <= _BLOOM_SIGMAS * sigma_mm)[:, lattice[:, 0], lattice[:, 1]])


def lumen_levels(
    values: Float32Array, at_mm: FloatArray, radius_mm: FloatArray, centre_mm: FloatArray, scan: ScanModel
) -> FloatArray:
    """Return the level (N,) of the lumen along the artery: a straight line through the wide places, tied to the aorta's.

    An artery's contrast falls slowly towards its end. Where no section is wide enough, the aorta's level serves.
    """
    away = np.linalg.norm(at_mm[None] - centre_mm[:, None], axis=2)
    core = away < np.maximum(radius_mm - 2.0 * scan.sigma_mm, 0.3)[:, None]
    level = np.array([np.median(row[inner]) if inner.any() else np.nan for row, inner in zip(values, core, strict=True)])
    wide = (radius_mm > _WIDE_SIGMAS * scan.sigma_mm) & np.isfinite(level)
    place = np.linspace(-1.0, 1.0, len(values))
    design = np.stack([np.ones_like(place), place], axis=1)
    # the aorta stands for its level within 8 % and for a fall of 8 % along the artery
    prior_sd = np.array([0.08, 0.08]) * scan.lumen_hu
    weight = np.where(wide, 1.0 / 15.0**2, 0.0) * 0.2
    answer = np.array([scan.lumen_hu, 0.0])
    for _ in range(5):
        miss = np.nan_to_num(level, nan=scan.lumen_hu) - design @ answer
        robust = weight / (1.0 + (miss / 40.0) ** 2)
        matrix = (design * robust[:, None]).T @ design + np.diag(1.0 / prior_sd**2)
        right = design.T @ (robust * np.nan_to_num(level, nan=scan.lumen_hu)) + np.array([scan.lumen_hu, 0.0]) / prior_sd**2
        answer = np.linalg.solve(matrix, right)
    return np.asarray(design @ answer)


def first_guess(
    values: Float32Array, usable: BoolArray, at_mm: FloatArray, lumen_hu: FloatArray, sigma_mm: float, step_mm: float
) -> FloatArray:
    """Return parameters (N, 20) from the centroid and the mean profile about it."""
    centre = _centroids(values, usable, at_mm, lumen_hu)
    profile, steps = _mean_profiles(values, usable, at_mm, centre)
    guess = np.zeros((len(values), PARAMETERS))
    half = 0.5 * (lumen_hu + PLAQUE_HU)
    radius = _first_under(profile, steps, half)
    faint = profile[:, 0] <= half
    radius[faint] = np.clip(
        sigma_mm * np.sqrt(2.0 * np.clip((profile[:, 0] - PLAQUE_HU) / (lumen_hu - PLAQUE_HU), 0.0, 1.0)), 0.2, None
    )[faint]
    radius = np.maximum(ndimage.median_filter(radius, 5, mode="nearest"), LEAST_RADIUS_MM)
    guess[:, LUMEN.start : LUMEN.start + 2] = centre
    guess[:, LUMEN_RADIUS] = radius
    guess[:, OUTER.start : OUTER_RADIUS + 1] = outer_circles(values, usable, at_mm, centre, radius, WALL_MM, step_mm)
    guess[:, RING.start] = PLAQUE_HU
    return guess


def surroundings(
    values: Float32Array,
    usable: BoolArray,
    at_mm: FloatArray,
    lattice: NDArray[np.int64],
    outer: FloatArray,
    scan: ScanModel,
    step_mm: float,
    place_mm: float,
) -> Float32Array:
    """Return what lies around (N, M): the scan itself beyond the outer wall, smoothed and carried on inwards.

    Fat, muscle, a vein or a chamber may stand on any side and at any distance, which no few numbers describe. What the wall
    could still brighten, within 1.5 sigmas of it, is left out.

    Parameters
    ----------
    outer
        (N, 3) centre and radius of the outer wall guessed.
    """
    away = np.linalg.norm(at_mm[None] - outer[:, None, :2], axis=2) - outer[:, 2, None]
    share = (np.clip((away - 1.5 * scan.sigma_mm) / (0.5 * scan.sigma_mm), 0.0, 1.0) * usable).astype(np.float32)
    size = int(lattice.max()) + 1
    held, weight = np.zeros((2, len(values), size, size), dtype=np.float32)
    held[:, lattice[:, 0], lattice[:, 1]] = share * (values - FAT_HU)
    weight[:, lattice[:, 0], lattice[:, 1]] = share
    total, count = np.zeros_like(held), np.full_like(held, 1e-6)
    for width, trust in ((0.5, 1.0), (1.2, 0.03)):
        sigmas = (width / step_mm, width / place_mm, width / place_mm)
        total += trust * ndimage.gaussian_filter(held, sigmas, truncate=3.0)
        count += trust * ndimage.gaussian_filter(weight, sigmas, truncate=3.0)
    return np.asarray((total / count)[:, lattice[:, 0], lattice[:, 1]] + FAT_HU, dtype=np.float32)


def _centroids(values: Float32Array, usable: BoolArray, at_mm: FloatArray, lumen_hu: FloatArray) -> FloatArray:
    """Return centroids (N, 2) of the brightness near the line, smooth along the artery."""
    centre = np.zeros((len(values), 2))
    for reach in (2.0, 1.5, 1.2):
        away = np.linalg.norm(at_mm[None] - centre[:, None], axis=2)
        bright = np.clip((values - _BRIGHT_HU) / (lumen_hu[:, None] - _BRIGHT_HU), 0.0, 1.0) * usable * (away < reach)
        total = ndimage.gaussian_filter1d(bright.sum(axis=1), 1.5, mode="nearest")
        moment = ndimage.gaussian_filter1d(bright @ at_mm, 1.5, axis=0, mode="nearest")
        centre = moment / np.maximum(total, 0.5)[:, None]
    return np.asarray(centre)


def _mean_profiles(
    values: Float32Array, usable: BoolArray, at_mm: FloatArray, centre: FloatArray
) -> tuple[FloatArray, FloatArray]:
    away = np.linalg.norm(at_mm[None] - centre[:, None], axis=2)
    reach = float(np.linalg.norm(at_mm, axis=1).max()) - 0.3
    steps = np.arange(0.0, reach, _RING_STEP_MM)
    profile = np.empty((len(values), len(steps)))
    for at, step in enumerate(steps):
        near = np.exp(-0.5 * ((away - step) / 0.2) ** 2) * usable
        profile[:, at] = (near * values).sum(axis=1) / np.maximum(near.sum(axis=1), 1e-3)
    return profile, steps


def _first_under(profile: FloatArray, steps: FloatArray, level: FloatArray) -> FloatArray:
    under = profile < level[:, None]
    found = under.any(axis=1)
    first = np.where(found, under.argmax(axis=1), len(steps) - 1)
    before = np.maximum(first - 1, 0)
    rows = np.arange(len(profile))
    drop = profile[rows, before] - profile[rows, first]
    part = np.clip((profile[rows, before] - level) / np.maximum(drop, 1e-6), 0.0, 1.0)
    return np.asarray(np.where(first > 0, steps[before] + part * (steps[first] - steps[before]), 0.0))
