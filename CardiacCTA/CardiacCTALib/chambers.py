"""Chambers, myocardium and great vessels: the fitted average heart says what is where, the scan's own edges where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from SenseCarePlanningLib.distances import depth_in
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import bounding_box

from .atlas_fit import FittedHeart
from .heart_region import CoarseImage, HeartRegion, block_mean
from .structures import (
    AORTA,
    CAVA,
    LEFT_ATRIUM,
    LEFT_VENTRICLE,
    MYOCARDIUM,
    PULMONARY_ARTERY,
    RIGHT_ATRIUM,
    RIGHT_VENTRICLE,
)

BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

MARGIN_MM = 16.0
"""Room about the heart for arteries on its surface and rays."""
FINE_MM = 1.0
"""Voxel in which borders are drawn."""
CORE_MM = 4.0
"""Depth inside a structure of the fitted heart from which on a voxel is surely that structure, if its brightness fits."""
OTHER = 20
LEFT, RIGHT = (LEFT_VENTRICLE, LEFT_ATRIUM, AORTA), (RIGHT_ATRIUM, RIGHT_VENTRICLE)
FAT_LIMIT_HU = -20.0
VALVE_MM = 2.0
"""Gaussian by which borders in open blood are evened out."""
NECK_MM, AORTA_NECK_MM = 1.6, 3.2
"""Half the width of bridges that belong to no structure; at the aorta that of a coronary artery, which shall leave its label."""
LEAST_RISE_HU = 55.0
"""A right heart less bright than this over muscle has no border of its own: then the fitted heart draws it."""


@dataclass(frozen=True)
class BloodLevels:
    """Medians in HU: blood of the structures, by label, and muscle."""

    blood: dict[int, float]
    muscle_hu: float

    def limit(self, label: int) -> float:
        """Return the HU half way between muscle and the blood of a structure."""
        return 0.5 * (self.blood[label] + self.muscle_hu)


@dataclass(frozen=True, eq=False)
class Chambers:
    """Labels about the heart.

    Parameters
    ----------
    box
        Part of the scan's array (along the patient's axes) that is looked at.
    small
        That part in voxels of about 1 mm.
    labels
        (K, J, I) uint8 on ``small``, see :mod:`.structures`.
    outside_mm
        (K, J, I) float32 on ``small``: about the distance to the pericardium, negative inside.
    depth_mm
        (K, J, I) float32 on ``small``: how deep inside a cavity of the fitted heart, 0 outside.
    levels
        Brightness of blood and muscle.
    """

    box: Box
    small: CoarseImage
    labels: NDArray[np.uint8]
    outside_mm: NDArray[np.float32]
    depth_mm: NDArray[np.float32]
    levels: BloodLevels


def find_chambers(
    array: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    region: HeartRegion,
    fit: FittedHeart,
    progress: Progress | None = None,
) -> Chambers:
    """Draw the borders of chambers and great vessels.

    Strategy: sure cores of every structure (deep inside the fitted heart, of fitting brightness) and of what is none of them
    grow towards each other by a watershed on the slope of the scan; blood that is brighter than half way to muscle stays a
    cavity, the rest of the left ventricle's surroundings is its wall.

    Parameters
    ----------
    array
        (K, J, I) HU along the patient's axes.
    progress
        May stop it.

    Raises
    ------
    Cancelled
        When the user stopped the run.
    """
    progress = progress or Progress()
    levels = measure_levels(region.coarse.array, fit.labels)
    box = heart_box(fit, region.coarse, array.shape)
    small = block_mean(array[box], spacing_mm, FINE_MM)
    start = np.array([part.start for part in box])
    prior, outside = (_resampled(one, region.coarse, small, start) for one in (fit.labels, fit.outside_mm))
    progress.check()
    smooth = ndimage.gaussian_filter(np.clip(small.array, -200.0, 800.0), [0.7 / size for size in small.spacing_mm])
    markers = _markers(smooth, prior, outside, small.spacing_mm, levels)
    progress.check()
    slope = ndimage.generic_gradient_magnitude(smooth, ndimage.sobel)
    labels = watershed(slope, markers).astype(np.uint8)
    labels[labels == OTHER] = 0
    progress.check()
    labels = _bordered(labels, prior, smooth, small.spacing_mm, levels)
    cavity = np.isin(prior, (LEFT_VENTRICLE, LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE, PULMONARY_ARTERY))
    depth = depth_in(cavity, small.spacing_mm)
    return Chambers(box, small, labels, outside, depth, levels)


def measure_levels(coarse: NDArray[np.float32], labels: NDArray[np.uint8]) -> BloodLevels:
    """Return medians inside the fitted structures; where one is too small or outside the scan, those of its side, or 0."""
    found: dict[int, float] = {}
    for label in (LEFT_VENTRICLE, LEFT_ATRIUM, AORTA, RIGHT_ATRIUM, RIGHT_VENTRICLE, PULMONARY_ARTERY, CAVA):
        core = ndimage.binary_erosion(labels == label, iterations=2)
        if int(core.sum()) > 20:
            found[label] = float(np.median(coarse[core]))
    left = [found[label] for label in LEFT if label in found]
    right = [found[label] for label in RIGHT if label in found] or left
    for label in (LEFT_VENTRICLE, LEFT_ATRIUM, AORTA, PULMONARY_ARTERY):
        found.setdefault(label, float(np.median(left)) if left else 0.0)
    for label in (RIGHT_ATRIUM, RIGHT_VENTRICLE, CAVA):
        found.setdefault(label, float(np.median(right)) if right else 0.0)
    wall = coarse[labels == MYOCARDIUM]
    wall = wall[(wall > 20.0) & (wall < 0.6 * found[LEFT_VENTRICLE])]
    return BloodLevels(found, float(np.median(wall)) if len(wall) > 20 else 90.0)


def heart_box(fit: FittedHeart, coarse: CoarseImage, shape: tuple[int, ...]) -> Box:
    """Return the box of the heart with room about it, in voxels of the scan."""
    heart = np.isin(fit.labels, (MYOCARDIUM, LEFT_VENTRICLE, LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE)) & (fit.outside_mm < 2.0)
    margin = [int(np.ceil(MARGIN_MM / size)) for size in coarse.spacing_mm]
    part = bounding_box(heart, (margin[0], margin[1], margin[2]))
    top = np.flatnonzero((fit.labels == AORTA).any(axis=(1, 2)))
    up = min(max(part[0].stop, int(top[-1]) + 1 if len(top) else 0), coarse.array.shape[0])
    rows = (slice(part[0].start, up), part[1], part[2])
    scaled = [slice(one.start * by, min(one.stop * by, size)) for one, by, size in zip(rows, coarse.factor, shape, strict=True)]
    return (scaled[0], scaled[1], scaled[2])


def _resampled(array: NDArray[Any], coarse: CoarseImage, small: CoarseImage, start: NDArray[np.int_]) -> NDArray[Any]:
    """Read an array on the coarse image at the voxels of ``small``, whose first voxel of the scan is ``start``."""
    axes = []
    for axis in range(3):
        fine = (np.arange(small.array.shape[axis]) + 0.5) * small.factor[axis] - 0.5 + start[axis]
        axes.append((fine + 0.5) / coarse.factor[axis] - 0.5)
    if array.dtype == np.uint8:
        nearest = [np.clip(np.rint(one).astype(int), 0, size - 1) for one, size in zip(axes, array.shape, strict=True)]
        return np.asarray(array[np.ix_(*nearest)])
    places = np.meshgrid(*axes, indexing="ij", sparse=False)
    return np.asarray(ndimage.map_coordinates(array, places, order=1, mode="nearest", output=np.float32))


def _markers(
    smooth: NDArray[np.float32],
    prior: NDArray[np.uint8],
    outside: NDArray[np.float32],
    spacing: tuple[float, float, float],
    levels: BloodLevels,
) -> NDArray[np.int32]:
    markers = np.zeros(prior.shape, dtype=np.int32)
    markers[(smooth < FAT_LIMIT_HU) | (outside > 10.0)] = OTHER
    for label in np.unique(prior[prior > 0]):
        depth = depth_in(prior == label, spacing)
        if label == MYOCARDIUM:
            core = (depth > 2.5) & (smooth > 10.0) & (smooth < levels.limit(LEFT_VENTRICLE))
        elif label == CAVA:
            core = (depth > CORE_MM) & (smooth > FAT_LIMIT_HU)
        else:
            rises = levels.blood[int(label)] - levels.muscle_hu > LEAST_RISE_HU
            core = (depth > CORE_MM) & (smooth > (levels.limit(int(label)) if rises else FAT_LIMIT_HU))
        markers[core] = int(label)
    return markers


def _bordered(
    labels: NDArray[np.uint8],
    prior: NDArray[np.uint8],
    smooth: NDArray[np.float32],
    spacing: tuple[float, float, float],
    levels: BloodLevels,
) -> NDArray[np.uint8]:
    """Cut cavities at half height, give what is left near the left ventricle to its wall, keep each structure's main piece."""
    result = labels.copy()
    for label in np.unique(labels[labels > 0]):
        if label in (MYOCARDIUM, CAVA):
            continue
        if levels.blood[int(label)] - levels.muscle_hu > LEAST_RISE_HU:
            result[(labels == label) & (smooth < levels.limit(int(label)))] = 0
    wall = (result == 0) & (smooth > FAT_LIMIT_HU) & ((prior == MYOCARDIUM) | (labels == LEFT_VENTRICLE) | (labels == MYOCARDIUM))
    result[wall] = MYOCARDIUM
    result[(result == MYOCARDIUM) & (smooth < FAT_LIMIT_HU)] = 0
    for label in np.unique(result[result > 0]):
        mask = result == label
        result[mask & ~_main_piece(mask, spacing, AORTA_NECK_MM if label == AORTA else NECK_MM)] = 0
    return _evened(np.asarray(result), spacing)


def _evened(labels: NDArray[np.uint8], spacing: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Even out the borders between cavities: in open blood, at a valve, nothing in the scan draws them."""
    cavities = [label for label in (*LEFT, *RIGHT, PULMONARY_ARTERY) if (labels == label).any()]
    best = np.zeros(labels.shape, dtype=np.float32)
    result = labels.copy()
    blood = np.isin(labels, cavities)
    for label in cavities:
        share = ndimage.gaussian_filter((labels == label).astype(np.float32), [VALVE_MM / size for size in spacing])
        better = blood & (share > best)
        best[better], result[better] = share[better], label
    return np.asarray(result)


def _main_piece(mask: BoolArray, spacing: tuple[float, float, float], neck_mm: float) -> BoolArray:
    """Return the largest piece after bridges thinner than twice ``neck_mm`` are opened, grown back by as much."""
    box = bounding_box(mask, (1, 1, 1))
    part = mask[box]
    opened = ndimage.distance_transform_edt(part, sampling=spacing) > neck_mm
    pieces, count = ndimage.label(opened)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    main = pieces == int(sizes.argmax())
    near = ndimage.distance_transform_edt(~main, sampling=spacing) < neck_mm + 0.8
    result = np.zeros_like(mask)
    result[box] = part & near
    return result
