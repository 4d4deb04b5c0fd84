"""Calcium on the lumen becomes part of the picture: plates of one level, whose thickness is fitted together with the lumen.

What the scan shows where calcium touches contrast is the sum of two blurred things. Left out of the fit, calcium hides so
much of a narrow lumen that what is left no longer tells its size. Put into it, outer edge and content of the plate tell how
much of the bright blob is calcium and how much lumen, if the level of solid calcium is known. It is fitted too, one for an
artery, and stays within what calcified plaque is known to have.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .scan_model import ScanModel
from .section_fit import SectionFit, Sections, along, along_kernel, fit_sections
from .section_knowledge import PLATE_MM, PlatePrior
from .section_model import LUMEN, LUMEN_RADIUS, OUTER_RADIUS, PLATE, PLATE_ANGLES, RING

BoolArray = NDArray[np.bool_]

CALCIUM_RANGE_HU = (500.0, 1600.0)
"""Level of solid calcified plaque in coronary CT angiography: 600 to 1400 HU with a margin."""
_START_SHARE = 1.0
_ROUNDS = (3, 3, 5)


def seen_plates(calcium: BoolArray, at_mm: FloatArray, centre_mm: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Return at which angles (N, 16) calcium was seen, and where it may lie: one more on each side, and one section more."""
    away = at_mm[None] - centre_mm[:, None]
    angle = np.arctan2(away[..., 1], away[..., 0]) % (2.0 * np.pi)
    bins = np.rint(angle / (2.0 * np.pi) * PLATE_ANGLES).astype(int) % PLATE_ANGLES
    seen = np.zeros((len(calcium), PLATE_ANGLES), dtype=bool)
    rows, columns = np.nonzero(calcium)
    seen[rows, bins[rows, columns]] = True
    wide = seen | np.roll(seen, 1, axis=1) | np.roll(seen, -1, axis=1)
    return seen, np.asarray(ndimage.binary_dilation(wide, np.ones((3, 1))))


def fit_with_plates(
    sections: Sections, start: FloatArray, lumen_hu: FloatArray, scan: ScanModel, calcium: BoolArray
) -> tuple[SectionFit, float]:
    """Fit all sections with calcium in the picture; returns the fit and the level of solid calcium.

    Parameters
    ----------
    start
        (N, 20) parameters fitted with calcium left out.
    calcium
        (N, M) which places are calcium.
    """
    at = sections.places.at_mm
    values = np.concatenate([start, np.zeros((len(start), PLATE_ANGLES))], axis=1)
    values[:, LUMEN_RADIUS] = np.minimum(start[:, LUMEN_RADIUS], _free_radius(calcium, at, start))
    seen, allowed = seen_plates(calcium, at, start[:, LUMEN][:, :2])
    values[:, PLATE] = np.where(seen, PLATE_MM, 0.0)
    level = float(np.clip(_START_SHARE * np.percentile(sections.values[calcium], 98), *CALCIUM_RANGE_HU))
    kernel = along_kernel(scan.sigma_mm, sections.step_mm)
    for rounds in _ROUNDS:
        fit = fit_sections(replace(sections, plates=PlatePrior(level, seen, allowed)), values, lumen_hu, scan, rounds)
        values = fit.values
        share = along(fit.calcium_share, kernel)
        strong = calcium & (share > 0.3)
        if not strong.any():
            break
        better = level + float((share * fit.residual)[strong].sum() / (share**2)[strong].sum())
        level = float(np.clip(better, *CALCIUM_RANGE_HU))
    return fit, level


def plate_excess_hu(fit: SectionFit, level_hu: float, scan: ScanModel, step_mm: float) -> NDArray[np.float32]:
    """Return what the plates add to the picture (N, M)."""
    excess = (level_hu - fit.values[:, RING.start, None]) * fit.calcium_share
    return along(excess.astype(np.float32), along_kernel(scan.sigma_mm, step_mm))


def _free_radius(calcium: BoolArray, at_mm: FloatArray, values: FloatArray) -> FloatArray:
    """Return a radius (N,) at which the lumen does not reach into the calcium seen; infinite without calcium."""
    away = np.linalg.norm(at_mm[None] - values[:, None, LUMEN][..., :2], axis=2)
    nearest = np.where(calcium, away, np.inf).min(axis=1)
    return np.asarray(np.clip(nearest, 0.35, np.maximum(values[:, OUTER_RADIUS], 0.5)))
