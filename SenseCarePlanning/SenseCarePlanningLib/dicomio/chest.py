"""Is this volume a chest CT in Hounsfield units, with enough of the lungs to plan on?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..patient_axes import turned_problems
from ..volume import Grid, Volume
from .pixels import FLOOR_HU
from .stack import MINIMUM_EXTENT_MM

_COARSE_MM = 3.0

# Halfway between inflated lung (about -850 HU) and soft tissue (about +50 HU), where an optimal threshold settles (Hu,
# Hoffman and Reinhardt 2001, doi:10.1109/42.929615).
AIR_BELOW_HU = -400

# Gas without tissue, as in the stomach, is darker than lung over centimetres, bullae excepted.
_GAS_BELOW_HU = -940

# Total lung volume of adults on CT is 2 to 7 litres; one small or collapsed lung is still about half a litre.
LEAST_LUNG_ML = 500.0
LITTLE_LUNG_ML = 1500.0

# In a calibrated scanner water is 0 +- 4 HU and air -1000; muscle, blood and fat lie between -120 and +80 HU.
_SOFT_TISSUE_HU = (-150.0, 150.0)
_DARKEST_HU = (-1100.0, -900.0)
_DARKEST_IN_HEART_HU = (-1100.0, -650.0)

LEAST_HEART_MM = 60.0
"""A scan that covers less of the body holds no analysable part of the coronary arteries. Chosen: a heart takes 100 to 140 mm."""


@dataclass(frozen=True)
class ChestFindings:
    """What was measured in order to judge a volume."""

    extent_mm: float
    lung_ml: float
    soft_tissue_mode_hu: float | None
    darkest_hu: float
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def head_foot_axis(grid: Grid) -> int:
    """Return which of i, j, k (0, 1, 2) runs closest to head-foot."""
    return int(np.argmax(np.abs(grid.affine_ijk_to_lps[2, :3]) / grid.spacing_ijk_mm))


def head_foot_extent_mm(grid: Grid) -> float:
    """Return how far the volume reaches along the body, voxels included: the size along its axis nearest to head-foot."""
    axis = head_foot_axis(grid)
    return float(grid.spacing_ijk_mm[axis] * grid.shape_kji[2 - axis])


def check_heart(volume: Volume) -> ChestFindings:
    """Judge whether a CT volume is in HU and covers enough of the body to hold a heart, in slices along its axes.

    Lungs need not be whole: a heart's field of view may hold no air but that of the lungs, which is 100 HU and more above -1000.
    """
    extent = head_foot_extent_mm(volume.grid)
    problems = []
    if extent < LEAST_HEART_MM:
        problems.append(f"only {extent:.0f} mm of the body are covered; a heart takes at least {LEAST_HEART_MM:.0f} mm")
    problems += turned_problems(volume.grid)
    coarse, _ = _coarse(volume)
    darkest, mode = float(np.percentile(coarse, 0.5)), _soft_tissue_mode(coarse)
    problems += _scale_problems(coarse, mode, darkest, _DARKEST_IN_HEART_HU)
    return ChestFindings(extent, 0.0, mode, darkest, tuple(problems), ())


def check_chest(volume: Volume) -> ChestFindings:
    """Judge whether a CT volume is in HU and covers enough chest; problems refuse, warnings inform."""
    problems: list[str] = []
    warnings: list[str] = []
    extent = head_foot_extent_mm(volume.grid)
    if extent < MINIMUM_EXTENT_MM:
        problems.append(f"only {extent:.0f} mm of the body are covered; a chest takes at least {MINIMUM_EXTENT_MM:.0f} mm")
    coarse, voxel_mm3 = _coarse(volume)
    darkest = float(np.percentile(coarse, 0.5))
    mode = _soft_tissue_mode(coarse)
    scale = _scale_problems(coarse, mode, darkest)
    problems += scale
    lung_ml = 0.0
    if not scale:
        axial = np.moveaxis(coarse, 2 - head_foot_axis(volume.grid), 0)
        lung, lung_ml = _lung(axial, voxel_mm3)
        if lung_ml < LEAST_LUNG_ML:
            problems.append(
                f"not enough of the chest: {lung_ml:.0f} ml of lung air found, at least {LEAST_LUNG_ML:.0f} ml are needed"
            )
        else:
            warnings += _lung_warnings(lung, lung_ml, volume.grid)
    return ChestFindings(extent, lung_ml, mode, darkest, tuple(problems), tuple(warnings))


def _coarse(volume: Volume) -> tuple[NDArray[np.float32], float]:
    """Return block means of about 3 mm, of values clipped at the floor, and the volume of one block: enough to see the lungs."""
    steps = [max(1, round(_COARSE_MM / spacing)) for spacing in volume.grid.spacing_kji_mm]
    steps = [min(step, size) for step, size in zip(steps, volume.array_kji.shape, strict=True)]
    shape = [size // step for size, step in zip(volume.array_kji.shape, steps, strict=True)]
    coarse = np.empty(shape, dtype=np.float32)
    for k in range(shape[0]):
        part = volume.array_kji[k * steps[0] : (k + 1) * steps[0], : shape[1] * steps[1], : shape[2] * steps[2]]
        # block by block: a copy of the whole scan would take its room again
        part = np.maximum(part, FLOOR_HU) if part.dtype == np.int16 else np.clip(part, FLOOR_HU, None)
        blocks = part.reshape(steps[0], shape[1], steps[1], shape[2], steps[2])
        coarse[k] = blocks.mean(axis=(0, 2, 4), dtype=np.float32)
    return coarse, volume.grid.voxel_volume_mm3 * float(np.prod(steps))


def _soft_tissue_mode(coarse: NDArray[np.float32]) -> float | None:
    """Return the most frequent value above -400 HU; None when hardly anything is."""
    tissue = coarse[(coarse > AIR_BELOW_HU) & (coarse < 3000)]
    if tissue.size < 100:
        return None
    counts, edges = np.histogram(tissue, bins=np.arange(-400.0, 3001.0, 10.0))
    smooth = np.convolve(counts, np.ones(5) / 5.0, mode="same")
    return float(edges[int(np.argmax(smooth))] + 5.0)


def _scale_problems(
    coarse: NDArray[np.float32], mode: float | None, darkest: float, darkest_range: tuple[float, float] = _DARKEST_HU
) -> list[str]:
    low, high = float(coarse.min()), float(coarse.max())
    span = f"the values lie between {low:.4g} and {high:.4g}"
    if high - low < 300:
        return [f"this is no CT in Hounsfield units: {span}, but air is -1000 and soft tissue about 0 to 60"]
    if darkest > AIR_BELOW_HU:
        if low >= -10 and mode is not None and 800 < mode < 1250:
            return [f"the values are not in Hounsfield units but raised by about 1000 ({span}); subtract the offset first"]
        return [f"there is no air in this image, or it is not in Hounsfield units: {span}, but air should be about -1000"]
    if mode is None or not _SOFT_TISSUE_HU[0] <= mode <= _SOFT_TISSUE_HU[1]:
        shown = "absent" if mode is None else f"at {mode:.0f} HU"
        return [f"the values are not in Hounsfield units: soft tissue is {shown}, and should be between -120 and 80 HU"]
    if not darkest_range[0] <= darkest <= darkest_range[1]:
        return [f"the values are not in Hounsfield units: the darkest air is {darkest:.0f} HU, and should be about -1000"]
    return []


def _lung(coarse: NDArray[np.float32], voxel_mm3: float) -> tuple[NDArray[np.bool_], float]:
    """Return air inside the body, larger pieces only and no stomach gas, and its volume in ml.

    ``coarse`` has its first axis along head-foot. Air is inside when tissue surrounds it in its plane: the outside air of
    each plane touches the plane's border.
    """
    # The stomach's gas can touch the lung above it in so coarse an image, so it goes before the pieces are parted.
    gas = ndimage.binary_dilation(ndimage.binary_opening(coarse < _GAS_BELOW_HU, iterations=3), iterations=4)
    inside = np.zeros(coarse.shape, dtype=np.bool_)
    for k in range(len(coarse)):
        air = coarse[k] < AIR_BELOW_HU
        labels, _ = ndimage.label(air)
        border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        inside[k] = air & ~gas[k] & ~np.isin(labels, border[border > 0])
    labels, count = ndimage.label(inside)
    if count == 0:
        return inside, 0.0
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    lung = (sizes * voxel_mm3 / 1000.0 > 100.0)[labels]
    return lung, float(np.count_nonzero(lung)) * voxel_mm3 / 1000.0


def _lung_warnings(lung: NDArray[np.bool_], lung_ml: float, grid: Grid) -> list[str]:
    warnings = []
    if lung_ml < LITTLE_LUNG_ML:
        warnings.append(
            f"only {lung_ml:.0f} ml of lung air were found: a part of the lungs is missing, collapsed or consolidated"
        )
    area = np.count_nonzero(lung, axis=(1, 2)).astype(np.float64)
    upwards = grid.affine_ijk_to_lps[2, head_foot_axis(grid)] > 0
    ends = {"top": area[-1] if upwards else area[0], "bottom": area[0] if upwards else area[-1]}
    for name, value in ends.items():
        if value > 0.1 * area.max():
            warnings.append(f"the scan cuts the lungs off at the {name}: what lies beyond cannot be planned on")
    return warnings
