"""Heart, aorta and caval veins by TotalSegmentator's open task ``total``, laid over what the classical engine drew.

The task has the heart as one piece: its chambers are in ``heartchambers_highres``, which is free for non-commercial use only,
as is ``coronary_arteries``; neither is called. So the average heart still draws the chambers, within the network's heart; root
and ascending aorta stay the classical ones, on whose edges sharpness and ostia are measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.totalsegmentator import run_task, why_not
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap, Volume, bounding_box

from .structures import AORTA, CAVA, CHAMBERS, FAR_AORTA

BoolArray = NDArray[np.bool_]

NETWORK, TASK = "totalsegmentator", "total"
WEIGHTS = ("Dataset293_*", "Dataset298_*")
"""Weights of the part with the great vessels, and of the coarse model by which the task first finds what was asked for."""
HEART, APPENDAGE, ARTERY, UPPER_CAVA, LOWER_CAVA = (
    "heart", "atrial_appendage_left", "aorta", "superior_vena_cava", "inferior_vena_cava",
)  # fmt: skip
STRUCTURES = (HEART, APPENDAGE, ARTERY, UPPER_CAVA, LOWER_CAVA)
ROOM_MM = 2.0
"""What the classical engine drew may lie this far outside the network's heart, whose voxels have 1.5 mm."""


def network_missing() -> str | None:
    """Return None when TotalSegmentator can run here, or a sentence why not."""
    return why_not(TASK, WEIGHTS, "the engine classical")


def find_structures(volume: Volume, progress: Progress) -> dict[str, BoolArray]:
    """Return the masks (K, J, I) of :data:`STRUCTURES`, empty where one is not in the scan.

    Raises
    ------
    InputError
        When package or weights are missing, or the installed version lacks one of the names.
    """
    reason = network_missing()
    if reason:
        raise InputError(reason)
    labels, names = run_task(volume, TASK, progress, STRUCTURES)
    values = {name: value for value, name in names.items()}
    lacking = [name for name in STRUCTURES if name not in values]
    if lacking:
        raise InputError(
            "The installed TotalSegmentator does not know the heart's structures by the names of its version 2; choose the "
            "engine classical.",
            detail=f"lacking {', '.join(lacking)}",
        )
    return {name: np.asarray(labels == values[name]) for name in STRUCTURES}


def with_network(heart: LabelMap, found: dict[str, BoolArray]) -> LabelMap:
    """Lay the network's structures over a classical label map.

    Parameters
    ----------
    heart
        See :mod:`.structures` for its numbers.
    found
        (K, J, I) masks on its grid, see :func:`find_structures`. Without a heart nothing of the chambers is changed.
    """
    labels = heart.array_kji.copy()
    whole = found[HEART] | found[APPENDAGE]
    if found[HEART].any():
        labels[np.isin(labels, CHAMBERS) & ~_widened(whole, heart.grid.spacing_kji_mm)] = 0
    labels[(labels == CAVA) & ~whole] = 0
    labels[(found[UPPER_CAVA] | found[LOWER_CAVA]) & (labels == 0)] = CAVA
    if found[ARTERY].any():
        labels[labels == FAR_AORTA] = 0
        near = _widened(labels == AORTA, heart.grid.spacing_kji_mm) if (labels == AORTA).any() else labels == AORTA
        labels[found[ARTERY] & ~near & (labels == 0)] = FAR_AORTA
    return LabelMap(labels, heart.affine_ijk_to_lps, heart.names)


def _widened(mask: BoolArray, spacing_mm: tuple[float, float, float]) -> BoolArray:
    margin = tuple(int(np.ceil(ROOM_MM / size)) + 1 for size in spacing_mm)
    box = bounding_box(mask, (margin[0], margin[1], margin[2]))
    wide = mask.copy()
    wide[box] = ndimage.distance_transform_edt(~mask[box], sampling=spacing_mm) <= ROOM_MM
    return np.asarray(wide)
