"""Numbers, units, names and sentences of the report in the reader's language."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from SenseCarePlanningLib.i18n import Translator, translator
from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from ..naming import UNCERTAIN_NAME_BELOW, display_name

_UNITS = {
    "mm": ("mm", 1),
    "deg": ("°", 0),
    "[hnsf'U]": ("HU", 0),
    "mm3": ("mm³", 0),
    "mm2": ("mm²", 1),
    "mL": ("mL", 1),
    "ml": ("mL", 1),
    "%": ("%", 0),
    "s": ("s", 1),
    "cm": ("cm", 1),
    "1": ("", 2),
    "": ("", 2),
}
"""UCUM unit -> how it is printed and with how many decimals."""

_DECIMALS = {"slice_spacing": 2, "slice_thickness": 2, "pixel_spacing": 2, "in_plane_spacing": 2}
"""Distances of the grid are printed as finely as voxels are under patient and study: 1.25 mm stays 1.25 mm."""


def label_of(message: str) -> str:
    """Mark a text for the catalogue where it is defined; it is translated where it is printed."""
    return message


MEASUREMENT_NAMES = {
    "long_axis": label_of("Long axis"),
    "short_axis": label_of("Short axis"),
    "axial_long_axis": label_of("Long axis on the axial plane"),
    "axial_short_axis": label_of("Short axis on the axial plane"),
    "mean_diameter": label_of("Mean diameter"),
    "maximum_diameter": label_of("Largest diameter"),
    "equivalent_diameter": label_of("Diameter of a sphere of equal volume"),
    "volume": label_of("Volume"),
    "volume_subvoxel": label_of("Volume, partial voxels weighted"),
    "maximum_3d_diameter": label_of("Largest diameter"),
    "solid_core_diameter": label_of("Diameter of the solid core"),
    "deepest_generation": label_of("Deepest generation"),
    "mean_attenuation": label_of("Mean attenuation"),
    "attenuation_sd": label_of("Standard deviation of the attenuation"),
    "solid_fraction": label_of("Solid part"),
    "solid_long_axis": label_of("Long axis of the solid part"),
    "distance_to_pleura": label_of("Distance to the pleura"),
    "distance_to_fissure": label_of("Distance to the fissure"),
    "distance_to_airway": label_of("Distance to the nearest airway"),
    "slice_spacing": label_of("Distance between slices"),
    "slice_thickness": label_of("Slice thickness"),
    "pixel_spacing": label_of("Pixel spacing"),
    "in_plane_spacing": label_of("Pixel spacing"),
    "noise": label_of("Image noise in the trachea"),
    "coverage": label_of("Length of the chest in the scan"),
    "branch_count": label_of("Airway branches found"),
    "total_length": label_of("Total length of the airway tree"),
    "lobes_supplied": label_of("Lobes with a named bronchus"),
    "segments_named": label_of("Segmental bronchi named"),
    "segments_found": label_of("Segmental bronchi named"),
    "maximum_generation": label_of("Deepest generation"),
    "tip_count": label_of("Peripheral ends"),
    "lung_volume": label_of("Lung volume"),
    "loops_removed": label_of("Loops cut open"),
    "bridges": label_of("Gaps bridged"),
    "bridged_gaps": label_of("Gaps bridged"),
    "false_airways_removed": label_of("False airways removed"),
    "leaks_suspected": label_of("Branches with a suspected leak"),
    "inner_diameter": label_of("Inner diameter"),
    "minimum_diameter": label_of("Smallest diameter"),
    "wall_thickness": label_of("Wall thickness"),
    "length": label_of("Length"),
    "angle": label_of("Branching angle"),
    "expected_motion": label_of("Expected breathing motion"),
    "limiting_diameter": label_of("Limiting diameter"),
    "remaining_path": label_of("Remaining way"),
    "straight_distance": label_of("Straight distance to the target"),
    "approach_angle": label_of("Approach angle"),
    "bend": label_of("Total bend"),
    "minimum_curvature_radius": label_of("Tightest radius of curvature"),
}
"""Machine name of a measurement -> what the reader sees; other names are printed with spaces."""


def percent(share: float) -> str:
    """Return a share as whole per cent; what is small but possible is never called 0, nor what is likely 100."""
    if 0.0 < share < 0.005:
        return "< 1 %"
    return "> 99 %" if 0.995 <= share < 1.0 else f"{100 * share:.0f} %"


@dataclass(frozen=True, eq=False)
class Words:
    """How things are said in one language.

    Parameters
    ----------
    translate
        The catalogue of the language.
    """

    translate: Translator

    @classmethod
    def of(cls, language: str) -> Words:
        """Return the words of ``en`` or ``zh``."""
        return cls(translator(language))

    @property
    def language(self) -> str:
        """``en`` or ``zh``."""
        return self.translate.language

    def say(self, message: str, **values: object) -> str:
        """Translate a text and fill its placeholders."""
        return self.translate(message).format(**values) if values else self.translate(message)

    def sentence(self, text: str) -> str:
        """Translate a sentence that an earlier step wrote, values included."""
        return self.translate.sentence(text, self._value)

    def sentences(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Translate several sentences."""
        return tuple(self.sentence(text) for text in texts)

    def _value(self, text: str) -> str:
        """Translate what a placeholder caught: a sentence, a branch code, a list of them, or a word of the catalogue."""
        whole = self.sentence(text)
        if whole != text:
            return whole
        parts = [part.strip() for part in text.split(",")]
        return self.say(", ").join(self.code(part) for part in parts)

    def code(self, code: str) -> str:
        """Return the name of a branch or lobe code: the number for segments, words above; other texts as they are."""
        try:
            return display_name(code, self.language, "boyden")
        except ValueError:
            return self.translate.sentence(code)

    def full_name(self, code: str) -> str:
        """Return the name of a bronchus written out."""
        return display_name(code, self.language, "clinical")

    def branch(self, branch: Branch, tree: Tree) -> str:
        """Return the name of a branch; a branch without one is named by its number and the nearest named one above."""
        if branch.label is not None:
            return self.short_branch(branch)
        above = self.nearest_name(branch, tree)
        if not above:
            return self.short_branch(branch)
        return self.say("branch {number} beyond {name}", number=branch.id, name=above)

    def nearest_name(self, branch: Branch, tree: Tree) -> str:
        """Return the nearest name towards the trachea, empty when there is none."""
        above = [tree[other].label for other in tree.path_to(branch.id)[:-1]]
        named = next((label for label in reversed(above) if label is not None), None)
        return self.code(named.code) if named is not None else ""

    def short_branch(self, branch: Branch) -> str:
        """Return the name of a branch, or its number, with a question mark where the name is uncertain."""
        if branch.label is None:
            return self.say("branch {number}", number=branch.id)
        name = self.code(branch.label.code)
        return f"{name} ?" if branch.label.confidence < UNCERTAIN_NAME_BELOW else name

    def path(self, branch_ids: tuple[int, ...], tree: Tree) -> str:
        """Return the way through a tree in names, each once; unnamed branches in between are left out."""
        names: list[str] = []
        for position, branch_id in enumerate(branch_ids):
            branch = tree[branch_id]
            last = position == len(branch_ids) - 1
            if branch.label is not None or last:
                name = self.branch(branch, tree)
                if not names or names[-1] != name:
                    names.append(name)
        return " → ".join(names)

    def yes_no(self, value: bool | None) -> str:
        """Return yes, no, or that it is not known."""
        return self.say("not known") if value is None else self.say("yes") if value else self.say("no")

    def number(self, value: float, unit: str, decimals: int | None = None) -> str:
        """Return a number as printed for a unit, or with given decimals; whole numbers without unit have none."""
        if decimals is None:
            decimals = 0 if unit in ("1", "") and float(value).is_integer() else _UNITS.get(unit, (unit, 1))[1]
        text = f"{value:.{decimals}f}"
        return text.replace("-", "−") if float(text) != 0.0 else text.lstrip("-")

    def unit(self, unit: str) -> str:
        """Return a unit as printed."""
        return _UNITS.get(unit, (unit, 1))[0]

    def with_unit(self, value: float, unit: str, decimals: int | None = None) -> str:
        """Return a number with its unit; ``decimals`` are those usual for the unit when None."""
        sign = self.unit(unit)
        space = "" if sign in ("°", "") else "\u00a0"
        return f"{self.number(value, unit, decimals)}{space}{sign}"

    def interval(self, interval: tuple[float, float] | None, unit: str) -> str:
        """Return an interval as printed, empty when there is none that can be printed."""
        if interval is None or not all(math.isfinite(value) for value in interval):
            return ""
        low, high = (self.number(value, unit) for value in interval)
        return f"{low}–{high}" if interval[0] >= 0.0 else self.say("{low} to {high}", low=low, high=high)

    def lumen(self, value: float, interval: tuple[float, float] | None, unit: str = "") -> str:
        """Return "4.2 (3.9–4.5)", or "< 2.1" where only an upper bound is known, each with the unit when one is given."""
        end = f"\u00a0{unit}" if unit else ""
        if interval is not None and interval[0] <= 0.0 < interval[1]:
            return f"<\u00a0{self.number(interval[1], 'mm')}{end}"
        spread = self.interval(interval, "mm")
        return f"{self.number(value, 'mm')}{end}" + (f" ({spread})" if spread else "")

    def measured(self, measurement: Measurement, with_reason: bool = True) -> str:
        """Return "18.2 mm (16.9–19.5)", or that it was not measured and why."""
        if measurement.value is None:
            if not with_reason:
                return "–"
            return self.say("not measured: {reason}", reason=self.sentence(measurement.reason_missing))
        text = self.value_of(measurement)
        interval = self.interval(measurement.interval, measurement.unit)
        return f"{text} ({interval})" if interval else text

    def value_of(self, measurement: Measurement) -> str:
        """Return a measurement's value with its unit, a dash when it was not measured."""
        if measurement.value is None:
            return "–"
        return self.with_unit(measurement.value, measurement.unit, _DECIMALS.get(measurement.name))

    def measurement_name(self, name: str) -> str:
        """Return the reader's name of a measurement."""
        return self.say(MEASUREMENT_NAMES.get(name, name.replace("_", " ").capitalize()))

    def picture_missing(self, reason: str) -> str:
        """Return why there is no picture."""
        return self.sentence(reason) if reason else self.say("This picture was not made.")


@dataclass(frozen=True)
class Pictures:
    """The pictures of a report by key, and why some are missing."""

    paths: dict[str, Path]
    reason: str = ""

    def get(self, key: str) -> Path | None:
        """Return a picture that exists, or None."""
        path = self.paths.get(key)
        return path if path is not None and path.is_file() else None
