"""Arteries and veins of the lungs as one mask, for the cost of a route."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .lungs import block_mean, upsample

VESSEL_HU = -400.0
"""Half-way between aerated lung (-850) and unopacified blood (40): the half-maximum edge of a vessel."""
WALL_HU = -100.0
"""Beside a bronchus only what is denser than this is a vessel; the thinner wall, blurred, stays below."""
THICKEST_MM = 9.0
"""Radius beyond which a dense region in the lung is no vessel: even the right and left pulmonary arteries measure 15 to 17 mm
across on average in healthy adults (Burman 2016, doi:10.1186/s12968-016-0230-9), their branches in the lung less."""
SMALLEST_MM3 = 15.0


def find_vessels(
    smooth_hu: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    airway: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.bool_]:
    """Find vessels inside the lungs, hila included as far as the lung mask closes over them.

    Parameters
    ----------
    smooth_hu
        (K, J, I) lightly smoothed CT.
    lungs, airway
        (K, J, I) bool masks.
    spacing_mm
        Voxel spacing.
    """
    dense = lungs & (smooth_hu > VESSEL_HU) & ~airway
    if not dense.any():
        return dense
    ring = ndimage.binary_dilation(airway, iterations=max(1, round(1.4 / min(spacing_mm)))) & dense
    dense[ring & (smooth_hu < WALL_HU)] = False
    factor = tuple(max(1, int(2.4 / step + 0.5)) for step in spacing_mm)
    factor = (factor[0], factor[1], factor[2])
    coarse_spacing = [step * times for step, times in zip(spacing_mm, factor, strict=True)]
    coarse = block_mean(dense.astype(np.uint8), factor) > 0.5
    core = ndimage.distance_transform_edt(coarse, sampling=coarse_spacing) > THICKEST_MM
    if core.any():  # consolidation or a mass: take it out with its margin
        disease = ndimage.distance_transform_edt(~core, sampling=coarse_spacing) <= THICKEST_MM + coarse_spacing[0]
        dense &= ~np.asarray(upsample(disease, factor, dense.shape), dtype=bool)
    labels, count = ndimage.label(dense)
    keep = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)) >= SMALLEST_MM3
    keep[0] = False
    return np.asarray(keep[labels])
