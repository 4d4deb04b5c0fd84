"""Is there any lumen left? An upper bound on the lumen of a stretch of artery, from brightness alone.

Where the lumen is much narrower than the blur, its contour cannot be seen, but its contrast is still there: a lumen of area A
adds A times the contrast times the point spread. How much of that picture the scan holds is a linear question with a simple
error, which stays honest down to nothing, where contours fail. Whole throats that show no lumen are asked in ``hairline``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SenseCarePlanningLib.geometry import FloatArray, mean_step_mm

from .hairline import Hair, Hairline, hairlines
from .lumen import Measured
from .section_fit import along, along_kernel
from .section_model import LUMEN

BoolArray = NDArray[np.bool_]

DRAWN_MM, DRAWN_LENGTH_MM = 0.3, 1.0
"""A lumen that a reader drew no wider than the first along more than the second is an occlusion."""
_WINDOW_MM = 1.0
_Z_ONE_SIDED, _Z_TWO_SIDED = 1.645, 1.96


@dataclass(frozen=True, eq=False)
class LumenBrightness:
    """Lumen area (N,) by brightness, mm2, signed, with its standard error (N,), and the distance between sections.

    ``throats`` is the evidence of the stretches that show no lumen, and ``by_hand`` (N,) tells which sections a reader drew.
    """

    area_mm2: FloatArray
    error_mm2: FloatArray
    step_mm: float
    throats: tuple[Hairline, ...]
    by_hand: BoolArray

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

    def throat(self, first: int, last: int, healthy_mm: FloatArray) -> tuple[Hairline, Hair] | None:
        """Return the throat of sections first to last that is likeliest closed, and what its lumen may be; None without any."""
        inside = [one for one in self.throats if first <= one.first and one.last <= last]
        asked = [(one, one.hair(float(healthy_mm[one.first : one.last + 1].mean()))) for one in inside]
        return max(asked, key=lambda one: one[1].closed, default=None)

    def drawn_closed(self, first: int, last: int) -> bool:
        """Tell whether a reader drew an occlusion in sections first to last."""
        thin = self.by_hand & (self.area_mm2 <= np.pi / 4.0 * DRAWN_MM**2)
        labels, count = ndimage.label(thin[first : last + 1])
        return count > 0 and float(np.bincount(labels)[1:].max()) * self.step_mm > DRAWN_LENGTH_MM

    def drawn(self, sections: BoolArray, area_mm2: FloatArray) -> LumenBrightness:
        """Return it with the lumen that a reader drew (N,) on some sections (N,): what a reader sees settles it there."""
        return replace(
            self, area_mm2=np.where(sections, area_mm2, self.area_mm2), error_mm2=np.where(sections, 0.0, self.error_mm2),
            throats=tuple(one for one in self.throats if not sections[one.first : one.last + 1].any()), by_hand=sections,
        )  # fmt: skip


def lumen_brightness(measured: Measured) -> LumenBrightness:
    """Measure the lumen of every section by its brightness, within the blur of its centre."""
    scan, fit, places = measured.scan, measured.fit, measured.places
    step = mean_step_mm(measured.walls.arc_mm)
    contrast = (measured.lumen_hu - measured.ring_hu)[:, None].astype(np.float32)
    # what the scan holds beyond the model without its lumen
    beyond = fit.residual + along(contrast * fit.lumen_share, along_kernel(scan.sigma_mm, step))
    centre = fit.values[:, LUMEN][:, :2]
    squared = ((places.at_mm[None] - centre[:, None]) ** 2).sum(axis=2)
    spread = np.exp(-0.5 * squared / scan.sigma_mm**2) / (2.0 * np.pi * scan.sigma_mm**2) * contrast
    power = (spread**2).sum(axis=1)
    independent = measured.options.place_mm**2 * step / scan.noise_volume_mm3
    error = np.sqrt(scan.noise_hu**2 / (power * independent))
    area = (spread * beyond).sum(axis=1) / power
    return LumenBrightness(area, error, step, hairlines(measured, area), np.zeros(len(area), dtype=bool))
