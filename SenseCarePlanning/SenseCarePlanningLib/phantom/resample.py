"""Masks from any grid onto an axial one, as shares of a voxel or as the nearest label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from ..volume import Grid, LabelMap, bounding_box
from .fields import Float32Array, Lattice, SliceReader

ByteArray = NDArray[np.uint8]


def target_box(mask: LabelMap, grid: Grid, margin: int = 2) -> tuple[slice, slice, slice]:
    """Return the box of ``grid`` that holds all labelled voxels of a mask on another grid; it may be empty."""
    box = bounding_box(mask.mask(), (margin, margin, margin))
    corners = np.array([[part.start, part.stop] for part in box], dtype=np.float64)
    points = np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1).reshape(-1, 3)
    index = grid.kji_from_lps(mask.grid.lps_from_kji(points))
    low = np.clip(np.floor(index.min(axis=0)).astype(int) - margin, 0, grid.shape_kji)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + margin, low, grid.shape_kji)
    return (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2])))


def share_of(mask: LabelMap, grid: Grid) -> ByteArray:
    """Return the share (0 to 255) of every voxel of ``grid`` that the mask covers, without steps of the mask's voxels."""
    result = np.zeros(grid.shape_kji, dtype=np.uint8)
    box = target_box(mask, grid)
    part = grid.cropped(box)
    if 0 in part.shape_kji:
        return result
    source = bounding_box(mask.mask(), (4, 4, 4))
    crop = mask.mask()[source].astype(np.float32)
    ratio = np.array(grid.spacing_kji_mm) / np.array(mask.grid.spacing_kji_mm)
    smooth = gaussian_filter(crop, np.maximum(0.35 * ratio, 0.45))
    matrix = _index_map(grid.cropped(box), mask.grid.cropped(source))
    values = affine_transform(smooth, matrix[:3, :3], matrix[:3, 3], part.shape_kji, order=1, output=np.float32)
    result[box] = np.rint(255.0 * np.clip(values, 0.0, 1.0))
    return result


def nearest_labels(labels: LabelMap, grid: Grid) -> ByteArray:
    """Return the label at the nearest voxel of a label map for every voxel of ``grid``, 0 outside it."""
    result = np.zeros(grid.shape_kji, dtype=np.uint8)
    box = target_box(labels, grid)
    part = grid.cropped(box)
    if 0 not in part.shape_kji:
        matrix = _index_map(part, labels.grid)
        result[box] = affine_transform(labels.array_kji, matrix[:3, :3], matrix[:3, 3], part.shape_kji, order=0, output=np.uint8)
    return result


def _index_map(target: Grid, source: Grid) -> NDArray[np.float64]:
    """Return the 4x4 that takes [k, j, i] of the target to [k, j, i] of the source."""
    flip = np.eye(4)[[2, 1, 0, 3]]
    return np.asarray(flip @ np.linalg.inv(source.affine_ijk_to_lps) @ target.affine_ijk_to_lps @ flip)


def block_share(share: ByteArray, factors_kji: tuple[int, int, int]) -> ByteArray:
    """Average shares over blocks of fine voxels."""
    if factors_kji == (1, 1, 1):
        return share
    k, j, i = (size // factor for size, factor in zip(share.shape, factors_kji, strict=True))
    blocks = share.reshape(k, factors_kji[0], j, factors_kji[1], i, factors_kji[2])
    return np.asarray(np.rint(blocks.mean(axis=(1, 3, 5), dtype=np.float32)).astype(np.uint8))


def labels_of_fields(lattice: Lattice, distances: dict[int, Float32Array], grid: Grid) -> ByteArray:
    """Return on ``grid`` the label whose signed distance is the most negative there, 0 where none is negative."""
    reader = SliceReader(lattice, grid)
    result = np.zeros(grid.shape_kji, dtype=np.uint8)
    for k in range(grid.shape_kji[0]):
        best = np.zeros(result[k].shape, dtype=np.float32)
        for value, distance in distances.items():
            here = reader.read(distance, k)
            result[k][here < best] = value
            np.minimum(best, here, out=best)
    return result


def label_map(array_kji: NDArray[np.generic], grid: Grid, names: dict[int, str]) -> LabelMap:
    """Wrap an array as a label map on ``grid``."""
    return LabelMap(np.ascontiguousarray(array_kji).astype(np.uint8), grid.affine_ijk_to_lps.copy(), names)
