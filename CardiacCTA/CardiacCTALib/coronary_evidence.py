"""Where a bright thin tube could be: evidence on the surface of the heart only, never over the whole scan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.distances import depth_in, distance_to
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.dark_tubes import RayOptions, wall_evidence

from .chambers import Chambers
from .structures import (
    AORTA,
    LEFT_ATRIUM,
    LEFT_VENTRICLE,
    PULMONARY_ARTERY,
    RIGHT_ATRIUM,
    RIGHT_VENTRICLE,
)

BoolArray = NDArray[np.bool_]

CAVITIES = (LEFT_VENTRICLE, LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE, AORTA, PULMONARY_ARTERY)
OUTSIDE_MM, DEEP_MM = 6.0, 1.6
"""Arteries are looked for up to this far outside the fitted pericardium, and no deeper than this inside a cavity."""
FITTED_DEPTH_MM = 5.0
"""No artery runs deeper than this inside a cavity of the fitted heart, whose borders are a few millimetres off: keeps streaks
and trabeculae out where a cavity's own border is hidden."""
SMOOTH_MM = 0.35
RAYS = RayOptions(reach_mm=4.0, step_mm=0.4)
"""Tubes up to 5 mm wide, and aneurysms in fat."""
ROOT_RAYS, ROOT_MM = RayOptions(reach_mm=6.4, step_mm=0.4), 18.0
"""Near the aorta: a left main of 6 mm, whose wall and blur take another millimetre to each side."""
FAT_HU = -95.0
METAL_HU, METAL_MM3 = 1700.0, 60.0
"""Brighter over more than this volume is metal."""
LEAST_SHARE = 0.35
"""Of the way from fat to the aorta's blood: what is darker is no lumen, even the blur of a 1 mm artery in fat is brighter."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for bright tubes, on the heart's box of the scan along the patient's axes.

    Parameters
    ----------
    rise_hu
        (K, J, I) float32: how far a voxel stands over what is around it on all but the tube's own ways; 0 where none.
    smooth
        (K, J, I) float32 lightly smoothed scan.
    aorta
        (K, J, I) bool.
    spacing_mm
        Along k, j, i.
    blood_hu, muscle_hu
        Levels in the aorta and in muscle.
    metal_mm
        (M, 3) some voxels of leads, clips and valves, k, j, i times the spacing; none usually.
    cavities
        (K, J, I) bool: blood of chambers and great vessels, the coronary sinus not among them; empty when not known.
    """

    rise_hu: NDArray[np.float32]
    smooth: NDArray[np.float32]
    aorta: BoolArray
    spacing_mm: tuple[float, float, float]
    blood_hu: float
    muscle_hu: float
    metal_mm: FloatArray
    cavities: BoolArray = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=bool))

    @property
    def contrast_hu(self) -> float:
        """Blood over muscle."""
        return self.blood_hu - self.muscle_hu


def tube_evidence(
    array: NDArray[Any], spacing_mm: tuple[float, float, float], chambers: Chambers, progress: Progress | None = None
) -> Evidence:
    """Measure the evidence in the box of the heart.

    Parameters
    ----------
    array
        (K, J, I) HU: the box of the heart, along the patient's axes.
    progress
        May stop it.
    """
    progress = progress or Progress()
    blood, muscle = chambers.levels.blood[AORTA], chambers.levels.muscle_hu
    zone = enlarged(search_zone(chambers), chambers.small.factor, array.shape)
    progress.check()
    smooth = ndimage.gaussian_filter(np.clip(array, -150, 3000).astype(np.float32), [SMOOTH_MM / size for size in spacing_mm])
    progress.check()
    zone &= smooth > FAT_HU + LEAST_SHARE * (blood - FAT_HU)
    np.negative(smooth, out=smooth)
    rise = wall_evidence(smooth, zone, spacing_mm, RAYS, progress)
    np.negative(smooth, out=smooth)
    aorta = enlarged(chambers.labels == AORTA, chambers.small.factor, array.shape)
    cavities = enlarged(np.isin(chambers.labels, CAVITIES), chambers.small.factor, array.shape)
    return Evidence(rise, smooth, aorta, spacing_mm, blood, muscle, _metal(smooth, spacing_mm), cavities)


def with_wide_roots(evidence: Evidence, chambers: Chambers, progress: Progress | None = None) -> Evidence:
    """Return the evidence with that for wider tubes near the aorta.

    Only for hearts whose left artery is not found without: in others such tubes also lead along the aorta's rim into the gaps
    between the great vessels.
    """
    aorta = chambers.labels == AORTA
    if not aorta.any():
        return evidence
    near = distance_to(aorta, chambers.small.spacing_mm, ROOT_MM) <= ROOT_MM
    zone = enlarged(search_zone(chambers) & near, chambers.small.factor, evidence.smooth.shape)
    zone &= evidence.smooth > FAT_HU + LEAST_SHARE * (evidence.blood_hu - FAT_HU)
    wide = wall_evidence(-evidence.smooth, zone, evidence.spacing_mm, ROOT_RAYS, progress)
    return replace(evidence, rise_hu=np.maximum(evidence.rise_hu, wide))


def _metal(smooth: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> FloatArray:
    """Return voxels of pieces that are too bright and too large for calcium, thinned out."""
    places = np.argwhere(smooth[::2, ::2, ::2] > METAL_HU) * 2
    if len(places) * 8.0 * float(np.prod(spacing_mm)) < METAL_MM3:
        return np.empty((0, 3))
    return np.asarray(places[:: max(len(places) // 4000, 1)] * np.array(spacing_mm))


def search_zone(chambers: Chambers) -> BoolArray:
    """Return where arteries may run, on the small grid: in and about the pericardium, outside the depth of cavities."""
    zone = (chambers.outside_mm < OUTSIDE_MM) & (chambers.depth_mm <= FITTED_DEPTH_MM)
    for label in CAVITIES:
        zone &= depth_in(chambers.labels == label, chambers.small.spacing_mm) <= DEEP_MM
    return np.asarray(zone)


def enlarged(small: NDArray[Any], factor: tuple[int, int, int], shape: tuple[int, ...]) -> NDArray[Any]:
    """Repeat the voxels of a small grid to the shape of the grid it was averaged from; what is left over repeats the last."""
    result = small
    for axis, by in enumerate(factor):
        result = np.repeat(result, by, axis=axis)
    rest = [(0, max(wanted - have, 0)) for wanted, have in zip(shape, result.shape, strict=True)]
    return np.asarray(np.pad(result, rest, mode="edge") if any(part for _, part in rest) else result)
