"""Intensity profiles across a wall: the levels of the scan, the half-maximum edge on each ray, outliers rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from ..geometry import FloatArray
from ..volume import Grid
from .crosssection import Polarity
from .walls import corrected_edge

BoolArray = NDArray[np.bool_]

WIDE_RADIUS_MM = 3.5
# soft tissue beside an airway, HU: muscle, glands, nodes and blood without contrast lie between; chosen
SOFT_TISSUE_HU = (0.0, 80.0)
USUAL_SOFT_TISSUE_HU = 40.0
# 1 mm full width at half maximum, taken for a standard chest kernel; chosen: it serves where the scan does not tell and
# bounds what the scan tells
USUAL_SCANNER_SIGMA_MM = 0.42
_QUARTILE_SIGMAS = 1.349
_WINDOW_MM = 2.5
_LEAST_CONTRAST = 0.08
_LEAST_DROP = 0.08
_ENCLOSING = 0.25
"""Rise above the lumen, as a share of the contrast of wall and air, that lung around air does not reach: in emphysema and where
a moving heart darkens the scan lung and its spots differ by up to 0.15, and the walls of lumens over 4 mm reach 0.4 and more."""


@dataclass(frozen=True, eq=False)
class Traced:
    """The rays of one branch: values (N, R, T) with the lumen low, steps (T,), mask exits (N, R).

    ``known`` tells which rays stay in the scan, ``across_slices`` (N, R) how far each runs across the slices (0 to 1).
    """

    values: FloatArray
    steps_mm: FloatArray
    exits_mm: FloatArray
    known: BoolArray
    across_slices: FloatArray
    inscribed_mm: FloatArray


@dataclass(frozen=True)
class Levels:
    """Intensities of lumen and wall (sign turned for bright lumens) and the blur in and across the slices, mm."""

    lumen: float
    wall: float
    sigma_mm: float
    sigma_across_mm: float
    source: str
    voxel_mm: float

    @property
    def contrast(self) -> float:
        """Wall less lumen."""
        return self.wall - self.lumen


@dataclass(frozen=True, eq=False)
class RayEdges:
    """Lumen edge (N, R) and per-section summaries (N,).

    ``ring_share`` is the share of rays on which a thin wall stands: the profile rises and falls again within 2 mm. A tube
    shows that on all sides but where another structure touches it; a strip of background caught between neighbours has
    slopes onto wide things instead, or no rise at all. It is 1 for a free tube, whatever its calibre. ``enclosed_share`` is
    the share of rays that rise above the lumen by more than the lung's own texture does, whatever comes behind: 1 for a
    lumen in soft tissue too, and for a tube wide enough to show its wall; low for a dark patch of lung.
    """

    edge_mm: FloatArray
    section_ok: BoolArray
    scatter_mm: FloatArray
    shift_mm: FloatArray
    wall_mm: FloatArray
    contrast_hu: FloatArray
    level: FloatArray
    lumen: FloatArray
    ring_share: FloatArray
    enclosed_share: FloatArray


def scan_levels(
    traced: Sequence[Traced], radii: Sequence[FloatArray], polarity: Polarity, blur_sigma_mm: float | None, grid: Grid
) -> Levels:
    """Read lumen and wall level and the blur off the widest branches, whose walls are thick against the blur."""
    calibre = np.array([float(np.median(radius)) for radius in radii])
    chosen = np.flatnonzero(calibre >= min(WIDE_RADIUS_MM, calibre.max())).tolist()
    lumen = float(np.median(np.concatenate([_centre(traced[one]) for one in chosen])))
    peaks = np.concatenate([_window_peaks(traced[one]).ravel() for one in chosen])
    wall = float(np.percentile(peaks, 75))
    if polarity is Polarity.DARK:
        wall = float(np.clip(wall, *SOFT_TISSUE_HU)) if calibre.max() >= WIDE_RADIUS_MM else USUAL_SOFT_TISSUE_HU
    spacing = grid.spacing_ijk_mm
    in_plane, across = float(spacing[:2].mean()), float(spacing[2])
    # linear interpolation and the box of a voxel add h^2 (1/6 + 1/12) to the variance of the blur
    sampling = 0.25 * np.array([in_plane, across]) ** 2
    voxel = float(spacing.mean())
    if blur_sigma_mm is not None:
        return Levels(lumen, wall, blur_sigma_mm, blur_sigma_mm, "given", voxel)
    seen = _edge_sigmas([traced[one] for one in chosen], lumen, wall)
    usual = np.sqrt(USUAL_SCANNER_SIGMA_MM**2 + sampling)
    if seen[0] is None:
        return Levels(lumen, wall, float(usual[0]), float(usual[1]), "assumed: no thick wall in the scan", voxel)
    sigma = float(np.clip(seen[0], np.sqrt(sampling[0]), 3.0 * usual[0]))
    guess = np.sqrt(max(sigma**2 + sampling[1] - sampling[0], 0.01))
    sigma_across = float(np.clip(seen[1], 0.5 * guess, 3.0 * guess)) if seen[1] is not None else float(guess)
    return Levels(lumen, wall, sigma, sigma_across, "measured on thick walls", voxel)


def _centre(traced: Traced) -> FloatArray:
    """Return the lumen level (N,): the mean within 0.3 radii of the centreline."""
    near = traced.steps_mm[None, :] <= np.maximum(0.3 * traced.inscribed_mm, 0.2)[:, None]
    inner = traced.values.mean(axis=1)
    weight = near * np.maximum(traced.steps_mm, 0.05)[None, :]
    return np.asarray((inner * weight).sum(axis=1) / weight.sum(axis=1))


def _in_window(traced: Traced) -> BoolArray:
    return np.asarray(traced.steps_mm <= traced.exits_mm[..., None] + _WINDOW_MM)


def _window_peaks(traced: Traced) -> FloatArray:
    return np.asarray(np.where(_in_window(traced), traced.values, -np.inf).max(axis=2))


def _edge_sigmas(traced: Sequence[Traced], lumen: float, wall: float) -> tuple[float | None, float | None]:
    """Return the blur in and across the slices from the quartile width of edges on thick walls; None with under 200 rays."""
    widths, across = [], []
    for one in traced:
        peak = _window_peaks(one)
        good = one.known & (peak > wall - 0.08 * (wall - lumen)) & (peak < wall + 0.25 * (wall - lumen))
        at = [_first_crossing(one, lumen + part * (peak - lumen)) for part in (0.25, 0.75)]
        width = at[1] - at[0]
        good &= np.isfinite(width) & (width > 0) & (np.abs(0.5 * (at[0] + at[1]) - one.exits_mm) < 2.0)
        widths.append(width[good])
        across.append(one.across_slices[good])
    width, slices = np.concatenate(widths), np.concatenate(across)
    found: list[float | None] = []
    for group in (slices < 0.35, slices > 0.8):
        found.append(float(np.median(width[group])) / _QUARTILE_SIGMAS if group.sum() >= 200 else None)
    return found[0], found[1]


def _first_crossing(traced: Traced, level: FloatArray) -> FloatArray:
    """Return where (N, R) the profile first rises through ``level``; NaN where it does not."""
    above = traced.values >= level[..., None]
    first = above.argmax(axis=2)
    return _interpolated(traced, level, first, above.any(axis=2) & (first > 0))


def _interpolated(traced: Traced, level: FloatArray, upper: NDArray[np.int64], legal: BoolArray) -> FloatArray:
    under = np.maximum(upper - 1, 0)
    low = np.take_along_axis(traced.values, under[..., None], axis=2)[..., 0]
    high = np.take_along_axis(traced.values, np.maximum(upper, 1)[..., None], axis=2)[..., 0]
    part = np.clip((level - low) / np.where(np.abs(high - low) < 1e-6, 1.0, high - low), 0.0, 1.0)
    step = traced.steps_mm[1] - traced.steps_mm[0]
    return np.asarray(np.where(legal, (under + part) * step, np.nan))


def find_edges(traced: Traced, levels: Levels) -> RayEdges:
    """Find the lumen edge on every ray, correct it for the blur, and replace outliers."""
    centre = _centre(traced)
    peak_at, peak, beyond = _first_wall(traced, centre, levels)
    level = 0.5 * (centre[:, None] + peak)
    seen = _last_crossing(traced, level, peak_at)
    sigma = np.sqrt(levels.sigma_mm**2 * (1.0 - traced.across_slices**2) + levels.sigma_across_mm**2 * traced.across_slices**2)
    height = (peak - levels.lumen) / levels.contrast
    shift, wall = corrected_edge(np.nan_to_num(seen, nan=1.0) / sigma, height, (beyond - levels.lumen) / levels.contrast)
    edge = np.maximum(seen + shift * sigma, 0.1)
    good = traced.known & np.isfinite(seen) & (peak - centre[:, None] > _LEAST_CONTRAST * levels.contrast)
    good &= np.abs(edge - traced.exits_mm) < np.maximum(1.5, 0.5 * traced.inscribed_mm)[:, None]
    edge, kept = _without_outliers(edge, good, traced.exits_mm)
    count = np.maximum(kept.sum(axis=1), 1)
    # neighbouring rays share voxels and were smoothed together: about one in six is independent
    scatter = np.sqrt(((edge - _around(edge)) ** 2 * kept).sum(axis=1) / count) / np.sqrt(np.maximum(count / 6.0, 1.0))
    weight = np.where(kept, 1.0, np.nan)
    falls = beyond < peak - _LEAST_DROP * levels.contrast
    thick = np.where(kept & falls, wall * sigma, np.nan)
    return RayEdges(
        edge,
        kept.mean(axis=1) >= 0.5,
        scatter,
        _nan_median(shift * sigma * weight),
        _nan_median(thick),
        np.where(kept.any(axis=1), _nan_median(peak * weight), np.median(peak, axis=1)) - centre,
        0.5 * (centre + _nan_median(peak * weight)),
        centre,
        (falls & traced.known).mean(axis=1),
        (traced.known & (_window_peaks(traced) - centre[:, None] > _ENCLOSING * levels.contrast)).mean(axis=1),
    )


def _first_wall(traced: Traced, centre: FloatArray, levels: Levels) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return index and height of the first wall on each ray, and the level it falls to behind."""
    values = np.where(_in_window(traced), traced.values, -np.inf)
    running = np.maximum.accumulate(values, axis=2)
    risen = running > centre[:, None, None] + _LEAST_CONTRAST * levels.contrast
    fallen = risen & (running - values > _LEAST_DROP * levels.contrast)
    stops = fallen.any(axis=2)
    stop = np.where(stops, fallen.argmax(axis=2), values.shape[2] - 1)
    peak = np.take_along_axis(running, stop[..., None], axis=2)[..., 0]
    peak_at = (values >= peak[..., None]).argmax(axis=2)
    step = traced.steps_mm[1] - traced.steps_mm[0]
    places = np.arange(values.shape[2])
    behind = (places > peak_at[..., None]) & (places <= (peak_at + int(2.0 / step))[..., None])
    lowest = np.where(behind, traced.values, np.inf).min(axis=2)
    return peak_at, peak, np.where(np.isfinite(lowest), np.minimum(lowest, peak), peak)


def _last_crossing(traced: Traced, level: FloatArray, peak_at: NDArray[np.int64]) -> FloatArray:
    """Return where the profile last rises through ``level`` before the peak; NaN where it does not."""
    places = np.arange(traced.values.shape[2])
    under = (traced.values < level[..., None]) & (places <= peak_at[..., None])
    last = np.where(under, places, -1).max(axis=2)
    return _interpolated(traced, level, np.minimum(last + 1, len(places) - 1), (last >= 0) & (last < peak_at))


def _around(edge: FloatArray) -> FloatArray:
    """Return the circular running median of contours (N, R)."""
    width = 2 * (edge.shape[1] // 10) + 1
    padded = np.concatenate([edge[:, -width:], edge, edge[:, :width]], axis=1)
    return np.asarray(median_filter(padded, size=(1, width))[:, width:-width])


def _without_outliers(edge: FloatArray, good: BoolArray, exits: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Reject rays by their deviation from the running median (3 MAD, at least 0.3 mm); they take the median's place."""
    filled = np.where(good, edge, exits)
    offset = _nan_median(np.where(good, edge - exits, np.nan))
    filled = np.where(good, edge, exits + np.nan_to_num(offset, nan=0.0)[:, None])
    around = _around(filled)
    away = np.abs(filled - around)
    limit = np.maximum(3.0 * 1.4826 * _nan_median(np.where(good, away, np.nan)), 0.3)
    kept = good & (away <= np.nan_to_num(limit, nan=0.3)[:, None])
    return np.where(kept, edge, around), kept


def _nan_median(values: FloatArray) -> FloatArray:
    """Return the median (N,) over rays; NaN where a section has none. Sorting puts NaN last."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(values).sum(axis=1)
    rows, low, high = np.arange(len(values)), np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    middle = 0.5 * (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)])
    return np.asarray(np.where(count > 0, middle, np.nan))


def sub_level_radius(traced: Traced, edges: RayEdges, levels: Levels) -> FloatArray:
    """Return the radius (N,) of the area under the section's half level, inside the mask widened by two voxels."""
    level = np.broadcast_to(np.nan_to_num(edges.level, nan=0.5 * (levels.lumen + levels.wall))[:, None], traced.exits_mm.shape)
    limit = traced.exits_mm + 2.0 * levels.voxel_mm
    seen = _first_crossing(traced, np.asarray(level))
    reach = np.minimum(np.where(np.isfinite(seen), seen, limit), limit)
    return np.asarray(np.sqrt((reach**2).mean(axis=1)))
