"""Bring a volume to the voxels and the window a network expects, and its answer back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..volume import Grid, Volume
from .bundle_config import BundleConfig

SAME_SPACING = 0.02
"""An axis whose spacing differs by less than this share is left as it is: resampling would only blur it."""

Float32Array = NDArray[np.float32]
Label = TypeVar("Label", bound=np.generic)


def prepare(volume: Volume, config: BundleConfig) -> tuple[Float32Array, Grid]:
    """Return the image (K, J, I) at the network's spacing and window, and its grid."""
    image = volume.array_kji.astype(np.float32)
    grid = volume.grid
    if config.spacing_mm is not None:
        factor = (grid.spacing_ijk_mm / np.array(config.spacing_mm))[::-1]
        shape = tuple(
            size if abs(part - 1.0) <= SAME_SPACING else max(1, round(size * float(part)))
            for size, part in zip(image.shape, factor, strict=True)
        )
        grid = resized(grid, (shape[0], shape[1], shape[2]))
        image = resample(image, shape)
    if config.window_hu is not None:
        low, high = config.window_hu
        image -= np.float32(low)
        image *= np.float32(1.0 / (high - low))
        np.clip(image, 0.0, 1.0, out=image)
    return np.ascontiguousarray(image), grid


def restore(probabilities: Float32Array, grid: Grid, wanted: Grid) -> Float32Array:
    """Return probabilities (C, K, J, I) on the grid that was given to :func:`prepare`."""
    if grid.shape_kji == wanted.shape_kji:
        return probabilities
    return np.stack([resample(channel, wanted.shape_kji) for channel in probabilities])


def resized(grid: Grid, shape_kji: tuple[int, int, int]) -> Grid:
    """Return the grid of the same field of view with another number of voxels (edges kept)."""
    scale = np.array([old / new for old, new in zip(grid.shape_kji, shape_kji, strict=True)])[::-1]
    affine = grid.affine_ijk_to_lps.copy()
    affine[:3, :3] = affine[:3, :3] * scale
    affine[:3, 3] = grid.lps_from_ijk((scale - 1.0) / 2.0)
    return Grid(shape_kji, affine)


def resample(image: Float32Array, shape: tuple[int, ...]) -> Float32Array:
    """Interpolate linearly to another number of voxels over the same field of view, axis by axis; ends repeat."""
    for axis, size in enumerate(shape):
        old = image.shape[axis]
        if size == old:
            continue
        position = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0.0, old - 1.0)
        low = np.minimum(position.astype(np.int64), max(old - 2, 0))
        share = (position - low).astype(np.float32).reshape([-1 if part == axis else 1 for part in range(image.ndim)])
        below = np.take(image, low, axis=axis)
        above = np.take(image, np.minimum(low + 1, old - 1), axis=axis)
        above -= below
        above *= share
        above += below
        image = above
    return image


def nearest(mask: NDArray[Label], shape: tuple[int, ...]) -> NDArray[Label]:
    """Return a mask or label array at another number of voxels over the same field of view."""
    for axis, size in enumerate(shape):
        old = mask.shape[axis]
        if size != old:
            mask = np.take(mask, np.minimum(((np.arange(size) + 0.5) * old / size).astype(int), old - 1), axis=axis)
    return mask
