"""How much calcium a plaque holds, without what only glows: its brightness summed, over the brightness where it is solid.

Blurring spreads the brightness of calcium over twice its volume (blooming) and keeps the sum. The sum over the height of solid
calcium is therefore its volume, whatever the blur. The height is not a number of the scanner: it is read from the picture
once the known blur is taken back (Richardson 1972, doi:10.1364/JOSA.62.000055; Lucy 1974, doi:10.1086/111605), as the level
above which half of the brightness lies. Pieces too small to show their height borrow it from what coronary calcium usually has.
Sections of a bent line crowd on its inner side, where an eccentric plaque lies that pushes the lumen away, and show the same
calcium more than once: each place counts as far as it moves from section to section.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured
from .plaque_ring import Ring, inside_of, touched

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

USUAL_HU, USUAL_SD_HU = 900.0, 250.0
"""Brightness of solid coronary calcium above the plaque around it: 600 to 1400 HU in coronary CT angiography."""
LEVEL_SD = 0.10
"""Relative standard error of a height that is read from a large piece. From the benchmark."""
SMALL_MM3 = 6.0
"""From this volume on a piece shows its height: a cube of 1.8 mm, twice the blur. Chosen."""
AMOUNT_SD = (0.12, 0.15)
"""Relative standard error of the summed brightness, down and up: what the fitted lumen leaves to the calcium beside it or takes
of it, and what of a piece is no brighter than contrast. From the benchmark."""
_ROUNDS, _SHARE, _REACH_SIGMAS = 10, 0.5, 8.0
_MOST_SOFT_HU = 130.0


@dataclass(frozen=True, eq=False)
class CalciumAmount:
    """Calcium of an artery.

    Parameters
    ----------
    volume_mm3
        (N,) of each section.
    solid_hu, solid_error_hu
        Brightness of solid calcium above the plaque around it, and its standard error; None without calcium.
    above_hu
        (N, M) brightness above the plaque where calcium is or glows, else 0.
    """

    volume_mm3: FloatArray
    solid_hu: float | None
    solid_error_hu: float
    above_hu: FloatArray

    def errors_mm3(self, part: BoolArray) -> tuple[float, float]:
        """Return the standard errors, down and up, of the volume of the sections ``part`` (N,)."""
        if self.solid_hu is None:
            return 0.0, 0.0
        volume, height = max(float(self.volume_mm3[part].sum()), 0.0), self.solid_error_hu / self.solid_hu
        return volume * float(np.hypot(AMOUNT_SD[0], height)), volume * float(np.hypot(AMOUNT_SD[1], height))


def calcium_amount(measured: Measured, ring: Ring) -> CalciumAmount:
    """Measure the calcium of an artery between given walls."""
    if not ring.glows.any():
        return CalciumAmount(np.zeros(len(ring.share)), None, 0.0, np.zeros_like(ring.share))
    rows = np.flatnonzero(ring.glows.any(axis=1))
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    above, total = np.zeros_like(ring.calcium_hu), np.zeros(len(ring.share))
    above[part] = np.where(ring.glows[part], ring.calcium_hu[part] + _above_soft(measured, ring, part), 0.0)
    total[part] = (above[part] * ring.swept[part]).sum(axis=1) * ring.place_mm3
    level, mass = _height(above, ring, measured.scan.sigma_mm), float(total.sum())
    # a small piece shows little of its height: what is usual weighs in
    size = max(mass / level, 0.05)
    error = level * LEVEL_SD * np.sqrt(1.0 + (SMALL_MM3 / size) ** 2)
    weight = USUAL_SD_HU**2 / (USUAL_SD_HU**2 + error**2)
    solid = weight * level + (1.0 - weight) * USUAL_HU
    spread = float(np.sqrt(1.0 / (1.0 / error**2 + 1.0 / USUAL_SD_HU**2)))
    return CalciumAmount(total / solid, float(solid), spread, above)


def _above_soft(measured: Measured, ring: Ring, part: slice) -> Float32Array:
    """Return what the fitted level of the plaque of some sections holds of calcium (n, M): how far it lies above that of
    sections without calcium."""
    free = ~ring.glows.any(axis=1)
    level = np.asarray(measured.ring_hu)
    arc = measured.walls.arc_mm
    soft = np.interp(arc, arc[free], level[free]) if free.any() else level
    beyond = np.maximum(level - np.minimum(soft, _MOST_SOFT_HU), 0.0)
    sigmas = _sigmas(ring, measured.scan.sigma_mm)
    wide = touched(part, sigmas[0], len(level))[0]
    share = ndimage.gaussian_filter(_cube(ring.share[wide], ring), sigmas)[:, ring.lattice[:, 0], ring.lattice[:, 1]]
    return np.asarray(beyond[part, None] * share[inside_of(part, wide)], dtype=np.float32)


def _height(above: FloatArray, ring: Ring, sigma_mm: float) -> float:
    """Return the level above which half of the brightness lies once the blur is taken back."""
    sigmas = _sigmas(ring, sigma_mm)
    held = np.flatnonzero(above.any(axis=1))
    beside = int(np.ceil(_REACH_SIGMAS * sigmas[0]))  # what lies farther along the artery changes nothing here
    part = slice(max(int(held[0]) - beside, 0), int(held[-1]) + beside + 1) if len(held) else slice(None)
    seen = np.maximum(_cube(above, ring)[part], 0.0) + 1e-3
    sharp = seen.copy()
    for _ in range(_ROUNDS):
        again = np.maximum(ndimage.gaussian_filter(sharp, sigmas, mode="constant"), 1e-2)
        sharp *= ndimage.gaussian_filter(seen / again, sigmas, mode="constant")
    levels = np.sort(sharp[sharp > 1.0])[::-1]
    held = np.cumsum(levels)
    return float(np.clip(levels[int(np.searchsorted(held, _SHARE * held[-1]))], 200.0, 2000.0))


def _cube(values: FloatArray, ring: Ring) -> Float32Array:
    size = int(ring.lattice.max()) + 1
    cube = np.zeros((len(values), size, size), dtype=np.float32)
    cube[:, ring.lattice[:, 0], ring.lattice[:, 1]] = values
    return cube


def _sigmas(ring: Ring, sigma_mm: float) -> tuple[float, float, float]:
    return sigma_mm / ring.step_mm, sigma_mm / ring.place_mm, sigma_mm / ring.place_mm
