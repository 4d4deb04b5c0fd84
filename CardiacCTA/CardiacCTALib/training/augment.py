"""Change a heart's HU the way contrast, scanners, doses and motion do; the labels stay true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.training.augment import filtered, moved, noise, ramp, thick_slices, with_kernel

from ..coronary_evidence import FAT_HU
from .hearts import ARTERY, VEIN

Float32Array = NDArray[np.float32]


def augment_heart(hu: Float32Array, labels: NDArray[np.uint8], rng: np.random.Generator) -> Float32Array:
    """Return a changed copy of a patch (K, J, I): veins, filling of arteries, surroundings, motion, kernel, noise, level.

    Parameters
    ----------
    hu
        Scaled to the aorta's blood.
    labels
        Bits of :mod:`.hearts`.
    """
    out = hu.copy()
    if rng.random() < 0.5:
        out += _soft(labels, VEIN) * np.float32(rng.uniform(-120.0, 200.0))
    if rng.random() < 0.3:
        lumen = _soft(labels, ARTERY)
        out -= lumen * np.float32(rng.uniform(0.0, 0.3)) * np.maximum(out - np.float32(100.0), 0.0)
    if rng.random() < 0.4:
        out += ramp(hu.shape, rng, float(rng.normal(0.0, 15.0)), 30.0)
    if rng.random() < 0.08:
        out = moved(out, rng)
    out = with_kernel(out, rng)
    if rng.random() < 0.5:
        out += noise(hu.shape, rng, float(rng.uniform(8.0, 45.0)))
    if rng.random() < 0.25:
        out = thick_slices(out, rng)
    if rng.random() < 0.6:  # the aorta's level is measured, and arteries are not always filled like it
        out = (out - np.float32(FAT_HU)) * np.float32(rng.uniform(0.88, 1.12)) + np.float32(FAT_HU)
    return np.asarray(out, dtype=np.float32)


def _soft(labels: NDArray[np.uint8], bit: int) -> Float32Array:
    """Share (0 to 1) of a structure, soft at its borders."""
    return filtered(((labels & bit) > 0).astype(np.float32), np.full(3, 0.6))
