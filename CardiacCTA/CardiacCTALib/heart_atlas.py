"""The average heart that a patient's heart is compared with: chambers and great vessels of the digital heart's template.

It is drawn, not learned from patients: positions from normal anatomy at end-diastole (:mod:`..phantom.coronary_heart`). Only
its rough shape matters; every border is then taken from the patient's own scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.phantom.coronary_heart import AORTIC_AXIS, AORTIC_VALVE, HEART_CENTRE, HeartPose, make_heart

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

STEP_MM = 2.0
LOWER_LPS_MM, UPPER_LPS_MM = np.array([-86.0, -112.0, -130.0]), np.array([106.0, 46.0, 20.0])
ROOT_MM = 22.0
"""Height above the valve of the place that :attr:`HeartAtlas.ascending` names."""

LAYERS = (
    (MYOCARDIUM, "lv_wall"),
    (CAVA, "svc"),
    (CAVA, "ivc"),
    (RIGHT_ATRIUM, "ra"),
    (RIGHT_VENTRICLE, "rv"),
    (LEFT_ATRIUM, "la"),
    (LEFT_VENTRICLE, "lv"),
    (LEFT_ATRIUM, "veins"),
    (PULMONARY_ARTERY, "trunk"),
    (AORTA, "aorta"),
)
"""Structure and field, the last one wins."""
USUAL_HU = {
    MYOCARDIUM: 100.0,
    LEFT_VENTRICLE: 400.0,
    LEFT_ATRIUM: 400.0,
    RIGHT_ATRIUM: 250.0,
    RIGHT_VENTRICLE: 250.0,
    AORTA: 400.0,
    PULMONARY_ARTERY: 320.0,
    CAVA: 200.0,
}
"""What the template looks like; the comparison (mutual information) asks only that one structure has one brightness."""
FAT_HU, MUSCLE_HU, LUNG_HU = -80.0, 100.0, -700.0
RIM_MM = 8.0


@dataclass(frozen=True, eq=False)
class HeartAtlas:
    """The average heart on its own lattice, in LPS mm of its own frame.

    Parameters
    ----------
    labels
        (K, J, I) uint8, see :mod:`.structures`.
    image
        (K, J, I) float32, HU.
    region
        (K, J, I) uint8: the heart with a rim, where it is compared.
    outside_mm
        (K, J, I) float32, signed distance to the pericardium, negative inside.
    lower_lps_mm, step_mm
        Place of the first voxel and voxel size.
    centre, ascending, ascending_axis
        (3,) middle of the heart; a place in the ascending aorta; the way it runs, upward.
    ostia
        (2, 3) where the left and the right coronary artery leave the aorta.
    """

    labels: NDArray[np.uint8]
    image: NDArray[np.float32]
    region: NDArray[np.uint8]
    outside_mm: NDArray[np.float32]
    lower_lps_mm: FloatArray
    step_mm: float
    centre: FloatArray
    ascending: FloatArray
    ascending_axis: FloatArray
    ostia: FloatArray


@lru_cache(maxsize=1)
def average_heart() -> HeartAtlas:
    """Return the average heart (drawn once a process, about a second)."""
    heart = make_heart(HeartPose(), LOWER_LPS_MM, UPPER_LPS_MM, None, STEP_MM)
    fields = heart.fields
    labels = np.zeros(fields["lv"].shape, dtype=np.uint8)
    image = np.full(labels.shape, LUNG_HU, dtype=np.float32)
    around = np.minimum.reduce([fields["sac"], fields["trunk_wall"] - 2.0, fields["aorta_wall"] - 2.0])
    image[around < 0.0] = FAT_HU
    for wall in ("lv_wall", "rv_wall", "la_wall", "ra_wall", "trunk_wall", "aorta_wall"):
        image[fields[wall] < 0.0] = MUSCLE_HU
    for label, name in LAYERS:
        inside = fields[name] < 0.0
        labels[inside], image[inside] = label, USUAL_HU[label]
    return HeartAtlas(
        labels,
        image,
        (around < RIM_MM).astype(np.uint8),
        np.asarray(around, dtype=np.float32),
        LOWER_LPS_MM,
        STEP_MM,
        HEART_CENTRE,
        np.asarray(AORTIC_VALVE + ROOT_MM * AORTIC_AXIS),
        AORTIC_AXIS,
        np.stack([heart.ostium("left"), heart.ostium("right")]),
    )
