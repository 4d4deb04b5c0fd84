"""Paints coronary arteries into an ideal image: every voxel near one is split and its mean taken, exact down to 0.15 mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..geometry import FloatArray
from ..volume import Grid
from .coronary_sections import Look, Sections, Tissue, classify
from .fields import Float32Array

ByteArray = NDArray[np.uint8]
SAMPLE_MM = 0.15
"""Voxels are split into samples no larger than this."""

CHUNK = 20000


@dataclass(frozen=True, eq=False)
class PaintedArteries:
    """What the arteries are made of, on the voxels they touch.

    Parameters
    ----------
    index
        (V,) flat voxel numbers of the grid, ascending.
    share
        (V, 7) share of each :class:`Tissue`; the first is what is not artery.
    segment
        (V,) SCCT number of the artery nearest to the voxel, 255 where that has none.
    """

    index: NDArray[np.int64]
    share: Float32Array
    segment: ByteArray


NO_SEGMENT = 255


def paint_arteries(image_kji: Float32Array, grid: Grid, arteries: list[Sections], look: Look) -> PaintedArteries:
    """Paint all arteries into an ideal image, in place.

    Parameters
    ----------
    image_kji
        HU on ``grid``: what surrounds the arteries.
    grid
        Along the body axes.

    Returns
    -------
    PaintedArteries
    """
    factors = np.maximum(np.ceil(np.array(grid.spacing_kji_mm) / SAMPLE_MM - 1e-9).astype(int), 1)
    half_mm = 0.5 * float(np.linalg.norm(grid.spacing_kji_mm))
    near = [_near(grid, item, half_mm) for item in arteries]
    index = np.unique(np.concatenate([found for found, _, _ in near]))
    samples = int(factors.prod())
    share = np.zeros((len(index), len(Tissue)), dtype=np.float32)
    segment = np.full(len(index), NO_SEGMENT, dtype=np.uint8)
    flat = image_kji.reshape(-1)
    offset = _offsets(grid, factors)
    for start in range(0, len(index), CHUNK):
        part = index[start : start + CHUNK]
        tissue = np.zeros((len(part), samples), dtype=np.uint8)
        value = np.zeros((len(part), samples), dtype=np.float32)
        closest = np.full(len(part), np.inf)
        for item, (own, point, gap) in zip(arteries, near, strict=True):
            low, high = np.searchsorted(own, [part[0], part[-1] + 1])
            if high <= low:
                continue
            rows = np.searchsorted(part, own[low:high])
            kind, hu = _samples(item, grid, own[low:high], point[low:high], offset, look)
            better = kind > tissue[rows]
            tissue[rows] = np.where(better, kind, tissue[rows])
            value[rows] = np.where(better, hu, value[rows])
            nearer = gap[low:high] < closest[rows]
            closest[rows] = np.where(nearer, gap[low:high], closest[rows])
            number = np.where(item.artery.segment == 0, NO_SEGMENT, item.artery.segment).astype(np.uint8)
            segment[start + rows[nearer]] = number[point[low:high][nearer]]
        for kind_ in Tissue:
            share[start : start + len(part), kind_] = (tissue == kind_).mean(axis=1)
        flat[part] = share[start : start + len(part), 0] * flat[part] + value.sum(axis=1) / samples
    return PaintedArteries(index, share, segment)


def _offsets(grid: Grid, factors_kji: NDArray[np.int_]) -> FloatArray:
    """Return the samples' places (S, 3) in a voxel, LPS mm from its middle."""
    parts = [
        (np.arange(count) + 0.5) / count * gap - 0.5 * gap for count, gap in zip(factors_kji, grid.spacing_kji_mm, strict=True)
    ]
    z, y, x = np.meshgrid(*parts, indexing="ij")
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)


def _near(grid: Grid, sections: Sections, half_mm: float) -> tuple[NDArray[np.int64], NDArray[np.int_], FloatArray]:
    """Return the voxels that an artery can touch (flat, ascending), their nearest centreline point, and the gap to its wall."""
    points = sections.artery.points_lps_mm
    reach = float(sections.outer_mm.max()) + half_mm
    shape = np.array(grid.shape_kji)
    middle = np.rint(grid.kji_from_lps(points[::2])).astype(int)
    extent = np.ceil(reach / np.array(grid.spacing_kji_mm)).astype(int) + 1
    ball = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in extent], indexing="ij"), axis=-1).reshape(-1, 3)
    ball = ball[np.linalg.norm(ball * np.array(grid.spacing_kji_mm), axis=1) < reach + 0.5]
    flat = []
    for block in np.array_split(middle, max(1, len(middle) // 40)):
        voxels = (block[:, None] + ball[None]).reshape(-1, 3)
        voxels = voxels[((voxels >= 0) & (voxels < shape)).all(axis=1)]
        flat.append(np.unique(np.ravel_multi_index(tuple(voxels.T), grid.shape_kji)))
    index = np.unique(np.concatenate(flat))
    centres = grid.lps_from_kji(np.stack(np.unravel_index(index, grid.shape_kji), axis=1))
    gap, point = cKDTree(points).query(centres)
    close = gap - sections.outer_mm[point] < half_mm
    return index[close].astype(np.int64), np.asarray(point[close]), np.asarray((gap - sections.outer_mm[point])[close])


def _samples(
    sections: Sections, grid: Grid, index: NDArray[np.int64], point: NDArray[np.int_], offset: FloatArray, look: Look
) -> tuple[ByteArray, Float32Array]:
    """Classify the samples (V, S) of voxels around one artery."""
    artery = sections.artery
    centres = grid.lps_from_kji(np.stack(np.unravel_index(index, grid.shape_kji), axis=1))
    away = centres - artery.points_lps_mm[point]
    frames = sections.frames[point]
    local = np.einsum("vai,vi->va", frames, away)[:, None, :] + np.einsum("vai,si->vsa", frames, offset)
    step = float(np.linalg.norm(np.diff(artery.points_lps_mm[:2], axis=0)))
    at = (point[:, None] + local[..., 0] / step).ravel()
    kind, hu = classify(sections, at, local[..., 1].ravel(), local[..., 2].ravel(), look)
    beyond = (at < 0.0) | (at > len(artery.lumen_mm) - 1.0)
    kind[beyond], hu[beyond] = Tissue.NONE, 0.0
    return kind.reshape(local.shape[:2]), hu.reshape(local.shape[:2])
