"""How bright the plaque of a lesion is, from the lesion itself: fibrous plaque is twice as bright as soft plaque.

A thin normal wall does not show its own level, because it is as thin as the blur; there the usual one is expected. A thick wall
does, over its whole length. So it is first fitted with a level that is hardly expected beforehand, and then with what
the whole lesion showed, which steadies its narrow parts.
"""

from __future__ import annotations

import os

import numpy as np
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .section_knowledge import PLAQUE_HU, PLAQUE_SD_HU, PlaqueLevel
from .section_model import LUMEN_RADIUS, OUTER_RADIUS, RING

THICK_MM = (0.8, 1.3)
"""Walls between these begin to show their own level. Chosen."""
OPEN_SD_HU = 60.0
LESION_SD_HU = 35.0
"""Between lesions: soft to fibrous plaque is 20 to 130 HU. Chosen."""
_SEEN_SD_HU = 10.0
V = os.environ.get("VARIANT", "A")


def thick_share(values: FloatArray) -> FloatArray:
    """Return how far (N,) the wall of sections (N, 20) is thickened, 0 to 1."""
    wall = values[:, OUTER_RADIUS] - values[:, LUMEN_RADIUS]
    low, high = THICK_MM
    return np.asarray(np.clip((wall - low) / (high - low), 0.0, 1.0))


def open_plaque(values: FloatArray) -> PlaqueLevel:
    """Return levels expected where thick walls are to show their own."""
    share = thick_share(values)
    if V == "0":
        share = 0 * share
    return PlaqueLevel(np.full(len(share), PLAQUE_HU), PLAQUE_SD_HU + (OPEN_SD_HU - PLAQUE_SD_HU) * share)


def lesion_plaque(values: FloatArray, step_mm: float) -> PlaqueLevel:
    """Return levels expected once thick walls have shown theirs: the mean of each thickened stretch."""
    if V in "0A":
        return open_plaque(values)
    share = thick_share(values)
    weight = share * (values[:, OUTER_RADIUS] ** 2 - values[:, LUMEN_RADIUS] ** 2) * step_mm
    hu = np.full(len(share), PLAQUE_HU)
    labels, count = ndimage.label(ndimage.binary_dilation(share > 0.0, iterations=3))
    for one in range(1, count + 1):
        own = np.where(labels == one, weight, 0.0)
        if own.sum() <= 0.0:
            continue
        mean = float((own * values[:, RING.start]).sum() / own.sum())
        trust = 1.0 / (1.0 + (_SEEN_SD_HU / LESION_SD_HU) ** 2 * (1.0 + 2.0 / own.sum()))
        hu[labels == one] = PLAQUE_HU + trust * (mean - PLAQUE_HU)
    share_wide = np.minimum(ndimage.gaussian_filter1d((labels > 0).astype(float), 1.5), 1.0)
    return PlaqueLevel(PLAQUE_HU + share_wide * (hu - PLAQUE_HU), np.full(len(share), PLAQUE_SD_HU))
