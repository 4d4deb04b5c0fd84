"""What this scan does to an edge: point spread, noise and contrast, measured on the aorta (or any bright blob)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import least_squares
from scipy.special import erf

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.tubes.section_planes import spline_box
from SenseCarePlanningLib.volume import Grid, Volume, bounding_box

BoolArray = NDArray[np.bool_]

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
_INSIDE_MM, _OUTSIDE_MM, _STEP_MM = 2.0, 0.9, 0.1
_LEAST_RAYS = 60
_LEAST_CONTRAST_HU = 150.0
_SAMPLED_RAYS = 3000
_SIGMA_ERROR_SHARE = 0.05
"""Least relative error given to a measured sigma: the rays share the wall of the aorta and the kernel's side lobes. Chosen."""


@dataclass(frozen=True)
class ScanModel:
    """Point spread and noise of one scan.

    Parameters
    ----------
    sigma_mm, sigma_error_mm
        Standard deviation of the Gaussian point spread (voxel box included) and the standard error of it.
    noise_hu
        Standard deviation of a voxel in the contrast-filled lumen.
    noise_volume_mm3
        Volume over which noise is alike: the mean over a volume V has the variance ``noise_hu**2 * noise_volume_mm3 / V``.
    lumen_hu
        Level of the contrast-filled blob.
    rays
        Edge profiles that the sigma rests on; 0 where it was given and not measured.
    kvp, kernel
        Of the acquisition, None where it does not say; thresholds in HU hold for them only.
    """

    sigma_mm: float
    sigma_error_mm: float
    noise_hu: float
    noise_volume_mm3: float
    lumen_hu: float
    rays: int
    kvp: float | None = None
    kernel: str | None = None

    @property
    def fwhm_mm(self) -> float:
        """Full width at half maximum of the point spread."""
        return float(self.sigma_mm * FWHM_PER_SIGMA)


def measure_scan(volume: Volume, blob_kji: BoolArray) -> ScanModel:
    """Measure point spread and noise on a bright blob, the ascending aorta by rule.

    Parameters
    ----------
    volume
        CT in HU.
    blob_kji
        (K, J, I) mask of the blob, accurate to about a voxel; at least 8 mm across.

    Raises
    ------
    InputError
        When the blob is too small, or hardly brighter than what is around it.
    """
    if not blob_kji.any():
        raise InputError("The mask of the aorta is empty: the sharpness of this scan cannot be measured.")
    spacing = volume.grid.spacing_kji_mm
    margin = tuple(int(np.ceil(4.0 / size)) + 1 for size in spacing)
    box = bounding_box(blob_kji, (margin[0], margin[1], margin[2]))
    part, mask = volume.cropped(box), blob_kji[box]
    depth = ndimage.distance_transform_edt(mask, sampling=spacing)
    core = depth > min(3.0, 0.6 * float(depth.max()))
    if float(depth.max()) < 2.5 or int(core.sum()) < 200:
        raise InputError(
            "The aorta given is too small to measure the sharpness of this scan.",
            detail=f"depth {depth.max():.1f} mm (2.5 wanted), core {core.sum()} voxels (200 wanted)",
        )
    level = float(np.median(part.array_kji[core]))
    noise, correlated = _noise(part.array_kji, core)
    sigma, error, rays = _edge_sigma(part, mask, depth, level, noise)
    acquisition = volume.acquisition
    extent = correlated * volume.grid.voxel_volume_mm3
    return ScanModel(sigma, error, noise, extent, level, rays, acquisition.kvp, acquisition.kernel)


def _noise(array_kji: NDArray[Any], core: BoolArray) -> tuple[float, float]:
    """Return the noise (HU) and the number of voxels that are alike: the sum of the autocorrelation over near lags."""
    values = np.where(core, array_kji.astype(np.float64), 0.0)
    weight = core.astype(np.float64)
    # slow changes of contrast (mixing, beam hardening) are no noise
    slow = ndimage.gaussian_filter(values, 4.0) / np.maximum(ndimage.gaussian_filter(weight, 4.0), 1e-3)
    rest = np.where(core, values - slow, 0.0)
    variance = float((rest**2).sum() / weight.sum())
    alike = 0.0
    for lag in np.ndindex(3, 3, 3):
        shift = tuple(int(one) - 1 for one in lag)
        moved, both = np.roll(rest, shift, axis=(0, 1, 2)), weight * np.roll(weight, shift, axis=(0, 1, 2))
        alike += float((rest * moved * both).sum() / max(both.sum(), 1.0)) / max(variance, 1e-9)
    return float(np.sqrt(variance)), float(np.clip(alike, 1.0, 15.0))


def _edge_sigma(part: Volume, mask: BoolArray, depth: FloatArray, level: float, noise: float) -> tuple[float, float, int]:
    profiles, steps = _profiles(part, mask, depth)
    inner = profiles[:, steps < -1.0].mean(axis=1)
    outer = profiles[:, -3:].mean(axis=1)
    # rays that leave through another vessel or along the wall do not fall
    fair = (np.abs(inner - level) < 3.0 * noise) & (inner - outer > _LEAST_CONTRAST_HU)
    if int(fair.sum()) < _LEAST_RAYS:
        raise InputError(
            "The aorta has no clear edge in this scan (too little contrast): its sharpness cannot be measured.",
            detail=f"{int(fair.sum())} usable edge profiles of {len(fair)}, {_LEAST_RAYS} wanted",
        )
    return _fit_edges(profiles[fair], steps, noise)


def _profiles(part: Volume, mask: BoolArray, depth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sample profiles along the normals of the blob's surface, negative steps inside."""
    spacing = np.array(part.grid.spacing_kji_mm)
    smooth = ndimage.gaussian_filter(mask.astype(np.float32), 1.5 / spacing)
    surface = np.argwhere((depth > 0) & (depth <= 1.01 * float(spacing.max())))
    surface = surface[:: max(len(surface) // _SAMPLED_RAYS, 1)]
    slopes = [ndimage.sobel(smooth, axis=axis)[tuple(surface.T)] / spacing[axis] for axis in range(3)]
    outward_kji = -unit(np.stack(slopes, axis=1))
    affine = part.grid.affine_ijk_to_lps[:3, :3] / part.grid.spacing_ijk_mm
    outward = outward_kji[:, ::-1] @ affine.T
    steps = np.arange(-_INSIDE_MM - 1.0, _OUTSIDE_MM + 1.5, _STEP_MM)
    places = part.grid.lps_from_kji(surface.astype(np.float64))[:, None, :] + steps[None, :, None] * outward[:, None, :]
    box = spline_box(part, places.reshape(-1, 3), 0.0)
    return np.nan_to_num(box.sample(places), nan=-1000.0), steps


def _fit_edges(profiles: FloatArray, steps: FloatArray, noise: float) -> tuple[float, float, int]:
    """Align the profiles by their own edges, average them in eight groups and fit a blurred step to each."""
    inner = np.median(profiles[:, steps < -1.0], axis=1)
    half = 0.5 * (inner + profiles[:, -5:].min(axis=1))
    under = profiles < half[:, None]
    first = np.maximum(under.argmax(axis=1), 1)
    rows = np.arange(len(profiles))
    high, low = profiles[rows, first - 1], profiles[rows, first]
    place = steps[first - 1] + _STEP_MM * (high - half) / np.maximum(high - low, 1e-6)
    offsets = np.arange(-_INSIDE_MM, _OUTSIDE_MM, _STEP_MM)
    aligned = np.stack([np.interp(offsets + at, steps, row) for at, row in zip(place, profiles, strict=True)])
    groups = [np.median(aligned[start::8], axis=0) for start in range(8)]
    found = np.array([_blurred_step(offsets, one) for one in groups])
    contrast = float(np.median(inner - half)) * 2.0
    # noise moves each ray's edge, which widens the average
    jitter = noise * np.sqrt(2.0 * np.pi) * float(np.median(found)) / contrast
    sigma = float(np.sqrt(max(float(np.median(found)) ** 2 - jitter**2 / 2.0, 1e-4)))
    spread = 1.4826 * float(np.median(np.abs(found - np.median(found)))) / np.sqrt(8.0)
    return sigma, max(1.25 * spread, _SIGMA_ERROR_SHARE * sigma), len(profiles)


def _blurred_step(offsets: FloatArray, profile: FloatArray) -> float:
    """Return the sigma of the blurred step that fits best."""
    start = [float(profile[:5].mean()), float(profile[-1]), 0.0, 0.35]

    def miss(given: FloatArray) -> FloatArray:
        """Return what an edge of this height, place and blur misses of the profile."""
        high, low, at, sigma = given
        return np.asarray(low + (high - low) * 0.5 * (1.0 - erf((offsets - at) / (np.sqrt(2.0) * max(sigma, 0.05)))) - profile)

    return float(abs(least_squares(miss, start).x[3]))


def given_scan(sigma_mm: float, noise_hu: float, lumen_hu: float, grid: Grid) -> ScanModel:
    """Return a model from known values, where no blob can be measured; noise of neighbouring voxels counts as independent."""
    return ScanModel(sigma_mm, 0.1 * sigma_mm, noise_hu, grid.voxel_volume_mm3, lumen_hu, 0)
