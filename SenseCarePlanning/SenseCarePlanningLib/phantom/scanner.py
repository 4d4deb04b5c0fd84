"""A CT scanner in a few numbers: sampling, point spread, kernel-shaped noise. It turns an ideal image into a Volume."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.sparse import csr_matrix

from ..geometry import FloatArray
from ..volume import Acquisition, Grid, Volume

logger = logging.getLogger(__name__)

Kernel = Literal["soft", "standard", "sharp"]
Float32Array = NDArray[np.float32]

PSF_SIGMA_MM: dict[str, tuple[float, float]] = {"soft": (0.75, 0.60), "standard": (0.58, 0.55), "sharp": (0.42, 0.50)}
"""Gaussian sigma in the plane and through it, ordered by kernel. A Gaussian describes the point spread of CT scanners
(Nickoloff 1985, doi:10.1118/1.595706); the widths are chosen, not measured on a scanner."""

EDGE_BOOST: dict[str, float] = {"soft": 0.0, "standard": 0.0, "sharp": 0.45}
"""Share of the unsharp-masked image that a sharp (lung, bone) kernel adds: it overshoots at edges."""

NOISE_CUTOFF_PER_MM: dict[str, float] = {"soft": 0.28, "standard": 0.40, "sharp": 0.65}
"""Frequency at which the kernel halves the noise amplitude; chosen. Shape: ramp times kernel
(Riederer 1978, The noise power spectrum in computed X-ray tomography, Phys. Med. Biol. 23)."""

FINEST_SAMPLE_MM = 1.0
"""Voxels larger than this are averaged from finer samples."""

AIR_HU, LOWEST_HU = -1000.0, -1024.0


@dataclass(frozen=True)
class Scanner:
    """Settings of a virtual scan.

    Parameters
    ----------
    spacing_mm
        Voxel spacing along i, j, k (one number for cubic voxels). The slice thickness equals the k spacing.
    noise_hu
        Standard deviation of the noise in the middle of soft tissue at ``dose`` 1.
    psf_sigma_inplane_mm, psf_sigma_through_mm
        Gaussian sigma of the point spread; None takes the kernel's own.
    kernel
        ``"soft"``, ``"standard"`` or ``"sharp"``.
    dose
        Relative dose: the noise falls with its square root.
    fov_mm
        Width of the square field of view; None shows the whole body.
    seed
        Of the noise; added to the patient's seed.
    kvp
        Tube voltage, 70 to 140. It is written into the scan; what attenuates how much at it is the patient's business.
    contrast
        Whether the scan is said to be made with contrast agent.

    Raises
    ------
    ValueError
        When a spacing, sigma, dose, noise or field of view is not in its range, or the kernel is unknown.
    """

    spacing_mm: tuple[float, float, float] | float = (0.7, 0.7, 0.7)
    noise_hu: float = 25.0
    psf_sigma_inplane_mm: float | None = None
    psf_sigma_through_mm: float | None = None
    kernel: Kernel = "standard"
    dose: float = 1.0
    fov_mm: float | None = None
    seed: int = 0
    kvp: float = 120.0
    contrast: bool = False

    def __post_init__(self) -> None:
        given = self.spacing_mm
        spacing = (float(given),) * 3 if isinstance(given, int | float) else tuple(float(value) for value in given)
        object.__setattr__(self, "spacing_mm", spacing)
        if len(spacing) != 3 or not all(0.2 <= value <= 10.0 for value in spacing):
            raise ValueError(f"the spacing needs three values from 0.2 to 10 mm, got {spacing}")
        if not (math.isfinite(self.noise_hu) and self.noise_hu >= 0):
            raise ValueError(f"the noise must be 0 HU or more, got {self.noise_hu}")
        if not (math.isfinite(self.dose) and self.dose > 0):
            raise ValueError(f"the dose must be positive, got {self.dose}")
        if not 70.0 <= self.kvp <= 140.0:
            raise ValueError(f"the tube voltage must be 70 to 140 kV, got {self.kvp}")
        if self.kernel not in PSF_SIGMA_MM:
            raise ValueError(f"the kernel must be one of {sorted(PSF_SIGMA_MM)}, got {self.kernel!r}")
        if self.fov_mm is not None and not 50.0 <= self.fov_mm <= 700.0:
            raise ValueError(f"the field of view must be 50 to 700 mm, got {self.fov_mm}")
        for sigma in (self.psf_sigma_inplane_mm, self.psf_sigma_through_mm):
            if sigma is not None and not 0.0 <= sigma <= 5.0:
                raise ValueError(f"the point spread must be 0 to 5 mm, got {sigma}")

    @property
    def spacing_ijk_mm(self) -> tuple[float, float, float]:
        """Voxel spacing along i, j, k."""
        assert isinstance(self.spacing_mm, tuple)
        return self.spacing_mm

    @property
    def psf_sigma_mm(self) -> tuple[float, float]:
        """Sigma of the point spread in the plane and through it."""
        inplane, through = PSF_SIGMA_MM[self.kernel]
        return (
            inplane if self.psf_sigma_inplane_mm is None else self.psf_sigma_inplane_mm,
            through if self.psf_sigma_through_mm is None else self.psf_sigma_through_mm,
        )

    @property
    def noise_sd_hu(self) -> float:
        """Noise in soft tissue at this dose."""
        return self.noise_hu / math.sqrt(self.dose)

    @property
    def factors_ijk(self) -> tuple[int, int, int]:
        """How many fine samples make one voxel along i, j, k."""
        i, j, k = (max(1, math.ceil(value / FINEST_SAMPLE_MM - 1e-9)) for value in self.spacing_ijk_mm)
        return (i, j, k)

    def grid_over(self, lower_lps_mm: FloatArray, upper_lps_mm: FloatArray) -> Grid:
        """Return the axial grid of whole voxels that covers a box, its field of view cut to ``fov_mm``."""
        lower, upper = np.asarray(lower_lps_mm, dtype=np.float64).copy(), np.asarray(upper_lps_mm, dtype=np.float64).copy()
        if self.fov_mm is not None:
            middle = (lower + upper)[:2] / 2.0
            lower[:2] = np.maximum(lower[:2], middle - self.fov_mm / 2.0)
            upper[:2] = np.minimum(upper[:2], middle + self.fov_mm / 2.0)
        spacing = np.array(self.spacing_ijk_mm)
        size = np.maximum(np.ceil((upper - lower) / spacing - 1e-6).astype(int), 1)
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = (lower + upper) / 2.0 - spacing * (size - 1) / 2.0
        return Grid((int(size[2]), int(size[1]), int(size[0])), affine)

    def fine_grid(self, grid: Grid) -> Grid:
        """Return the grid on which the ideal image is drawn: every voxel of ``grid`` split by :attr:`factors_ijk`."""
        factors = np.array(self.factors_ijk, dtype=np.float64)
        affine = grid.affine_ijk_to_lps.copy()
        affine[:3, :3] = affine[:3, :3] / factors
        affine[:3, 3] = grid.lps_from_ijk(-0.5 + 0.5 / factors)
        k, j, i = (size * factor for size, factor in zip(grid.shape_kji, reversed(self.factors_ijk), strict=True))
        return Grid((k, j, i), affine)

    def acquire(self, ideal_kji: Float32Array, grid: Grid, seed: int = 0) -> Volume:
        """Blur, sample and add noise.

        Parameters
        ----------
        ideal_kji
            The noise-free image in HU on :meth:`fine_grid` of ``grid``, each sample the mean over its box.
            Overwritten: it is the largest array of a simulation.
        grid
            The grid of the scan.
        seed
            Of the patient; together with :attr:`seed` it fixes the noise.

        Returns
        -------
        Volume
            int16 HU on ``grid``.

        Raises
        ------
        ValueError
            When the image is not on the fine grid.
        """
        fine = self.fine_grid(grid)
        if ideal_kji.shape != fine.shape_kji:
            raise ValueError(f"expected an image of shape {fine.shape_kji}, got {ideal_kji.shape}")
        self._blur(ideal_kji, fine)
        sampled = _block_mean(ideal_kji, self.factors_ijk[::-1])
        if self.noise_sd_hu > 0:
            self._add_noise(sampled, grid, np.random.default_rng([seed, self.seed, 7]))
        np.clip(sampled, LOWEST_HU, 3071.0, out=sampled)
        acquisition = Acquisition(
            kvp=self.kvp,
            kernel=self.kernel.upper(),
            slice_thickness_mm=self.spacing_ijk_mm[2],
            manufacturer="SenseCare Planning",
            model="digital patient",
            contrast=self.contrast,
            patient_position="HFS",
        )
        return Volume(np.rint(sampled, out=sampled).astype(np.int16), grid.affine_ijk_to_lps.copy(), "CT", acquisition)

    def _blur(self, image_kji: Float32Array, fine: Grid) -> None:
        """Apply the point spread in place; the averaging over a sample's own box counts as part of it."""
        inplane, through = self.psf_sigma_mm
        for axis, (sigma_mm, spacing) in enumerate(zip((through, inplane, inplane), fine.spacing_kji_mm, strict=True)):
            rest = math.sqrt(max(sigma_mm**2 - spacing**2 / 12.0, 0.0)) / spacing
            if rest > 0.05:
                gaussian_filter1d(image_kji, rest, axis=axis, output=image_kji, mode="nearest", truncate=3.5)
        boost = EDGE_BOOST[self.kernel]
        if boost > 0:
            wide = 1.6 * inplane / fine.spacing_kji_mm[1]
            for plane in image_kji:
                plane[:] = plane + boost * (plane - gaussian_filter(plane, wide, mode="nearest", truncate=3.0))

    def _add_noise(self, image_kji: Float32Array, grid: Grid, rng: np.random.Generator) -> None:
        """Add noise with the kernel's spectrum, correlated along k, less of it where the body is thin."""
        scale_kji, step = _noise_scale(image_kji, grid)
        enlarge_j, enlarge_i = (_linear_weights(grid.shape_kji[axis], scale_kji.shape[axis], step) for axis in (1, 2))
        kernel_z = _gaussian_taps(self.psf_sigma_mm[1] / grid.spacing_kji_mm[0])
        amplitude = _noise_amplitude(grid, NOISE_CUTOFF_PER_MM[self.kernel])
        shape = (grid.shape_kji[1], grid.shape_kji[2])
        window = [rng.standard_normal(shape, dtype=np.float32) for _ in range(len(kernel_z))]
        for k, plane in enumerate(image_kji):
            white = np.tensordot(kernel_z, np.stack(window), axes=1).astype(np.float32)
            scale = (enlarge_i @ (enlarge_j @ scale_kji[k // step]).T).T
            shaped = fft.irfft2(fft.rfft2(white) * amplitude, s=shape)
            plane[:] = plane + np.float32(self.noise_sd_hu) * shaped.astype(np.float32) * scale
            window = [*window[1:], rng.standard_normal(shape, dtype=np.float32)]


def _block_mean(image_kji: Float32Array, factors_kji: tuple[int, ...]) -> Float32Array:
    if factors_kji == (1, 1, 1):
        return image_kji
    k, j, i = (size // factor for size, factor in zip(image_kji.shape, factors_kji, strict=True))
    blocks = image_kji.reshape(k, factors_kji[0], j, factors_kji[1], i, factors_kji[2])
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))


def _gaussian_taps(sigma: float) -> Float32Array:
    """Weights of a Gaussian of ``sigma`` samples with unit energy, so that filtered white noise keeps its variance."""
    reach = max(int(np.ceil(3.0 * sigma)), 0)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    return np.asarray(taps / np.sqrt((taps**2).sum()), dtype=np.float32)


def _noise_amplitude(grid: Grid, cutoff_per_mm: float) -> Float32Array:
    """Amplitude over the frequencies of ``rfft2``: square root of the ramp times the kernel, unit variance."""
    _, rows, columns = grid.shape_kji
    _, spacing_j, spacing_i = grid.spacing_kji_mm
    frequency = np.hypot(np.fft.fftfreq(rows, spacing_j)[:, None], np.fft.rfftfreq(columns, spacing_i)[None, :])
    kernel = np.exp(-np.log(2.0) * (frequency / cutoff_per_mm) ** 2)
    amplitude = np.sqrt(frequency + 0.01 * cutoff_per_mm) * kernel
    weight = np.full(amplitude.shape[1], 2.0)
    weight[0] = 1.0
    if columns % 2 == 0:
        weight[-1] = 1.0
    power = float((amplitude**2 * weight[None, :]).sum()) / (rows * columns)
    return np.asarray(amplitude / np.sqrt(power), dtype=np.float32)


def _noise_scale(image_kji: Float32Array, grid: Grid) -> tuple[Float32Array, int]:
    """Coarse map of the noise relative to the middle of the body, and its step in slices."""
    step = 8
    sample = np.clip((image_kji[::step, ::step, ::step] + 1000.0) / 1000.0, 0.0, 1.1)
    sigma = [25.0 / (step * spacing) for spacing in grid.spacing_kji_mm]
    return np.clip(0.40 + 0.75 * gaussian_filter(sample, sigma, mode="nearest"), 0.40, 1.0).astype(np.float32), step


def _linear_weights(size: int, coarse: int, step: int) -> csr_matrix:
    """Weights (size, coarse) that interpolate every ``step``-th sample back to all."""
    position = np.minimum(np.arange(size) / step, coarse - 1)
    low = np.minimum(position.astype(int), max(coarse - 2, 0))
    share = (position - low).astype(np.float32)
    rows = np.concatenate([np.arange(size), np.arange(size)])
    columns = np.concatenate([low, np.minimum(low + 1, coarse - 1)])
    return csr_matrix((np.concatenate([1.0 - share, share]), (rows, columns)), shape=(size, coarse), dtype=np.float32)
