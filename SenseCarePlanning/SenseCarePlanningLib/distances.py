"""Distances from and within masks, computed where they are asked for: a transform of a whole scan takes gigabytes of traffic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .volume import bounding_box


def distance_to(mask_kji: NDArray[Any], spacing_kji_mm: tuple[float, float, float], reach_mm: float) -> NDArray[np.float32]:
    """Return how far each voxel (K, J, I) is from a mask, mm, right up to ``reach_mm``; farther ones may be infinite."""
    result = np.full(mask_kji.shape, np.inf, dtype=np.float32)
    if mask_kji.any():
        margin = [int(np.ceil(reach_mm / size)) for size in spacing_kji_mm]
        box = bounding_box(mask_kji, (margin[0], margin[1], margin[2]))
        result[box] = ndimage.distance_transform_edt(~mask_kji[box], sampling=spacing_kji_mm)
    return result


def depth_in(mask_kji: NDArray[Any], spacing_kji_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return how deep inside a mask each voxel (K, J, I) lies, mm, 0 outside; the border of the array is no border."""
    result = np.zeros(mask_kji.shape, dtype=np.float32)
    if mask_kji.any():
        box = bounding_box(mask_kji, (1, 1, 1))
        result[box] = ndimage.distance_transform_edt(mask_kji[box], sampling=spacing_kji_mm)
    return result
