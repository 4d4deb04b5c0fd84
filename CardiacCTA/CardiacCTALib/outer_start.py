"""First guess of the outer wall: the circle behind which fat begins for good, past any dark core of a plaque."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

TO_FAT_HU = -15.0
"""Half-way between the wall (60 HU) and the fat around the heart (-80 to -100 HU)."""
_SECTORS, _LEAST_SECTORS = 16, 4
_FREE_SECTORS, _SEEN_SECTORS, _ROUND_MM = 14, 9, 0.25
"""A wall aside of the lumen is believed where fat begins in so many sectors, the second of them in sight, on a circle within the
third. Chosen."""
_WIDEST_WALL_MM, _BEHIND_MM, _FAT_SHARE = 3.5, 0.9, 0.6
"""A wall is at most so thick; fat counts where this share of the places in the next 0.9 mm is fat too. A lipid core lies some 30
HU above the threshold, so that noise makes single places of it look like fat and not most of them. Chosen."""
_FARTHEST_SHARE = 0.7
_FIT_ROUNDS, _FIT_STEP_MM, _LEAST_MM = 8, 0.8, 0.3


def outer_circles(
    values: Float32Array, usable: BoolArray, at_mm: FloatArray, centre_mm: FloatArray, radius_mm: FloatArray, wall_mm: float
) -> FloatArray:
    """Return centre and radius (N, 3) of the outer wall, mm, in the section's plane.

    Where fat begins nearly all round, the circle goes through its beginnings and may lie aside of the lumen, as in an eccentric
    plaque. Where muscle or a vein lies against the artery, fat behind those must not draw the wall away: the circle then has
    the lumen's centre, and the radius of most sectors. Where few fall to fat, it lies a usual wall around the lumen.

    Parameters
    ----------
    values, usable
        (N, M) HU and which of them count.
    at_mm
        (M, 2) places in the plane.
    centre_mm, radius_mm
        (N, 2), (N,) of the lumen.
    wall_mm
        Usual thickness of the wall.
    """
    edge = _fat_from(values, usable, at_mm, centre_mm, radius_mm)
    angle = (np.arange(_SECTORS) + 0.5) / _SECTORS * 2.0 * np.pi - np.pi
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    reach = float(np.linalg.norm(at_mm, axis=1).max())
    usual = np.concatenate([np.zeros_like(centre_mm), (radius_mm + wall_mm)[:, None]], axis=1)
    found = usual.copy()
    rows = np.flatnonzero(np.isfinite(edge).sum(axis=1) >= _LEAST_SECTORS)
    seen = np.isfinite(edge[rows])
    # about the lumen's centre: ``usual`` has the middle there
    circle = _circles(rays, edge[rows], seen, usual[rows])
    wall, _ = _seen_along(rays, circle)
    miss = _medians(np.abs(edge[rows] - wall))
    # a sector whose wall would lie beyond what is looked at speaks neither for nor against the circle
    beyond = ~seen & (wall > np.minimum(radius_mm[rows] + _WIDEST_WALL_MM, reach - _BEHIND_MM)[:, None])
    free = ((seen | beyond).sum(axis=1) >= _FREE_SECTORS) & (seen.sum(axis=1) >= _SEEN_SECTORS) & (miss < _ROUND_MM)
    middle = np.zeros((len(rows), 3))
    middle[:, 2] = _medians(edge[rows])
    found[rows] = np.where(free[:, None], circle, middle)
    found = np.asarray(ndimage.median_filter(found, (9, 1), mode="nearest"), dtype=np.float64)
    # the lumen stays inside
    shift = np.linalg.norm(found[:, :2], axis=1)
    most = np.maximum(_FARTHEST_SHARE * (found[:, 2] - 0.3), 0.0)
    found[:, :2] *= np.minimum(1.0, most / np.maximum(shift, 1e-6))[:, None]
    reach = np.linalg.norm(found[:, :2], axis=1)
    found[:, 2] = np.maximum(found[:, 2], np.maximum(radius_mm + 0.3, reach + 0.6 * radius_mm))
    found[:, :2] += centre_mm
    return found


def _circles(rays: FloatArray, edge: FloatArray, seen: BoolArray, usual: FloatArray) -> FloatArray:
    """Fit circles (N, 3) to the edges (N, 16) seen along rays (16, 2), robustly and tied a little to the usual circles (N, 3)."""
    trust = np.diag([1.0, 1.0, 0.1]) / 1.0**2
    answer = usual.copy()
    for turn in range(_FIT_ROUNDS):
        wall, slopes = _seen_along(rays, answer)
        miss = np.where(seen, edge - wall, 0.0)
        weight = seen / (1.0 + (miss / 0.4) ** 2) if turn else seen.astype(np.float64)
        normal = np.einsum("ns,nsp,nsq->npq", weight, slopes, slopes) / 0.3**2 + trust
        right = np.einsum("ns,nsp->np", weight * miss, slopes) / 0.3**2 + (usual - answer) @ trust
        answer = answer + np.clip(np.linalg.solve(normal, right[..., None])[..., 0], -_FIT_STEP_MM, _FIT_STEP_MM)
        answer[:, 2] = np.maximum(answer[:, 2], _LEAST_MM)
    return np.asarray(answer)


def _seen_along(rays: FloatArray, circles: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distance (N, 16) of circles (N, 3) about a point along rays from it, and its slopes (N, 16, 3).

    Where a ray misses a circle that lies aside of the point, it meets it at its nearest.
    """
    middle, radius = circles[:, :2], circles[:, 2:]
    ahead, aside = middle @ rays.T, middle[:, :1] * rays[:, 1] - middle[:, 1:] * rays[:, 0]
    half = np.sqrt(np.maximum(radius**2 - aside**2, (0.3 * radius) ** 2))
    across = np.stack([rays[:, 1], -rays[:, 0]], axis=1)
    to_middle = rays[None] - (aside / half)[..., None] * across[None]
    return ahead + half, np.concatenate([to_middle, (radius / half)[..., None]], axis=2)


def _medians(values: FloatArray) -> FloatArray:
    """Return the median of the finite numbers of each row, of which there are some."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(values).sum(axis=1)
    rows = np.arange(len(values))
    return np.asarray(0.5 * (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]))


def _fat_from(
    values: Float32Array, usable: BoolArray, at_mm: FloatArray, centre_mm: FloatArray, radius_mm: FloatArray
) -> FloatArray:
    """Return the distance (N, 16) from the lumen's centre at which fat begins in each sector; NaN where it does not."""
    away = at_mm[None] - centre_mm[:, None]
    distance = np.sqrt(away[..., 0] ** 2 + away[..., 1] ** 2)
    smooth = ndimage.gaussian_filter1d(values, 1.5, axis=0, mode="nearest")
    beyond = usable & (distance > radius_mm[:, None])
    beyond &= distance < (radius_mm + _WIDEST_WALL_MM + _BEHIND_MM + 0.1)[:, None]
    row = np.nonzero(beyond)[0]
    turn = np.arctan2(away[beyond, 1], away[beyond, 0]) / (2.0 * np.pi) + 0.5
    group = row * _SECTORS + np.floor(turn * _SECTORS).astype(int) % _SECTORS
    # every sector by its distances, one sector behind the other
    spread = group * (2.0 * float(distance.max(initial=0.0)) + _BEHIND_MM)
    place = spread + distance[beyond]
    order = np.argsort(place)
    place, group, row, far = place[order], group[order], row[order], distance[beyond][order]
    fat = smooth[beyond][order] < TO_FAT_HU
    total = np.concatenate([[0], np.cumsum(fat)])
    start, end = np.arange(len(far)), np.searchsorted(place, place + _BEHIND_MM, side="right")
    behind = (total[end] - total[start]) / np.maximum(end - start, 1)
    good = fat & (behind >= _FAT_SHARE)
    good &= (far < radius_mm[row] + _WIDEST_WALL_MM) & (end - start >= 3)
    found = np.full(len(values) * _SECTORS, np.nan)
    first = np.flatnonzero(good)[::-1]  # of those of a sector the nearest is written last
    found[group[first]] = far[first]
    return found.reshape(len(values), _SECTORS)
