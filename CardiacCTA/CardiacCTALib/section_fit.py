"""All sections of an artery fitted together: the contours whose blurred picture is the scan, and how sure they are.

Strategy: Gauss-Newton on all parameters of all sections at once. Blur along the artery ties neighbours together, and so does
the knowledge that arteries change smoothly (bounded second differences along the artery). Both couple near sections only, so
that the normal matrix is banded and its solution costs next to nothing. The inverse of the same matrix is the covariance of
the result: noise of the scan enters it through the volume over which noise is alike.

What is known beforehand stands in ``section_knowledge``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from SenseCarePlanningLib.geometry import FloatArray

from .scan_model import ScanModel
from .section_knowledge import PlaqueLevel, add_knowledge
from .section_model import (
    AROUND,
    LEAST_RADIUS_MM,
    LUMEN,
    LUMEN_RADIUS,
    OUTER,
    OUTER_RADIUS,
    RING,
    SHAPE,
    Places,
    contours_of,
    picture,
)

Float32Array = NDArray[np.float32]

ROBUST_SIGMAS = 4.0
"""Beyond so many deviations of the noise a place counts as one that the model cannot explain. Chosen."""
_REACH = 3
_STEP_LIMIT = {"length": 0.3, "level": 80.0}


@dataclass(frozen=True, eq=False)
class Sections:
    """What is fitted: values (N, M) HU and weights (N, M), 0 where a place says nothing, along a curve with a fixed step.

    ``around_hu`` (N, M) is what lies around the artery, ``place_mm2`` the area that each place stands for, ``plaque`` what the
    wall's level is expected to be.
    """

    values: Float32Array
    weight: Float32Array
    around_hu: Float32Array
    places: Places
    step_mm: float
    place_mm2: float
    plaque: PlaqueLevel


@dataclass(frozen=True, eq=False)
class SectionFit:
    """Parameters (N, 20) with the factored normal matrix, and sensitivities of the parameters.

    ``told`` holds the lower bands of what the scan alone tells, before the knowledge is added.

    ``by_sigma`` (N, 20) is the change for 1 mm more blur, ``by_lumen`` (N, 20) for 1 HU more lumen level. ``residual`` (N, M)
    is scan less model, HU. ``calcium_share`` (N, M) and ``calcium_level_hu`` (N,) are 0 where no calcium was fitted, the
    latter empty where none was anywhere.
    """

    values: FloatArray
    factor: FloatArray
    told: FloatArray
    by_sigma: FloatArray
    by_lumen: FloatArray
    residual: Float32Array
    lumen_share: Float32Array
    calcium_share: Float32Array
    calcium_level_hu: FloatArray = field(default_factory=lambda: np.zeros(0))

    def covariance(self, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return covariances (N, N) of N numbers, each with slopes (N, 20) on its section's parameters.

        Returns
        -------
        uncertain, noisy
            How far the truth may lie from the result; and how far the result would differ in a second scan of the same
            artery, which is less, because knowledge quiets noise at the price of rounding what is sharper than it expects.
        """
        count = len(slopes)
        width = self.values.shape[1]
        spread = np.zeros((count, width, count))
        spread[np.arange(count), :, np.arange(count)] = slopes
        flat = spread.reshape(count * width, count)
        answer = cho_solve_banded((self.factor, True), flat)
        return np.asarray(flat.T @ answer), np.asarray(answer.T @ times_banded(self.told, answer))

    def variance(self, slopes: FloatArray, weights: FloatArray) -> float:
        """Return the uncertain variance of one weighted sum (weights (N,)) of N numbers with slopes (N, 20).

        The same as ``weights @ covariance(slopes)[0] @ weights``, for one solution instead of N.
        """
        flat = (slopes * weights[:, None]).ravel()
        return float(flat @ cho_solve_banded((self.factor, True), flat))


def fit_sections(
    sections: Sections, start: FloatArray, lumen_hu: FloatArray, scan: ScanModel, rounds: int = 8, settled: bool = False
) -> SectionFit:
    """Fit all sections.

    Parameters
    ----------
    start
        (N, 20) first guess.
    lumen_hu
        (N,) level of the lumen.
    settled
        The start is good already: places that the model cannot explain are weighed down from the beginning.
    """
    kernel = along_kernel(scan.sigma_mm, sections.step_mm)
    values = start.copy()
    power = np.float32(sections.place_mm2 * sections.step_mm / (scan.noise_hu**2 * scan.noise_volume_mm3))
    for turn in range(rounds + 1):
        seen, slopes, share, hard = picture(values, lumen_hu, sections.around_hu, sections.places, scan.sigma_mm)
        miss = sections.values - along(seen, kernel)
        weight = power * sections.weight * (robust_weight(miss, scan.noise_hu) if settled or turn >= 2 else 1.0)
        bands, pull = normal_blocks(slopes, weight, miss, kernel)
        if turn == rounds:
            told = banded(bands)
        add_knowledge(bands, pull, values, sections.step_mm, sections.plaque)
        factor = cholesky_banded(banded(bands), lower=True)
        if turn == rounds:
            break
        step = cho_solve_banded((factor, True), pull.ravel()).reshape(values.shape)
        values = legal(values + limited_step(step))
    wider = picture(values, lumen_hu, sections.around_hu, sections.places, 1.02 * scan.sigma_mm)[0]
    change = along(wider, along_kernel(1.02 * scan.sigma_mm, sections.step_mm)) - along(seen, kernel)
    by_sigma = -_answer(slopes, weight, change / np.float32(0.02 * scan.sigma_mm), kernel, factor)
    by_lumen = -_answer(slopes, weight, along(share, kernel), kernel, factor)
    return SectionFit(values, factor, told, by_sigma, by_lumen, miss, share, hard)


def along_kernel(sigma_mm: float, step_mm: float) -> FloatArray:
    """Return the weights (5,) of the blur along the artery."""
    offsets = np.arange(-2, 3) * step_mm
    weights = np.exp(-0.5 * (offsets / sigma_mm) ** 2)
    return np.asarray(weights / weights.sum())


def along(values: Float32Array, kernel: FloatArray) -> Float32Array:
    """Blur (N, ...) along the artery; the ends are continued."""
    half = len(kernel) // 2
    padded = np.concatenate([values[:1].repeat(half, axis=0), values, values[-1:].repeat(half, axis=0)])
    total = np.zeros_like(values)
    for at, weight in enumerate(kernel):
        total += np.float32(weight) * padded[at : at + len(values)]
    return total


def robust_weight(miss: Float32Array, noise_hu: float) -> Float32Array:
    """Weigh places down that the model cannot explain (a vein, a branch): Cauchy weights."""
    return np.asarray(1.0 / (1.0 + (miss / np.float32(ROBUST_SIGMAS * noise_hu)) ** 2), dtype=np.float32)


def normal_blocks(
    slopes: Float32Array, weight: Float32Array, miss: Float32Array, kernel: FloatArray
) -> tuple[list[FloatArray], FloatArray]:
    """Return the blocks of the normal matrix by their offset along the artery, and the gradient (N, 20)."""
    twice = np.convolve(kernel, kernel)
    middle = len(twice) // 2
    heavy = slopes * np.sqrt(weight)[..., None]
    bands = []
    for offset in range(_REACH + 1):
        later = heavy[offset:]
        block = np.matmul(heavy[: len(later)].transpose(0, 2, 1), later).astype(np.float64)
        bands.append(block * twice[middle + offset])
    pulled = along(weight * miss, kernel)
    return bands, np.asarray(np.einsum("nmp,nm->np", slopes, pulled), dtype=np.float64)


def _answer(
    slopes: Float32Array, weight: Float32Array, change: Float32Array, kernel: FloatArray, factor: FloatArray
) -> FloatArray:
    pulled = np.einsum("nmp,nm->np", slopes, along(weight * change, kernel)).astype(np.float64)
    return np.asarray(cho_solve_banded((factor, True), pulled.ravel()).reshape(pulled.shape))


def banded(bands: list[FloatArray]) -> FloatArray:
    """Lay the blocks out as the lower bands that ``cholesky_banded`` takes."""
    count, width = bands[0].shape[:2]
    lower = np.zeros(((len(bands)) * width, count, width))
    row, column = np.indices((width, width))
    for offset, blocks in enumerate(bands):
        below = offset * width + row - column
        kept = below >= 0
        # block (n, n + offset) is [earlier, later]; below the diagonal stands its transpose
        values = blocks.transpose(2, 1, 0)[kept]
        lower[below[kept], : len(blocks), column[kept]] = values
    return lower.reshape(len(lower), count * width)


def times_banded(lower: FloatArray, columns: FloatArray) -> FloatArray:
    """Return a symmetric matrix, given by its lower bands, times columns (n, m)."""
    total = lower[0][:, None] * columns
    count = len(columns)
    for below in range(1, len(lower)):
        band = lower[below, : count - below, None]
        total[below:] += band * columns[: count - below]
        total[: count - below] += band * columns[below:]
    return np.asarray(total)


def limited_step(step: FloatArray) -> FloatArray:
    """Return a step (N, 20) no longer than what the linear model is trusted for."""
    limit = np.full(step.shape[1], _STEP_LIMIT["length"])
    limit[RING], limit[AROUND] = _STEP_LIMIT["level"], _STEP_LIMIT["level"]
    return np.asarray(np.clip(step, -limit, limit))


def legal(values: FloatArray) -> FloatArray:
    """Keep radii positive and the outer wall outside the lumen."""
    values[:, LUMEN_RADIUS] = np.maximum(values[:, LUMEN_RADIUS], LEAST_RADIUS_MM)
    values[:, OUTER_RADIUS] = np.maximum(values[:, OUTER_RADIUS], values[:, LUMEN_RADIUS] + 0.1)
    return values


def diameter_slopes(values: FloatArray) -> FloatArray:
    """Return the slopes (N, 20) of the area-equivalent lumen diameter."""
    return _equivalent_slopes(values, LUMEN)


def outer_diameter_slopes(values: FloatArray) -> FloatArray:
    """Return the slopes (N, 20) of the area-equivalent outer diameter."""
    return _equivalent_slopes(values, OUTER)


def _equivalent_slopes(values: FloatArray, which: slice) -> FloatArray:
    slopes = np.zeros_like(values)
    radius = contours_of(values, which).radius_mm
    root = np.sqrt((radius**2).mean(axis=1))
    slopes[:, which.start + 2 : which.stop] = 2.0 * (radius @ SHAPE) / radius.shape[1] / root[:, None]
    return slopes
