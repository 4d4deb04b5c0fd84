"""Change a patch's HU the way scanners, doses and diseases do; the labels stay true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .bank import LUMEN, LUMEN_ONLY, LUNG, VESSEL, WALL

Float32Array = NDArray[np.float32]
DENSE_HU = -600.0
"""In a real CT, whose walls and vessels are not labelled, darker voxels of the lung count as its tissue."""


def augment_hu(hu: Float32Array, labels: NDArray[np.uint8], rng: np.random.Generator) -> Float32Array:
    """Return a changed copy of a patch (K, J, I): lung density, disease, walls, motion, kernel, noise, calibration."""
    out = hu.copy()
    real = bool((labels & LUMEN_ONLY).any())
    tissue = _tissue(hu, labels, real)
    if not real and rng.random() < 0.7:
        _raise_air(out, labels, rng)
    if rng.random() < 0.5:
        out += tissue * _ramp(hu.shape, rng, float(rng.normal(0.0, 35.0)), 45.0)
    if not real:
        if rng.random() < 0.35:
            _change_walls(out, labels, rng)
        if rng.random() < 0.15:
            _add_holes(out, tissue, rng)
    if rng.random() < 0.15:
        _add_dense_patch(out, labels, rng)
    if rng.random() < 0.05:
        out = _moved(out, rng)
    choice = rng.random()
    if choice < 0.2:
        out = _filtered(out, rng.uniform(0.3, 0.8, 3))
    elif choice < 0.4:
        out += np.float32(rng.uniform(0.2, 0.9)) * (out - _filtered(out, np.full(3, 1.0)))
    if rng.random() < 0.45:
        out += _noise(hu.shape, rng, float(rng.uniform(8.0, 55.0)))
    if rng.random() < 0.3:
        out = thick_slices(out, rng)
    if rng.random() < 0.5:
        out = (out + 1000.0) * np.float32(rng.uniform(0.96, 1.04)) - 1000.0 + np.float32(rng.normal(0.0, 12.0))
    return np.asarray(out, dtype=np.float32)


def _tissue(hu: Float32Array, labels: NDArray[np.uint8], real: bool) -> Float32Array:
    """Share (0 to 1) of aerated lung tissue, soft at its borders."""
    inside = ((labels & LUNG) > 0) & ((labels & (LUMEN | WALL | VESSEL)) == 0)
    if real:
        inside &= hu < DENSE_HU
    return np.asarray(_filtered(inside.astype(np.float32), np.full(3, 0.6)) * inside, dtype=np.float32)


def _filtered(array: Float32Array, sigma: NDArray[np.float64]) -> Float32Array:
    return np.asarray(ndimage.gaussian_filter(array, sigma, truncate=2.5), dtype=np.float32)


def _ramp(shape: tuple[int, ...], rng: np.random.Generator, mean: float, slope: float) -> Float32Array:
    """A plane through the patch: ``mean`` in its middle, up to ``slope`` more at its sides."""
    out = np.full(shape, mean, dtype=np.float32)
    for axis, size in enumerate(shape):
        line = np.linspace(-1.0, 1.0, size, dtype=np.float32) * np.float32(rng.normal(0.0, slope / 2.0))
        out += line.reshape([-1 if part == axis else 1 for part in range(3)])
    return out


def _raise_air(hu: Float32Array, labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Air in the airway above -1000 HU: scatter and calibration leave -970 to -900 in many a real trachea."""
    lumen = _filtered(((labels & LUMEN) > 0).astype(np.float32), np.full(3, 0.5))
    hu += lumen * np.float32(rng.uniform(0.0, 90.0))


def _change_walls(hu: Float32Array, labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Thin walls (drawn towards lung), or calcified ones (brighter)."""
    wall = (labels & WALL) > 0
    if rng.random() < 0.75:
        hu[wall] += np.float32(rng.uniform(0.1, 0.55)) * (np.float32(-750.0) - hu[wall])
    else:
        hu[wall] += np.float32(rng.uniform(50.0, 350.0))


def _add_holes(hu: Float32Array, tissue: Float32Array, rng: np.random.Generator) -> None:
    """Emphysema: round holes with little tissue in them, none of it airway."""
    shape = np.array(hu.shape)
    for _ in range(int(rng.integers(2, 14))):
        centre, radius = rng.uniform(0, shape), float(rng.uniform(1.5, 8.0))
        low = np.maximum(np.floor(centre - radius - 1), 0).astype(int)
        high = np.minimum(np.ceil(centre + radius + 2), shape).astype(int)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        grids = np.ogrid[box]
        distance = np.sqrt(sum((grid - middle) ** 2 for grid, middle in zip(grids, centre, strict=True)))
        share = np.clip(radius - distance + 0.5, 0.0, 1.0).astype(np.float32) * tissue[box]
        hu[box] += share * (np.float32(rng.uniform(-1000.0, -930.0)) - hu[box])


def _add_dense_patch(hu: Float32Array, labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Ground glass or consolidation about the airways, whose lumen stays open."""
    coarse = rng.standard_normal([max(2, size // 12) for size in hu.shape]).astype(np.float32)
    field = ndimage.zoom(coarse, [size / part for size, part in zip(hu.shape, coarse.shape, strict=True)], order=1)
    share = np.clip(2.0 * (field - np.float32(rng.uniform(-0.2, 0.7))), 0.0, 1.0) * ((labels & LUNG) > 0)
    free = 1.0 - np.clip(1.6 * _filtered(((labels & LUMEN) > 0).astype(np.float32), np.full(3, 0.6)), 0.0, 1.0)
    target = np.float32(rng.uniform(-650.0, 40.0))
    hu += (share * free).astype(np.float32) * np.maximum(target - hu, 0.0)


def _moved(hu: Float32Array, rng: np.random.Generator) -> Float32Array:
    """A double contour, as breathing or the heart leaves it."""
    axis, step, share = int(rng.integers(0, 3)), int(rng.integers(1, 3)), np.float32(rng.uniform(0.2, 0.5))
    return np.asarray((1.0 - share) * hu + share * np.roll(hu, step, axis=axis), dtype=np.float32)


def thick_slices(hu: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Slices of 0.9 to 1.6 mm along one axis, brought back to the network's voxels as a scan is: linearly."""
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


def _noise(shape: tuple[int, ...], rng: np.random.Generator, sd_hu: float) -> Float32Array:
    white = rng.standard_normal(shape, dtype=np.float32)
    width = float(rng.uniform(0.0, 0.8))
    if width > 0.25:
        white = _filtered(white, np.full(3, width))
    return np.asarray(white * np.float32(sd_hu / max(float(white.std()), 1e-6)), dtype=np.float32)
