"""Patches for training: each batch is a function of the seed and its number alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..inference.grids import nearest, resample
from .bank import TrainingCase

if TYPE_CHECKING:
    from .task import TrainingTask

Float32Array = NDArray[np.float32]
Batch = tuple[Float32Array, NDArray[np.uint8]]
RESIZED = 0.4
"""Share of the patches that are stretched a little."""


@dataclass(frozen=True)
class SamplingOptions:
    """How patches are drawn.

    Parameters
    ----------
    patch
        Edge of the cubic patch in voxels.
    batch
        Patches in a batch.
    augment
        Change geometry and HU at random.
    """

    patch: int = 64
    batch: int = 2
    augment: bool = True


def normalise(hu: Float32Array, window_hu: tuple[float, float]) -> Float32Array:
    """Map the window to 0 and 1, the way the bundle's runner does."""
    low, high = window_hu
    return np.asarray(np.clip((hu - np.float32(low)) / np.float32(high - low), 0.0, 1.0), dtype=np.float32)


def draw_batch(task: TrainingTask, cases: tuple[TrainingCase, ...], options: SamplingOptions, seed: int, number: int) -> Batch:
    """Return images (N, 1, P, P, P) float32 and labels (N, P, P, P) uint8 of batch ``number``.

    Raises
    ------
    ValueError
        When there are no cases.
    """
    if not cases:
        raise ValueError("there are no training cases")
    rng = np.random.default_rng([seed, number, 17])
    drawn = [_draw_patch(task, task.choose_case(cases, rng), options, rng) for _ in range(options.batch)]
    return np.stack([image for image, _ in drawn])[:, None], np.stack([labels for _, labels in drawn])


def _draw_patch(task: TrainingTask, case: TrainingCase, options: SamplingOptions, rng: np.random.Generator) -> Batch:
    size = np.full(3, options.patch)
    if options.augment and rng.random() < RESIZED:
        size = np.rint(options.patch * rng.uniform(0.82, 1.2) * rng.uniform(0.94, 1.06, 3)).astype(int)
    centre = _choose_centre(task, case, rng) + rng.integers(-options.patch // 4, options.patch // 4 + 1, 3)
    hu, labels = _crop(case, centre - size // 2, size, task.outside_hu)
    if tuple(size) != (options.patch,) * 3:
        hu, labels = _resized(hu, labels, options.patch)
    if options.augment:
        if task.turned >= 1.0 or rng.random() < task.turned:
            order = rng.permutation(3)
            turn = tuple(slice(None, None, -1 if rng.random() < 0.5 else 1) for _ in range(3))
            hu, labels = np.transpose(hu, order)[turn], np.transpose(labels, order)[turn]
        hu = task.augment(np.ascontiguousarray(hu), np.ascontiguousarray(labels), rng)
    return normalise(hu, task.window_hu), np.ascontiguousarray(labels)


def _choose_centre(task: TrainingTask, case: TrainingCase, rng: np.random.Generator) -> NDArray[np.int64]:
    kinds = [(kind, share) for kind, share in task.kinds if len(case.points.get(kind, ()))]
    if not kinds:
        return np.array([int(rng.integers(size)) for size in case.hu.shape])
    shares = np.array([share for _, share in kinds])
    points = case.points[kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))][0]]
    return np.asarray(points[int(rng.integers(len(points)))], dtype=np.int64)


def _crop(case: TrainingCase, start: NDArray[np.int64], size: NDArray[np.int64], outside_hu: float) -> Batch:
    """Cut a box that is moved inside the case where it would leave it, and padded where the case is smaller."""
    shape = np.array(case.hu.shape)
    start = np.clip(start, 0, np.maximum(shape - size, 0))
    stop = np.minimum(start + size, shape)
    box = tuple(slice(int(low), int(high)) for low, high in zip(start, stop, strict=True))
    hu, labels = np.asarray(case.hu[box], dtype=np.float32), np.asarray(case.labels[box])
    short = size - (stop - start)
    if short.any():
        pad = [(0, int(part)) for part in short]
        hu, labels = np.pad(hu, pad, constant_values=outside_hu), np.pad(labels, pad)
    return hu, labels


def _resized(hu: Float32Array, labels: NDArray[np.uint8], edge: int) -> Batch:
    return resample(hu, (edge,) * 3), nearest(labels, (edge,) * 3)
