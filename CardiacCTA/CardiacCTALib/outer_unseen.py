"""Where the outer wall is not seen, because muscle or a vein lies behind it, and what of the scan is then no witness of it.

Between an artery and the muscle that it lies on there is often a slit of fat narrower than the blur. Such a slit is as bright
as plaque, and a wall drawn by its edge would end at the muscle, half a millimetre too far out. An artery's outer wall is nearly
round, so that the part that borders on open fat tells where the rest is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .outer_start import TO_FAT_HU
from .scan_model import ScanModel
from .section_model import ANGLES, OUTER, contours_of, lattice_of, spacing_of

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

BEHIND_MM = (0.4, 1.4)
"""What lies behind a wall is looked at from so far to so far behind it: past its blur, and before the next thing."""
ROUND_FROM = 0.4
"""A circle stands for the wall where this share of its round or more borders on fat. Chosen."""
_EDGE_MM = (0.4, 0.25)
_AWAY_MM, _ALONG_MM, _ROUND_ANGLES = 0.3, 1.0, 1.5
_ROUNDS, _ROBUST_MM, _LOOSE_MM = 6, 0.15, 0.6


@dataclass(frozen=True, eq=False)
class Behind:
    """What lies behind a wall, section by section.

    Parameters
    ----------
    direction, distance_mm
        (N, M) in which direction and how far from the wall's centre each place lies.
    outer_mm
        (N, J) the wall.
    total_hu, number
        (N, J) sum of HU behind it in each direction, and of how many places.
    """

    direction: NDArray[np.int64]
    distance_mm: FloatArray
    outer_mm: FloatArray
    total_hu: FloatArray
    number: FloatArray

    def moved(self, values: Float32Array, outer_mm: FloatArray) -> Behind:
        """Return it for a wall (N, J) about the same centre: only sections whose wall differs are looked at again."""
        rows = np.flatnonzero((outer_mm != self.outer_mm).any(axis=1))
        total, number = self.total_hu.copy(), self.number.copy()
        total[rows], number[rows] = _summed(values[rows], self.direction[rows], self.distance_mm[rows], outer_mm[rows])
        return replace(self, outer_mm=outer_mm, total_hu=total, number=number)


def behind_wall(values: Float32Array, at_mm: FloatArray, centre_mm: FloatArray, outer_mm: FloatArray) -> Behind:
    """Look behind a wall.

    Parameters
    ----------
    values, at_mm
        (N, M) HU at (M, 2) places of the sections.
    centre_mm, outer_mm
        (N, 2) and (N, J) the wall: its centre, and its distance from it in J directions.
    """
    away = at_mm[None] - centre_mm[:, None]
    direction, distance = direction_of(away, outer_mm.shape[1]), np.linalg.norm(away, axis=2)
    return Behind(direction, distance, outer_mm, *_summed(values, direction, distance, outer_mm))


def _summed(
    values: Float32Array, direction: NDArray[np.int64], distance_mm: FloatArray, outer_mm: FloatArray
) -> tuple[FloatArray, FloatArray]:
    count, angles = outer_mm.shape
    behind = distance_mm - np.take_along_axis(outer_mm, direction, axis=1)
    near = (behind > BEHIND_MM[0]) & (behind < BEHIND_MM[1])
    flat = (np.arange(count)[:, None] * angles + direction)[near]
    held, number = np.bincount(flat, values[near], count * angles), np.bincount(flat, minlength=count * angles)
    return np.asarray(held.reshape(count, angles)), np.asarray(number.reshape(count, angles), dtype=np.float64)


def facing_fat(behind: Behind, step_mm: float) -> BoolArray:
    """Return where (N, J) fat lies behind a wall."""
    held, number = behind.total_hu, behind.number
    widths = (_ALONG_MM / step_mm, _ROUND_ANGLES)
    held, number = (ndimage.gaussian_filter(one, widths, mode=("nearest", "wrap")) for one in (held, number))
    return np.asarray(held < TO_FAT_HU * number)


def direction_of(away_mm: FloatArray, angles: int) -> NDArray[np.int64]:
    """Return which of so many directions vectors (..., 2) point to."""
    turn = np.arctan2(away_mm[..., 1], away_mm[..., 0]) / (2.0 * np.pi) * angles
    return np.asarray(np.rint(turn).astype(np.int64) % angles)


def seen_outer(guess: FloatArray, values: Float32Array, at_mm: FloatArray, step_mm: float) -> Float32Array:
    """Return weights (N, M): 0 for places that tell nothing of the outer wall, 1 for all others.

    Parameters
    ----------
    guess
        (N, 20) parameters of the sections.
    """
    outer = contours_of(guess, OUTER)
    facing = facing_fat(behind_wall(values, at_mm, outer.centre_mm, outer.radius_mm), step_mm)
    circle = round_wall(outer.centre_mm, outer.radius_mm, facing)
    rows = np.flatnonzero(np.isfinite(circle[:, 2]) & ~facing.all(axis=1))
    weight = np.ones(values.shape, dtype=np.float32)
    away = at_mm[None] - circle[rows, None, :2]
    unseen = ~np.take_along_axis(facing[rows], direction_of(at_mm[None] - outer.centre_mm[rows, None], ANGLES), axis=1)
    beyond = np.linalg.norm(away, axis=2) > circle[rows, 2, None] - _AWAY_MM
    weight[rows] = ~(unseen & beyond)
    return weight


def with_edges(
    around: Float32Array,
    values: Float32Array,
    usable: BoolArray,
    at_mm: FloatArray,
    outer: FloatArray,
    scan: ScanModel,
    step_mm: float,
) -> Float32Array:
    """Return the surroundings (N, M) with the edges that smoothing took of them: a chamber a millimetre behind the wall.

    Beyond the blur of the wall the scan is its own picture. Where the smoothed one strays from it by more than noise, a fit would
    draw the wall outwards, over the fat between, to make up for the edge.

    Parameters
    ----------
    around
        As :func:`.section_start.surroundings` gives them.
    outer
        (N, 3) centre and radius of the outer wall guessed.
    """
    away = np.linalg.norm(at_mm[None] - outer[:, None, :2], axis=2) - outer[:, 2, None]
    known = np.clip((away - 1.5 * scan.sigma_mm) / (0.5 * scan.sigma_mm), 0.0, 1.0) * usable
    lattice = lattice_of(at_mm, place := spacing_of(at_mm))
    cube = np.zeros((2, len(values), *(lattice.max(axis=0) + 1)), dtype=np.float32)
    cube[0][:, lattice[:, 0], lattice[:, 1]] = known * (values - around)
    cube[1][:, lattice[:, 0], lattice[:, 1]] = known
    sigmas = (_EDGE_MM[0] / step_mm, _EDGE_MM[1] / place, _EDGE_MM[1] / place)
    total, weight = (ndimage.gaussian_filter(one, sigmas)[:, lattice[:, 0], lattice[:, 1]] for one in cube)
    miss = total / np.maximum(weight, 1e-5)
    trust = miss**2 / (miss**2 + scan.noise_hu**2)
    return np.asarray(around + trust * miss, dtype=np.float32)


def round_wall(centre_mm: FloatArray, outer_mm: FloatArray, facing: BoolArray) -> FloatArray:
    """Return centre and radius (N, 3) of the circle through the part of a wall that borders on fat, in the section's plane;
    NaN where that part is too small, or does not reach half round."""
    angle = np.arange(ANGLES) / ANGLES * 2.0 * np.pi
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # where fat ends, the wall already bends towards what lies beside
    sure = facing & np.roll(facing, 1, axis=1) & np.roll(facing, -1, axis=1)
    weight = np.where(sure, 1.0, 0.0)
    circle = np.concatenate([np.zeros_like(centre_mm), np.median(outer_mm, axis=1)[:, None]], axis=1)
    points = outer_mm[..., None] * rays
    tie = np.diag([0.1 / _LOOSE_MM**2, 0.1 / _LOOSE_MM**2, 0.0])
    robust = weight.copy()
    for _ in range(_ROUNDS):
        away = points - circle[:, None, :2]
        length = np.linalg.norm(away, axis=2)
        miss = length - circle[:, 2, None]
        slopes = np.concatenate([away / np.maximum(length, 1e-3)[..., None], np.ones((*length.shape, 1))], axis=2)
        matrix = np.einsum("njp,nj,njq->npq", slopes, robust, slopes) + tie + 1e-9 * np.eye(3)
        right = np.einsum("njp,nj->np", slopes, robust * miss) - circle @ tie
        circle = circle + np.linalg.solve(matrix, right[..., None])[..., 0]
        robust = weight / (1.0 + (miss / _ROBUST_MM) ** 2)
    known = weight.mean(axis=1) >= ROUND_FROM
    circle[:, :2] += centre_mm
    return np.asarray(np.where(known[:, None], circle, np.nan))
