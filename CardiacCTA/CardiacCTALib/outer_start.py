"""First guess of the outer wall: circles along the artery behind which fat begins for good, past any dark core of a plaque."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import cholesky_banded

from SenseCarePlanningLib.geometry import FloatArray

from .section_fit import REACH, banded, blocks_of, solution
from .section_knowledge import add_bends

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

TO_FAT_HU = -15.0
"""Half-way between the wall (60 HU) and the fat around the heart (-80 to -100 HU)."""
_SECTORS = 16
_CALIBRE_MM, _CALIBRE_PERCENT = 20.0, 75.0
"""An artery's healthy calibre about a place: this percentile of its lumen's radii within so much of its length. Chosen."""
_WIDEST_WALL_MM, _WIDEST_SHARE = 3.5, 2.0
"""A wall is at most so thick, or so many times the healthy radius: opposite a lumen that an eccentric plaque has pushed aside."""
_BEHIND_MM, _FAT_SHARE = 0.9, 0.6
"""Fat counts where this share of the places in the next 0.9 mm is fat too. A lipid core lies some 30 HU above the threshold, so
that noise makes single places of it look like fat and not most of them. Chosen."""
_FARTHEST_SHARE = 0.7
_EDGE_SD_MM, _ALIKE_SECTIONS = 0.3, 3.0
"""Standard deviation of where fat begins, and over how many neighbouring sections it errs alike. Chosen."""
_ROBUST_MM = (2.0, 1.0, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4)
"""What begins farther from the circle counts less and less; from wide to narrow, as the first circles lie about the lumen."""
_CENTRE_BEND, _RADIUS_BEND = 1.0, 0.3
_RADIUS_SD_MM, _CENTRE_SD_MM = 0.8, 1.5
_FIT_STEP_MM, _LEAST_MM = 0.8, 0.3


def outer_circles(
    values: Float32Array, usable: BoolArray, at_mm: FloatArray, centre_mm: FloatArray, radius_mm: FloatArray, wall_mm: float,
    step_mm: float,
) -> FloatArray:  # fmt: skip
    """Return centre and radius (N, 3) of the outer wall, mm, in the section's plane.

    One smooth tube goes through all places where fat begins. Behind an eccentric plaque it lies aside of the lumen; where muscle
    or a vein lies against the artery, the sections beside and the part of the round that is in sight tell where the wall is.
    Where nothing is seen, it is a usual wall around the healthy calibre: plaque widens an artery sooner than it narrows it
    (Glagov 1987, doi:10.1056/NEJM198705283162204).

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
    step_mm
        Between sections.
    """
    healthy = np.maximum(radius_mm, calibre_mm(radius_mm, step_mm))
    edge = _fat_from(values, usable, at_mm, centre_mm, radius_mm, np.maximum(_WIDEST_WALL_MM, _WIDEST_SHARE * healthy))
    angle = (np.arange(_SECTORS) + 0.5) / _SECTORS * 2.0 * np.pi - np.pi
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    usual = np.concatenate([np.zeros_like(centre_mm), (healthy + wall_mm)[:, None]], axis=1)
    found = _tube(rays, edge, usual, step_mm)
    # the lumen stays inside
    shift = np.linalg.norm(found[:, :2], axis=1)
    most = np.maximum(_FARTHEST_SHARE * (found[:, 2] - 0.3), 0.0)
    found[:, :2] *= np.minimum(1.0, most / np.maximum(shift, 1e-6))[:, None]
    reach = np.linalg.norm(found[:, :2], axis=1)
    found[:, 2] = np.maximum(found[:, 2], np.maximum(radius_mm + 0.3, reach + 0.6 * radius_mm))
    found[:, :2] += centre_mm
    return found


def calibre_mm(radius_mm: FloatArray, step_mm: float) -> FloatArray:
    """Return the healthy radius (N,) of an artery about each place, from the radii (N,) of its lumen."""
    size = 2 * round(0.5 * _CALIBRE_MM / step_mm) + 1
    return np.asarray(ndimage.percentile_filter(radius_mm, _CALIBRE_PERCENT, size, mode="nearest"))


def _tube(rays: FloatArray, edge: FloatArray, usual: FloatArray, step_mm: float) -> FloatArray:
    """Fit smooth circles (N, 3) to the edges (N, 16) seen along rays (16, 2), robustly and tied a little to the usual ones."""
    seen = np.isfinite(edge)
    trust = 1.0 / np.array([_CENTRE_SD_MM, _CENTRE_SD_MM, _RADIUS_SD_MM]) ** 2 / _ALIKE_SECTIONS
    bend = 1.0 / (np.array([_CENTRE_BEND, _CENTRE_BEND, _RADIUS_BEND]) * step_mm**2) ** 2
    answer, count = usual.copy(), len(usual)
    for robust_mm in _ROBUST_MM:
        wall, slopes = _seen_along(rays, answer)
        miss = np.where(seen, edge - wall, 0.0)
        weight = seen / (1.0 + (miss / robust_mm) ** 2) / (_EDGE_SD_MM**2 * _ALIKE_SECTIONS)
        normal = np.einsum("ns,nsp,nsq->npq", weight, slopes, slopes) + np.diag(trust)
        right = np.einsum("ns,nsp->np", weight * miss, slopes) + (usual - answer) * trust
        rows = np.zeros((count, 3, 3 * (REACH + 1)))
        blocks = blocks_of(rows)
        blocks[0][:] = normal
        add_bends(blocks, right, answer, bend, np.arange(3))
        change = solution(cholesky_banded(banded(rows), lower=True, check_finite=False), right)
        answer = answer + np.clip(change, -_FIT_STEP_MM, _FIT_STEP_MM)
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


def _fat_from(
    values: Float32Array, usable: BoolArray, at_mm: FloatArray, centre_mm: FloatArray, radius_mm: FloatArray,
    widest_mm: FloatArray,
) -> FloatArray:  # fmt: skip
    """Return the distance (N, 16) from the lumen's centre at which fat begins in each sector; NaN where it does not."""
    away = at_mm[None] - centre_mm[:, None]
    distance = np.sqrt(away[..., 0] ** 2 + away[..., 1] ** 2)
    smooth = ndimage.gaussian_filter1d(values, 1.5, axis=0, mode="nearest")
    beyond = usable & (distance > radius_mm[:, None])
    beyond &= distance < (radius_mm + widest_mm + _BEHIND_MM + 0.1)[:, None]
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
    good &= (far < radius_mm[row] + widest_mm[row]) & (end - start >= 3)
    found = np.full(len(values) * _SECTORS, np.nan)
    first = np.flatnonzero(good)[::-1]  # of those of a sector the nearest is written last
    found[group[first]] = far[first]
    return found.reshape(len(values), _SECTORS)
