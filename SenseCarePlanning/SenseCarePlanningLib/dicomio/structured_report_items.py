"""The content items of a measurement report: a number with unit, interval, method and evidence (PS3.16 TID 1419, TID 310)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from ..report.model import Code, Evidence, Measurement
from ..report.words import Words
from ..volume import Grid

PRIVATE_SCHEME = "99SENSECARE"
PRIVATE_SCHEME_NAME = "SenseCare Planning private codes"
LONGEST_MEANING = 64
"""Characters of a code meaning (LO)."""

COMMENT = Code("121106", "DCM", "Comment")
UPPER_UNCERTAINTY = Code("371886008", "SCT", "+, range of upper measurement uncertainty")
LOWER_UNCERTAINTY = Code("371885007", "SCT", "-, range of lower measurement uncertainty")

UNITS = {
    "1": "no units",
    "%": "percent",
    "mm": "millimeter",
    "mm2": "square millimeter",
    "mm3": "cubic millimeter",
    "mL": "milliliter",
    "deg": "degree",
    "[hnsf'U]": "Hounsfield unit",
}
"""UCUM unit -> code meaning; other units mean themselves."""


@dataclass(frozen=True)
class Concept:
    """What a measurement is called in DICOM: its code, and how it derives, such as SCT 255605001 "Minimum"."""

    code: Code
    derivation: Code | None = None


@dataclass(frozen=True, eq=False)
class SourceGrid:
    """Where the source's slices lie, so that a point can be shown on one of them.

    Parameters
    ----------
    grid
        Of the volume; slice k is file k.
    headers
        Headers of single-frame images in the order of k; empty where slices and files do not match one to one.
    frame_of_reference_uid
        Empty where the source has none: then no point in space can be given.
    """

    grid: Grid
    headers: Sequence[Dataset]
    frame_of_reference_uid: str

    def slice_of(self, point_lps_mm: tuple[float, float, float]) -> int | None:
        """Return the index of the slice that a point lies in or nearest to; None outside the scan."""
        if len(self.headers) != self.grid.shape_kji[0]:
            return None
        k, j, i = (float(value) for value in self.grid.kji_from_lps(np.asarray(point_lps_mm, dtype=np.float64)))
        _, rows, columns = self.grid.shape_kji
        inside = -0.5 <= k <= len(self.headers) - 0.5 and -0.5 <= j <= rows - 0.5 and -0.5 <= i <= columns - 0.5
        return int(min(max(round(k), 0), len(self.headers) - 1)) if inside else None


def coded(code: Code) -> Any:
    """Return highdicom's form of a code; a meaning that is too long for DICOM is cut, it is for display only."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning[:LONGEST_MEANING])


def concept_of(measurement: Measurement, concepts: Mapping[str, Concept]) -> Concept:
    """Return what a measurement is called: by its name, by its own code, else by a private code made of its name."""
    known = concepts.get(measurement.name)
    if known is not None:
        return known
    if measurement.code is not None:
        return Concept(measurement.code)
    meaning = measurement.name.replace("_", " ")
    return Concept(Code(measurement.name, PRIVATE_SCHEME, meaning[:1].upper() + meaning[1:]))


def unit_of(ucum: str) -> Any:
    """Return the coded unit."""
    return coded(Code(ucum, "UCUM", UNITS.get(ucum, ucum)))


def tracking_uid(*parts: str) -> str:
    """Return the number by which one thing is known in every report of one image series."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, ':'.join(parts)).int}"


def measurement_item(measurement: Measurement, concepts: Mapping[str, Concept], source: SourceGrid, words: Words) -> Any:
    """Return a measurement with a value as TID 1419 content: highdicom's ``Measurement``.

    The 95 % interval is the upper and lower measurement uncertainty; interval and method stand in a comment, too, in the
    language of ``words``.

    Raises
    ------
    ValueError
        When there is no value; see :func:`missing_item`.
    """
    from highdicom.sr import ContentSequence
    from highdicom.sr import Measurement as Item

    if measurement.value is None:
        raise ValueError(f"measurement {measurement.name!r} has no value")
    concept = concept_of(measurement, concepts)
    item = Item(
        name=coded(concept.code),
        value=_rounded(measurement.value),
        unit=unit_of(measurement.unit),
        derivation=coded(concept.derivation) if concept.derivation is not None else None,
        referenced_coordinates=_evidence(measurement.evidence, source) or None,
    )
    number = item[0]
    children = list(number.get("ContentSequence", []))
    if measurement.interval is not None:
        children.extend(_uncertainty(measurement.value, measurement.interval, measurement.unit))
    text = _comment(measurement, words)
    if text:
        children.append(text_item(COMMENT, text, "HAS PROPERTIES"))
    if children:
        number.ContentSequence = ContentSequence(children)
    return item


def missing_item(measurement: Measurement, concepts: Mapping[str, Concept], words: Words) -> Any:
    """Return a measurement without a value: a text under the measurement's own code that says why.

    The standard would have a NUM item without a value, but readers built on highdicom fail on it, and on the whole report.
    """
    return text_item(concept_of(measurement, concepts).code, _comment(measurement, words), "CONTAINS")


def text_item(name: Code, text: str, relationship: str) -> Any:
    """Return a text with a coded name."""
    from highdicom.sr import TextContentItem

    return TextContentItem(name=coded(name), value=text, relationship_type=relationship)


def _uncertainty(value: float, interval: tuple[float, float], unit: str) -> list[Any]:
    from highdicom.sr import NumContentItem

    # not highdicom's MeasurementProperties, which gives the two numbers no unit
    return [
        NumContentItem(name=coded(name), value=_rounded(max(size, 0.0)), unit=unit_of(unit), relationship_type="HAS PROPERTIES")
        for name, size in ((UPPER_UNCERTAINTY, interval[1] - value), (LOWER_UNCERTAINTY, value - interval[0]))
    ]


def _rounded(value: float) -> float:
    """Keep the digits that mean something: a decimal string holds 16 characters, no measurement is that fine."""
    return float(f"{value:.6g}")


def _comment(measurement: Measurement, words: Words) -> str:
    parts = []
    if measurement.value is None:
        parts.append(words.say("Not measured: {reason}", reason=words.sentence(measurement.reason_missing)))
    if measurement.interval is not None:
        low, high = (f"{end:.4g}" for end in measurement.interval)
        unit = "" if measurement.unit == "1" else f" {measurement.unit}"
        parts.append(words.say("95 % interval {low} to {high}{unit}", low=low, high=high, unit=unit))
    if measurement.by_reader:
        parts.append(words.say("by the reader"))
    if measurement.method:
        parts.append(words.say("Method: {method}", method=words.sentence(measurement.method)))
    return words.say("; ").join(parts)


def _evidence(evidence: Evidence, source: SourceGrid) -> list[Any]:
    """Return where a number can be looked at: the place in the patient, and on the slice that it lies on."""
    from highdicom.sr import CoordinatesForMeasurement, CoordinatesForMeasurement3D, SourceImageForRegion

    point = evidence.point_lps_mm
    if point is None:
        return []
    coordinates: list[Any] = []
    if source.frame_of_reference_uid:
        coordinates.append(CoordinatesForMeasurement3D("POINT", np.array([point], dtype=float), source.frame_of_reference_uid))
    k = source.slice_of(point)
    if k is not None:
        header = source.headers[k]
        place = _place_on(header, point)
        if place is not None:
            image = SourceImageForRegion(str(header.SOPClassUID), str(header.SOPInstanceUID))
            coordinates.append(CoordinatesForMeasurement("POINT", np.array([place]), image))
    return coordinates


def _place_on(header: Dataset, point: tuple[float, float, float]) -> tuple[float, float] | None:
    """Return (column, row) of a point's foot on a slice; (0, 0) is the outer corner of the first pixel (PS3.3 C.18.6.1.2)."""
    try:
        along, down = np.reshape([float(value) for value in header.ImageOrientationPatient], (2, 3))
        offset = np.asarray(point) - [float(value) for value in header.ImagePositionPatient]
        row_step, column_step = (float(value) for value in header.PixelSpacing)
    except (AttributeError, TypeError, ValueError):
        return None
    return float(offset @ along / column_step) + 0.5, float(offset @ down / row_step) + 0.5
