"""Changes of a patch's HU that every organ's training uses: what scanners, doses and kernels do to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float32Array = NDArray[np.float32]


def filtered(array: Float32Array, sigma: NDArray[np.float64]) -> Float32Array:
    """Blur with a Gaussian; ``sigma`` (3,) in voxels."""
    return np.asarray(ndimage.gaussian_filter(array, sigma, truncate=2.5), dtype=np.float32)


def ramp(shape: tuple[int, ...], rng: np.random.Generator, mean: float, slope: float) -> Float32Array:
    """A plane through the patch: ``mean`` in its middle, up to ``slope`` more at its sides."""
    out = np.full(shape, mean, dtype=np.float32)
    for axis, size in enumerate(shape):
        line = np.linspace(-1.0, 1.0, size, dtype=np.float32) * np.float32(rng.normal(0.0, slope / 2.0))
        out += line.reshape([-1 if part == axis else 1 for part in range(3)])
    return out


def moved(hu: Float32Array, rng: np.random.Generator) -> Float32Array:
    """A double contour, as breathing or the heart leaves it."""
    axis, step, share = int(rng.integers(0, 3)), int(rng.integers(1, 3)), np.float32(rng.uniform(0.2, 0.5))
    return np.asarray((1.0 - share) * hu + share * np.roll(hu, step, axis=axis), dtype=np.float32)


def with_kernel(hu: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Blur in a fifth of the patches, sharpen in another."""
    choice = rng.random()
    if choice < 0.2:
        return filtered(hu, rng.uniform(0.3, 0.8, 3))
    if choice < 0.4:
        return np.asarray(hu + np.float32(rng.uniform(0.2, 0.9)) * (hu - filtered(hu, np.full(3, 1.0))), dtype=np.float32)
    return hu


def noise(shape: tuple[int, ...], rng: np.random.Generator, sd_hu: float) -> Float32Array:
    """Gaussian noise of ``sd_hu``, white or correlated over up to 0.8 voxels."""
    white = rng.standard_normal(shape, dtype=np.float32)
    width = float(rng.uniform(0.0, 0.8))
    if width > 0.25:
        white = filtered(white, np.full(3, width))
    return np.asarray(white * np.float32(sd_hu / max(float(white.std()), 1e-6)), dtype=np.float32)


def thick_slices(hu: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Slices 1.3 to 2.3 voxels thick along one axis, brought back to the network's voxels as a scan is: linearly."""
    axis, step = int(rng.integers(0, 3)), float(rng.uniform(1.3, 2.3))
    size = hu.shape[axis]
    thick = ndimage.gaussian_filter1d(hu, 0.35 * step, axis=axis, truncate=2.5)
    at = np.arange(float(rng.uniform(0.0, 1.0)), size - 1.0, step)
    slices = _between(thick, at, axis)
    return _between(slices, np.clip((np.arange(size) - at[0]) / step, 0.0, len(at) - 1.0), axis)


def _between(hu: Float32Array, at: NDArray[np.float64], axis: int) -> Float32Array:
    """Sample along an axis at fractional indices, linearly."""
    low = np.minimum(np.floor(at).astype(int), hu.shape[axis] - 2)
    share = (at - low).astype(np.float32).reshape([-1 if part == axis else 1 for part in range(3)])
    return np.asarray(np.take(hu, low, axis=axis) * (1.0 - share) + np.take(hu, low + 1, axis=axis) * share)
