"""Numbers, units and sentences of a report in the reader's language; each organ adds its own names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from ..i18n import Translator, translator
from .model import Measurement

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

_DECIMALS = {"agatston_score": 0, "slice_spacing": 2, "slice_thickness": 2, "pixel_spacing": 2, "in_plane_spacing": 2}
"""Distances of the grid are printed as finely as voxels are under patient and study: 1.25 mm stays 1.25 mm."""

_Own = TypeVar("_Own", bound="Words")


def label_of(message: str) -> str:
    """Mark a text for the catalogue where it is defined; it is translated where it is printed."""
    return message


@dataclass(frozen=True, eq=False)
class Words:
    """How things are said in one language.

    Parameters
    ----------
    translate
        The catalogue of the language.
    """

    translate: Translator

    names: ClassVar[Mapping[str, str]] = {}
    """Machine name of a measurement -> message id of what the reader sees; an organ's words have their own."""

    @classmethod
    def of(cls: type[_Own], language: str) -> _Own:
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
        """Return the reader's name of a code of the organ; other texts as the catalogue has them."""
        return self.translate.sentence(code)

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
        interval = self.marked(self.interval(measurement.interval, measurement.unit), measurement.by_reader)
        return f"{text} ({interval})" if interval else text

    def marked(self, interval: str, by_reader: bool) -> str:
        """Return an interval, or nothing, with the mark of what rests on a reader's hand."""
        if not by_reader:
            return interval
        return self.say("{interval}, by the reader", interval=interval) if interval else self.say("by the reader")

    def value_of(self, measurement: Measurement) -> str:
        """Return a measurement's value with its unit, a dash when it was not measured."""
        if measurement.value is None:
            return "–"
        return self.with_unit(measurement.value, measurement.unit, _DECIMALS.get(measurement.name))

    def measurement_name(self, name: str) -> str:
        """Return the reader's name of a measurement; one without a name is printed with spaces."""
        return self.say(self.names.get(name, name.replace("_", " ").capitalize()))

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
