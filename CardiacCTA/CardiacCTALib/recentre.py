"""Moves a course into the middle of its lumen, to a fraction of a voxel, and measures how wide the lumen is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from SenseCarePlanningLib.geometry import FloatArray, smooth_polyline
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.crosssection import polar_shape, ray_directions
from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.tubes.section_planes import SplineBox

STEP_MM = 0.25
"""Between the points of a centreline."""
RAYS, ROUNDS, SHARE = 36, 4, 0.8
"""Rays a section; how often the course is moved and by which share of what is missing."""
COURSE_MM, SHIFT_MM = 0.6, 0.6
"""Gaussian on the course before it is centred, and on each shift."""
REACH_MM, RAY_STEP_MM = 5.0, 0.1
FAT_HU = -110.0
"""Darker (lung) counts as fat: half way to lung is not the edge of an artery that lies in a thin layer of fat."""
ALONG_MM = 0.75
"""Neighbouring sections are averaged over this (Gaussian): noise falls, the lumen hardly changes."""
CALCIUM_SHARE, CALCIUM_NOISE, PLAQUE_HU = 1.3, 1.5, 60.0
"""Brighter than the blood of the course by this factor and so many times the noise is calcium or metal: it counts as plaque, so
that the course keeps to the lumen beside it."""
BACK_HU = 45.0
"""A ray ends where the scan rises by this and four times its noise above the lowest value so far: another vessel begins."""


@dataclass(frozen=True, eq=False)
class CentredLine:
    """A centreline (N, 3) LPS mm, the lumen's equivalent radius (N,) mm, and the lumen's brightness (N,) HU."""

    points_lps_mm: FloatArray
    radius_mm: FloatArray
    lumen_hu: FloatArray


def centre_line(
    box: SplineBox,
    points_lps_mm: FloatArray,
    noise_hu: float,
    fixed_start: FloatArray | None = None,
    progress: Progress | None = None,
) -> CentredLine:
    """Centre a rough course.

    Strategy (C.3 of Schaap's definition of a centreline, doi:10.1016/j.media.2009.06.003: the centre of gravity of the lumen
    in each section): rays in planes across the course find the lumen's edge at half height to the lowest value before the next
    bright thing; the course moves towards the centre of gravity of the contour; repeat.

    Parameters
    ----------
    box
        Spline coefficients of the scan around the course.
    points_lps_mm
        (N, 3) rough course, proximal to distal, at least 2 points.
    noise_hu
        Of a voxel.
    fixed_start
        (3,) point on the artery that this one leaves, which becomes the first.
    progress
        May stop it.
    """
    progress = progress or Progress()
    points = smooth_polyline(points_lps_mm, COURSE_MM, STEP_MM)
    steps = np.arange(0.0, REACH_MM, RAY_STEP_MM)
    radius = np.full(len(points), 1.0)
    level = np.zeros(len(points))
    for turn in range(ROUNDS):
        if len(points) < 4:
            break
        progress.check()
        frames = rotation_minimising_frames(points)
        edge, level = find_edges(box, points, frames, steps, noise_hu)
        directions = ray_directions(frames, RAYS)
        area = np.maximum(polar_shape(edge)[0], 1e-6)
        shift = (edge[..., None] ** 3 * directions).sum(axis=1) * (2.0 * np.pi / RAYS) / 3.0 / area[:, None]
        length = np.linalg.norm(shift, axis=1, keepdims=True)
        shift *= np.minimum(1.0, 0.6 / np.maximum(length, 1e-9))
        shift = gaussian_filter1d(shift, SHIFT_MM / STEP_MM, axis=0, mode="nearest")
        points = points + SHARE * shift
        radius = np.sqrt(area / np.pi)
        if turn < ROUNDS - 1:
            points = smooth_polyline(points, 0.4, STEP_MM)
            radius = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(radius)), radius)
            level = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(level)), level)
    if fixed_start is not None:
        points = _joined(points, fixed_start, float(np.median(radius[: max(len(radius) // 4, 1)])))
    return CentredLine(points, gaussian_filter1d(radius, 2.0, mode="nearest"), level)


def find_edges(
    box: SplineBox, points: FloatArray, frames: FloatArray, steps: FloatArray, noise_hu: float
) -> tuple[FloatArray, FloatArray]:
    """Return the lumen's edge (N, R) in mm along rays, and the lumen's level (N,)."""
    directions = ray_directions(frames, RAYS)
    values = box.sample(points[:, None, None, :] + steps[None, None, :, None] * directions[:, :, None, :])
    values = gaussian_filter1d(np.maximum(np.nan_to_num(values, nan=FAT_HU), FAT_HU), ALONG_MM / STEP_MM, axis=0, mode="nearest")
    core = values[:, :, steps <= 0.45].mean(axis=(1, 2))
    blood = float(np.median(core))
    calcium = values > CALCIUM_SHARE * blood + CALCIUM_NOISE * noise_hu
    if calcium.any():
        values = np.where(calcium, PLAQUE_HU, values)
        core = np.maximum(values[:, :, steps <= 0.45].mean(axis=(1, 2)), np.where(calcium.any(axis=(1, 2)), 0.7 * blood, FAT_HU))
    level = core
    lowest = np.minimum.accumulate(values, axis=2)
    risen = values > lowest + BACK_HU + 1.5 * noise_hu
    end = np.where(risen.any(axis=2), risen.argmax(axis=2), len(steps) - 1)
    floor = np.take_along_axis(lowest, end[..., None], axis=2)[..., 0]
    half = 0.5 * (level[:, None] + np.minimum(floor, level[:, None] - 30.0))
    under = values < half[..., None]
    first = np.where(under.any(axis=2), under.argmax(axis=2), len(steps) - 1)
    before = np.maximum(first - 1, 0)
    high = np.take_along_axis(values, before[..., None], axis=2)[..., 0]
    low = np.take_along_axis(values, first[..., None], axis=2)[..., 0]
    part = np.clip((high - half) / np.maximum(high - low, 1e-6), 0.0, 1.0)
    edge = steps[before] + part * (steps[first] - steps[before])
    middle = np.median(edge, axis=1)
    middle = np.minimum(middle, 1.25 * median_filter(middle, 61, mode="nearest"))
    return np.clip(edge, 0.2, 1.5 * np.maximum(middle, 0.4)[:, None]), level


def _joined(points: FloatArray, start: FloatArray, radius_mm: float) -> FloatArray:
    """Lead the first part of a line to a given start: from the first point well outside the start's surroundings on."""
    away = np.linalg.norm(points - start, axis=1)
    keep = int(np.argmax(away > max(1.5 * radius_mm, 1.5))) if (away > max(1.5 * radius_mm, 1.5)).any() else len(points) - 1
    return np.concatenate([start[None], points[keep:]])
