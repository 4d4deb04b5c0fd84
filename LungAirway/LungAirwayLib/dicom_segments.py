"""What the segments of an airway result are called and coded; for DICOM SEG and for the scene."""

from __future__ import annotations

from SenseCarePlanningLib.dicomio.seg import SegmentDescription
from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.volume import LabelMap

from .constants import LLL, LUL, LUNG_LEFT, LUNG_RIGHT, RLL, RML, RUL
from .result import AirwayResult

AIRWAY_TYPE = Code("110726009", "SCT", "Trachea and bronchus")
VESSEL_TYPE = Code("59820001", "SCT", "Blood Vessel")
"""Codes: DICOM PS3.16, context groups 7199 and 6113, as in pydicom's dictionary of SNOMED CT concepts."""

_LUNGS = {
    LUNG_RIGHT: ("Right lung", Code("3341006", "SCT", "Right lung"), (224, 186, 162)),
    LUNG_LEFT: ("Left lung", Code("44029006", "SCT", "Left lung"), (202, 164, 140)),
}
_LOBES = {
    RUL: ("Right upper lobe", Code("42400003", "SCT", "Upper lobe of right lung"), (177, 122, 101)),
    RML: ("Right middle lobe", Code("72481006", "SCT", "Middle lobe of right lung"), (220, 160, 30)),
    RLL: ("Right lower lobe", Code("266005", "SCT", "Lower lobe of right lung"), (111, 184, 210)),
    LUL: ("Left upper lobe", Code("44714003", "SCT", "Upper lobe of left lung"), (172, 138, 115)),
    LLL: ("Left lower lobe", Code("41224006", "SCT", "Lower lobe of left lung"), (128, 174, 128)),
}


def describe_segments(result: AirwayResult) -> list[tuple[SegmentDescription, LabelMap]]:
    """Return airway, lungs, lobes and vessels of a result, those that exist, each with its codes.

    Returns
    -------
    list
        Description and label map; the description's ``value`` selects the label.
    """
    engine, version = result.engine.name, result.engine.version
    learned = engine in ("bundle", "totalsegmentator")

    def described(value: int, name: str, type_code: Code, color: tuple[int, int, int], by_network: bool) -> SegmentDescription:
        return SegmentDescription(
            value=value, label=name, type=type_code, color_rgb=color, algorithm=f"SenseCare Planning {engine}",
            algorithm_version=version or "1", learned=by_network,
        )  # fmt: skip

    found = [(described(1, "Airway", AIRWAY_TYPE, (182, 228, 255), learned), result.airway)]
    if result.lungs is not None:
        found.extend((described(value, *row, False), result.lungs) for value, row in _LUNGS.items())
    if result.lobes is not None:
        found.extend((described(value, *row, False), result.lobes) for value, row in _LOBES.items())
    if result.vessels is not None:
        found.append((described(1, "Pulmonary vessels", VESSEL_TYPE, (216, 101, 79), False), result.vessels))
    return found
