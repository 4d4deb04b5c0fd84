"""Names of arteries, segments and measurements of the coronary report in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.report.words import Pictures, label_of
from SenseCarePlanningLib.report.words import Words as SharedWords

from ..constants import GRADED_ABOVE_MM
from ..segments import BY_CODE
from ..stenosis import Estimate

__all__ = ["MEASUREMENT_NAMES", "Pictures", "Words", "label_of"]

MEASUREMENT_NAMES = {
    "diameter_stenosis_taper": label_of("Diameter stenosis"),
    "diameter_stenosis_adjacent": label_of("Diameter stenosis"),
    "area_stenosis_taper": label_of("Area stenosis"),
    "area_stenosis_adjacent": label_of("Area stenosis"),
    "reference_diameter_taper": label_of("Healthy diameter"),
    "reference_diameter_adjacent": label_of("Healthy diameter"),
    "reference_diameter": label_of("Healthy diameter"),
    "minimum_lumen_diameter": label_of("Minimal lumen diameter"),
    "minimum_lumen_area": label_of("Minimal lumen area"),
    "least_lumen_distance": label_of("Distance of the least lumen from the ostium"),
    "lesion_length": label_of("Length of the lesion"),
    "length": label_of("Length"),
    "distance_from_ostium": label_of("Distance from the ostium"),
    "calcium_arc": label_of("Arc of calcium"),
    "plaque_volume": label_of("Plaque volume"),
    "calcified_plaque_volume": label_of("Calcified plaque"),
    "non_calcified_plaque_volume": label_of("Non-calcified plaque"),
    "low_attenuation_plaque_volume": label_of("Low-attenuation plaque (< 30 HU)"),
    "necrotic_core_volume": label_of("Low attenuation, −30 to 30 HU"),
    "fibro_fatty_volume": label_of("Fibro-fatty, 30 to 130 HU"),
    "fibrous_volume": label_of("Fibrous, 130 to 350 HU"),
    "lumen_volume": label_of("Lumen volume"),
    "percent_atheroma_volume": label_of("Percent atheroma volume"),
    "plaque_burden_at_narrowest": label_of("Plaque burden there"),
    "remodelling_index": label_of("Remodelling index"),
    "aortic_attenuation": label_of("Attenuation of the aorta"),
    "noise": label_of("Image noise in the aorta"),
    "point_spread_fwhm": label_of("Sharpness (width of the point spread)"),
    "agatston_score": label_of("Agatston score"),
    "calcium_volume": label_of("Calcium volume"),
    "calcium_mass": label_of("Calcium mass"),
    "segment_involvement_score": label_of("Segments involved (SIS)"),
}
"""Machine name of a measurement -> what the reader sees."""

_WIDTHS = frozenset({"reference_diameter", "reference_diameter_taper", "reference_diameter_adjacent"})
"""Widths that decide whether a segment or a lesion is graded."""
_DECIMALS = {"%": 0, "mm": 1, "mm2": 1, "mm3": 1, "1": 2, "deg": 0}


@dataclass(frozen=True, eq=False)
class Words(SharedWords):
    """How things are said in one language; see the shared words for numbers and sentences."""

    names: ClassVar[Mapping[str, str]] = MEASUREMENT_NAMES

    def code(self, code: str) -> str:
        """Return a segment's short name as it is; other texts as the catalogue has them."""
        return code if code in BY_CODE else self.translate.sentence(code)

    def segment(self, code: str) -> str:
        """Return a segment written out with its short name, such as ``Proximal LAD (pLAD)``."""
        return self.say("{name} ({code})", name=self.say(BY_CODE[code].name), code=code) if code in BY_CODE else code

    def estimate(self, value: Estimate, unit: str, decimals: int | None = None, by_reader: bool = False) -> str:
        """Return "82 % (69–95)", or "82 % (69–95, by the reader)"."""
        places = _DECIMALS.get(unit, 1) if decimals is None else decimals
        low, high = (self.number(one, unit, places) for one in (value.low, value.high))
        return f"{self.with_unit(value.value, unit, places)} ({self.marked(f'{low}–{high}', by_reader)})"

    def width(self, value: float) -> str:
        """Return a width in mm, 1.5 as 1.52 where one digit would hide on which side of the limit of grading it lies.

        Two digits are what grading has: see ``SegmentFinding.diameter_mm``.
        """
        at_limit = round(value, 1) == GRADED_ABOVE_MM != round(value, 2)
        return self.number(value, "mm", 2 if at_limit else 1)

    def value_of(self, measurement: Measurement) -> str:
        """Return a measurement's value with its unit, a dash when it was not measured."""
        if measurement.name not in _WIDTHS or measurement.value is None:
            return super().value_of(measurement)
        return f"{self.width(measurement.value)}\u00a0{self.unit('mm')}"

    def measured(self, measurement: Measurement, with_reason: bool = True) -> str:
        """Return "18.2 mm (16.9–19.5)", or that it was not measured and why."""
        interval = self.interval(measurement.interval, measurement.unit)
        if measurement.name not in _WIDTHS or measurement.value is None or measurement.interval is None or not interval:
            return super().measured(measurement, with_reason)
        ends = "–".join(self.width(end) for end in measurement.interval)
        return f"{self.value_of(measurement)} ({self.marked(ends, measurement.by_reader)})"

    def reason(self, text: str) -> str:
        """Return a reason that the pipeline gave."""
        return self.sentence(text)
