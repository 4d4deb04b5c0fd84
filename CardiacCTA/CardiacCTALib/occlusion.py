"""Is there any lumen left? An upper bound on the lumen of every section, from brightness alone.

Where the lumen is much narrower than the blur, its contour cannot be seen, but its contrast is still there: a lumen of area A
adds A times the contrast times the point spread. How much of that picture the scan holds is a linear question with a simple
error, which stays honest down to nothing, where contours fail.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured
from .section_fit import PLAQUE_SD_HU, along, along_kernel
from .section_model import LUMEN

_WINDOW_MM = 1.0
_Z_ONE_SIDED = 1.645


def occlusion_bound_mm(measured: Measured) -> FloatArray:
    """Return the diameter (N,) that the lumen stays under with 95 % confidence, averaged over a millimetre along the artery."""
    scan, fit, places = measured.scan, measured.fit, measured.places
    step = float(measured.walls.arc_mm[1] - measured.walls.arc_mm[0])
    contrast = (measured.lumen_hu - measured.ring_hu)[:, None].astype(np.float32)
    kernel = along_kernel(scan.sigma_mm, step)
    # what the scan holds beyond the model without its lumen
    beyond = fit.residual + along(contrast * fit.lumen_share, kernel)
    centre = fit.values[:, LUMEN][:, :2]
    squared = ((places.at_mm[None] - centre[:, None]) ** 2).sum(axis=2)
    spread = np.exp(-0.5 * squared / scan.sigma_mm**2) / (2.0 * np.pi * scan.sigma_mm**2) * contrast
    power = (spread**2).sum(axis=1)
    area = (spread * beyond).sum(axis=1) / power
    window = max(round(_WINDOW_MM / step), 1)
    mean = uniform_filter1d(area, window, mode="nearest")
    independent = measured.options.place_mm**2 * step / scan.noise_volume_mm3
    error = np.sqrt(scan.noise_hu**2 / (power * independent * window))
    # the level of the plaque is known to some HU only, and is taken for lumen where it is brighter
    plaque = 0.25 * PLAQUE_SD_HU * spread.sum(axis=1) / power
    bound = np.maximum(mean, 0.0) + _Z_ONE_SIDED * np.hypot(error, plaque)
    return np.asarray(2.0 * np.sqrt(bound / np.pi))
