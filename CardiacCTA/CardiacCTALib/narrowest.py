"""The narrowest place of a lesion, without the error of picking it: the least of noisy numbers lies under the least true one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray

_HALF_MM = 1.2
_DRAWS = 300


@dataclass(frozen=True, eq=False)
class Narrowest:
    """The narrowest section, its diameter (mm) as a weighted sum of measured ones plus a correction, and the weights (N,)."""

    section: int
    diameter_mm: float
    weights: FloatArray


def smoothing(count: int, step_mm: float) -> FloatArray:
    """Return weights (N, N) that replace each number by the parabola through those within 1.2 mm, which keeps a curved throat."""
    return _smoothing(count, max(round(_HALF_MM / step_mm), 2))


@lru_cache(maxsize=4)
def _smoothing(count: int, half: int) -> FloatArray:
    weights = np.zeros((count, count))
    for at in range(count):
        near = np.arange(max(at - half, 0), min(at + half + 1, count))
        design = np.vander(near - float(at), min(3, len(near)), increasing=True)
        weights[at, near] = np.linalg.pinv(design)[0]
    weights.flags.writeable = False
    return weights


def find_narrowest(
    diameter_mm: FloatArray, healthy_mm: FloatArray, noise_mm2: FloatArray, span: tuple[int, int], step_mm: float
) -> Narrowest:
    """Find the narrowest section of a lesion against its reference.

    Parameters
    ----------
    diameter_mm, healthy_mm
        (N,) measured and healthy diameters.
    noise_mm2
        (N, N) covariance of the measured diameters between repeated scans.
    span
        First and last section of the lesion.

    Notes
    -----
    The correction is the mean fall of the least value when noise of the given covariance is added once more (parametric
    bootstrap with fixed random numbers).
    """
    return narrowest_of(diameter_mm, healthy_mm, drawn_noise(noise_mm2, span, step_mm), span, step_mm)


def drawn_noise(noise_mm2: FloatArray, span: tuple[int, int], step_mm: float) -> FloatArray:
    """Draw the noise (D, K) of smoothed diameters of a lesion, the same at every call; see :func:`find_narrowest`."""
    weights = smoothing(len(noise_mm2), step_mm)[span[0] : span[1] + 1]
    values, vectors = np.linalg.eigh(weights @ noise_mm2 @ weights.T)
    draws = np.random.default_rng(0).normal(size=(_DRAWS, len(weights)))
    return np.asarray(draws @ (vectors * np.sqrt(np.maximum(values, 0.0))).T)


def narrowest_of(
    diameter_mm: FloatArray, healthy_mm: FloatArray, noise_mm: FloatArray, span: tuple[int, int], step_mm: float
) -> Narrowest:
    """Find the narrowest section as :func:`find_narrowest` does, with noise that was drawn before by :func:`drawn_noise`."""
    weights = smoothing(len(diameter_mm), step_mm)
    inside = slice(span[0], span[1] + 1)
    smooth = (weights @ diameter_mm)[inside]
    ratio = smooth / healthy_mm[inside]
    least = int(ratio.argmin())
    fall = float((ratio + noise_mm / healthy_mm[inside]).min(axis=1).mean() - ratio[least])
    diameter = float(smooth[least] - fall * healthy_mm[inside][least])
    return Narrowest(span[0] + least, max(diameter, 0.0), weights[span[0] + least])
