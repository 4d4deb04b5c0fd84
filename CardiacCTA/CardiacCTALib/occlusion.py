"""Is there any lumen left? An upper bound on the lumen of a stretch of artery, from brightness alone.

Where the lumen is much narrower than the blur, its contour cannot be seen, but its contrast is still there: a lumen of area A
adds A times the contrast times the point spread. How much of that picture the scan holds is a linear question with a simple
error, which stays honest down to nothing, where contours fail. A lumen of a third of a millimetre can be missed in one
section and not in ten, so that long occlusions are surer than short ones. Short ones stay undecided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray

from .lumen import Measured
from .section_fit import along, along_kernel
from .section_model import LUMEN

BoolArray = NDArray[np.bool_]

OCCLUSION_MM, OCCLUSION_LENGTH_MM = 0.2, 4.0
"""A total occlusion is supported where a lumen of 0.2 mm is ruled out along more than 4 mm. Reference practice asks for half a
millimetre along one; but a stenosis of 90 to 95 % leaves 0.15 to 0.3 mm, whose contrast, in digital arteries with usual noise,
cannot be told from none along 1 to 4 mm. Shorter gaps may be either, and are said to be."""
_SUSPECT_MM = 0.5
_WINDOW_MM = 1.0
_SHOULDER_MM = 0.4
_Z_ONE_SIDED, _Z_TWO_SIDED = 1.645, 1.96


@dataclass(frozen=True, eq=False)
class LumenBrightness:
    """Lumen area (N,) by brightness, mm2, signed, with its standard error (N,), and the distance between sections."""

    area_mm2: FloatArray
    error_mm2: FloatArray
    step_mm: float

    def bound_mm(self, first: int, last: int) -> float:
        """Return the diameter that the mean lumen of sections first to last stays under with 95 % confidence."""
        part = slice(first, last + 1)
        mean = max(float(self.area_mm2[part].mean()), 0.0)
        error = float(np.sqrt((self.error_mm2[part] ** 2).mean() / (last + 1 - first)))
        return float(2.0 * np.sqrt((mean + _Z_ONE_SIDED * error) / np.pi))

    def bounds_mm(self) -> FloatArray:
        """Return that diameter (N,) for the millimetre about each section."""
        half = max(round(0.5 * _WINDOW_MM / self.step_mm), 1)
        places = np.arange(len(self.area_mm2))
        low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, len(places))
        number = high - low
        area, squared = (np.concatenate([[0.0], np.cumsum(one)]) for one in (self.area_mm2, self.error_mm2**2))
        mean = np.maximum((area[high] - area[low]) / number, 0.0)
        error = np.sqrt(np.maximum(squared[high] - squared[low], 0.0)) / number
        return np.asarray(2.0 * np.sqrt((mean + _Z_ONE_SIDED * error) / np.pi))

    def least_mm(self, section: int) -> float:
        """Return the diameter that the lumen of the millimetre about a section is wider than with 97.5 % confidence; may be 0."""
        half = max(round(0.5 * _WINDOW_MM / self.step_mm), 1)
        part = slice(max(section - half, 0), section + half + 1)
        area = self.area_mm2[part]
        error = float(np.sqrt((self.error_mm2[part] ** 2).mean() / len(area)))
        return float(2.0 * np.sqrt(max(float(area.mean()) - _Z_TWO_SIDED * error, 0.0) / np.pi))

    def occluded(self, first: int, last: int) -> bool:
        """Tell whether an occlusion is supported somewhere in sections first to last."""
        labels, count = ndimage.label(self.bounds_mm()[first : last + 1] < _SUSPECT_MM)
        shoulder = round(_SHOULDER_MM / self.step_mm)
        for one in range(1, count + 1):
            places = np.flatnonzero(labels == one)[shoulder:-shoulder] + first
            if len(places) * self.step_mm > OCCLUSION_LENGTH_MM and self.bound_mm(int(places[0]), int(places[-1])) < OCCLUSION_MM:
                return True
        return False

    def drawn(self, sections: BoolArray, area_mm2: FloatArray) -> LumenBrightness:
        """Return it with the lumen that a reader drew (N,) on some sections (N,): what a reader sees settles it there."""
        return replace(
            self, area_mm2=np.where(sections, area_mm2, self.area_mm2), error_mm2=np.where(sections, 0.0, self.error_mm2)
        )


def lumen_brightness(measured: Measured) -> LumenBrightness:
    """Measure the lumen of every section by its brightness, within the blur of its centre."""
    scan, fit, places = measured.scan, measured.fit, measured.places
    step = float(measured.walls.arc_mm[-1] - measured.walls.arc_mm[0]) / (len(measured.walls.arc_mm) - 1)
    contrast = (measured.lumen_hu - measured.ring_hu)[:, None].astype(np.float32)
    # what the scan holds beyond the model without its lumen
    beyond = fit.residual + along(contrast * fit.lumen_share, along_kernel(scan.sigma_mm, step))
    centre = fit.values[:, LUMEN][:, :2]
    squared = ((places.at_mm[None] - centre[:, None]) ** 2).sum(axis=2)
    spread = np.exp(-0.5 * squared / scan.sigma_mm**2) / (2.0 * np.pi * scan.sigma_mm**2) * contrast
    power = (spread**2).sum(axis=1)
    independent = measured.options.place_mm**2 * step / scan.noise_volume_mm3
    error = np.sqrt(scan.noise_hu**2 / (power * independent))
    return LumenBrightness((spread * beyond).sum(axis=1) / power, error, step)
