"""All sections of an artery fitted together: the contours whose blurred picture is the scan, and how sure they are.

Strategy: Gauss-Newton on all parameters of all sections at once. Blur along the artery ties neighbours together, and so does
the knowledge that arteries change smoothly (bounded second differences along the artery). Both couple near sections only, so
that the normal matrix is banded and its solution costs next to nothing. The inverse of the same matrix is the covariance of
the result: noise of the scan enters it through the volume over which noise is alike.

What is known beforehand stands in ``section_knowledge``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.linalg.blas import dtbsv

from SenseCarePlanningLib.geometry import FloatArray

from .scan_model import ScanModel
from .section_knowledge import ExpectedWall, add_knowledge
from .section_model import (
    AROUND,
    LEAST_RADIUS_MM,
    LUMEN,
    LUMEN_RADIUS,
    OUTER,
    OUTER_RADIUS,
    RING,
    SHAPE,
    TOGETHER,
    Places,
    contours_of,
    from_line,
    picture,
    seen_only,
)

Float32Array = NDArray[np.float32]

ROBUST_SIGMAS = 4.0
"""Beyond so many deviations of the noise a place counts as one that the model cannot explain. Chosen."""
REACH = 3
"""Sections farther apart than this are not tied in the normal matrix; the ends of their blur hardly meet. Chosen."""
_DENSE_ROWS = 120
"""So many rows of a banded matrix are multiplied as if it were full. Chosen for speed."""
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
    expected: ExpectedWall

    def ordered(self, order: NDArray[np.int64]) -> Sections:
        """Return them with their places in another order (M,)."""
        places = Places(self.places.at_mm[order], self.places.tilt[order])
        return replace(
            self, values=self.values[:, order], weight=self.weight[:, order], around_hu=self.around_hu[:, order], places=places
        )


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
        answer = cho_solve_banded((self.factor, True), one_each(slopes), overwrite_b=True, check_finite=False)
        return summed_each(slopes, answer), np.asarray(answer.T @ times_banded(self.told, answer))

    def variance(self, slopes: FloatArray, weights: FloatArray) -> float:
        """Return the uncertain variance of one weighted sum (weights (N,)) of N numbers with slopes (N, 20).

        The same as ``weights @ covariance(slopes)[0] @ weights``, for half a solution instead of N.
        """
        return self.variance_of(slopes * weights[:, None])

    def variance_of(self, slopes: FloatArray) -> float:
        """Return the uncertain variance of one number with slopes (N, 20) on all sections' parameters."""
        rows = np.flatnonzero(slopes.any(axis=1))
        if not len(rows):
            return 0.0
        # what stands before the first slope stays 0 on the way forward
        first = int(rows[0])
        flat = slopes[first:].ravel()
        half = dtbsv(len(self.factor) - 1, self.factor[:, first * slopes.shape[1] :], flat, lower=1)
        return float(half @ half)


def one_each(slopes: FloatArray) -> FloatArray:
    """Return columns (N P, N), in each the slopes (N, P) of one section and 0 for all others; in the order of LAPACK."""
    count, width = slopes.shape
    columns = np.zeros((count, count, width))
    columns[np.arange(count), np.arange(count)] = slopes
    return np.asarray(columns.reshape(count, count * width).T)


def summed_each(slopes: FloatArray, columns: FloatArray) -> FloatArray:
    """Return ``one_each(slopes).T @ columns`` (N, N) for columns (N P, N)."""
    return np.asarray(np.matmul(slopes[:, None], columns.reshape(*slopes.shape, -1))[:, 0])


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
    order = from_line(sections.places)
    own, values = sections.ordered(order), start.copy()
    weighed, needed = weighed_places(own.weight)
    room = np.zeros((len(values), values.shape[1], len(order)), dtype=np.float32)
    power = np.float32(sections.place_mm2 * sections.step_mm / (scan.noise_hu**2 * scan.noise_volume_mm3))
    for turn in range(rounds + 1):
        asked = None if turn == rounds else needed
        seen, slopes, share, hard = picture(values, lumen_hu, own.around_hu, own.places, scan.sigma_mm, first=asked, room=room)
        miss = own.values - along(seen, kernel)
        weight = power * own.weight * (robust_weight(miss, scan.noise_hu) if settled or turn >= 2 else 1.0)
        rows = normal_rows(slopes, weight, kernel, weighed)
        pull = gradient(slopes, along(weight * miss, kernel), needed)
        if turn == rounds:
            told = banded(rows)
        add_knowledge(blocks_of(rows), pull, values, sections.step_mm, sections.expected)
        factor = cholesky_banded(banded(rows), overwrite_ab=True, lower=True, check_finite=False)
        if turn == rounds:
            break
        values = legal(values + limited_step(solution(factor, pull)))
    wider = seen_only(values, lumen_hu, own.around_hu, own.places, 1.02 * scan.sigma_mm)
    change = along(wider, along_kernel(1.02 * scan.sigma_mm, sections.step_mm)) - along(seen, kernel)
    changes = (change / np.float32(0.02 * scan.sigma_mm), along(share, kernel))
    by_sigma, by_lumen = (-solution(factor, gradient(slopes, along(weight * one, kernel), needed)) for one in changes)
    back = np.argsort(order)
    return SectionFit(values, factor, told, by_sigma, by_lumen, miss[:, back], share[:, back], hard[:, back])


def weighed_places(weight: Float32Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return up to which place each section (N,) has a weight, and up to which its picture is needed for a fit.

    Blur along the artery brings what is seen of a section into those beside it. Nothing changes by leaving the others out.

    Parameters
    ----------
    weight
        (N, M), its places best in an order in which those without a weight come last.
    """
    held = weight > 0.0
    count = np.where(held.any(axis=1), held.shape[1] - held[:, ::-1].argmax(axis=1), 1)
    return count, np.asarray(ndimage.maximum_filter1d(count, 5, mode="nearest"))


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


def normal_rows(
    slopes: Float32Array, weight: Float32Array, kernel: FloatArray, weighed: NDArray[np.int64] | None = None
) -> FloatArray:
    """Return the normal matrix from its diagonal on: (N, P, 4 P), in each row the blocks of a section with itself and the next.

    Parameters
    ----------
    slopes, weight
        (N, P, M) and (N, M).
    weighed
        (N,) so many places of each section have a weight, the first ones; all without it.
    """
    count, width, places = slopes.shape
    twice = np.convolve(kernel, kernel)
    middle = len(twice) // 2
    shares = np.repeat(twice[middle : middle + REACH + 1], width)
    root = np.sqrt(weight)
    rows = np.empty((count, width, (REACH + 1) * width))
    for start in range(0, count, TOGETHER):
        stop = min(start + TOGETHER, count)
        last = min(stop + REACH, count)
        most = places if weighed is None else int(weighed[start:stop].max())
        heavy = np.zeros((stop - start + REACH, width, most), dtype=np.float32)
        np.multiply(slopes[start:last, :, :most], root[start:last, None, :most], out=heavy[: last - start])
        later = sliding_window_view(heavy.reshape(-1, most), (REACH + 1) * width, axis=0)[::width]
        np.multiply(np.matmul(heavy[: stop - start], later), shares, out=rows[start:stop])
    return rows


def blocks_of(rows: FloatArray) -> list[FloatArray]:
    """Return the blocks (N - offset, P, P) of a normal matrix by their offset along the artery: views of its rows."""
    count, width = rows.shape[:2]
    return [rows[: max(count - at, 0), :, at * width : (at + 1) * width] for at in range(REACH + 1)]


def gradient(slopes: Float32Array, pulled: Float32Array, needed: NDArray[np.int64] | None = None) -> FloatArray:
    """Return slopes (N, P, M) times what pulls at the places (N, M): (N, P).

    Parameters
    ----------
    needed
        (N,) so many places of each section are pulled at, the first ones; all without it.
    """
    if needed is None:
        return np.asarray(np.matmul(slopes, pulled[..., None])[..., 0], dtype=np.float64)
    found = np.empty(slopes.shape[:2])
    for start in range(0, len(slopes), TOGETHER):
        part = slice(start, start + TOGETHER)
        most = int(needed[part].max())
        found[part] = np.matmul(slopes[part, :, :most], pulled[part, :most, None])[..., 0]
    return found


def solution(factor: FloatArray, pull: FloatArray) -> FloatArray:
    """Return what the factored normal matrix times it is the gradient (N, P)."""
    return np.asarray(cho_solve_banded((factor, True), pull.ravel(), check_finite=False).reshape(pull.shape))


def banded(rows: FloatArray) -> FloatArray:
    """Lay the rows of a normal matrix out as the lower bands (4 P, N P) that ``cholesky_banded`` takes, in its order."""
    count, width, reach = rows.shape
    lower = np.zeros((count, width, reach))
    for column in range(width):
        lower[:, column, : reach - column] = rows[:, column, column:]
    return np.asarray(lower.reshape(count * width, reach).T)


def times_banded(lower: FloatArray, columns: FloatArray) -> FloatArray:
    """Return a symmetric matrix, given by its lower bands, times columns (n, m)."""
    reach, count = lower.shape
    total = np.empty_like(columns)
    for start in range(0, count, _DENSE_ROWS):
        first, last = max(start - reach + 1, 0), min(start + _DENSE_ROWS + reach - 1, count)
        stop = min(start + _DENSE_ROWS, count)
        dense = np.zeros((stop - start, last - first))
        flat, stride = dense.reshape(-1), dense.shape[1] + 1
        for below in range(reach):
            # of each row of the part, what stands so far behind the diagonal, and so far before it
            behind = min(stop, count - below) - start
            if behind > 0:
                at = start - first + below
                flat[at : at + (behind - 1) * stride + 1 : stride] = lower[below, start : start + behind]
            skipped = max(below - start, 0)
            if below and skipped < stop - start:
                at = skipped * stride + start - first - below
                flat[at::stride][: stop - start - skipped] = lower[below, start + skipped - below : stop - below]
        np.matmul(dense, columns[first:last], out=total[start:stop])
    return total


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
