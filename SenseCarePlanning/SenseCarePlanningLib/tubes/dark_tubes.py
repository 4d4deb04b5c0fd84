"""Evidence for a dark tube: how far the intensity rises on rays to all sides. Knows no organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..pieces import in_threads
from ..progress import Progress

DIRECTIONS = tuple((k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) > (0, 0, 0))
"""13 axes through a voxel: a ray starts along each to both sides."""
OPEN_AXES = 4
"""Axes that may stay open: the tube's own, and those at less than about 50 degrees to it (up to 4 of the 13)."""
CHUNK = 1 << 18


@dataclass(frozen=True)
class RayOptions:
    """How far the rays look.

    Parameters
    ----------
    reach_mm
        Length of a ray; tubes up to about this radius, less a wall, are found.
    step_mm
        Distance of samples along a ray.
    """

    reach_mm: float = 3.5
    step_mm: float = 0.4


def wall_evidence(
    smooth: NDArray[np.float32],
    candidates: NDArray[np.bool_],
    spacing_kji_mm: tuple[float, float, float],
    options: RayOptions | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Measure how well each candidate voxel is walled in.

    On each of 13 axes the lower of the two sides' highest value, less the voxel's own, is the rise; the result is the
    fifth smallest rise, so that a tube (open along its axis) scores high and open lung does not. A gap between two plates
    that is narrower than the rays scores like a tube: what follows has to judge by the course of the path. (One open axis
    less would tell plates apart, but lost 7 % of the peer network's tree on a real CT.)

    Parameters
    ----------
    smooth
        (K, J, I) float32, lightly smoothed image.
    candidates
        (K, J, I) bool; voxels to measure. Those nearer than a ray to the border are left at 0.
    spacing_kji_mm
        Voxel spacing.
    progress
        May stop it.

    Returns
    -------
    (K, J, I) float32, in the image's unit; 0 elsewhere and where nothing rises.
    """
    options = options or RayOptions()
    offsets = [
        (_offsets(axis, 1.0, spacing_kji_mm, options), _offsets(axis, -1.0, spacing_kji_mm, options)) for axis in DIRECTIONS
    ]
    margin = [max(abs(step[axis]) for pair in offsets for side in pair for step in side) for axis in range(3)]
    inside = np.zeros_like(candidates)
    if any(size <= 2 * part for size, part in zip(smooth.shape, margin, strict=True)):
        return np.zeros(smooth.shape, dtype=np.float32)
    core = tuple(slice(part, size - part) for part, size in zip(margin, smooth.shape, strict=True))
    inside[core] = candidates[core]
    index = np.flatnonzero(inside)
    strides = np.array([smooth.shape[1] * smooth.shape[2], smooth.shape[2], 1])
    flat = np.ascontiguousarray(smooth).ravel()
    steps = [tuple([int(np.dot(step, strides)) for step in side] for side in pair) for pair in offsets]

    def measure(part: NDArray[np.int64], told: Progress) -> NDArray[np.float32]:
        """Return how much brighter the walls around voxels are on all but the most open axes, HU."""
        told.check()
        own = flat.take(part)
        rises = np.empty((len(steps), len(part)), dtype=np.float32)
        for row, (forward, backward) in enumerate(steps):
            rises[row] = np.minimum(_highest(flat, part, forward), _highest(flat, part, backward))
        rises.partition(OPEN_AXES, axis=0)
        return np.asarray(np.maximum(rises[OPEN_AXES] - own, 0.0))

    result = np.zeros(smooth.size, dtype=np.float32)
    parts = [index[start : start + CHUNK] for start in range(0, len(index), CHUNK)]
    for part, values in zip(parts, in_threads(measure, parts, progress or Progress()), strict=True):
        result[part] = values
    return result.reshape(smooth.shape)


def _offsets(
    axis: tuple[int, int, int], sign: float, spacing: tuple[float, float, float], options: RayOptions
) -> list[tuple[int, int, int]]:
    direction = sign * np.array(axis) / np.linalg.norm(axis)
    found: list[tuple[int, int, int]] = []
    for distance in np.arange(options.step_mm, options.reach_mm + 1e-6, options.step_mm):
        k, j, i = (round(float(part)) for part in direction * distance / np.array(spacing))
        if (k, j, i) != (0, 0, 0) and (k, j, i) not in found:
            found.append((k, j, i))
    return found or [(round(direction[0]), round(direction[1]), round(direction[2]))]


def _highest(flat: NDArray[np.float32], part: NDArray[np.int64], steps: list[int]) -> NDArray[np.float32]:
    best = flat.take(part + steps[0])
    for step in steps[1:]:
        np.maximum(best, flat.take(part + step), out=best)
    return best
