"""Lungs from a CT without contrast requirements: air inside the body, split in right and left, closed over dense disease."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from SenseCarePlanningLib.errors import SenseCareError
from SenseCarePlanningLib.volume import bounding_box

from .constants import LUNG_LEFT, LUNG_RIGHT
from .orientation import check_head_up
from .trachea import AIR_HU, Trachea, find_trachea

logger = logging.getLogger(__name__)

LUNG_HU = -400.0
"""Lung against soft tissue: about half-way between aerated lung (-850) and muscle (50), Hu 2001 doi:10.1109/42.929615."""
COARSE_MM = 2.4
MINIMUM_LUNG_ML = 150.0
BODY_HU = -250.0
BONE_HU = 220.0
MINIMUM_PIECE_ML = 5.0
CLOSING_MM = 14.0
GAS_HU = -900.0
GAS_RANGE_HU = 60.0
HOLE_MM2 = 500.0
GAS_BRIDGE_MM = 8.0
TRUNK_ML = 40.0
OUTSIDE_HU = -930.0


@dataclass(frozen=True, eq=False)
class CoarseChest:
    """What is found at about 2 mm: block means (float32), body, air inside it, and the trachea."""

    hu: NDArray[np.float32]
    body: NDArray[np.bool_]
    lung_air: NDArray[np.bool_]
    trachea: Trachea
    factor: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]


def block_mean(array: NDArray[np.generic], factor: tuple[int, int, int]) -> NDArray[np.float32]:
    """Average blocks of ``factor`` voxels; the last block of an axis may be partial. HU are cut to -1024 to 1500."""
    counts = [-(-size // step) for size, step in zip(array.shape, factor, strict=True)]
    out = np.empty(counts, dtype=np.float32)
    for slab in range(counts[0]):
        part = np.clip(array[slab * factor[0] : (slab + 1) * factor[0]], -1024, 1500).astype(np.float32).mean(axis=0)
        pad = [(0, count * step - size) for count, step, size in zip(counts[1:], factor[1:], part.shape, strict=True)]
        padded = np.pad(part, pad, mode="edge")
        out[slab] = padded.reshape(counts[1], factor[1], counts[2], factor[2]).mean(axis=(1, 3))
    return out


def upsample(mask: NDArray[np.generic], factor: tuple[int, int, int], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Repeat blocks back to ``shape``."""
    for axis in range(3):
        mask = np.repeat(mask, factor[axis], axis=axis)
    return mask[: shape[0], : shape[1], : shape[2]]


def survey(hu: NDArray[np.generic], spacing_mm: tuple[float, float, float]) -> CoarseChest:
    """Find body, lung air and trachea at about 2 mm; ``hu`` runs along the patient's axes.

    Raises
    ------
    SenseCareError
        When there are no lungs or no trachea.
    InputError
        When the chest stands on its head.
    """
    factor = tuple(max(1, int(COARSE_MM / step + 0.5)) for step in spacing_mm)
    factor = (factor[0], factor[1], factor[2])
    spacing = tuple(step * times for step, times in zip(spacing_mm, factor, strict=True))
    spacing = (spacing[0], spacing[1], spacing[2])
    coarse = block_mean(hu, factor)
    body = _body(coarse, spacing)
    voxel_ml = float(np.prod(spacing)) / 1000.0
    labels, count = ndimage.label(body & (coarse < LUNG_HU))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    if count == 0 or sizes.max() * voxel_ml < MINIMUM_LUNG_ML:
        raise SenseCareError(
            "No lungs were found in this scan; choose a chest CT in Hounsfield units that shows both lungs.",
            detail=f"largest air space in the body {sizes.max(initial=0) * voxel_ml:.0f} ml, "
            f"at least {MINIMUM_LUNG_ML:.0f} ml needed",
        )
    height = np.nonzero((labels == int(np.argmax(sizes))).any(axis=(1, 2)))[0]
    inside_air = labels > 0
    trachea = _trachea(inside_air & (coarse < AIR_HU), body, float(np.mean(height[[0, -1]])), spacing)
    return CoarseChest(coarse, body, inside_air, trachea, factor, spacing)


def _trachea(air: NDArray[np.bool_], body: NDArray[np.bool_], k_middle: float, spacing_mm: tuple[float, float, float]) -> Trachea:
    """Find the trachea of a chest whose head is up; see :func:`.orientation.check_head_up` for one that is not."""
    try:
        trachea = find_trachea(air, body, k_middle, spacing_mm)
    except SenseCareError:
        check_head_up(air, body, k_middle, spacing_mm, None)
        raise
    check_head_up(air, body, k_middle, spacing_mm, trachea)
    return trachea


def _body(coarse: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """The trunk with its air: the largest solid piece, filled slice by slice; table, blankets and arms' gaps stay out.

    A lung cut by the side of the image is open there; the two border columns of such slices count as a wall unless
    the air at the border is as thin as room air.
    """
    solid = coarse > BODY_HU
    opened = ndimage.binary_opening(solid, iterations=max(1, round(3.0 / spacing_mm[2])))
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(solid)
    main = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    main = ndimage.binary_propagation(
        ndimage.binary_dilation(main) & solid, mask=solid & ndimage.binary_dilation(main, iterations=3)
    )
    walled = np.pad(main, [(0, 0), (1, 1), (1, 1)])
    dense = (coarse > OUTSIDE_HU) & (coarse < LUNG_HU)
    for axis in (1, 2):
        for side in (0, -1):
            edge = np.take(dense, side, axis=axis)
            edge = ndimage.binary_opening(edge, structure=np.ones((3, 3)))
            target = [slice(None), slice(1, -1), slice(1, -1)]
            target[axis] = slice(0, 1) if side == 0 else slice(-1, None)
            walled[tuple(target)] |= np.expand_dims(edge, axis)
    return np.asarray(_fill_slices(walled)[:, 1:-1, 1:-1])


def _fill_slices(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.stack([ndimage.binary_fill_holes(part) for part in mask])


def ball(radius_mm: float, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Return a solid ball as structuring element, anisotropy respected."""
    half = [int(radius_mm / step) for step in spacing_mm]
    k, j, i = np.ogrid[-half[0] : half[0] + 1, -half[1] : half[1] + 1, -half[2] : half[2] + 1]
    return np.asarray((k * spacing_mm[0]) ** 2 + (j * spacing_mm[1]) ** 2 + (i * spacing_mm[2]) ** 2 <= radius_mm**2 + 1e-6)


def dilate_mm(mask: NDArray[np.bool_], radius_mm: float, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Dilate by a ball, through the distance transform."""
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm)


def close_mm(mask: NDArray[np.bool_], radius_mm: float, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Close by a ball, the array's border not counting as background."""
    pad = [int(np.ceil(radius_mm / step)) + 1 for step in spacing_mm]
    padded = np.pad(mask, [(part, part) for part in pad], mode="constant")
    grown = dilate_mm(padded, radius_mm, spacing_mm)
    closed = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm
    box = tuple(slice(part, part + size) for part, size in zip(pad, mask.shape, strict=True))
    return np.asarray(closed[box] | mask)


def coarse_trunk(chest: CoarseChest) -> NDArray[np.bool_]:
    """Grow trachea and main bronchi on the coarse grid, where they are darker than lung; leaks stop the growth."""
    seeds = np.zeros(chest.hu.shape, dtype=bool)
    seeds[tuple(chest.trachea.voxels.T)] = True
    voxel_ml = float(np.prod(chest.spacing_mm)) / 1000.0
    best = seeds
    for threshold in range(-960, -860, 10):
        labels, count = ndimage.label(chest.lung_air & (chest.hu < threshold) | seeds)
        grown = labels == int(np.argmax(np.bincount(labels[seeds], minlength=count + 1)))
        if (np.count_nonzero(grown) - np.count_nonzero(seeds)) * voxel_ml > TRUNK_ML:
            break
        best = grown
    return np.asarray(best)


def separate_lungs(chest: CoarseChest, airway: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Label right (1) and left (2) lung at the coarse grid, closed over vessels and dense disease at the pleura.

    Parameters
    ----------
    chest
        The survey.
    airway
        Trachea and main bronchi on the coarse grid; cut out before the sides are told apart.

    Raises
    ------
    SenseCareError
        When nothing of lung size is left.
    """
    spacing = chest.spacing_mm
    voxel_ml = float(np.prod(spacing)) / 1000.0
    aerated = chest.lung_air & ~ndimage.binary_dilation(airway)
    aerated = _without_gas(aerated, chest.hu, float(chest.trachea.centres[-1, 0]), spacing)
    midline = float(chest.trachea.centres[-1, 2])
    sides = _split_sides(aerated, midline, spacing)
    out = np.zeros(aerated.shape, dtype=np.uint8)
    bone = ndimage.gaussian_filter(chest.hu, 0.5) > BONE_HU
    for side in (LUNG_RIGHT, LUNG_LEFT):
        lung = sides == side
        if not lung.any():
            continue
        margin = [int(np.ceil(CLOSING_MM / step)) for step in spacing]
        box = bounding_box(lung, (margin[0], margin[1], margin[2]))
        closed = close_mm(lung[box], CLOSING_MM, spacing) & (chest.body & ~bone & ~airway & (sides != (3 - side)))[box]
        out[box][_fill_small(closed, spacing) & ~airway[box] & (out[box] == 0)] = side
    if np.count_nonzero(out) * voxel_ml < MINIMUM_LUNG_ML:
        raise SenseCareError("No lungs were found in this scan; choose a chest CT that shows both lungs.")
    return out


def _fill_small(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Fill holes of axial slices up to the section of a hilar vessel; larger ones may be liver or heart."""
    limit = HOLE_MM2 / (spacing_mm[1] * spacing_mm[2])
    out = mask.copy()
    for k in np.nonzero(mask.any(axis=(1, 2)))[0]:
        labels, count = ndimage.label(~mask[k])
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        small = sizes <= limit
        small[0] = False
        out[k] |= small[labels]
    return np.asarray(out)


def _without_gas(
    aerated: NDArray[np.bool_], hu: NDArray[np.float32], carina_k: float, spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Drop small pieces, and gas of stomach and bowel.

    A piece that does not reach up to the carina and hangs below lung, with no lung under it, lies under the diaphragm;
    it is gas when it is even, for lung holds vessels.
    """
    depth = ndimage.distance_transform_edt(aerated, sampling=spacing_mm)
    # Where the diaphragm is thin, coarse voxels join lung and stomach: tell the pieces apart by their cores.
    core, count = ndimage.label(depth > GAS_BRIDGE_MM)
    labels = watershed(hu, core, mask=aerated) if count else core
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(labels)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    main = [
        label for label, box in enumerate(boxes, start=1) if box[0].stop > carina_k and sizes[label] * voxel_ml >= MINIMUM_LUNG_ML
    ]
    keep = np.zeros(count + 1, dtype=bool)
    keep[main] = True
    lung = keep[labels]
    columns = np.arange(lung.shape[0])[:, None, None]
    lowest = np.where(lung, columns, lung.shape[0]).min(axis=0)
    for label, box in enumerate(boxes, start=1):
        if keep[label] or sizes[label] * voxel_ml < MINIMUM_PIECE_ML:
            continue
        part = labels[box] == label
        top = np.where(part, columns[box[0]], -1).max(axis=0)
        under = top[top >= 0] < lowest[box[1:]][top >= 0]
        values = hu[box][part]
        low, high = np.percentile(values, [10, 60])
        even = high - low < GAS_RANGE_HU and low < GAS_HU
        logger.debug(
            "air piece %.0f ml, %.0f to %.0f HU, %.0f %% under lung", sizes[label] * voxel_ml, low, high, 100 * under.mean()
        )
        touching = bool((ndimage.binary_dilation(part, iterations=1) & lung[box]).any())
        below = under.mean() > 0.6
        keep[label] = not below or (touching and not even)
    return np.asarray(keep[labels])


def _split_sides(aerated: NDArray[np.bool_], midline: float, spacing_mm: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Tell right from left: erode until no piece spans both sides, then give each voxel to its nearest piece."""
    depth = ndimage.distance_transform_edt(aerated, sampling=spacing_mm)
    columns = np.arange(aerated.shape[2])
    for radius in (0.0, 3.0, 5.0, 8.0, 12.0, 16.0):
        labels, count = ndimage.label(depth > radius)
        if count == 0:
            break
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        right = np.bincount(labels[:, :, columns < midline].ravel(), minlength=count + 1)
        share = right / np.maximum(sizes, 1)
        large = sizes > 0.02 * sizes[1:].sum()
        if not np.any(large[1:] & (share[1:] > 0.15) & (share[1:] < 0.85)):
            break
    side = np.where(share >= 0.5, LUNG_RIGHT, LUNG_LEFT).astype(np.uint8)
    side[0] = 0
    core = side[labels]
    if radius == 0.0:
        return np.asarray(core, dtype=np.uint8)
    nearest = ndimage.distance_transform_edt(core == 0, sampling=spacing_mm, return_distances=False, return_indices=True)
    return np.asarray(np.where(aerated, core[tuple(nearest)], 0), dtype=np.uint8)
