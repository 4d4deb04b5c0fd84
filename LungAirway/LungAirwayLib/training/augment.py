"""Change a patch's HU the way scanners, doses and diseases do; the labels stay true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.training.augment import filtered, moved, noise, ramp, thick_slices, with_kernel

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
        out += tissue * ramp(hu.shape, rng, float(rng.normal(0.0, 35.0)), 45.0)
    if not real:
        if rng.random() < 0.35:
            _change_walls(out, labels, rng)
        if rng.random() < 0.15:
            _add_holes(out, tissue, rng)
    if rng.random() < 0.15:
        _add_dense_patch(out, labels, rng)
    if rng.random() < 0.05:
        out = moved(out, rng)
    out = with_kernel(out, rng)
    if rng.random() < 0.45:
        out += noise(hu.shape, rng, float(rng.uniform(8.0, 55.0)))
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
    return np.asarray(filtered(inside.astype(np.float32), np.full(3, 0.6)) * inside, dtype=np.float32)


def _raise_air(hu: Float32Array, labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Air in the airway above -1000 HU: scatter and calibration leave -970 to -900 in many a real trachea."""
    lumen = filtered(((labels & LUMEN) > 0).astype(np.float32), np.full(3, 0.5))
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
    free = 1.0 - np.clip(1.6 * filtered(((labels & LUMEN) > 0).astype(np.float32), np.full(3, 0.6)), 0.0, 1.0)
    target = np.float32(rng.uniform(-650.0, 40.0))
    hu += (share * free).astype(np.float32) * np.maximum(target - hu, 0.0)
